//! The user may do what the ledger does.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::{LedgerSide, reach};
use crate::doctor::check::{Check, Look, Running, Subject, Verdict};

pub(crate) const CHECK: Check = Check {
    name: "ledger-rights",
    subject: Subject::Ledger,
    why: "claims and leases are scripts that read the clock and write hashes, sets and streams",
    look: Look::Ledger(|ledger| Box::pin(look(ledger)) as Running<'_>),
};

/// One of each kind of command that the ledger uses, on a key of our own that ends by itself.
const SCRIPT: &str = "\
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'at', now[1])
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('ZADD', KEYS[2], now[1], 'a')
redis.call('XADD', KEYS[3], '*', 'a', 'b')
return redis.call('HGET', KEYS[1], 'at')";

async fn look(ledger: &LedgerSide) -> Verdict {
    let keys = ["hash", "set", "stream"].map(|kind| format!("{}:{kind}", ledger.own_key()));
    let mut script = redis::cmd("EVAL");
    script.arg(SCRIPT).arg(keys.len()).arg(&keys);
    let ran: Result<String, RedisError> = script.query_async(&mut ledger.connection()).await;
    let removed: Result<u64, RedisError> = redis::cmd("DEL").arg(&keys).query_async(&mut ledger.connection()).await;
    match ran.and(removed) {
        Ok(_) => Verdict::fine("scripts may read the clock and write the keys of this store"),
        Err(error) => judge(ledger, &error),
    }
}

fn judge(ledger: &LedgerSide, error: &RedisError) -> Verdict {
    let words = error.to_string();
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::NoPerm) => refused(&words),
        _ if words.contains("can't run this command or subcommand") || words.contains("No permissions") => {
            refused(&words)
        }
        ErrorKind::Server(ServerErrorKind::ReadOnly) => Verdict::skipped("a replica takes no writes"),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ClusterDown | ServerErrorKind::CrossSlot) => {
            Verdict::skipped("the cluster sends us away")
        }
        _ if words.contains("MISCONF") => Verdict::skipped("the server takes no writes: see ledger-persistence"),
        _ if words.contains("OOM") => Verdict::skipped("the server takes no writes: see ledger-memory"),
        _ if words.contains("unknown command") => Verdict::wrong(
            format!("a command that the ledger needs is switched off: {words}"),
            "take it out of rename-command in redis.conf",
        ),
        _ => reach::refused(&ledger.address, error),
    }
}

fn refused(words: &str) -> Verdict {
    Verdict::wrong(
        format!("the user lacks a right: {words}"),
        "ACL SETUSER <user> on >password ~{bitsweep:* &* +@all -@admin -@dangerous +info +keys, or ask whoever runs the server",
    )
}
