//! A restart does not empty it, and what it writes to disk arrives there.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "ledger-persistence",
    subject: Subject::Ledger,
    why: "no result is lost with the ledger, but until it is rebuilt from the store no job is given out",
    look: Look::Ledger(|ledger| Box::pin(look(ledger)) as Running<'_>),
};

async fn look(ledger: &LedgerSide) -> Verdict {
    if ledger.said("rdb_last_bgsave_status") == "err" || ledger.said("aof_last_write_status") == "err" {
        return Verdict::wrong(
            "the server cannot write to its disk, and takes no writes for that (MISCONF)",
            "see its log; give it disk space, or memory for the fork (vm.overcommit_memory = 1)",
        );
    }
    if ledger.said("aof_enabled") == "1" {
        return Verdict::fine("append-only file");
    }
    match ledger.setting("save").await.as_deref() {
        None => Verdict::skipped("the server does not let us ask"),
        Some("") => Verdict::warning(
            "persistence is off: a restart empties the ledger",
            "set appendonly to yes; without it every restart of Redis costs a rebuild and the progress of claims",
        ),
        Some(save) => Verdict::warning(
            format!("snapshots alone (save {save}): a restart rolls the ledger back by minutes"),
            "set appendonly to yes: then a crash loses at most a second",
        ),
    }
}
