//! One job as the scheduler keeps it, and the places that a job's state puts it in: lines, timers, counts.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_proto::JobKey;
use bitsweep_proto::job::Class;

use super::fact::Fingerprint;

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
    /// Services failed it too often.
    Held,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([usize; 8]);

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
}

/// Order among ready jobs of one class: tier, levels of inputs below (turned round: most first), place in the plan.
pub(super) type Rank = (u32, u32, u32);

/// One job.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: JobKey,
    pub(super) class: Class,
    pub(super) rank: Rank,
    /// Changed by [`Board::set`] alone.
    pub(super) state: JobState,
    /// When its timer rings; meaningful where [`has_timer`].
    due: u64,
    /// Of its outcome where it is done, else of the one to commit.
    pub(super) generation: u32,
    /// Edges to inputs that are not done.
    pub(super) unmet: u32,
    /// Edges to inputs that are failed.
    pub(super) failed_inputs: u32,
    /// What its outcome holds; meaningful where it is done.
    pub(super) artifact: Fingerprint,
    /// What its outcome was made from; meaningful where it is done.
    pub(super) read: Fingerprint,
}

/// Whether a job in this state has a timer.
fn has_timer(state: JobState) -> bool {
    matches!(state, JobState::Waiting | JobState::Published | JobState::Leased)
}

/// The ready jobs of one class.
#[derive(Debug, Default)]
struct Line {
    ready: BTreeSet<Rank>,
    published: usize,
    slots: usize,
}

/// All jobs, with lines, timers and counts that always agree with their states.
#[derive(Debug, Default)]
pub(super) struct Board {
    nodes: Vec<Node>,
    lines: BTreeMap<Class, Line>,
    timers: BTreeSet<(u64, u32)>,
    counts: Counts,
}

impl Board {
    /// Adds a blocked job; its index is the number of jobs before.
    pub(super) fn add(&mut self, key: JobKey, class: Class, rank: Rank) {
        self.nodes.push(Node {
            key,
            class,
            rank,
            state: JobState::Blocked,
            due: 0,
            generation: 0,
            unmet: 0,
            failed_inputs: 0,
            artifact: Fingerprint::default(),
            read: Fingerprint::default(),
        });
        self.counts.0[JobState::Blocked as usize] += 1;
    }

    /// The indices of all jobs.
    pub(super) fn jobs(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.nodes.len()).expect("a plan counts its jobs in u32")
    }

    pub(super) fn node(&self, job: u32) -> &Node {
        &self.nodes[job as usize]
    }

    /// For the fields that no line, timer or count depends on: all but `state`.
    pub(super) fn node_mut(&mut self, job: u32) -> &mut Node {
        &mut self.nodes[job as usize]
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Moves a job without a timer.
    pub(super) fn set(&mut self, job: u32, state: JobState) {
        debug_assert!(!has_timer(state), "a timer needs a time");
        self.change(job, state, 0);
    }

    /// Moves a job whose timer rings at `due`, or sets the timer of one that stays.
    pub(super) fn set_until(&mut self, job: u32, state: JobState, due: u64) {
        debug_assert!(has_timer(state), "this state has no timer");
        self.change(job, state, due);
    }

    fn change(&mut self, job: u32, state: JobState, due: u64) {
        let node = &mut self.nodes[job as usize];
        let before = (std::mem::replace(&mut node.state, state), std::mem::replace(&mut node.due, due));
        let (class, rank) = (node.class, node.rank);
        let line = self.lines.entry(class).or_default();
        if has_timer(before.0) {
            self.timers.remove(&(before.1, job));
        }
        if has_timer(state) {
            self.timers.insert((due, job));
        }
        if before.0 == JobState::Ready {
            line.ready.remove(&rank);
        }
        if state == JobState::Ready {
            line.ready.insert(rank);
        }
        line.published -= usize::from(before.0 == JobState::Published);
        line.published += usize::from(state == JobState::Published);
        self.counts.0[before.0 as usize] -= 1;
        self.counts.0[state as usize] += 1;
    }

    pub(super) fn set_slots(&mut self, class: Class, live: usize) {
        self.lines.entry(class).or_default().slots = live;
    }

    /// The next job to publish, where the window of its class has room.
    pub(super) fn next(&self, per_slot: usize, spare: usize) -> Option<u32> {
        self.lines
            .values()
            .filter(|line| line.published < line.slots * per_slot + spare)
            .find_map(|line| line.ready.first())
            .map(|(_, _, job)| *job)
    }

    /// The first timer that has rung by `now`.
    pub(super) fn rung(&self, now: u64) -> Option<u32> {
        self.timers.first().filter(|(due, _)| *due <= now).map(|(_, job)| *job)
    }

    /// When the first timer rings.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.timers.first().map(|(due, _)| *due)
    }
}
