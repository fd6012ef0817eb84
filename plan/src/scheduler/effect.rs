//! What the scheduler says is to be done.

use bitsweep_proto::{JobKey, SweepId};

/// Something to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Offer the work ([`crate::work()`]) to the ledger and put its ticket into the queue.
    Publish {
        /// A sweep that wants it.
        sweep: SweepId,
        /// Index in that sweep's plan.
        job: u32,
        /// The job.
        key: JobKey,
        /// The generation to commit.
        generation: u32,
    },
    /// Nobody wants the job any more: withdraw it from the ledger.
    Withdraw {
        /// The job.
        key: JobKey,
    },
    /// Look for the job's outcome in the store, and answer with [`super::Event::Committed`] where there is one, or with
    /// [`super::Event::Revoked`] where the newest is revoked.
    CheckStore {
        /// The job.
        key: JobKey,
    },
    /// Look for the job's attempts in the store, and answer with [`super::Event::History`]. Nothing was heard of the one that
    /// claimed it.
    CheckHistory {
        /// The job.
        key: JobKey,
    },
    /// Put a revocation of this outcome into the store.
    Revoke {
        /// The job.
        key: JobKey,
        /// The generation that no longer counts.
        generation: u32,
        /// Why, for the record.
        reason: String,
    },
    /// A job is given up.
    JobFailed {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
    /// Jobs that cannot run, for an input of theirs is given up.
    DependantsFailed {
        /// The job that failed.
        key: JobKey,
        /// Those that need it, directly or not.
        dependants: Vec<JobKey>,
    },
    /// A job is put aside, for services failed it too often.
    JobHeld {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
    /// What a gate of a sweep waited for is there.
    GateOpened {
        /// The sweep.
        sweep: SweepId,
        /// The gate's place in the manifest: `gates[0]`.
        place: String,
    },
    /// The next job of a sweep would break one of its budgets, and is held. Said once, and again after the budget changed.
    BudgetReached {
        /// The sweep.
        sweep: SweepId,
        /// The budget's place in the manifest: `budgets[0]`.
        place: String,
        /// The limit, what is spent, and what the next job takes.
        words: String,
    },
    /// Nothing of this sweep is left that could run. Comes again after a decision about it, and if something was made
    /// again after all.
    Finished {
        /// The sweep.
        sweep: SweepId,
        /// Jobs done.
        done: usize,
        /// Jobs given up, dependants counted.
        failed: usize,
        /// All others: jobs held by services, gates or budgets, or behind held ones, or cancelled. The run is not
        /// complete and no verdict is passed on them.
        held: usize,
    },
}
