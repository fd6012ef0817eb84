//! The server may be written.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "ledger-replica",
    subject: Subject::Ledger,
    why: "a replica only repeats what its master says: no claim can be made there",
    look: Look::Ledger(look),
};

fn look(ledger: &LedgerSide) -> Running<'_> {
    let verdict = match ledger.said("role") {
        "slave" | "replica" => Verdict::wrong(
            format!("a replica of {}:{}", ledger.said("master_host"), ledger.said("master_port")),
            "give the address of the master",
        ),
        "" => Verdict::skipped("the server does not tell its role"),
        role => Verdict::fine(role),
    };
    Box::pin(std::future::ready(verdict))
}
