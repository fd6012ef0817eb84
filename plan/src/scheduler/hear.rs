//! What is heard of single jobs.

use bitsweep_proto::job::Class;
use bitsweep_proto::{JobKey, Nonce};

use super::Turn;
use super::effect::Effect;
use super::fact::Fact;
use super::state::{Cause, State, Verdict};
use super::tally::JobState;
use crate::retry::{Accounts, Ending, History, Ruling};

impl State {
    fn find(&self, key: &JobKey) -> Option<u32> {
        self.board.by_key.get(key).copied()
    }

    pub(super) fn claimed(&mut self, key: &JobKey, attempt: Nonce, turn: &mut Turn) {
        let Some(job) = self.find(key) else { return };
        match self.board.node(job).state {
            JobState::Ready | JobState::Waiting | JobState::Published | JobState::Leased | JobState::Held => {
                if self.board.records.ending(job, &attempt).is_some() {
                    return; // It is over; this was heard late.
                }
                let node = self.board.node(job);
                if node.state == JobState::Published {
                    let published_at = node.due.saturating_sub(self.settings.ticket_ms);
                    let line = &mut self.board.classes[node.class() as usize];
                    line.claimed_after(turn.now.saturating_sub(published_at), &self.settings);
                }
                self.unserved.remove(&job);
                if self.verdicts.get(&job).is_some_and(|verdict| verdict.cause == Cause::Refused) {
                    self.decide(job, None);
                }
                self.holders.insert(job, attempt);
                self.go(job, (JobState::Leased, turn.now.saturating_add(self.settings.lease_ms)), turn);
            }
            // A ledger that was rolled back offers it again, or it did not hear that nobody wants it.
            JobState::Cancelled => turn.effects.push(Effect::Withdraw { key: *key }),
            // It cannot help yet (an input is lost), or no longer.
            JobState::Blocked | JobState::Done | JobState::Failed => {}
        }
    }

    pub(super) fn committed(&mut self, key: &JobKey, fact: Fact, turn: &mut Turn) {
        if let Some(job) = self.find(key)
            && self.commit(job, fact, turn)
        {
            self.revoke_stale(job, turn);
        }
    }

    /// Takes an outcome in; false where it is known or does not count.
    pub(super) fn commit(&mut self, job: u32, fact: Fact, turn: &mut Turn) -> bool {
        let node = self.board.node(job);
        let known = node.state == JobState::Done && node.generation == fact.generation;
        let news = !known && fact.generation >= node.generation;
        if news {
            self.done(job, fact, turn);
        }
        news
    }

    pub(super) fn history(&mut self, key: &JobKey, history: History, turn: &mut Turn) {
        if let Some(job) = self.find(key) {
            self.record(job, history, turn);
        }
    }

    /// Takes in what is on record about attempts on the job: what it was charged, and what becomes of it.
    pub(super) fn record(&mut self, job: u32, history: History, turn: &mut Turn) {
        let generation = self.board.node(job).generation;
        self.board.take_off(job);
        let ended = self.board.records.add(job, history, generation);
        self.board.node_mut(job).tried = true;
        self.board.put_on(job);
        let state = self.board.node(job).state;
        if state == JobState::Done {
            return;
        }
        let ruling = self.judge(job);
        let over = match state {
            JobState::Leased => {
                self.holders.get(&job).and_then(|attempt| self.board.records.ending(job, attempt)).cloned()
            }
            // Its claim was not heard of, but it has ended: the ticket is gone.
            JobState::Published => ended,
            _ => None,
        };
        match over {
            Some(ending) => self.over(job, (&ending, ruling), turn),
            None => self.follow(job, turn),
        }
    }

    /// Moves a job after a verdict was passed or lifted; one that is under way or pauses goes on if it may.
    pub(super) fn follow(&mut self, job: u32, turn: &mut Turn) {
        match (self.board.node(job).state, self.resting(job)) {
            // Somebody works on it, and may yet succeed.
            (JobState::Leased, resting) if resting != JobState::Failed => {}
            (JobState::Published | JobState::Waiting, JobState::Ready) => {}
            _ => self.rest(job, turn),
        }
    }

    /// The attempt that held the job is over.
    fn over(&mut self, job: u32, (ending, ruling): (&Ending, Option<Ruling>), turn: &mut Turn) {
        let after_ms = match ruling {
            _ if *ending == Ending::Settled => {
                // Where its outcome is, the store knows. It is not published before the answer had time to come.
                turn.effects.push(Effect::CheckStore { key: self.board.node(job).key });
                self.settings.limits.first_wait_ms
            }
            Some(Ruling::Again { after_ms }) => after_ms,
            _ => 0,
        };
        self.pause(job, after_ms, turn);
    }

    /// Puts the job where it belongs, but not into a line before a while has passed.
    fn pause(&mut self, job: u32, after_ms: u64, turn: &mut Turn) {
        match self.resting(job) {
            JobState::Ready if after_ms > 0 => {
                self.go(job, (JobState::Waiting, turn.now.saturating_add(after_ms)), turn);
            }
            _ => self.rest(job, turn),
        }
    }

