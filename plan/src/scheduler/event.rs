//! What the scheduler hears.

use std::sync::Arc;

use bitsweep_proto::job::Class;
use bitsweep_proto::{Action, JobKey, Nonce, Plan, SweepId};

use super::fact::{Fact, Facts};
use crate::retry::History;

/// Something that may have happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A sweep is wanted. Where it is known already, its facts are taken in again (a full reconcile) and nothing else.
    Submitted {
        /// The sweep.
        sweep: SweepId,
        /// What it consists of.
        plan: Arc<Plan>,
        /// What is known of its jobs.
        facts: Facts,
        /// What was decided about it so far, in order.
        controls: Vec<Action>,
    },
    /// Something was decided about a sweep.
    Controlled {
        /// The sweep.
        sweep: SweepId,
        /// What.
        action: Action,
    },
    /// A sweep is dropped from the state. What only it wanted and is under way is withdrawn.
    Forget {
        /// The sweep.
        sweep: SweepId,
    },
    /// Time has passed; see [`super::State::next_due`].
    Tick,
    /// The live slots of a class.
    Slots {
        /// The class.
        class: Class,
        /// Jobs that can run at once.
        live: usize,
    },
    /// An attempt has claimed the job, or still works on it.
    Claimed {
        /// The job.
        key: JobKey,
        /// Who.
        attempt: Nonce,
    },
    /// An outcome is in the store and not revoked.
    Committed {
        /// The job.
        key: JobKey,
        /// What matters of it.
        fact: Fact,
    },
    /// What the store has on record about attempts on the job. It replaces what was known.
    History {
        /// The job.
        key: JobKey,
        /// All attempts on record.
        history: History,
    },
    /// An outcome is revoked in the store.
    Revoked {
        /// The job.
        key: JobKey,
        /// The lost generation.
        generation: u32,
    },
    /// A worker cannot run the job, and no other that is alive can.
    Refused {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
    /// A job could not be offered or its ticket not be published, or it reached a worker that does not fit while another
    /// that does is alive.
    PublishFailed {
        /// The job.
        key: JobKey,
        /// Why.
        message: String,
    },
    /// The ledger was emptied, rolled back or taken over: what was published is published again. Leased jobs stay leased:
    /// their attempts come back by heartbeat, or are looked into when nothing is heard of them.
    LedgerLost,
}
