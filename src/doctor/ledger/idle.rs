//! The server keeps quiet connections.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "ledger-timeout",
    subject: Subject::Ledger,
    why: "a server that closes idle connections makes workers connect again and again",
    look: Look::Ledger(|ledger| Box::pin(look(ledger)) as Running<'_>),
};

/// Workers announce themselves about this often; a shorter limit closes connections that are in use.
const SHORTEST: u64 = 60;

async fn look(ledger: &LedgerSide) -> Verdict {
    match ledger.setting("timeout").await.and_then(|seconds| seconds.parse::<u64>().ok()) {
        None => Verdict::skipped("the server does not let us ask"),
        Some(0) => Verdict::fine("idle connections are kept"),
        Some(seconds @ 1..SHORTEST) => Verdict::warning(
            format!("idle connections are closed after {seconds} s"),
            format!("set timeout to 0, or at least to {SHORTEST} s"),
        ),
        Some(seconds) => Verdict::fine(format!("idle connections are kept for {seconds} s")),
    }
}
