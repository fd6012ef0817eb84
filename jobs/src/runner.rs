//! Runs tasks one after the other in one process, and keeps what is worth keeping between them.

use bitsweep_proto::job::Spec;
use bitsweep_proto::profile::Profiles;
use bitsweep_proto::wire::{Done, Task};

use crate::embed::LoadedEncoder;
use crate::error::{Halt, JobError};
use crate::steps::Steps;
use crate::{
    classify, codes, compress, embed, geometry, measure, noop, rescore, retrieve, similarity, speed, truncate,
};

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It is done; its files lie in the scratch folder or were kept as checkpoints.
    Done(Done),
    /// It stopped at a safe point, as asked.
    Stopped,
}

/// Runs tasks. Keeps the last encoder loaded, for the shards of one embedding follow each other.
pub struct Runner {
    profiles: Profiles,
    encoder: Option<LoadedEncoder>,
}

impl Runner {
    /// Runs the self-tests of the kernels. They compute with `threads` threads from then on; no result depends on it.
    pub fn new(threads: usize) -> Result<Self, JobError> {
        let unfit = |message: String| JobError::failed("runner/self-test", message);
        // The pool can be set up once in a process; where a host has done so already, its choice stands.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        let encoder = bitsweep_models::profile().map_err(|error| unfit(error.to_string()))?;
        let search = bitsweep_vectors::profile().map_err(|error| unfit(error.to_string()))?;
        Ok(Self { profiles: Profiles { encoder, search }, encoder: None })
    }

    /// What this process computes with.
    pub fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// Runs one task to its end or to the safe point where `steps` says stop.
    pub fn run(&mut self, task: &Task, steps: &mut dyn Steps) -> Result<Ended, JobError> {
        let done = match &task.spec {
            Spec::Embed(spec) => embed::run(spec, task, steps, &mut self.encoder),
            Spec::Truncate(spec) => truncate::run(spec, task, steps),
            Spec::Compress(spec) => compress::run(spec, task, steps),
            Spec::Retrieve(spec) => retrieve::run(spec, task, steps),
            Spec::Rescore(spec) => rescore::run(spec, task, steps),
            Spec::Measure(spec) => measure::run(spec, task, steps),
            Spec::Geometry(spec) => geometry::run(spec, task, steps),
            Spec::Codes(spec) => codes::run(spec, task, steps),
            Spec::Similarity(spec) => similarity::run(spec, task, steps),
            Spec::Speed(spec) => speed::run(spec, task, steps),
            Spec::Classify(spec) => classify::run(spec, task, steps),
            Spec::Noop(_) => noop::run(steps),
        };
        match done {
            Ok(done) => Ok(Ended::Done(done)),
            Err(Halt::Stopped) => Ok(Ended::Stopped),
            Err(Halt::Error(error)) => Err(error),
        }
    }
}
