//! What can go wrong with a service, sorted by what the caller can do about it.

use std::fmt;

/// The service that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Object storage.
    Store,
    /// The ledger.
    Ledger,
    /// The queue.
    Queue,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "store",
            Self::Ledger => "ledger",
            Self::Queue => "queue",
        })
    }
}

/// A failure of a service. Each variant is one thing that a caller can do.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// Try again later: unreachable, overloaded, timed out.
    #[error("the {service} cannot be reached: {message}")]
    Unavailable {
        /// Which.
        service: Service,
        /// What happened.
        message: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A person must act: no space, no permission, wrong path, wrong version.
    #[error("the {service} refuses: {message}")]
    Refused {
        /// Which.
        service: Service,
        /// What happened and what to do.
        message: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// What was asked for is not there.
    #[error("the {service} has no {what}")]
    Missing {
        /// Which.
        service: Service,
        /// What was asked for.
        what: String,
    },
    /// What was read is not what was written: a checksum or a format is wrong.
    #[error("the {service} holds damaged data: {what}")]
    Damaged {
        /// Which.
        service: Service,
        /// What, and how it differs.
        what: String,
    },
}

impl BackendError {
    /// A refusal of the store that nothing lower explains.
    pub(crate) fn store_refuses(message: impl Into<String>) -> Self {
        Self::Refused { service: Service::Store, message: message.into(), source: None }
    }

    /// Something that the store should have.
    pub(crate) fn store_lacks(what: impl Into<String>) -> Self {
        Self::Missing { service: Service::Store, what: what.into() }
    }

    /// Something in the store that is not as it was written.
    pub(crate) fn store_damaged(what: impl Into<String>) -> Self {
        Self::Damaged { service: Service::Store, what: what.into() }
    }

    /// Whether trying again, unchanged, may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { .. } | Self::Missing { .. } | Self::Damaged { .. } => false,
        }
    }
}
