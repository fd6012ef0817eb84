//! What is looked at: the services that were named, as far as they could be reached.

use std::time::Duration;

use super::check::Verdict;
pub(crate) use super::coordinator::CoordinatorSide;
pub(crate) use super::ledger::LedgerSide;
pub(crate) use super::queue::QueueSide;
pub(crate) use super::store::StoreSide;

/// One service.
pub(crate) enum Side<T> {
    /// Not named.
    NotNamed,
    /// Named, and not to be used: what the check `…-reach` found.
    Closed(Verdict),
    /// Open.
    Open(T),
}

impl<T> Side<T> {
    /// What came of reaching for a service that was named.
    pub(crate) fn of(opened: Result<T, Verdict>) -> Self {
        match opened {
            Err(verdict) => Self::Closed(verdict),
            Ok(side) => Self::Open(side),
        }
    }

    /// What is open.
    pub(crate) fn open(&self) -> Option<&T> {
        match self {
            Self::Open(side) => Some(side),
            Self::NotNamed | Self::Closed(_) => None,
        }
    }

    /// What the check `…-reach` has to say.
    pub(crate) fn reached(&self, fine: impl FnOnce(&T) -> String) -> Verdict {
        match self {
            Self::NotNamed => Verdict::skipped("not named"),
            Self::Closed(verdict) => verdict.clone(),
            Self::Open(side) => Verdict::Fine(fine(side)),
        }
    }
}

/// All that is looked at.
pub(crate) struct Patient {
    /// RabbitMQ.
    pub(crate) queue: Side<QueueSide>,
    /// Redis.
    pub(crate) ledger: Side<LedgerSide>,
    /// Object storage.
    pub(crate) store: Side<StoreSide>,
    /// Coordinators.
    pub(crate) coordinator: Side<CoordinatorSide>,
}

/// What all sides are told.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// The id of the store, which names everything in the other services; a random one where no store is named, or none
    /// is there yet.
    pub(crate) id: String,
    /// How long one answer may take.
    pub(crate) timeout: Duration,
    /// How long a delivery is held on trial, if at all.
    pub(crate) hold: Option<Duration>,
}

impl Manner {
    /// A name that nobody else uses, for something that is removed again.
    pub(crate) fn own_name(&self) -> String {
        format!("doctor.{:016x}", random())
    }
}

/// 64 random bits of the operating system.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
