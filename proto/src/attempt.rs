//! Attempts: one execution of a job, on record from start to end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::JobKey;
use crate::outcome::{Cost, Rates};

/// Version of the stored attempt records. Version 1 had no device and no rates: read as none, and as 0.
pub const ATTEMPT_VERSION: u32 = 2;

/// The name of an attempt: 128 random bits as 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub String);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Put by every attempt that lasts a while, keeps a checkpoint, or ends without the outcome being its own. A short one
/// that commits leaves its outcome alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptStart {
    /// Format version: [`ATTEMPT_VERSION`].
    pub version: u32,
    /// The attempt.
    pub attempt: Nonce,
    /// The job.
    pub key: JobKey,
    /// The generation of the outcome that it works towards.
    pub generation: u32,
    /// Host name.
    pub host: String,
    /// Process id of the supervisor.
    pub process: u32,
    /// When it began, before it looked for the outcome, in seconds since 1970.
    pub started_at: u64,
    /// Checkpoints that were there when it started.
    pub checkpoints_found: u64,
    /// The device of its slot, as the worker names it: `cpu`, `cuda:0 NVIDIA L4`.
    #[serde(default)]
    pub device: String,
    /// What an hour of the slot counts for: an attempt that vanishes is charged by it.
    #[serde(default)]
    pub rates: Rates,
}

/// Put when the attempt is over, unless its outcome is the committed one. An attempt with neither runs, or vanished with
/// its machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptEnd {
    /// Format version: [`ATTEMPT_VERSION`].
    pub version: u32,
    /// The attempt.
    pub attempt: Nonce,
    /// The job.
    pub key: JobKey,
    /// Seconds since 1970.
    pub ended_at: u64,
    /// Checkpoints that it added.
    pub checkpoints_made: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// What it took.
    pub cost: Cost,
}

/// How an attempt ended. Each verdict is charged to one account, see `bitsweep_plan::retry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Its outcome is the committed one.
    Committed,
    /// Another attempt's outcome was there first.
    Discarded,
    /// It stopped at a deadline, a signal or a preemption notice. Never charged.
    Preempted,
    /// A store or service failed it.
    Infrastructure {
        /// What happened.
        message: String,
    },
    /// The child process broke: a signal, memory, a silent exit.
    Broke {
        /// How the process ended.
        message: String,
    },
    /// The job says that it cannot be done. The same code and message twice is final.
    Failed {
        /// Stable short name of the error.
        code: String,
        /// What happened, for a person.
        message: String,
    },
}
