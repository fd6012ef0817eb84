//! Outcomes: the one committed record of a finished job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attempt::Nonce;
use crate::digest::Digest;
use crate::job::Kind;
use crate::key::{Fields, JobKey};
use crate::measure::Measure;

/// Version of the stored outcome. Version 1 had no GPU-hours and money in its cost; they are read as 0.
pub const OUTCOME_VERSION: u32 = 2;

/// The committed result of a job. Created with put-if-absent; names the attempt that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Format version: [`OUTCOME_VERSION`].
    pub version: u32,
    /// The job.
    pub key: JobKey,
    /// 0 at first; one more each time a revoked outcome is made again.
    pub generation: u32,
    /// The attempt that committed it.
    pub attempt: Nonce,
    /// The job's kind.
    pub kind: Kind,
    /// What the key covers, for `explain`.
    pub fields: Fields,
    /// Digests of the inputs as they were read, in order.
    pub inputs: Vec<InputDigest>,
    /// What it produced.
    pub produced: Produced,
    /// Who made it.
    pub provenance: Provenance,
    /// What it took. Never part of the results table.
    pub cost: Cost,
}

/// An input as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputDigest {
    /// The input's name, as the job calls it.
    pub name: String,
    /// The item's name.
    pub item: String,
    /// The blob.
    pub blob: Digest,
}

/// What a job made: files, numbers, or both. The same for the same key, but for the times that a job of kind `speed` takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Produced {
    /// Named blobs, in order.
    pub artifact: Vec<Item>,
    /// Values of measures, where the job measures.
    pub measures: Vec<Measured>,
    /// Further numbers worth showing: rows, tokens, deepest tie group … Exact, never times.
    pub facts: BTreeMap<String, u64>,
    /// Further values by name, where the job finds any: those of a geometry, of codes, the times of searches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
}

/// One named blob of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Name inside the artifact.
    pub name: String,
    /// Content hash.
    pub blob: Digest,
    /// Size.
    pub bytes: u64,
}

/// One measure of one cell, averaged over all judged queries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Which.
    pub measure: Measure,
    /// Expected value over the orders of tied documents.
    pub value: f64,
    /// Mean of the least value each query can have under some order of its ties.
    pub value_min: f64,
    /// Mean of the greatest.
    pub value_max: f64,
    /// The value that trec_eval gives for the run: ties by document id, descending. `None` for measures it lacks.
    pub value_trec_eval: Option<f64>,
    /// Queries averaged over: all judged ones.
    pub queries: u64,
}

/// Who made an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// bitsweep's version.
    pub version: String,
    /// Host name.
    pub host: String,
    /// CPU model.
    pub cpu: String,
    /// Seconds since 1970 at the commit.
    pub committed_at: u64,
}

/// What an attempt took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Wall seconds for which it had its slot: from the claim until the job was done. What the commit takes overlaps with
    /// the slot's next attempt.
    pub seconds: f64,
    /// CPU seconds of the child process.
    pub cpu_seconds: f64,
    /// Peak resident memory of the child process during the attempt, in bytes, where it can be read.
    pub peak_memory_bytes: u64,
    /// A100-equivalent hours: wall hours times the rate of the worker's device.
    #[serde(default)]
    pub gpu_hours: f64,
    /// US dollars: wall hours times the slot's share of the worker's price.
    #[serde(default)]
    pub usd: f64,
}

impl Cost {
    /// This cost with what `seconds` of wall time amount to at `rates`.
    pub fn at(self, rates: Rates) -> Self {
        let hours = self.seconds / 3600.0;
        Self { gpu_hours: hours * rates.a100, usd: hours * rates.usd_per_hour, ..self }
    }
}

/// What an hour of one slot counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// A100-equivalents of the slot's device; 0 without a GPU.
    pub a100: f64,
    /// US dollars an hour, the slot's share of the machine.
    pub usd_per_hour: f64,
}
