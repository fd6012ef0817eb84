//! What a plan says of single jobs: the work to hand out, and all that a job stands on.

use bitsweep_proto::plan::From;
use bitsweep_proto::work::{WorkInput, WorkSource};
use bitsweep_proto::{Plan, Spec, Work};

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
        device_memory_bytes: device_memory(&job.spec, plan),
        traceparent: String::new(),
    }
}

/// What a device of its own must hold for a job: an encoder's weights, and as much again for a batch under way. Jobs of
/// other kinds use the machine's memory.
fn device_memory(spec: &Spec, plan: &Plan) -> u64 {
    let Spec::Embed(embed) = spec else { return 0 };
    let models = plan.lock.models.values().filter(|model| model.facts.dim == embed.dim);
    let weights = models.map(|model| model.files.iter().map(|file| file.bytes).sum::<u64>());
    weights.max().unwrap_or(0).saturating_mul(2)
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
