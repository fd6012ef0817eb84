//! What a check is and what it can find.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;

use super::patient::{CoordinatorSide, LedgerSide, Patient, QueueSide, StoreSide};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    /// RabbitMQ.
    Queue,
    /// Redis.
    Ledger,
    /// Object storage.
    Store,
    /// Workers that are alive.
    Workers,
    /// Coordinators.
    Coordinator,
}

impl Subject {
    /// Every subject, in the order of the report.
    pub(crate) const ALL: [Self; 5] = [Self::Queue, Self::Ledger, Self::Store, Self::Workers, Self::Coordinator];

    /// As it is shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Ledger => "ledger",
            Self::Store => "store",
            Self::Workers => "workers",
            Self::Coordinator => "coordinator",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Fine(String),
    /// Works, but costs time or safety.
    Warning(Complaint),
    /// Will not work until somebody acts.
    Wrong(Complaint),
    /// Cannot be reached now.
    Unreachable(Complaint),
    /// Could not be looked at; the text says why.
    Skipped(String),
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What was found.
    pub(crate) found: String,
    /// What to do.
    pub(crate) fix: String,
}

impl Verdict {
    /// As it should be.
    pub(crate) fn fine(found: impl Into<String>) -> Self {
        Self::Fine(found.into())
    }

    /// Works, but costs time or safety.
    pub(crate) fn warning(found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Warning(Complaint { found: found.into(), fix: fix.into() })
    }

    /// Will not work until somebody acts.
    pub(crate) fn wrong(found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Wrong(Complaint { found: found.into(), fix: fix.into() })
    }

    /// Cannot be reached now.
    pub(crate) fn unreachable(found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Unreachable(Complaint { found: found.into(), fix: fix.into() })
    }

    /// Could not be looked at.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }
}

/// A check at work.
pub(crate) type Running<'p> = Pin<Box<dyn Future<Output = Verdict> + Send + 'p>>;

/// What a check needs to have been reached. It is skipped where that was not.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// Only what was asked for.
    Patient(for<'p> fn(&'p Patient) -> Running<'p>),
    /// An open connection to the queue.
    Queue(for<'p> fn(&'p QueueSide) -> Running<'p>),
    /// An open connection to the ledger.
    Ledger(for<'p> fn(&'p LedgerSide) -> Running<'p>),
    /// Object storage that answers.
    Store(for<'p> fn(&'p StoreSide) -> Running<'p>),
    /// At least one coordinator that answers.
    Coordinator(for<'p> fn(&'p CoordinatorSide) -> Running<'p>),
}

/// One thing to look at.
pub(crate) struct Check {
    /// Its name: does not change, for scripts.
    pub(crate) name: &'static str,
    /// What it looks at.
    pub(crate) subject: Subject,
    /// Why it matters.
    pub(crate) why: &'static str,
    /// The look.
    pub(crate) look: Look,
}

/// A check with what it found.
pub(crate) struct Finding {
    /// The check.
    pub(crate) check: &'static Check,
    /// What it found.
    pub(crate) verdict: Verdict,
}

/// A class as it is written in options and names of queues.
pub(crate) fn class_name(class: bitsweep_proto::Class) -> &'static str {
    match class {
        bitsweep_proto::Class::Gpu => "gpu",
        bitsweep_proto::Class::Cpu => "cpu",
    }
}
