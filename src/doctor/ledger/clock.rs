//! The server's clock and ours agree.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{LedgerSide, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::skew;

pub(crate) const CHECK: Check = Check {
    name: "ledger-clock",
    subject: Subject::Ledger,
    why: "leases go by the ledger's clock, costs of attempts by the worker's: where they differ, vanished attempts are charged wrongly",
    look: Look::Ledger(|ledger| Box::pin(look(ledger)) as Running<'_>),
};

async fn look(ledger: &LedgerSide) -> Verdict {
    let before = SystemTime::now();
    let answer: Result<(u64, u64), _> = redis::cmd("TIME").query_async(&mut ledger.connection()).await;
    match answer {
        Err(error) => reach::refused(&ledger.address, &error),
        Ok((seconds, micros)) => {
            let theirs = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros);
            skew::judge("the ledger", theirs, (before, SystemTime::now()), Duration::from_millis(1))
        }
    }
}
