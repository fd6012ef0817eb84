//! Controls: what a person decided about a sweep after it was submitted. Records of the store, so they survive every
//! wipe; numbered, so their order is one for all readers.

use serde::{Deserialize, Serialize};

use crate::attempt::Nonce;
use crate::manifest::Budget;
use crate::plan::SweepId;

/// Version of the stored control.
pub const CONTROL_VERSION: u32 = 1;

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Format version: [`CONTROL_VERSION`].
    pub version: u32,
    /// The sweep.
    pub sweep: SweepId,
    /// 0, 1, 2 …: the order of decisions about this sweep.
    pub number: u64,
    /// Seconds since 1970.
    pub at: u64,
    /// What was decided.
    pub action: Action,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Nobody wants it any more: its jobs stop, unless another sweep wants them.
    Cancel,
    /// It is wanted again.
    Resume,
    /// Failed jobs are tried again: these attempts no longer count.
    Retry {
        /// The attempts that are forgiven.
        forgiven: Vec<Nonce>,
    },
    /// The limits of the budget at this place of the manifest are now these.
    Budget {
        /// Place in [`crate::Plan::budgets`]; one more than the last adds a budget.
        index: u32,
        /// The new limits.
        budget: Budget,
    },
    /// A report of the sweep was written.
    Reported,
}
