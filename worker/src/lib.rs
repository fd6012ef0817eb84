//! Claim, run in a child process, checkpoint, commit.
//!
//! Owns: the life of an attempt. A slot takes a ticket, claims the job, looks whether it is done already, fetches its
//! inputs, has a child process run it, keeps its checkpoints and commits its outcome, which overlaps with the next one;
//! beside it a heartbeat keeps the lease. Does not own: which job is next and what a verdict costs (`bitsweep_plan`), what a job computes
//! (`bitsweep_jobs`), how anything is stored (`bitsweep_backends`).
//!
//! Rules that hold whatever happens: the outcome put is the only commit; nothing is deleted that passes its checksum,
//! but the checkpoints of a committed job; an attempt that lost its lease, a race or its mind can waste time and nothing
//! else.

mod attempt;
mod busy;
mod card;
mod child;
mod commits;
mod deadline;
mod device;
mod error;
mod hung;
mod inputs;
mod kinds;
mod lease;
mod log;
mod machine;
mod metrics;
mod process;
mod said;
mod scratch;
mod settings;
mod slot;
mod standing;
mod turns;
mod usage;
mod worker;

pub use child::child_main;
pub use deadline::{Cause, Cloud, NotACloud, NoticeSource};
pub use device::{Device, NotADevice};
pub use error::WorkerError;
pub use metrics::WorkerMetrics;
pub use process::{ChildProgram, profiles};
pub use settings::{Logs, Settings};
pub use worker::{Worker, WorkerEnd, WorkerReport};
