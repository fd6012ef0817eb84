//! The ledger answers quickly.

use std::time::{Duration, Instant};

use redis::RedisError;

use super::{LedgerSide, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::quantile::median;

pub(crate) const CHECK: Check = Check {
    name: "ledger-latency",
    subject: Subject::Ledger,
    why: "every claim, heartbeat and commit asks the ledger",
    look: Look::Ledger(|ledger| Box::pin(look(ledger)) as Running<'_>),
};

const ROUNDS: usize = 21;
const SLOW: Duration = Duration::from_millis(50);

async fn look(ledger: &LedgerSide) -> Verdict {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let answer: Result<String, RedisError> = redis::cmd("PING").query_async(&mut ledger.connection()).await;
        if let Err(error) = answer {
            return reach::refused(&ledger.address, &error);
        }
        times.push(start.elapsed());
    }
    let median = median(&times);
    let found = format!("answers after {median:.1?} (median of {ROUNDS})");
    if median > SLOW {
        return Verdict::warning(
            found,
            "put workers and ledger nearer to each other; see redis-cli --latency and the slow log",
        );
    }
    Verdict::fine(found)
}
