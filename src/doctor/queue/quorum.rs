//! Quorum queues can be made here.

use super::trial::Trial;
use super::{QueueSide, amqp_error, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-quorum",
    subject: Subject::Queue,
    why: "tickets lie in quorum queues: they survive the loss of a node, and count how often a ticket was given back",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

async fn look(queue: &QueueSide) -> Verdict {
    let made = match Trial::make(queue).await {
        Ok(made) => made,
        Err(verdict) => return verdict,
    };
    match made {
        Ok(trial) => {
            trial.remove(queue).await;
            Verdict::fine("quorum queues can be made")
        }
        Err(error) => match amqp_error(&error) {
            Some((403, _)) => Verdict::skipped("the user may not make queues"),
            Some((code, words)) if words.contains("queue limit") || words.contains("limit in vhost") => Verdict::wrong(
                format!("no further queue may be made: {code} {words}"),
                format!("raise the limit: rabbitmqctl set_vhost_limits -p {} '{{\"max-queues\": -1}}'", queue.vhost()),
            ),
            Some((code, words)) => Verdict::wrong(
                format!("quorum queues cannot be made: {code} {words}"),
                "allow queues of type quorum in this virtual host; with a cluster, let most of its nodes run",
            ),
            None => reach::refused(&queue.address, &error),
        },
    }
}
