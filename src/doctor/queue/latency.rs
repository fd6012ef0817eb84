//! The broker confirms quickly.

use std::time::{Duration, Instant};

use super::trial::Trial;
use super::{QueueSide, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::quantile::median;

pub(crate) const CHECK: Check = Check {
    name: "queue-latency",
    subject: Subject::Queue,
    why: "every job passes the queue once; a slow broker makes sweeps of small jobs slow",
    look: Look::Queue(|queue| Box::pin(look(queue)) as Running<'_>),
};

const ROUNDS: usize = 9;
const SLOW: Duration = Duration::from_millis(100);

async fn look(queue: &QueueSide) -> Verdict {
    if queue.blocked.is_some() {
        return Verdict::skipped("the broker takes no messages now");
    }
    let trial = match Trial::make(queue).await {
        Ok(Ok(trial)) => trial,
        Ok(Err(_)) => return Verdict::skipped("no queue can be made"),
        Err(verdict) => return verdict,
    };
    let timed = times(&trial).await;
    trial.remove(queue).await;
    match timed.map(|times| median(&times)) {
        Err(error) => reach::refused(&queue.address, &error),
        Ok(median) if median > SLOW => Verdict::warning(
            format!("a message is confirmed after {median:.1?} (median of {ROUNDS})"),
            "put coordinator and broker nearer to each other; give the broker a faster disk",
        ),
        Ok(median) => Verdict::fine(format!("a message is confirmed after {median:.1?} (median of {ROUNDS})")),
    }
}

async fn times(trial: &Trial) -> Result<Vec<Duration>, lapin::Error> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        trial.publish().await?;
        times.push(start.elapsed());
    }
    Ok(times)
}