    /// Passes or lifts a verdict by what is on record about attempts towards the next outcome. The job does not move yet.
    pub(super) fn judge(&mut self, job: u32) -> Option<Ruling> {
        let node = self.board.node(job);
        let counts =
            |attempt: &Nonce| node.wants.iter().all(|want| !self.board.sweep(want.sweep).forgiven.contains(attempt));
        let attempts = self.board.records.attempts(job, node.generation).filter(|tried| counts(&tried.attempt));
        let ruling = Accounts::of_attempts(attempts, &self.settings.limits).ruling().cloned();
        let retries = node.wants.iter().map(|want| self.board.sweep(want.sweep).retries).max().unwrap_or(0);
        let generations = self.settings.generations.saturating_mul(retries.saturating_add(1));
        let verdict = match &ruling {
            Some(Ruling::Failed { reason }) => Some((Cause::Errors, reason.clone())),
            _ if node.generation >= generations => {
                Some((Cause::Lost, format!("its outcome was lost {} times", node.generation)))
            }
            Some(Ruling::Held { reason }) => Some((Cause::Infrastructure, reason.clone())),
            _ => None,
        };
        match verdict {
            Some((cause, reason)) => self.decide(job, Some(Verdict { cause, reason })),
            None if self.verdicts.get(&job).is_some_and(|verdict| verdict.cause == Cause::Refused) => {}
            None => self.decide(job, None),
        }
        ruling
    }

    pub(super) fn revoked(&mut self, key: &JobKey, generation: u32, turn: &mut Turn) {
        if let Some(job) = self.find(key) {
            self.lose(job, generation, turn);
        }
    }

    /// The outcomes of the job up to this generation are lost.
    pub(super) fn lose(&mut self, job: u32, generation: u32, turn: &mut Turn) {
        let node = self.board.node_mut(job);
        if generation < node.generation {
            return; // Old news.
        }
        if node.state == JobState::Done {
            self.undone(job, generation + 1, turn);
            return;
        }
        // What was offered is for a generation that can no longer be committed.
        node.generation = generation + 1;
        let waits = node.state == JobState::Waiting;
        self.judge(job);
        if !waits || self.resting(job) != JobState::Ready {
            self.rest(job, turn);
        }
    }

    /// A worker cannot run the job. Too often in a row, and no worker can.
    pub(super) fn refused(&mut self, key: &JobKey, reason: String, turn: &mut Turn) {
        let Some((job, times)) = self.not_served(key) else { return };
        let limits = self.settings.limits;
        if times > limits.infrastructure {
            let reason = format!("{times} times in a row no worker could run it, last: {reason}");
            self.decide(job, Some(Verdict { cause: Cause::Refused, reason }));
        }
        self.pause(job, limits.wait_ms(times), turn);
    }

    /// It could not be published. That says nothing about the job: it is tried again as long as it takes.
    pub(super) fn unpublished(&mut self, key: &JobKey, _message: String, turn: &mut Turn) {
        let Some((job, times)) = self.not_served(key) else { return };
        self.pause(job, self.settings.limits.wait_ms(times), turn);
    }

    /// A published job and how often in a row its ticket did not get it to an attempt.
    fn not_served(&mut self, key: &JobKey) -> Option<(u32, u32)> {
        let job = self.find(key).filter(|job| self.board.node(*job).state == JobState::Published)?;
        let times = self.unserved.entry(job).or_default();
        *times = times.saturating_add(1);
        Some((job, *times))
    }

    /// More slots: what no worker could run may find one now.
    pub(super) fn set_slots(&mut self, class: Class, live: usize, turn: &mut Turn) {
        let before = std::mem::replace(&mut self.board.class_mut(class).slots, live);
        if live <= before {
            return;
        }
        let refused = self.verdicts.iter().filter(|(_, verdict)| verdict.cause == Cause::Refused);
        let refused: Vec<u32> =
            refused.map(|(job, _)| *job).filter(|job| self.board.node(*job).class() == class).collect();
        for job in refused {
            self.unserved.remove(&job);
            self.decide(job, None);
            self.rest(job, turn);
        }
    }

    /// Timers: a pause is over, a ticket was not claimed, an attempt gave no sign.
    pub(super) fn wake(&mut self, turn: &mut Turn) {
        while let Some(job) = self.board.rung(turn.now) {
            let key = self.board.node(job).key;
            match self.board.node(job).state {
                JobState::Published => {
                    turn.effects.push(Effect::CheckStore { key });
                    self.publish_again(job, turn);
                }
                JobState::Leased => {
                    turn.effects.push(Effect::CheckStore { key });
                    turn.effects.push(Effect::CheckHistory { key });
                    // Not published before the answers had time to come.
                    self.pause(job, self.settings.limits.first_wait_ms, turn);
                }
                _ => self.rest(job, turn),
            }
        }
    }

    pub(super) fn ledger_lost(&mut self, turn: &mut Turn) {
        for job in self.board.published() {
            self.publish_again(job, turn);
        }
    }

    fn publish_again(&mut self, job: u32, turn: &mut Turn) {
        let node = self.board.node(job);
        let open = |want: &&super::node::Want| self.board.sweep(want.sweep).shut(want.group).is_none();
        let Some(want) = self.board.live(job).find(open).or_else(|| self.board.live(job).next()) else { return };
        let sweep = self.board.sweep(want.sweep).id;
        turn.effects.push(Effect::Publish { sweep, job: want.job, key: node.key, generation: node.generation });
        let due = turn.now.saturating_add(self.settings.ticket_ms.max(1));
        self.go(job, (JobState::Published, due), turn);
    }
}
