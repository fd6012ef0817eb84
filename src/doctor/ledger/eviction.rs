//! Nothing is thrown out to make room.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "ledger-eviction",
    subject: Subject::Ledger,
    why: "a server that evicts keys forgets leases and offers: jobs run twice or wait for the next reconcile",
    look: Look::Ledger(look),
};

fn look(ledger: &LedgerSide) -> Running<'_> {
    let verdict = judge(ledger.said("maxmemory_policy"), ledger.number("maxmemory"));
    Box::pin(std::future::ready(verdict))
}

fn judge(policy: &str, limit: u64) -> Verdict {
    let fix = "set maxmemory-policy to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf or the parameter group)";
    match (policy, limit) {
        ("", _) => Verdict::skipped("the server does not tell its policy"),
        ("noeviction", _) => Verdict::fine("noeviction"),
        (_, 0) => Verdict::warning(format!("{policy}; no memory limit is set, so nothing is evicted yet"), fix),
        _ => Verdict::wrong(format!("{policy} at {limit} bytes"), fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_makes_eviction_a_fault() {
        assert!(matches!(judge("noeviction", 1), Verdict::Fine(_)));
        assert!(matches!(judge("allkeys-lru", 0), Verdict::Warning(_)));
        assert!(matches!(judge("volatile-ttl", 1), Verdict::Wrong(_)));
    }
}
