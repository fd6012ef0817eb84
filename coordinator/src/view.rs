//! What the desk answers: plain values, as they go out as JSON.
//!
//! Owns: their names and fields. Does not own: how they are found out ([`crate::Desk`]), or who may see them.

use bitsweep_proto::manifest::Budget;
use bitsweep_proto::{JobKey, Kind, Nonce, SweepId, Track, WorkerCard};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether this coordinator does the scheduling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It does not know yet, or is reading the store.
    Starting,
    /// It schedules.
    Leader,
    /// Another one schedules; this one takes over when that one is gone.
    Standby,
}

/// How a sweep stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepState {
    /// Some of its jobs run.
    Running,
    /// Some of its jobs could run, and none does now.
    Waiting,
    /// Every job is done.
    Finished,
    /// Nothing is left that could run, and some jobs were given up.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// Nothing is left that could run: gates, budgets or services hold the rest.
    Held,
}

/// One sweep in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepLine {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SweepId,
    /// Its name in the manifest.
    pub name: String,
    /// Cells of its matrix.
    pub cells: u64,
    /// Cells whose measures are there.
    pub cells_done: u64,
    /// How it stands.
    pub state: SweepState,
}

/// All about one sweep. Lists are bounded; where one is, the field ending in `_all` says how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepStatus {
    /// What a list says of it.
    pub line: SweepLine,
    /// Jobs by kind and tier, in the order of the pipeline, then of tiers.
    pub jobs: Vec<JobCounts>,
    /// All jobs.
    pub total: StateCounts,
    /// What holds jobs of it as a whole: gates that are shut and budgets that are used up.
    pub holds: Vec<HoldLine>,
    /// Its budgets, as they are now.
    pub budgets: Vec<BudgetLine>,
    /// What it was charged so far; `None` where the scheduler does not have it and nobody has asked before it was dropped.
    pub spent: Option<Spent>,
    /// Jobs that were given up of themselves or put aside one by one, in the plan's order: the first of them.
    pub failures: Vec<FailureLine>,
    /// How many there are.
    pub failures_all: u64,
    /// Jobs that run: the first of them, by kind.
    pub running: Vec<RunningLine>,
    /// How many there are.
    pub running_all: u64,
    /// Workers that live now, whatever they work for.
    #[schema(value_type = Vec<Object>)]
    pub workers: Vec<WorkerCard>,
    /// Seconds for which the job that waits longest, of any sweep, has been ready.
    pub oldest_ready_seconds: Option<f64>,
}

/// Jobs of one kind and tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCounts {
    /// The kind.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// The tier; 1 is first.
    pub tier: u32,
    /// How many are in each state.
    pub states: StateCounts,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateCounts {
    /// An input is not done.
    pub blocked: u64,
    /// It can run and waits for its turn.
    pub ready: u64,
    /// It can run after a pause, for something failed it.
    pub waiting: u64,
    /// Its ticket is in the queue.
    pub published: u64,
    /// An attempt holds it.
    pub leased: u64,
    /// Its outcome is committed.
    pub done: u64,
    /// It, or a job it needs, is given up.
    pub failed: u64,
    /// A gate, a budget or a service that failed it too often holds it.
    pub held: u64,
    /// Nobody wants it any more.
    pub cancelled: u64,
}

impl StateCounts {
    /// Adds the counts of other jobs.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { blocked, ready, waiting, published, leased, done, failed, held, cancelled } = other;
        self.blocked += blocked;
        self.ready += ready;
        self.waiting += waiting;
        self.published += published;
        self.leased += leased;
        self.done += done;
        self.failed += failed;
        self.held += held;
        self.cancelled += cancelled;
    }

    /// Each state by the name it has outside, in the order of a job's life.
    pub fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("blocked", self.blocked),
            ("ready", self.ready),
            ("waiting", self.waiting),
            ("published", self.published),
            ("leased", self.leased),
            ("done", self.done),
            ("failed", self.failed),
            ("held", self.held),
            ("cancelled", self.cancelled),
        ]
    }
}

