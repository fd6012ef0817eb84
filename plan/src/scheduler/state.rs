//! The scheduler's state and its transitions.

use std::collections::{BTreeMap, HashMap};

use bitsweep_proto::job::Class;
use bitsweep_proto::plan::From;
use bitsweep_proto::{JobKey, Plan};

use super::edges::Edges;
use super::fact::{Fact, Facts, Fingerprint};
use super::node::{Board, Counts, JobState};
use super::{Effect, Settings, Turn};
use crate::retry::{Accounts, Ending, Ruling};

/// What the scheduler knows of one plan.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    board: Board,
    edges: Edges,
    by_key: HashMap<JobKey, u32>,
    /// Accounts of jobs that were charged.
    accounts: HashMap<u32, Accounts>,
    /// Why jobs failed of themselves or are held.
    reasons: BTreeMap<u32, String>,
    /// Taken by the first [`super::Event::Start`].
    facts: Option<Facts>,
    finished: bool,
}

impl State {
    /// The state before [`super::Event::Start`]: every job is blocked, nothing is published.
    pub fn new(plan: &Plan, facts: Facts, settings: Settings) -> Self {
        let mut board = Board::default();
        let mut by_key = HashMap::with_capacity(plan.jobs.len());
        let mut levels: Vec<u32> = Vec::with_capacity(plan.jobs.len());
        let edges = Edges::of(plan);
        for (index, job) in (0_u32..).zip(&plan.jobs) {
            let jobs = job.inputs.iter().filter_map(|input| match input.from {
                From::Job(other) => Some(levels[other as usize] + 1),
                From::Blob(_) => None,
            });
            let level = jobs.max().unwrap_or(0);
            levels.push(level);
            board.add(job.key, job.spec.kind().class(), (job.tier, u32::MAX - level, index));
            by_key.insert(job.key, index);
            let unmet = edges.inputs(index).len();
            board.node_mut(index).unmet = u32::try_from(unmet).expect("inputs are listed in memory, 100 bytes each");
        }
        let (accounts, reasons) = (HashMap::new(), BTreeMap::new());
        Self { settings, board, edges, by_key, accounts, reasons, facts: Some(facts), finished: false }
    }

    /// How many jobs are in each state.
    pub fn counts(&self) -> &Counts {
        self.board.counts()
    }

    /// The state of a job; `None` where the plan has no such job.
    pub fn job_state(&self, key: &JobKey) -> Option<JobState> {
        self.by_key.get(key).map(|job| self.board.node(*job).state)
    }

    /// The jobs that failed of themselves and those that are held, with the reason, in the plan's order.
    pub fn reasons(&self) -> impl Iterator<Item = (JobKey, JobState, &str)> {
        self.reasons.iter().map(|(job, reason)| {
            let node = self.board.node(*job);
            (node.key, node.state, reason.as_str())
        })
    }

    /// When the next [`super::Event::Tick`] is of use; `None` where no timer runs.
    pub fn next_due(&self) -> Option<u64> {
        self.board.next_due()
    }
}

/// What [`super::step`] is made of.
impl State {
    pub(super) fn start(&mut self, turn: &mut Turn) {
        let Some(facts) = self.facts.take() else { return };
        for job in self.board.jobs() {
            let node = self.board.node_mut(job);
            let key = node.key;
            node.generation = facts.generations.get(&key).copied().unwrap_or(0);
            if node.unmet == 0 && node.state == JobState::Blocked {
                self.board.set(job, JobState::Ready);
            }
            if let Some(fact) = facts.outcomes.get(&key) {
                self.done(job, *fact, turn);
            }
        }
        for job in self.board.jobs() {
            let node = self.board.node(job);
            let (state, accounts) = (node.state, facts.accounts.get(&node.key));
            let Some(accounts) = accounts.filter(|_| matches!(state, JobState::Ready | JobState::Blocked)) else {
                continue;
            };
            self.accounts.insert(job, accounts.clone());
            match accounts.ruling() {
                Some(Ruling::Failed { reason }) => self.fail(job, reason.clone(), turn),
                Some(Ruling::Held { reason }) if state == JobState::Ready => self.hold(job, reason.clone(), turn),
                _ => {}
            }
        }
    }

    pub(super) fn set_slots(&mut self, class: Class, live: usize) {
        self.board.set_slots(class, live);
    }

    pub(super) fn claimed(&mut self, key: &JobKey, turn: &Turn) {
        let Some(&job) = self.by_key.get(key) else { return };
        match self.board.node(job).state {
            JobState::Ready | JobState::Waiting | JobState::Published | JobState::Leased | JobState::Held => {
                self.reasons.remove(&job);
                self.board.set_until(job, JobState::Leased, turn.now.saturating_add(self.settings.lease_ms));
            }
            // It cannot help yet (an input is lost), or no longer.
            JobState::Blocked | JobState::Done | JobState::Failed => {}
        }
    }

