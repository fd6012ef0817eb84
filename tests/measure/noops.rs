//! Plans of jobs that do nothing.

use std::collections::BTreeMap;

use bitsweep_backends::conformance::samples;
use bitsweep_proto::job::Noop;
use bitsweep_proto::lock::{LOCK_VERSION, Lock};
use bitsweep_proto::plan::{From, Input, PLAN_VERSION, PlannedCell, PlannedJob};
use bitsweep_proto::{Cell, Codec, JobKey, Plan, Spec, Track};

/// A plan of `chains` chains of `length` jobs. Each job is measured by a cell of its own; no two plans of different names
/// share a job.
pub(crate) fn chains(name: &str, chains: u32, length: u32) -> Plan {
    let jobs = chains * length;
    let first =
        u64::from_be_bytes(*bitsweep_proto::Digest::of(name.as_bytes()).0.first_chunk().expect("32 bytes")) >> 24;
    let job = |index: u32| PlannedJob {
        key: JobKey(samples::digest(0)),
        spec: Spec::Noop(Noop { number: first + u64::from(index) }),
        inputs: if index.is_multiple_of(length) { Vec::new() } else { vec![input(index - 1)] },
        tier: 1,
        track: Track::Core,
    };
    let cell = |index: u32| PlannedCell {
        cell: Cell::retrieval("noop", name, Codec::Binary { bits: 64, seed: index }),
        tier: 1,
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
        cells: (0..jobs).map(cell).collect(),
        jobs: (0..jobs).map(job).collect(),
        gates: Vec::new(),
        budgets: Vec::new(),
        expect: Vec::new(),
    };
    for index in 0..jobs {
        plan.jobs[index as usize].key = plan.fields(index).key();
    }
    plan
}

fn input(job: u32) -> Input {
    Input { name: "before".to_owned(), item: String::new(), from: From::Job(job) }
}
