//! One job as the scheduler keeps it.

use bitsweep_proto::job::Class;
use bitsweep_proto::{JobKey, Kind};

use super::fact::Fact;
use super::tally::JobState;

/// The interest of one sweep in a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// Place of the sweep in [`super::board::Board`].
    pub(super) sweep: u32,
    /// Index in its plan.
    pub(super) job: u32,
    /// Index of its group in the sweep.
    pub(super) group: u32,
    /// Cells of the sweep whose measures it makes.
    pub(super) cells: u32,
}

/// One job. Its key covers the keys of its inputs, so it has the same inputs in every plan.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: JobKey,
    pub(super) kind: Kind,
    /// Levels of inputs below it.
    pub(super) level: u32,
    /// Changed by the board alone.
    pub(super) state: JobState,
    /// When its timer rings, where it has one.
    pub(super) due: u64,
    /// When it became ready, where it is ready or published.
    pub(super) since: u64,
    /// Of its outcome where it is done, else of the one to commit.
    pub(super) generation: u32,
    /// Edges to inputs that are not done.
    pub(super) unmet: u32,
    /// Edges to inputs that are failed.
    pub(super) failed_inputs: u32,
    /// Of its outcome; meaningful where it is done.
    pub(super) fact: Fact,
    /// Whether something is on record about attempts on it.
    pub(super) tried: bool,
    /// The jobs that it reads. One that it reads twice (its own run as the reference) stands twice.
    pub(super) inputs: Box<[u32]>,
    /// The jobs that read it, as often as they do.
    pub(super) dependants: Vec<u32>,
    /// The sweeps that want it, cancelled ones too. Never empty.
    pub(super) wants: Vec<Want>,
}

impl Node {
    pub(super) fn class(&self) -> Class {
        self.kind.class()
    }
}
