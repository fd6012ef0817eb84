//! The graph under construction: jobs with their keys, each once.

use std::collections::HashMap;

use bitsweep_proto::job::{InputKey, push_input};
use bitsweep_proto::plan::{From, Input, PlannedJob, input_field};
use bitsweep_proto::{JobKey, Profiles, Spec, Track};

/// Jobs so far. A job is added after its inputs, and a second time is the first.
pub(crate) struct Graph<'p> {
    profiles: &'p Profiles,
    jobs: Vec<PlannedJob>,
    by_key: HashMap<JobKey, u32>,
}

impl<'p> Graph<'p> {
    pub(crate) fn new(profiles: &'p Profiles) -> Self {
        Self { profiles, jobs: Vec::new(), by_key: HashMap::new() }
    }

    /// The index of the job with this spec and these inputs. The key is the one of [`bitsweep_proto::Plan::fields`].
    pub(crate) fn add(&mut self, spec: Spec, inputs: Vec<Input>) -> u32 {
        let mut fields = spec.fields(self.profiles);
        for input in &inputs {
            let content = match input.from {
                From::Blob(digest) => InputKey::Blob(digest),
                From::Job(other) => InputKey::Job(self.jobs[other as usize].key),
            };
            push_input(&mut fields, &input_field(input), content);
        }
        let key = fields.key();
        *self.by_key.entry(key).or_insert_with(|| {
            let index =
                u32::try_from(self.jobs.len()).expect("a plan has fewer than 2^32 jobs, each takes over 100 bytes");
            self.jobs.push(PlannedJob { key, spec, inputs, tier: u32::MAX, track: Track::Exploratory });
            index
        })
    }

    /// All jobs, each with the first track and tier of those that need it. `wanted` names jobs with their own.
    pub(crate) fn finish(mut self, wanted: impl Iterator<Item = (u32, (Track, u32))>) -> Vec<PlannedJob> {
        for (job, place) in wanted {
            first(&mut self.jobs[job as usize], place);
        }
        // Inputs stand before the jobs that need them, so one pass from the end reaches all.
        for index in (0..self.jobs.len()).rev() {
            let (before, from) = self.jobs.split_at_mut(index);
            let job = &from[0];
            for input in &job.inputs {
                if let From::Job(other) = input.from {
                    first(&mut before[other as usize], (job.track, job.tier));
                }
            }
        }
        self.jobs
    }
}

/// Core before exploratory, then the lowest tier.
fn first(job: &mut PlannedJob, place: (Track, u32)) {
    (job.track, job.tier) = (job.track, job.tier).min(place);
}

/// An input that is a whole artifact.
pub(crate) fn artifact(name: &str, job: u32) -> Input {
    Input { name: name.to_owned(), item: String::new(), from: From::Job(job) }
}
