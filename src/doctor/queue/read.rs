//! The user may read queues.

use lapin::options::BasicGetOptions;

use super::{QueueSide, amqp_error, configure, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-read",
    subject: Subject::Queue,
    why: "workers take tickets from the queues; RabbitMQ calls this right read",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

/// Rights are looked at before the name: to read a queue that is not there tells whether one might.
async fn look(queue: &QueueSide) -> Verdict {
    let channel = match queue.channel().await {
        Ok(channel) => channel,
        Err(verdict) => return verdict,
    };
    let name = queue.name(&queue.manner.own_name());
    let fine = || Verdict::fine(format!("{} may read queues", queue.user()));
    match channel.basic_get(name.into(), BasicGetOptions::default()).await {
        Ok(_) => fine(),
        Err(error) => match amqp_error(&error) {
            Some((404, _)) => fine(),
            Some((403, words)) => configure::lacks(queue, "read", &words),
            _ => reach::refused(&queue.address, &error),
        },
    }
}
