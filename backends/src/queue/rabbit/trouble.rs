//! What the broker says no to, in words that say what to do. Kept clonable: one failure of a connection is told to all
//! who wait for it.

use std::time::Duration;

use lapin::ErrorKind;

use crate::error::{BackendError, Service};

/// A failure of the broker.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// A person must act; trying again, unchanged, does not help.
    pub(super) refused: bool,
    /// What happened and, where it is refused, what to do.
    pub(super) message: String,
    source: Option<lapin::Error>,
}

impl Trouble {
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self { refused: false, message: message.into(), source: None }
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { refused: true, message: message.into(), source: None }
    }

    /// `doing` failed.
    pub(super) fn of(doing: &str, error: lapin::Error) -> Self {
        let trouble = Self { refused: false, message: format!("failed to {doing}: {error}"), source: Some(error) };
        match trouble.reply() {
            Some((403, text)) => trouble.refuse(format!(
                "this user may not {doing}: permit it (rabbitmqctl set_permissions -p VHOST USER '^bitsweep\\.' \
                 '^(bitsweep\\..*|amq\\.default)$' '^bitsweep\\.') ({text})"
            )),
            _ => trouble,
        }
    }

    /// The same, but a person must act.
    pub(super) fn refuse(self, message: String) -> Self {
        Self { refused: true, message, ..self }
    }

    /// The reply code of AMQP and the broker's text, where the broker itself said no.
    pub(super) fn reply(&self) -> Option<(u16, String)> {
        match self.source.as_ref()?.kind() {
            ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().to_string())),
            _ => None,
        }
    }

    /// What the system said, where the connection itself failed.
    pub(super) fn io(&self) -> Option<std::io::ErrorKind> {
        match self.source.as_ref()?.kind() {
            ErrorKind::IOError(error) => Some(error.kind()),
            _ => None,
        }
    }
}

impl From<Trouble> for BackendError {
    fn from(trouble: Trouble) -> Self {
        let Trouble { refused, message, source } = trouble;
        let source = source.map(Into::into);
        match refused {
            true => Self::Refused { service: Service::Queue, message, source },
            false => Self::Unavailable { service: Service::Queue, message, source },
        }
    }
}

/// Does it, but for no longer than `patience`.
pub(super) async fn within<T>(
    patience: Duration,
    doing: &str,
    act: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(patience, act).await {
        Ok(done) => done.map_err(|error| Trouble::of(doing, error)),
        Err(_) => Err(Trouble::unavailable(format!("no answer within {patience:?} to: {doing}"))),
    }
}
