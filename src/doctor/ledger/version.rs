//! The server is new enough.

use super::LedgerSide;
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::version::Version;

pub(crate) const CHECK: Check = Check {
    name: "ledger-version",
    subject: Subject::Ledger,
    why: "the scripts of the ledger are written for Redis 7 and Valkey",
    look: Look::Ledger(look),
};

fn look(ledger: &LedgerSide) -> Running<'_> {
    let verdict = judge(ledger.said("valkey_version"), ledger.said("redis_version"));
    Box::pin(std::future::ready(verdict))
}

fn judge(valkey: &str, redis: &str) -> Verdict {
    match (Version::parse(valkey), Version::parse(redis)) {
        (Some(_), _) => Verdict::Fine(format!("Valkey {valkey}")),
        (None, Some(version)) if version >= Version::new(7, 0) => Verdict::Fine(format!("Redis {redis}")),
        (None, Some(_)) => Verdict::wrong(format!("Redis {redis}"), "upgrade to Redis 7 or newer, or to Valkey"),
        (None, None) => Verdict::warning(
            "the server does not tell its version",
            "bitsweep is tested with Redis 7: what only speaks its protocol may differ",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_found() {
        assert!(matches!(judge("", "7.0.15"), Verdict::Fine(_)));
        assert!(matches!(judge("8.1.0", "7.2.4"), Verdict::Fine(_)));
        assert!(matches!(judge("", "6.2.14"), Verdict::Wrong(_)));
        assert!(matches!(judge("", ""), Verdict::Warning(_)));
    }
}