    pub(super) fn committed(&mut self, key: &JobKey, fact: Fact, turn: &mut Turn) {
        let Some(&job) = self.by_key.get(key) else { return };
        let node = self.board.node(job);
        let known = node.state == JobState::Done && node.generation == fact.generation;
        if !known && fact.generation >= node.generation {
            self.done(job, fact, turn);
        }
    }

    /// The attempt that holds the job is over. Charged only where one holds it: an end heard twice counts once.
    pub(super) fn ended(&mut self, key: &JobKey, charge: (Ending, u64), turn: &mut Turn) {
        if let Some(&job) = self.by_key.get(key)
            && self.board.node(job).state == JobState::Leased
        {
            self.charge(job, charge, turn);
        }
    }

    /// An outcome is said to be there: the store knows.
    pub(super) fn look(&mut self, key: &JobKey, turn: &mut Turn) {
        if self.job_state(key).is_some_and(|state| state != JobState::Done) {
            turn.effects.push(Effect::CheckStore { key: *key });
        }
    }

    /// The ticket did not get the job to an attempt.
    pub(super) fn unserved(&mut self, key: &JobKey, message: String, turn: &mut Turn) {
        if let Some(&job) = self.by_key.get(key)
            && self.board.node(job).state == JobState::Published
        {
            self.charge(job, (Ending::Infrastructure(message), 0), turn);
        }
    }

    fn charge(&mut self, job: u32, (ending, checkpoints_made): (Ending, u64), turn: &mut Turn) {
        let accounts = self.accounts.entry(job).or_default();
        match accounts.charge(ending, checkpoints_made, &self.settings.limits) {
            Ruling::Again { after_ms: 0 } => self.board.set(job, JobState::Ready),
            Ruling::Again { after_ms } => {
                self.board.set_until(job, JobState::Waiting, turn.now.saturating_add(after_ms))
            }
            Ruling::Failed { reason } => self.fail(job, reason, turn),
            Ruling::Held { reason } => self.hold(job, reason, turn),
        }
    }

    pub(super) fn revoked(&mut self, key: &JobKey, generation: u32, turn: &mut Turn) {
        let Some(&job) = self.by_key.get(key) else { return };
        let node = self.board.node_mut(job);
        if generation < node.generation {
            return; // Old news.
        }
        if node.state == JobState::Done {
            self.undone(job, generation + 1, turn);
            return;
        }
        node.generation = generation + 1;
        if matches!(node.state, JobState::Published | JobState::Leased) {
            // Offered for a generation that can no longer be committed.
            self.board.set(job, JobState::Ready);
        }
    }

    /// Timers: a pause is over, a ticket was not claimed, an attempt gave no sign.
    pub(super) fn wake(&mut self, turn: &mut Turn) {
        while let Some(job) = self.board.rung(turn.now) {
            let node = self.board.node(job);
            let (key, generation) = (node.key, node.generation);
            match node.state {
                JobState::Published => {
                    turn.effects.push(Effect::CheckStore { key });
                    turn.effects.push(Effect::Publish { job, key, generation });
                    self.board.set_until(
                        job,
                        JobState::Published,
                        turn.now.saturating_add(self.settings.ticket_ms.max(1)),
                    );
                }
                JobState::Leased => {
                    turn.effects.push(Effect::CheckStore { key });
                    self.board.set(job, JobState::Ready);
                }
                _ => self.board.set(job, JobState::Ready),
            }
        }
    }

    /// Fills the windows.
    pub(super) fn publish(&mut self, turn: &mut Turn) {
        while let Some(job) = self.board.next(self.settings.window_per_slot, self.settings.window_spare) {
            let node = self.board.node(job);
            turn.effects.push(Effect::Publish { job, key: node.key, generation: node.generation });
            self.board.set_until(job, JobState::Published, turn.now.saturating_add(self.settings.ticket_ms));
        }
    }

    pub(super) fn finish(&mut self, turn: &mut Turn) {
        let counts = self.board.counts();
        let finished = self.facts.is_none() && counts.active() == 0;
        if finished && !self.finished {
            let held = counts.of(JobState::Held) + counts.of(JobState::Blocked);
            let (done, failed) = (counts.of(JobState::Done), counts.of(JobState::Failed));
            turn.effects.push(Effect::Finished { done, failed, held });
        }
        self.finished = finished;
    }
}

