//! Why cells have no results: the failed jobs that they need, or nothing but that they have not run.

use std::collections::BTreeMap;

use bitsweep_proto::plan::From;
use bitsweep_proto::{JobKey, Plan};

use crate::Outcomes;

/// Cells that lack results for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The reason; `None`: not run yet.
    pub(crate) reason: Option<String>,
    /// The cells' names, in the plan's order.
    pub(crate) cells: Vec<String>,
}

/// Groups the cells without an outcome by reason: failures first, in the order of their first cell.
pub(crate) fn missing(plan: &Plan, outcomes: &Outcomes, failed: &BTreeMap<JobKey, String>) -> Vec<Missing> {
    let causes = causes(plan, outcomes, failed);
    let mut groups: Vec<Missing> = Vec::new();
    let mut places = BTreeMap::new();
    for planned in &plan.cells {
        let job = planned.job as usize;
        if outcomes.contains_key(&plan.jobs[job].key) {
            continue;
        }
        let place = *places.entry(causes[job]).or_insert(groups.len());
        if place == groups.len() {
            let reason = causes[job].and_then(|cause| {
                let job = &plan.jobs[cause];
                failed.get(&job.key).map(|message| format!("{}: {message}", job.spec.kind().name()))
            });
            groups.push(Missing { reason, cells: Vec::new() });
        }
        groups[place].cells.push(planned.cell.to_string());
    }
    groups.sort_by_key(|group| group.reason.is_none());
    groups
}

/// For each job without an outcome: the first failed job among itself and all it needs. Jobs stand after their inputs.
fn causes(plan: &Plan, outcomes: &Outcomes, failed: &BTreeMap<JobKey, String>) -> Vec<Option<usize>> {
    let mut causes: Vec<Option<usize>> = Vec::with_capacity(plan.jobs.len());
    for (at, job) in plan.jobs.iter().enumerate() {
        let inherited = || {
            job.inputs.iter().find_map(|input| match input.from {
                From::Job(other) => causes.get(other as usize).copied().flatten(),
                From::Blob(_) => None,
            })
        };
        let cause = match (outcomes.contains_key(&job.key), failed.contains_key(&job.key)) {
            (true, _) => None,
            (false, true) => Some(at),
            (false, false) => inherited(),
        };
        causes.push(cause);
    }
    causes
}
