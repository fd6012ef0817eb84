//! Work: what a claim hands to a worker. Complete: a worker needs no plan.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::job::{Class, Spec};
use crate::key::{Fields, JobKey};
use crate::profile::Profile;

/// One job, ready to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// The job.
    pub key: JobKey,
    /// Kind and parameters.
    pub spec: Spec,
    /// What the key covers.
    pub fields: Fields,
    /// Inputs in the plan's order.
    pub inputs: Vec<WorkInput>,
    /// The profile it must run under; `None` for exact kinds.
    pub profile: Option<Profile>,
    /// The generation of the outcome to commit.
    pub generation: u32,
    /// Memory that its device must have, where that is not the machine's own; 0 where any will do.
    #[serde(default)]
    pub device_memory_bytes: u64,
    /// W3C trace context of the submission, so that one trace leads from submit to commit; empty where there is none.
    #[serde(default)]
    pub traceparent: String,
}

impl Work {
    /// The class of workers that serve it.
    pub fn class(&self) -> Class {
        self.spec.kind().class()
    }
}

/// One input of a job that is ready: imported content, or the artifact of a job whose outcome is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkInput {
    /// What the job calls it.
    pub name: String,
    /// Name of the item where it is a single blob; empty for a job's whole artifact.
    pub item: String,
    /// Where it comes from.
    pub from: WorkSource,
}

/// Where an input of ready work comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkSource {
    /// Imported content.
    Blob(Digest),
    /// The artifact in the newest outcome of this job that is not revoked.
    Job(JobKey),
}
