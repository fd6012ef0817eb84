//! What the API takes and says. Plain data, shared with clients; the OpenAPI description is generated from it.
//!
//! Records of the store (plans, outcomes, attempts) go out as they are stored, with their own version inside: a client
//! that reads stores reads the API too, and gets the same bytes for a table. Requests with unknown fields are refused;
//! a client should let those of answers pass, for a newer coordinator may say more.

use bitsweep_backends::store::GcReport;
use bitsweep_proto::attempt::{AttemptEnd, AttemptStart, Nonce};
use bitsweep_proto::{Digest, JobKey, Kind, Lock, Outcome, SweepId, WorkerCard};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use crate::view::{
    BudgetLine, FailureLine, HoldLine, JobCounts, News, Role, RunningLine, Spent, StateCounts, SweepLine, SweepState,
    SweepStatus, What,
};

/// A sweep to plan and to run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The manifest's text, YAML.
    pub manifest: String,
    /// Its lock, as `bitsweep plan` writes it beside the manifest.
    #[schema(value_type = Object)]
    pub lock: Lock,
}

/// What became of a submission.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// Its id: the hash of its plan, so submitting twice is one sweep.
    #[schema(value_type = String)]
    pub sweep: SweepId,
    /// Its name in the manifest.
    pub name: String,
    /// Rows of its table.
    pub cells: u64,
    /// Its jobs by kind.
    pub jobs: Vec<JobsOfKind>,
    /// What a reader of the results must know, one sentence each.
    pub cautions: Vec<String>,
}

/// The jobs of one kind in a submitted plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobsOfKind {
    /// The kind.
    #[schema(value_type = KindName)]
    pub kind: Kind,
    /// Jobs in the plan.
    pub total: u64,
    /// Jobs whose outcome is there already.
    pub reused: u64,
    /// Bytes that the others are expected to store.
    pub bytes: u64,
}

/// The name of a job kind.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// Texts to vectors.
    Embed,
    /// Vectors to their first dimensions.
    Truncate,
    /// Vectors to an index.
    Compress,
    /// Queries and an index to a run.
    Retrieve,
    /// A run to one whose best documents are ranked again.
    Rescore,
    /// A run and judgements to measures.
    Measure,
    /// Vectors to what their geometry is.
    Geometry,
    /// Binary codes and their vectors to what the bits are like.
    Codes,
    /// Vectors of pairs to scores, and how well these agree with those of people.
    Similarity,
    /// A run and labels to how often the nearest have the right one.
    Classify,
    /// Queries and an index to how long searches take.
    Speed,
    /// Nothing, for measuring the runner.
    Noop,
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// `next` of the page before; absent for the first page.
    #[param(max_length = 80)]
    pub after: Option<String>,
    /// Items at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<u32>,
}

/// Which sweeps are wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SweepsWanted {
    /// `next` of the page before; absent for the first page.
    #[param(max_length = 80)]
    pub after: Option<String>,
    /// Items at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<u32>,
    /// Only sweeps of this name, or the one whose id begins with it.
    #[param(max_length = 200)]
    pub named: Option<String>,
    /// Only sweeps whose manifest says the same: the SHA-256 of the manifest in canonical JSON.
    #[param(pattern = "^[0-9a-fA-F]{64}$")]
    pub manifest: Option<String>,
}

/// Which outcomes are wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutcomesWanted {
    /// `next` of the page before; absent for the first page.
    #[param(max_length = 80)]
    pub after: Option<String>,
    /// Jobs looked at, so items at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<u32>,
    /// Only jobs of this kind.
    #[param(value_type = Option<KindName>)]
    pub kind: Option<Kind>,
}

/// Sweeps, the last submitted first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sweeps {
    /// This part of the list.
    pub items: Vec<SweepLine>,
    /// What to ask for as `after` to go on; absent at the end.
    pub next: Option<String>,
}

