//! One server holds all keys of the store.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "ledger-cluster",
    subject: Subject::Ledger,
    why: "all keys of a store lie in one slot; a client that is connected to another node of a cluster is sent away",
    look: Look::Ledger(|ledger| Box::pin(look(ledger)) as Running<'_>),
};

async fn look(ledger: &LedgerSide) -> Verdict {
    if ledger.said("cluster_enabled") != "1" {
        return Verdict::fine("one server, no cluster");
    }
    let asked: Result<Option<String>, _> =
        redis::cmd("GET").arg(ledger.own_key()).query_async(&mut ledger.connection()).await;
    match asked {
        Ok(_) => Verdict::warning(
            "a node of a cluster; today it holds the slot of this store",
            "use a server without cluster mode: when the slot moves to another node, bitsweep cannot follow",
        ),
        Err(error) => Verdict::wrong(
            format!("a node of a cluster that does not hold the slot of this store: {error}"),
            "use a server without cluster mode (100,000 jobs fit in one), or the address of the node that holds the slot",
        ),
    }
}
