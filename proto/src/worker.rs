//! What a worker says of itself while it lives.

use serde::{Deserialize, Serialize};

use crate::attempt::Nonce;
use crate::job::{Class, Kind};
use crate::profile::Profiles;

/// A live worker, as it announces itself. Kept in the ledger for as long as it is announced, never in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerCard {
    /// Random name of this run of the worker.
    pub id: Nonce,
    /// Host name.
    pub host: String,
    /// Process id.
    pub process: u32,
    /// bitsweep's version.
    pub version: String,
    /// Classes of jobs that it takes.
    pub classes: Vec<Class>,
    /// Jobs at once.
    pub slots: u32,
    /// Slots at work now.
    pub busy: u32,
    /// What it serves.
    pub offer: Offer,
    /// Whether it is on its way out: a deadline has come.
    pub leaving: bool,
}

/// What a slot can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Kinds, each with the code version that the worker has.
    pub kinds: Vec<(Kind, u32)>,
    /// Its numerics profiles.
    pub profiles: Profiles,
    /// The device: `cpu`, `cuda:0 NVIDIA L4`.
    pub device: String,
    /// Memory of the device where it is not the machine's own.
    pub device_memory_bytes: Option<u64>,
}