/// Something that holds jobs of a sweep as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldLine {
    /// Where the manifest says so: `gates[0]`, `budgets[1]`.
    pub place: String,
    /// What it waits for, in words.
    pub words: String,
    /// Jobs that it holds.
    pub jobs: u64,
}

/// One budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetLine {
    /// Where the manifest says it: `budgets[0]`; one that was added later counts on.
    pub place: String,
    /// The limits, in words.
    pub words: String,
    /// The limits as they are now.
    #[schema(value_type = Object)]
    pub limit: Budget,
    /// What the jobs that it covers were charged so far; nothing where it limits the number of configurations alone.
    pub spent: Option<Spent>,
}

/// What jobs were charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Spent {
    /// A100-equivalent hours.
    pub gpu_hours: f64,
    /// US dollars.
    pub usd: f64,
    /// Bytes of committed artifacts.
    pub bytes: u64,
}

/// One job that was given up or put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureLine {
    /// The job.
    #[schema(value_type = String)]
    pub key: JobKey,
    /// Its kind.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// The first cell that needs it.
    pub cell: String,
    /// Whether it was given up (`true`) or put aside (`false`).
    pub failed: bool,
    /// Why.
    pub reason: String,
}

/// One job that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningLine {
    /// The job.
    #[schema(value_type = String)]
    pub key: JobKey,
    /// Its kind.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// The first cell that needs it.
    pub cell: String,
    /// Its tier.
    pub tier: u32,
    /// Its track.
    #[schema(value_type = String)]
    pub track: Track,
    /// The attempt that holds it, where that is known.
    #[schema(value_type = Option<String>)]
    pub attempt: Option<Nonce>,
    /// The host of the attempt, where that is known.
    pub host: Option<String>,
    /// Units (rows, queries) done.
    pub units_done: u64,
    /// Units in all; 0 where nothing was heard yet.
    pub units_total: u64,
}

/// Something that happened, for whoever watches. Hints: a reader that is slow misses some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct News {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The sweeps that it is about; several where they share the job.
    #[schema(value_type = Vec<String>)]
    pub sweeps: Vec<SweepId>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum What {
    /// A sweep was submitted or is wanted again.
    Submitted,
    /// Somebody cancelled it.
    Cancelled,
    /// An outcome is committed.
    Committed {
        /// The job.
        #[schema(value_type = String)]
        key: JobKey,
        /// Its kind.
        #[schema(value_type = String)]
        kind: Kind,
        /// The generation of the outcome.
        generation: u32,
    },
    /// A job was given up.
    JobFailed {
        /// The job.
        #[schema(value_type = String)]
        key: JobKey,
        /// Kind, first cell and key, as a person reads it.
        name: String,
        /// Why.
        reason: String,
    },
    /// A job was put aside.
    JobHeld {
        /// The job.
        #[schema(value_type = String)]
        key: JobKey,
        /// Kind, first cell and key, as a person reads it.
        name: String,
        /// Why.
        reason: String,
    },
    /// An outcome was lost or made from other inputs than there are now: it is made again.
    MadeAgain {
        /// The job.
        #[schema(value_type = String)]
        key: JobKey,
        /// Kind, first cell and key, as a person reads it.
        name: String,
        /// Why.
        reason: String,
    },
    /// A gate opened.
    GateOpened {
        /// Where the manifest says it.
        place: String,
    },
    /// A budget is used up.
    BudgetReached {
        /// Where the manifest says it.
        place: String,
        /// Which limit, in words.
        words: String,
    },
    /// Nothing is left that could run.
    Finished {
        /// Jobs done.
        done: u64,
        /// Jobs given up.
        failed: u64,
        /// Jobs held, or behind held ones.
        held: u64,
    },
    /// A running job has come so far. At most one a second for each job.
    Progress {
        /// The job.
        #[schema(value_type = String)]
        key: JobKey,
        /// Units done.
        units_done: u64,
        /// Units in all.
        units_total: u64,
    },
}
