//! Pure planning: from a manifest and its lock to cells, jobs and keys, and from events to what happens next.
//!
//! Owns: which cells a manifest means ([`expand()`]), which jobs they need and how these share work ([`plan()`]), what is
//! reused and why ([`summary()`], [`explain()`]), and when a job runs, runs again or is given up ([`scheduler`],
//! [`retry`]). Does not own: files, networks, clocks or threads. Time is an argument, facts come in as values, and what
//! is to be done goes out as values. So one code serves the embedded run, the coordinator and the tests.

mod classification;
mod codes;
pub mod errors;
pub mod expand;
pub mod explain;
mod graph;
pub mod plan;
mod recipe;
pub mod retry;
pub mod scheduler;
mod similarity;
mod speed;
pub mod summary;
mod truncation;
pub mod work;

pub use errors::{PlanError, PlanErrors};
pub use expand::{Expanded, ExpandedCell, expand};
pub use explain::{Difference, Explanation, Nearest, explain};
pub use plan::plan;
pub use summary::{CellCount, KindCount, Summary, summary};
pub use work::{lineage, work};
