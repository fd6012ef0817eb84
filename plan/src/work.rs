//! What a plan says of single jobs: the work to hand out, and all that a job stands on.

use bitsweep_proto::plan::From;
use bitsweep_proto::work::{WorkInput, WorkSource};
use bitsweep_proto::{Plan, Work};

/// The job at `index` of [`Plan::jobs`] as a worker gets it, to commit its outcome as `generation`.
pub fn work(plan: &Plan, index: u32, generation: u32) -> Work {
    let job = &plan.jobs[index as usize];
    let inputs = job.inputs.iter().map(|input| WorkInput {
        name: input.name.clone(),
        item: input.item.clone(),
        from: match input.from {
            From::Blob(digest) => WorkSource::Blob(digest),
            From::Job(other) => WorkSource::Job(plan.jobs[other as usize].key),
        },
    });
    Work {
        key: job.key,
        spec: job.spec.clone(),
        fields: plan.fields(index),
        inputs: inputs.collect(),
        profile: job.spec.profile(&plan.profiles).cloned(),
        generation,
    }
}

/// The job at `index` and every job it needs, directly or not, each after its inputs.
pub fn lineage(plan: &Plan, index: u32) -> Vec<u32> {
    let mut found = std::collections::BTreeSet::from([index]);
    let mut next = vec![index];
    while let Some(job) = next.pop() {
        for input in &plan.jobs[job as usize].inputs {
            if let From::Job(other) = input.from
                && found.insert(other)
            {
                next.push(other);
            }
        }
    }
    // A job stands in the plan after its inputs, so ascending indices are in that order too.
    found.into_iter().collect()
}
