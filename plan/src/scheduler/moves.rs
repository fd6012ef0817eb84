//! Transitions that reach other jobs.

use bitsweep_proto::JobKey;

use super::Turn;
use super::effect::Effect;
use super::fact::{Fact, Fingerprint};
use super::state::{Cause, State, Verdict};
use super::tally::JobState;

impl State {
    /// Where a job that is not done and that nobody works on belongs.
    pub(super) fn resting(&self, job: u32) -> JobState {
        let node = self.board.node(job);
        let cause = self.verdicts.get(&job).map(|verdict| verdict.cause);
        if cause == Some(Cause::Errors) || node.failed_inputs > 0 {
            JobState::Failed
        } else if !self.board.is_wanted(job) {
            JobState::Cancelled
        } else if node.unmet > 0 {
            JobState::Blocked
        } else if cause.is_some() {
            JobState::Held
        } else {
            JobState::Ready
        }
    }

    /// Puts a job that is not done where it belongs when nobody works on it, and says so.
    pub(super) fn rest(&mut self, job: u32, turn: &mut Turn) {
        let (before, state) = (self.board.node(job).state, self.resting(job));
        if before == state {
            return;
        }
        self.go(job, (state, 0), turn);
        let key = self.board.node(job).key;
        if before == JobState::Failed {
            self.take_failure_back(job, turn);
        }
        match state {
            JobState::Held => {
                let reason = self.verdicts.get(&job).map(|verdict| verdict.reason.clone()).unwrap_or_default();
                turn.effects.push(Effect::JobHeld { key, reason });
            }
            JobState::Failed => {
                if let Some(verdict) = self.verdicts.get(&job).filter(|verdict| verdict.cause == Cause::Errors) {
                    turn.effects.push(Effect::JobFailed { key, reason: verdict.reason.clone() });
                }
                let dependants = self.fail_dependants(job, turn);
                if !dependants.is_empty() {
                    turn.effects.push(Effect::DependantsFailed { key, dependants });
                }
            }
            _ => {}
        }
    }

    /// Moves a job; `due` is when its timer rings, where it has one in that state.
    pub(super) fn go(&mut self, job: u32, (state, due): (JobState, u64), turn: &Turn) {
        if state != JobState::Leased {
            self.holders.remove(&job);
        }
        self.board.set(job, state, (due, turn.now));
    }

    /// An outcome of `job` is there, the first or a newer one. What was made from another is not looked for yet, see
    /// [`State::revoke_stale`].
    pub(super) fn done(&mut self, job: u32, fact: Fact, turn: &mut Turn) {
        let before = self.board.node(job).state;
        self.verdicts.remove(&job);
        self.unserved.remove(&job);
        self.holders.remove(&job);
        self.board.commit(job, fact);
        match before {
            JobState::Done => return,
            JobState::Failed => self.take_failure_back(job, turn),
            _ => {}
        }
        for dependant in self.board.node(job).dependants.clone() {
            let node = self.board.node_mut(dependant);
            node.unmet -= 1;
            if node.unmet == 0 && node.state == JobState::Blocked {
                self.rest(dependant, turn);
            }
        }
    }

    /// What was made from other inputs than those there are now does not count: looks at `job`, of which an outcome came,
    /// and at those that read it.
    ///
    /// The inputs there are now are those that were heard of. Where another coordinator made an input again and this one
    /// has not heard, it revokes what is sound; that is then made once more, and is the same.
    pub(super) fn revoke_stale(&mut self, job: u32, turn: &mut Turn) {
        let dependants = self.board.node(job).dependants.clone();
        for suspect in std::iter::once(job).chain(dependants) {
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
        let inputs = || node.inputs.iter().map(|input| self.board.node(*input));
        let remade = inputs().any(|input| input.generation > 0);
        remade && inputs().fold(Fingerprint::default(), |sum, input| sum.and(input.fact.artifact)) != node.fact.read
    }

    /// The outcome of `job`, which was done, is revoked. The next one is of `generation`.
    pub(super) fn undone(&mut self, job: u32, generation: u32, turn: &mut Turn) {
        self.board.retract(job, generation);
        for dependant in self.board.node(job).dependants.clone() {
            let node = self.board.node_mut(dependant);
            node.unmet += 1;
            if !matches!(node.state, JobState::Done | JobState::Failed | JobState::Cancelled) {
                self.go(dependant, (JobState::Blocked, 0), turn);
            }
        }
        self.judge(job);
        self.rest(job, turn);
    }

    /// `job` has become failed: so do those that need it and are not done, and those that need them.
    fn fail_dependants(&mut self, job: u32, turn: &Turn) -> Vec<JobKey> {
        let mut failed = Vec::new();
        let mut next = vec![job];
        while let Some(job) = next.pop() {
            for dependant in self.board.node(job).dependants.clone() {
                let node = self.board.node_mut(dependant);
                node.failed_inputs += 1;
                if !matches!(node.state, JobState::Done | JobState::Failed) {
                    failed.push(node.key);
                    self.go(dependant, (JobState::Failed, 0), turn);
                    next.push(dependant);
                }
            }
        }
        failed
    }

    /// `job` is no longer failed. Those that failed for it alone are where they were.
    fn take_failure_back(&mut self, job: u32, turn: &mut Turn) {
        let mut next = vec![job];
        while let Some(job) = next.pop() {
            for dependant in self.board.node(job).dependants.clone() {
                let node = self.board.node_mut(dependant);
                node.failed_inputs -= 1;
                if node.state == JobState::Failed && self.resting(dependant) != JobState::Failed {
                    self.go(dependant, (self.resting(dependant), 0), turn);
                    next.push(dependant);
                }
            }
        }
    }

    /// Sets or lifts what is decided about a job itself. It does not move yet.
    pub(super) fn decide(&mut self, job: u32, verdict: Option<Verdict>) {
        match verdict {
            Some(verdict) => drop(self.verdicts.insert(job, verdict)),
            None => drop(self.verdicts.remove(&job)),
        }
    }
}
