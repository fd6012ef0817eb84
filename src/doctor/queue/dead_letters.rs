//! No ticket was thrown out.

use lapin::options::QueueDeclareOptions;

use super::{QueueSide, amqp_error, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-dead-letters",
    subject: Subject::Queue,
    why: "a dead letter is a ticket that no worker could read or that was given back too often: versions or limits do not fit",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

async fn look(queue: &QueueSide) -> Verdict {
    let channel = match queue.channel().await {
        Ok(channel) => channel,
        Err(verdict) => return verdict,
    };
    let [_, _, name] = queue.lines();
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(name.as_str().into(), passive, Default::default()).await {
        Ok(declared) if declared.message_count() > 0 => Verdict::warning(
            format!("{} dead letters in {name}", declared.message_count()),
            format!(
                "compare the versions of coordinator and workers, and the delivery limit; no job is lost, what is wanted is \
                 published again. Then empty it: rabbitmqctl purge_queue -p {} {name}",
                queue.vhost()
            ),
        ),
        Ok(_) => Verdict::fine("no dead letters"),
        Err(error) => match amqp_error(&error) {
            Some((404, _)) => Verdict::fine("no dead letters: the queue for them is not there yet"),
            _ => reach::refused(&queue.address, &error),
        },
    }
}
