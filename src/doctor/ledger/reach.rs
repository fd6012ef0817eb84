//! The ledger answers, and lets us in.

use bitsweep_backends::Address;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::doctor::check::{Check, Look, Running, Subject, Verdict};
use crate::doctor::patient::Patient;

pub(crate) const CHECK: Check = Check {
    name: "ledger-reach",
    subject: Subject::Ledger,
    why: "claims and leases are kept in the ledger: without it no job is given out",
    look: Look::Patient(look),
};

fn look(patient: &Patient) -> Running<'_> {
    let verdict = patient.ledger.reached(|ledger| format!("{} answers and lets us in", ledger.address));
    Box::pin(std::future::ready(verdict))
}

pub(crate) fn unreachable(address: &Address, how: &str) -> Verdict {
    Verdict::unreachable(
        format!("{address} cannot be reached: {how}"),
        "start Redis, or correct host and port; look at firewalls, network policies and TLS (rediss://)",
    )
}

/// Sorts an error of the server. Its words hold no secret: it never repeats a password.
pub(crate) fn refused(address: &Address, error: &RedisError) -> Verdict {
    let words = error.to_string();
    let login = matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || ["NOAUTH", "WRONGPASS", "invalid password", "without any password"].iter().any(|sign| words.contains(sign));
    if login {
        return Verdict::wrong(
            format!("{address} refuses the login"),
            "give user and password in the URL (redis://:password@host, percent-encoded), or none where the server has none",
        );
    }
    match error.kind() {
        ErrorKind::InvalidClientConfig => {
            Verdict::wrong(format!("{address} is not the address of a ledger"), "write redis://:password@host:6379/0")
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => Verdict::wrong(
            format!("{address}: the user lacks a right: {words}"),
            "give the user the rights of docs/operations.md, section Rights",
        ),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => Verdict::unreachable(
            format!("{address} is reading its data from disk"),
            "wait until it has; redis-cli info persistence shows how far it is",
        ),
        ErrorKind::Server(ServerErrorKind::ClusterDown) => Verdict::wrong(
            format!("{address}: {words}"),
            "a cluster whose slots are not served: mend it, or use a single server",
        ),
        // It refuses even to be pinged.
        _ if words.contains("MISCONF") => Verdict::skipped("the server cannot write its disk: see ledger-persistence"),
        _ if words.contains("DB index is out of range") => Verdict::wrong(
            format!("{address} has no such database"),
            "use database 0, or raise `databases` in redis.conf",
        ),
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            Verdict::wrong(
                format!("{address}: {words}"),
                "make sure that a Redis server answers there, and not something else",
            )
        }
        _ => unreachable(address, &words),
    }
}
