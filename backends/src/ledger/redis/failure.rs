//! What Redis or the way to it does wrong, sorted by what can be done.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::{BackendError, Service};

/// Whether the connection cannot be trusted any more. After a time-out it may be dead, or answer much later.
pub(super) fn is_of_the_connection(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed)
        // A replica that was the main server yesterday: the address may lead elsewhere today.
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
}

/// Whether the connection was closed under the call: an idle one that nobody missed, so that trying again at once helps.
pub(super) fn is_a_closed_connection(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Io && !error.is_timeout()
}

/// The error of the server that `name` shows.
pub(super) fn of(name: &str, error: RedisError) -> BackendError {
    match cure(&error) {
        Cure::Wait(what) => BackendError::Unavailable {
            service: Service::Ledger,
            message: format!("{name}: {what}"),
            source: Some(Box::new(error)),
        },
        Cure::Act(what) => refused(format!("{name}: {what}"), Some(error)),
    }
}

/// A refusal: a person must act.
pub(super) fn refused(message: String, error: Option<RedisError>) -> BackendError {
    let source = error.map(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>);
    BackendError::Refused { service: Service::Ledger, message, source }
}

/// An answer that no script of ours gives.
pub(super) fn damaged(what: impl Into<String>) -> BackendError {
    BackendError::Damaged { service: Service::Ledger, what: what.into() }
}

enum Cure {
    /// It may be over soon.
    Wait(&'static str),
    /// It stays until somebody does something.
    Act(&'static str),
}

fn cure(error: &RedisError) -> Cure {
    match error.kind() {
        ErrorKind::Server(kind) => cure_of_server(kind, error),
        ErrorKind::Extension => cure_of_code(error.code().unwrap_or_default()),
        ErrorKind::AuthenticationFailed => Cure::Act("wrong user or password: correct it in the address"),
        ErrorKind::InvalidClientConfig | ErrorKind::Client => {
            Cure::Act("this is not the address of a Redis server: write redis://[user:password@]host:port[/database]")
        }
        ErrorKind::RESP3NotSupported => Cure::Act("this server is too old: Redis 7.0 or Valkey is needed"),
        ErrorKind::Io if error.is_timeout() => Cure::Wait("no answer in time"),
        ErrorKind::Io if error.to_string().contains("certificate") => {
            Cure::Act("its certificate is not accepted: use one that this machine trusts, or name the host as it does")
        }
        ErrorKind::Io => Cure::Wait("no connection"),
        _ => Cure::Act("this does not answer as a Redis server: check the address"),
    }
}

fn cure_of_server(kind: ServerErrorKind, error: &RedisError) -> Cure {
    match kind {
        ServerErrorKind::BusyLoading => Cure::Wait("it is still loading its data"),
        ServerErrorKind::ReadOnly => Cure::Wait("it is a replica: give the address of the main server"),
        ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown | ServerErrorKind::TryAgain => {
            Cure::Wait("its main server is down")
        }
        ServerErrorKind::NoScript => Cure::Wait("it was restarted within the call"),
        ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot => Cure::Act(
            "it is one node of a cluster, and another holds this store's keys: give the address of the node that it names",
        ),
        ServerErrorKind::NoPerm => Cure::Act(PERMISSION),
        _ => cure_of_words(error.detail().unwrap_or_default()),
    }
}

/// The code says nothing; the words differ from version to version.
fn cure_of_words(detail: &str) -> Cure {
    let says = |words: &[&str]| words.iter().any(|words| detail.contains(words));
    match () {
        () if says(&["ACL failure", "The user executing the script"]) => Cure::Act(PERMISSION),
        () if says(&["max number of clients"]) => Cure::Wait("it has no room for another connection: raise maxclients"),
        () if says(&["DB index"]) => Cure::Act("it has no database of this number: correct the end of the address"),
        _ => Cure::Act("it cannot carry out a command: is it Redis 7.0 or newer, or Valkey, with scripts allowed?"),
    }
}

const PERMISSION: &str = "no permission: the user needs +@all -@admin on ~{bitsweep:*";

fn cure_of_code(code: &str) -> Cure {
    match code {
        "OOM" => Cure::Wait("it is out of memory: raise maxmemory"),
        "MISCONF" => Cure::Wait("it cannot write its data to disk: make room, see its log"),
        "BUSY" => Cure::Wait("a script keeps it busy"),
        "NOREPLICAS" => Cure::Wait("it has too few replicas"),
        "UNBLOCKED" => Cure::Wait("it became a replica within the call"),
        "WRONGPASS" | "NOAUTH" => Cure::Act("wrong user or password: correct it in the address"),
        "WRONGTYPE" => Cure::Act("other data lies under this store's names: delete the keys {bitsweep:*"),
        _ => Cure::Act("it refuses a command: is it Redis 7.0 or newer, or Valkey?"),
    }
}
