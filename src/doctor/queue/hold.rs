//! A delivery may be held for a while.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::BasicAckOptions;
use tokio::time::timeout;

use super::trial::Trial;
use super::{QueueSide, amqp_error, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "queue-consumer-timeout",
    subject: Subject::Queue,
    why: "a worker holds a ticket only until it has claimed the job; while the ledger is away that may take a minute",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

/// The limit cannot be asked for: a delivery is held, and the channel watched.
async fn look(queue: &QueueSide) -> Verdict {
    let Some(hold) = queue.manner.hold else {
        return Verdict::skipped("not tried: takes a minute, ask with --hold 70s");
    };
    if queue.blocked.is_some() {
        return Verdict::skipped("the broker takes no messages now");
    }
    let trial = match Trial::make(queue).await {
        Ok(Ok(trial)) => trial,
        Ok(Err(_)) => return Verdict::skipped("no queue can be made"),
        Err(verdict) => return verdict,
    };
    let held = holds(&trial, hold).await;
    trial.remove(queue).await;
    match held {
        Ok(true) => Verdict::fine(format!("a delivery may be held for {hold:?}")),
        Ok(false) => too_short(hold, "the consumer was cancelled"),
        Err(error) => match amqp_error(&error) {
            Some((406, words)) => too_short(hold, &words),
            _ => reach::refused(&queue.address, &error),
        },
    }
}

fn too_short(hold: Duration, words: &str) -> Verdict {
    Verdict::wrong(
        format!("the broker took a delivery back within {hold:?}: {words}"),
        "raise consumer_timeout in rabbitmq.conf (milliseconds; RabbitMQ's own default is 1800000), or the policy \
         consumer-timeout",
    )
}

/// Whether the delivery was left alone. Only what a consumer holds is timed: a message that was asked for is not.
async fn holds(trial: &Trial, hold: Duration) -> Result<bool, lapin::Error> {
    trial.publish().await?;
    let mut deliveries = trial.consume().await?;
    let Some(delivery) = deliveries.next().await.transpose()? else { return Ok(false) };
    match timeout(hold, deliveries.next()).await {
        Ok(None) => Ok(false),
        Ok(Some(Err(error))) => Err(error),
        // A channel that was closed may say so only to whoever uses it.
        Ok(Some(Ok(_))) | Err(_) => Ok(delivery.acker.ack(BasicAckOptions::default()).await?),
    }
}