/// Outcomes, as they are stored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Outcomes {
    /// This part of the list.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Outcome>,
    /// Outcomes that are on record but cannot be read, in words.
    pub damaged: Vec<String>,
    /// What to ask for as `after` to go on; absent at the end. A page may be empty and yet not the last.
    pub next: Option<String>,
}

/// Jobs whose last attempt said that they cannot be done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failures {
    /// In the plan's order.
    pub items: Vec<Failed>,
    /// What to ask for as `after` to go on; absent at the end. A page may be empty and yet not the last.
    pub next: Option<String>,
}

/// A job that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failed {
    /// The job.
    #[schema(value_type = String)]
    pub key: JobKey,
    /// What its last attempt said.
    pub reason: String,
}

/// One job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its key.
    #[schema(value_type = String)]
    pub key: JobKey,
    /// Attempts on record.
    pub attempts: u64,
    /// Its outcome, as it is stored.
    #[schema(value_type = Option<Object>)]
    pub outcome: Option<Outcome>,
}

/// The attempts on one job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptsOfJob {
    /// In the order in which they began.
    pub items: Vec<AttemptOfJob>,
    /// What to ask for as `after` to go on; absent at the end.
    pub next: Option<String>,
}

/// One attempt, as its records say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptOfJob {
    /// Its name.
    #[schema(value_type = String)]
    pub attempt: Nonce,
    /// Its start; a short attempt that committed has none.
    #[schema(value_type = Option<Object>)]
    pub start: Option<AttemptStart>,
    /// Its end; an attempt that neither has one nor committed runs, or vanished with its machine.
    #[schema(value_type = Option<Object>)]
    pub end: Option<AttemptEnd>,
    /// Whether an outcome names it.
    pub committed: bool,
}

/// Live workers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Workers {
    /// Their cards, by id.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<WorkerCard>,
}

/// A change of a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetChange {
    /// Its place among the sweep's budgets; one more than the last adds a budget.
    #[schema(maximum = 1000)]
    pub index: u32,
    /// The new limits, as in a manifest.
    pub budget: BudgetLimits,
}

/// Limits of a budget, as in a manifest; at least one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetLimits {
    /// A100-equivalent hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub gpu_hours: Option<f64>,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub usd: Option<f64>,
    /// Bytes of committed artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<u64>,
    /// Only cells of this tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub tier: Option<u32>,
    /// Only cells of this track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackName>,
}

/// Core or exploratory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrackName {
    /// The study itself.
    Core,
    /// What is looked at besides.
    Exploratory,
}

/// What a decision about a sweep did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// The sweep.
    #[schema(value_type = String)]
    pub sweep: SweepId,
    /// Attempts that no longer count, where it was a retry.
    pub forgiven: u64,
}

/// What to collect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// Sweeps to forget first: what only they refer to goes too.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 1000)]
    pub forget: Vec<SweepId>,
    /// Only say what would be deleted.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collected {
    /// Objects removed, or that would be.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects kept.
    pub kept: u64,
    /// Objects that nobody needs, but too young to go while workers may be at work.
    pub young: u64,
    /// Whether it was only counted.
    pub dry_run: bool,
}

impl Collected {
    /// What the store says of it.
    pub fn of(report: &GcReport, dry_run: bool) -> Self {
        let GcReport { kept, removed, bytes, young } = *report;
        Self { removed, bytes, kept, young, dry_run }
    }
}

/// The bytes of a blob.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Bytes(#[expect(dead_code, reason = "stands in the description alone")] Vec<u8>);

/// A blob that was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlobPut {
    /// Its name.
    #[schema(value_type = String)]
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsWanted {
    /// Only news of this sweep.
    #[param(pattern = "^[0-9a-fA-F]{64}$")]
    pub sweep: Option<String>,
}

/// Health of the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// What it does.
    pub role: Role,
    /// bitsweep's version.
    pub version: String,
}
