//! Small plans of no-op jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitsweep_backends::conformance::samples;
use bitsweep_proto::job::Noop;
use bitsweep_proto::lock::{LOCK_VERSION, Lock};
use bitsweep_proto::manifest::{Budget, Gate};
use bitsweep_proto::plan::{From, Input, PLAN_VERSION, PlannedCell, PlannedJob};
use bitsweep_proto::{Cell, Codec, JobKey, Plan, Spec, Track};

/// One job to be: its number, the jobs before it that it needs, its tier.
pub(crate) struct Job(pub(crate) u64, pub(crate) Vec<u32>, pub(crate) u32);

/// A plan of these jobs; each is measured by a cell of its own.
pub(crate) fn plan(name: &str, jobs: &[Job]) -> Plan {
    let input = |other: &u32| Input { name: "before".to_owned(), item: String::new(), from: From::Job(*other) };
    let planned = jobs.iter().map(|Job(number, inputs, tier)| PlannedJob {
        key: JobKey(samples::digest(0)),
        spec: Spec::Noop(Noop { number: *number }),
        inputs: inputs.iter().map(input).collect(),
        tier: *tier,
        track: Track::Core,
    });
    let cell = |(index, Job(number, _, tier)): (u32, &Job)| PlannedCell {
        cell: Cell::retrieval("m", &format!("d{number}"), Codec::Int8),
        tier: *tier,
        track: Track::Core,
        job: index,
    };
    let mut plan = Plan {
        version: PLAN_VERSION,
        name: name.to_owned(),
        manifest: format!("sweep: {name}\n"),
        lock: Lock {
            version: LOCK_VERSION,
            models: BTreeMap::new(),
            datasets: BTreeMap::new(),
            similarity: BTreeMap::new(),
            classification: BTreeMap::new(),
        },
        profiles: samples::profiles(),
        measures: Vec::new(),
        cells: (0..).zip(jobs).map(cell).collect(),
        jobs: planned.collect(),
        gates: Vec::new(),
        budgets: Vec::new(),
        expect: Vec::new(),
    };
    for index in 0..plan.jobs.len() {
        plan.jobs[index].key = plan.fields(u32::try_from(index).unwrap()).key();
    }
    plan
}

/// Jobs `numbers` without inputs, in tier 1.
pub(crate) fn flat(name: &str, numbers: std::ops::Range<u64>) -> Arc<Plan> {
    let jobs: Vec<Job> = numbers.map(|number| Job(number, Vec::new(), 1)).collect();
    Arc::new(plan(name, &jobs))
}

/// `chains` chains of `length` jobs.
pub(crate) fn chains(name: &str, chains: u64, length: u64) -> Arc<Plan> {
    let mut jobs = Vec::new();
    for chain in 0..chains {
        for step in 0..length {
            let before = if step == 0 { Vec::new() } else { vec![u32::try_from(jobs.len()).unwrap() - 1] };
            jobs.push(Job(chain * 1000 + step, before, 1));
        }
    }
    Arc::new(plan(name, &jobs))
}

/// As [`flat`], with a limit of US dollars.
pub(crate) fn with_money(name: &str, numbers: std::ops::Range<u64>, usd: f64) -> Arc<Plan> {
    let mut plan = Arc::unwrap_or_clone(flat(name, numbers));
    plan.budgets = vec![money(usd)];
    plan.manifest += "budgets\n";
    Arc::new(plan)
}

pub(crate) fn money(usd: f64) -> Budget {
    Budget { gpu_hours: None, usd: Some(usd), bytes: None, configurations: None, tier: None, track: None }
}

/// `first` jobs in tier 1 and `then` in tier 2, which a gate holds until half of tier 1 is done.
pub(crate) fn gated(name: &str, first: u64, then: u64) -> Arc<Plan> {
    let jobs: Vec<Job> =
        (0..first + then).map(|number| Job(number, Vec::new(), if number < first { 1 } else { 2 })).collect();
    let mut plan = plan(name, &jobs);
    plan.gates = vec![Gate {
        hold: bitsweep_proto::manifest::Hold { track: None, tier: Some(2) },
        until: bitsweep_proto::manifest::Until { tier: Some(1), kinds: None, done: Some(0.5), report: None },
    }];
    Arc::new(plan)
}
