//! Why jobs run: only those whose inputs are all there need a reason of their own, the others follow from them.

use std::collections::{BTreeMap, HashMap};

use bitsweep_plan::Explanation;
use bitsweep_proto::plan::From;
use bitsweep_proto::{Fields, JobKey, Outcome, Plan};
use serde::Serialize;

use crate::label::label;
use crate::print;

/// One reason, for all jobs that it holds for.
#[derive(Debug, Serialize)]
pub(crate) struct Reason {
    /// The first such job, in words.
    pub(crate) job: String,
    /// How many such jobs there are.
    pub(crate) jobs: usize,
    /// What differs from the nearest job that was made.
    pub(crate) why: String,
}

/// Why the open jobs of a plan run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Reasons {
    /// In the plan's order.
    pub(crate) reasons: Vec<Reason>,
    /// Jobs that run only because an input of theirs is made first.
    pub(crate) after_these: usize,
    /// Jobs with a reason of their own that was not looked for: [`EXPLAINED`] are enough to see what changed.
    pub(crate) not_explained: usize,
}

/// Each explanation compares with every outcome in the store, so their number is bounded.
const EXPLAINED: usize = 200;

/// The reasons of the jobs of `plan` that have no outcome.
pub(crate) fn reasons(plan: &Plan, outcomes: &BTreeMap<JobKey, Outcome>) -> Reasons {
    let mut found = Reasons::default();
    let mut places: HashMap<(&str, String), usize> = HashMap::new();
    let mut explained = 0;
    for (index, job) in (0..).zip(&plan.jobs) {
        if outcomes.contains_key(&job.key) {
            continue;
        }
        let waits =
            |from: From| matches!(from, From::Job(other) if !outcomes.contains_key(&plan.jobs[other as usize].key));
        if job.inputs.iter().any(|input| waits(input.from)) {
            found.after_these += 1;
            continue;
        }
        if explained == EXPLAINED {
            found.not_explained += 1;
            continue;
        }
        explained += 1;
        let why = explain(plan, index, outcomes).to_string();
        let place = *places.entry((job.spec.kind().name(), why.clone())).or_insert_with(|| {
            found.reasons.push(Reason { job: label(&job.spec), jobs: 0, why });
            found.reasons.len() - 1
        });
        found.reasons[place].jobs += 1;
    }
    found
}

/// Why one job has no outcome.
pub(crate) fn explain(plan: &Plan, index: u32, outcomes: &BTreeMap<JobKey, Outcome>) -> Explanation {
    let fields_of = |key: &JobKey| -> Option<Fields> {
        let planned = || (0..).zip(&plan.jobs).find(|(_, job)| job.key == *key).map(|(index, _)| plan.fields(index));
        outcomes.get(key).map(|outcome| outcome.fields.clone()).or_else(planned)
    };
    bitsweep_plan::explain(&plan.fields(index), outcomes.values().map(|outcome| &outcome.fields), &fields_of)
}

impl Reason {
    /// On one line.
    pub(crate) fn line(&self) -> String {
        let more = match self.jobs {
            1 => String::new(),
            jobs => format!(" and {} like it", print::count(jobs - 1, "job", "jobs")),
        };
        format!("{}{more}: {}", self.job, self.why)
    }
}
