//! Errors of object storage, sorted by what is wrong.

use std::error::Error as _;
use std::io;

use object_store::Error;

use crate::doctor::check::Verdict;

/// Why an operation did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The keys are unknown or wrong.
    Keys,
    /// The keys are right, and may not do this.
    Rights,
    /// No bucket, container or folder of that name.
    NoPlace,
    /// The clock of this machine is too far off for a signature to hold.
    Clock,
    /// No room.
    Space,
    /// The server does not know this operation.
    Unknown,
    /// Nobody answers.
    Silence,
    /// Something else.
    Other,
}

/// The cause of an error.
pub(crate) fn cause(error: &Error) -> Cause {
    let words = words(error);
    let says = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
    if says(&["RequestTimeTooSkewed", "difference between the request time"]) {
        return Cause::Clock;
    }
    if says(&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]) {
        return Cause::NoPlace;
    }
    if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed", "InvalidToken", "ExpiredToken"]) {
        return Cause::Keys;
    }
    if let Some(kind) = io_kind(error) {
        return match kind {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Cause::Rights,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Cause::Space,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Cause::NoPlace,
            io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset => {
                Cause::Silence
            }
            _ => Cause::Other,
        };
    }
    match error {
        Error::PermissionDenied { .. } => Cause::Rights,
        Error::Unauthenticated { .. } => Cause::Keys,
        Error::NotFound { .. } => Cause::NoPlace,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => Cause::Unknown,
        _ if says(&["NotImplemented", "501 Not Implemented"]) => Cause::Unknown,
        _ if says(&["AccessDenied", "403 Forbidden"]) => Cause::Rights,
        _ if says(&["error sending request", "dns error", "HTTP error", "connection closed"]) => Cause::Silence,
        _ => Cause::Other,
    }
}

fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// The error with its causes on one line. Object storage puts no secrets into them: keys are in headers.
pub(crate) fn words(error: &Error) -> String {
    let text = crate::exit::chain(error);
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// What is wrong with the place as a whole; `None` where only this operation is.
pub(crate) fn unreachable(name: &str, error: &Error) -> Option<Verdict> {
    let words = words(error);
    Some(match cause(error) {
        Cause::Keys => Verdict::wrong(
            format!("{name} refuses the keys: {words}"),
            "set the keys of the provider in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role)",
        ),
        Cause::NoPlace => Verdict::wrong(
            format!("{name} is not there: {words}"),
            "make the bucket (or folder), or correct its name and AWS_ENDPOINT_URL / AWS_REGION",
        ),
        Cause::Clock => Verdict::wrong(
            format!("{name} refuses requests: the clock of this machine is off"),
            "let a time service (chrony, systemd-timesyncd) set the clock",
        ),
        Cause::Silence => Verdict::unreachable(
            format!("{name} cannot be reached: {words}"),
            "start it, or correct AWS_ENDPOINT_URL; look at firewalls and network policies",
        ),
        Cause::Rights | Cause::Space | Cause::Unknown | Cause::Other => return None,
    })
}

/// What is wrong with one operation.
pub(crate) fn of(name: &str, operation: &str, error: &Error) -> Verdict {
    if let Some(verdict) = unreachable(name, error) {
        return verdict;
    }
    let words = words(error);
    match cause(error) {
        Cause::Rights => Verdict::wrong(
            format!("{name} may not be {operation}: {words}"),
            "give the keys the rights s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject, \
             s3:AbortMultipartUpload below the prefix; for a folder, write permission for this user",
        ),
        Cause::Space => Verdict::wrong(format!("{name} is full: {words}"), "make room, or take another place"),
        _ => {
            Verdict::wrong(format!("{name} cannot be {operation}: {words}"), "see the message; it comes from the store")
        }
    }
}

/// For a check of something else than the operation that did not work: another check says what is wrong with that.
pub(crate) fn elsewhere(name: &str, error: &Error) -> Verdict {
    unreachable(name, error).unwrap_or_else(|| Verdict::skipped(format!("could not be tried: {}", words(error))))
}
