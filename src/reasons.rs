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
    /// Jobs that only wait for these and have no reason of their own are not counted anywhere else.
    pub(crate) why: String,
}

/// The reasons of the jobs of `plan` that have no outcome, in the plan's order, and the number of jobs that run only
/// because an input of theirs is made first.
pub(crate) fn reasons(plan: &Plan, outcomes: &BTreeMap<JobKey, Outcome>) -> (Vec<Reason>, usize) {
    let mut reasons: Vec<Reason> = Vec::new();
    let mut places: HashMap<(&str, String), usize> = HashMap::new();
    let mut followers = 0;
    for (index, job) in (0..).zip(&plan.jobs) {
        if outcomes.contains_key(&job.key) {
            continue;
        }
        let waits =
            |from: From| matches!(from, From::Job(other) if !outcomes.contains_key(&plan.jobs[other as usize].key));
        if job.inputs.iter().any(|input| waits(input.from)) {
            followers += 1;
            continue;
        }
        let why = explain(plan, index, outcomes).to_string();
        let place = *places.entry((job.spec.kind().name(), why.clone())).or_insert_with(|| {
            reasons.push(Reason { job: label(&job.spec), jobs: 0, why });
            reasons.len() - 1
        });
        reasons[place].jobs += 1;
    }
    (reasons, followers)
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
