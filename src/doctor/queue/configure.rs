//! The user may make queues.

use lapin::options::QueueDeleteOptions;

use super::{QueueSide, amqp_error, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-configure",
    subject: Subject::Queue,
    why: "coordinator and workers declare the queues of the store; RabbitMQ calls this right configure",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

/// To delete a queue that is not there asks for the same right as to make one, and changes nothing.
async fn look(queue: &QueueSide) -> Verdict {
    let channel = match queue.channel().await {
        Ok(channel) => channel,
        Err(verdict) => return verdict,
    };
    let name = queue.name(&queue.manner.own_name());
    match channel.queue_delete(name.into(), QueueDeleteOptions::default()).await {
        Ok(_) => Verdict::fine(format!("{} may make queues", queue.user())),
        Err(error) => match amqp_error(&error) {
            Some((403, words)) => lacks(queue, "configure", &words),
            Some((404, _)) => Verdict::fine(format!("{} may make queues", queue.user())),
            _ => reach::refused(&queue.address, &error),
        },
    }
}

/// A right that is missing, with the command that gives all three.
pub(crate) fn lacks(queue: &QueueSide, right: &str, words: &str) -> Verdict {
    Verdict::wrong(
        format!("{} lacks the right to {right} what begins with bitsweep.: {words}", queue.user()),
        format!(
            "rabbitmqctl set_permissions -p {} {} '^bitsweep\\.' '^(bitsweep\\..*|amq\\.default)$' '^bitsweep\\.'",
            queue.vhost(),
            queue.user()
        ),
    )
}
