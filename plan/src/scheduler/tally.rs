//! The states of a job, and their counts.

use std::collections::BTreeMap;

use bitsweep_proto::Kind;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// An input is not done.
    Blocked,
    /// It can run and waits for its turn.
    Ready,
    /// It can run after a pause, for a service failed it.
    Waiting,
    /// Its ticket is in the queue.
    Published,
    /// An attempt holds it.
    Leased,
    /// Its outcome is committed.
    Done,
    /// It, or a job it needs, is given up.
    Failed,
    /// Services failed it too often, or a gate or a budget holds it.
    Held,
    /// Every sweep that wants it is cancelled. What was done or given up before stays so.
    Cancelled,
}

impl JobState {
    /// Whether its ticket is in the queue or an attempt holds it.
    pub(super) fn in_flight(self) -> bool {
        matches!(self, Self::Published | Self::Leased)
    }

    /// Whether it has a timer.
    pub(super) fn has_timer(self) -> bool {
        matches!(self, Self::Waiting | Self::Published | Self::Leased)
    }
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([usize; 9]);

impl Counts {
    /// Jobs in `state`.
    pub fn of(&self, state: JobState) -> usize {
        self.0[state as usize]
    }

    /// Jobs that run, or will without anything else happening first.
    pub fn active(&self) -> usize {
        [JobState::Ready, JobState::Waiting, JobState::Published, JobState::Leased]
            .map(|state| self.of(state))
            .iter()
            .sum()
    }

    /// All jobs.
    pub fn all(&self) -> usize {
        self.0.iter().sum()
    }

    /// Jobs that are not done, not given up, not cancelled and not under way.
    pub(super) fn resting(&self) -> usize {
        [JobState::Blocked, JobState::Ready, JobState::Waiting, JobState::Held].map(|state| self.of(state)).iter().sum()
    }

    pub(super) fn add(&mut self, state: JobState) {
        self.0[state as usize] += 1;
    }

    pub(super) fn remove(&mut self, state: JobState) {
        self.0[state as usize] -= 1;
    }

    /// These and `others`.
    pub(super) fn join(&mut self, others: &Self) {
        for (own, other) in self.0.iter_mut().zip(others.0) {
            *own += other;
        }
    }

    /// With what is ready counted as held.
    pub(super) fn shut(mut self) -> Self {
        self.0[JobState::Held as usize] += std::mem::take(&mut self.0[JobState::Ready as usize]);
        self
    }
}

/// The jobs of a sweep in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Jobs by kind and tier.
    pub jobs: BTreeMap<(Kind, u32), Counts>,
    /// All of them.
    pub total: Counts,
}

/// A gate or budget that holds jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its place in the manifest: `gates[0]`, `budgets[1]`.
    pub place: String,
    /// What it says and how far things are.
    pub words: String,
    /// Jobs that it holds: neither done nor given up nor under way.
    pub jobs: usize,
}
