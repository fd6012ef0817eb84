//! A ticket survives being given back.

use lapin::options::BasicRejectOptions;

use super::trial::Trial;
use super::{QueueSide, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-delivery-limit",
    subject: Subject::Queue,
    why: "every connection that breaks gives its tickets back; behind the delivery limit they are dead letters",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

/// Idle workers give tickets that were delivered ahead back as a matter of course, so ours say 10,000. A policy may say
/// less, and the smaller number counts.
const ENOUGH: u32 = 100;

async fn look(queue: &QueueSide) -> Verdict {
    if queue.blocked.is_some() {
        return Verdict::skipped("the broker takes no messages now");
    }
    let trial = match Trial::make(queue).await {
        Ok(Ok(trial)) => trial,
        Ok(Err(_)) => return Verdict::skipped("no queue can be made"),
        Err(verdict) => return verdict,
    };
    let lasted = gives_back(&trial).await;
    trial.remove(queue).await;
    match lasted {
        Ok(None) => Verdict::fine(format!("a message survives being given back {ENOUGH} times")),
        Ok(Some(times)) => Verdict::wrong(
            format!(
                "a message is gone after it was given back {times} times: a policy sets delivery-limit for these queues"
            ),
            format!(
                "raise or remove it: rabbitmqctl list_policies -p {0}; rabbitmqctl list_operator_policies -p {0}",
                queue.vhost()
            ),
        ),
        Err(error) => reach::refused(&queue.address, &error),
    }
}

/// After how many times the message was gone, if it was.
async fn gives_back(trial: &Trial) -> Result<Option<u32>, lapin::Error> {
    trial.publish().await?;
    for times in 0..=ENOUGH {
        let Some(message) = trial.take().await? else { return Ok(Some(times)) };
        message.acker.reject(BasicRejectOptions { requeue: true }).await?;
    }
    Ok(None)
}
