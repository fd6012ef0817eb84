//! The names of a store's keys. All share one hash tag, so that they lie on one node of a cluster and one script may
//! touch them together.

use bitsweep_proto::JobKey;
use bitsweep_proto::attempt::Nonce;

/// The keys of one store.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(store: &str) -> Self {
        Self { prefix: format!("{{bitsweep:{store}}}:") }
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Who leads; expires with the leadership.
    pub(super) fn leader(&self) -> String {
        self.named("leader")
    }

    /// Who opened the ledger, and as which incarnation; absent while it is closed.
    pub(super) fn open(&self) -> String {
        self.named("open")
    }

    /// How many pulses there were.
    pub(super) fn pulses(&self) -> String {
        self.named("pulses")
    }

    /// Names of the leased jobs by the time at which their leases expire.
    pub(super) fn leases(&self) -> String {
        self.named("leases")
    }

    /// The stream of notices.
    pub(super) fn notices(&self) -> String {
        self.named("notices")
    }

    /// The stream of results.
    pub(super) fn results(&self) -> String {
        self.named("results")
    }

    /// Cards of workers by id.
    pub(super) fn workers(&self) -> String {
        self.named("workers")
    }

    /// Ids of workers by the time at which they expire.
    pub(super) fn workers_until(&self) -> String {
        self.named("workers_until")
    }

    /// What the keys of jobs begin with.
    pub(super) fn jobs(&self) -> String {
        self.named("job:")
    }

    /// The record of a job. Scripts rely on it that the last 64 characters name the job.
    pub(super) fn job(&self, key: JobKey) -> String {
        format!("{}job:{key}", self.prefix)
    }

    /// The mark of an attempt that has ended.
    pub(super) fn ended(&self, attempt: &Nonce) -> String {
        format!("{}ended:{attempt}", self.prefix)
    }
}