/// Transitions that reach other jobs.
impl State {
    /// An outcome of `job` is there, the first or a newer one.
    fn done(&mut self, job: u32, fact: Fact, turn: &mut Turn) {
        let before = self.board.node(job).state;
        if before == JobState::Failed {
            self.take_failure_back(job);
        }
        let node = self.board.node_mut(job);
        (node.generation, node.artifact, node.read) = (fact.generation, fact.artifact, fact.read);
        self.accounts.remove(&job);
        self.reasons.remove(&job);
        if before != JobState::Done {
            self.board.set(job, JobState::Done);
            for &dependant in self.edges.dependants(job) {
                let node = self.board.node_mut(dependant);
                node.unmet -= 1;
                if node.unmet == 0 && node.state == JobState::Blocked {
                    self.board.set(dependant, JobState::Ready);
                }
            }
        }
        // What was made from other inputs than those there are now does not count.
        let mut suspects = vec![job];
        suspects.extend_from_slice(self.edges.dependants(job));
        for suspect in suspects {
            if self.is_stale(suspect) {
                let node = self.board.node(suspect);
                let (key, generation) = (node.key, node.generation);
                let reason = "its inputs were made again and are not the same".to_owned();
                turn.effects.push(Effect::Revoke { key, generation, reason });
                self.undone(suspect, generation + 1, turn);
            }
        }
    }

    /// Whether `job` is done, all its inputs are done, and it has read something else than they hold. Where every input
    /// is of the first generation there is nothing else that it can have read.
    fn is_stale(&self, job: u32) -> bool {
        let node = self.board.node(job);
        if node.state != JobState::Done || node.unmet > 0 {
            return false;
        }
        let inputs = || self.edges.inputs(job).iter().map(|input| self.board.node(*input));
        let remade = inputs().any(|input| input.generation > 0);
        remade && inputs().fold(Fingerprint::default(), |sum, input| sum.and(input.artifact)) != node.read
    }

    /// The outcome of `job`, which was done, is revoked. The next one is of `generation`.
    fn undone(&mut self, job: u32, generation: u32, turn: &mut Turn) {
        self.board.node_mut(job).generation = generation;
        for &dependant in self.edges.dependants(job) {
            let node = self.board.node_mut(dependant);
            node.unmet += 1;
            if !matches!(node.state, JobState::Blocked | JobState::Done | JobState::Failed) {
                self.reasons.remove(&dependant);
                self.board.set(dependant, JobState::Blocked);
            }
        }
        let node = self.board.node(job);
        if node.failed_inputs > 0 {
            let key = node.key;
            self.board.set(job, JobState::Failed);
            let dependants = self.fail_dependants(job);
            if !dependants.is_empty() {
                turn.effects.push(Effect::DependantsFailed { key, dependants });
            }
        } else if generation >= self.settings.generations {
            self.hold(job, format!("its outcome was lost {generation} times"), turn);
        } else {
            self.board.set(job, if node.unmet > 0 { JobState::Blocked } else { JobState::Ready });
        }
    }

    fn hold(&mut self, job: u32, reason: String, turn: &mut Turn) {
        self.board.set(job, JobState::Held);
        turn.effects.push(Effect::JobHeld { key: self.board.node(job).key, reason: reason.clone() });
        self.reasons.insert(job, reason);
    }

    fn fail(&mut self, job: u32, reason: String, turn: &mut Turn) {
        let key = self.board.node(job).key;
        self.board.set(job, JobState::Failed);
        self.reasons.insert(job, reason.clone());
        turn.effects.push(Effect::JobFailed { key, reason });
        let dependants = self.fail_dependants(job);
        if !dependants.is_empty() {
            turn.effects.push(Effect::DependantsFailed { key, dependants });
        }
    }

    /// `job` has become failed: so do those that need it and are not done, and those that need them.
    fn fail_dependants(&mut self, job: u32) -> Vec<JobKey> {
        let mut failed = Vec::new();
        let mut next = vec![job];
        while let Some(job) = next.pop() {
            for &dependant in self.edges.dependants(job) {
                let node = self.board.node_mut(dependant);
                node.failed_inputs += 1;
                if !matches!(node.state, JobState::Done | JobState::Failed) {
                    failed.push(node.key);
                    self.board.set(dependant, JobState::Failed);
                    next.push(dependant);
                }
            }
        }
        failed
    }

    /// `job` is no longer failed: an outcome came after all. Those that failed for it alone are blocked as before.
    fn take_failure_back(&mut self, job: u32) {
        let mut next = vec![job];
        while let Some(job) = next.pop() {
            for &dependant in self.edges.dependants(job) {
                let node = self.board.node_mut(dependant);
                node.failed_inputs -= 1;
                let for_inputs = node.state == JobState::Failed && !self.reasons.contains_key(&dependant);
                if for_inputs && node.failed_inputs == 0 {
                    let state = if node.unmet > 0 { JobState::Blocked } else { JobState::Ready };
                    self.board.set(dependant, state);
                    next.push(dependant);
                }
            }
        }
    }
}
