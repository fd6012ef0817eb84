//! Effects: what the scheduler wants done, handed to lanes and looks, and told to those who watch.

use std::time::{SystemTime, UNIX_EPOCH};

use bitsweep_plan::scheduler::{Effect, Event, Fact, JobState, Mark};
use bitsweep_proto::{JobKey, SweepId};

use crate::lead::{Lead, Mode};
use crate::lookups::Look;
use crate::trace::traceparent;
use crate::view::{News, What};

/// An outcome that an event tells of, and the state of its job before.
pub(crate) struct Commit {
    key: JobKey,
    fact: Fact,
    before: Option<JobState>,
}

impl Lead {
    /// Starts one effect. What it leads to comes back as an event.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Publish { sweep, job, key, generation } => self.publish((sweep, job), key, generation),
            Effect::Withdraw { key } => self.lanes().withdraw(key),
            Effect::CheckStore { key } => self.look(Look::Unheard { generation: None }, key),
            Effect::CheckHistory { key } => self.look(Look::History, key),
            Effect::Revoke { key, generation, reason } => {
                let name = self.sweeps.name(&key);
                self.tell_of(key, What::MadeAgain { key, name, reason: reason.clone() });
                self.look(Look::Revoke { generation, reason }, key);
            }
            Effect::JobFailed { key, reason } => {
                let name = self.sweeps.name(&key);
                tracing::info!(%key, "{name} failed: {reason}");
                self.tell_of(key, What::JobFailed { key, name, reason });
            }
            // They are counted, and the job that failed them is told.
            Effect::DependantsFailed { .. } => {}
            Effect::JobHeld { key, reason } => {
                let name = self.sweeps.name(&key);
                tracing::info!(%key, "{name} is put aside: {reason}");
                self.tell_of(key, What::JobHeld { key, name, reason });
            }
            Effect::GateOpened { sweep, place } => self.tell(vec![sweep], What::GateOpened { place }),
            Effect::BudgetReached { sweep, place, words } => {
                tracing::info!(%sweep, "{place} is used up: {words}");
                self.tell(vec![sweep], What::BudgetReached { place, words });
            }
            Effect::Finished { sweep, done, failed, held } => {
                tracing::info!(%sweep, done, failed, held, "nothing is left that could run");
                if let Some(known) = self.sweeps.get_mut(&sweep) {
                    known.is_over = true;
                }
                drop(self.index_last(&sweep));
                let [done, failed, held] = [done, failed, held].map(|count| count as u64);
                self.tell(vec![sweep], What::Finished { done, failed, held });
                if failed == 0 && held == 0 {
                    self.finished.push(sweep);
                }
            }
        }
    }

    fn publish(&mut self, (sweep, job): (SweepId, u32), key: JobKey, generation: u32) {
        let Some(known) = self.sweeps.get_mut(&sweep) else { return };
        known.is_over = false;
        let mut work = bitsweep_plan::work(&known.plan, job, generation);
        work.traceparent = traceparent(&sweep, &key);
        self.lanes().publish(work);
    }

    /// The outcome that an event tells of.
    pub(super) fn commit_in(&self, event: &Event) -> Option<Commit> {
        let Event::Committed { key, fact } = event else { return None };
        Some(Commit { key: *key, fact: *fact, before: self.state.job_state(key) })
    }

    /// Where a job became done by an event, it is told and counted.
    pub(super) fn note_commit(&mut self, commit: Commit) {
        let Commit { key, fact, before } = commit;
        self.signs.over(key, |attempt| Mark::of(attempt) == fact.attempt);
        if before == Some(JobState::Done) || self.state.job_state(&key) != Some(JobState::Done) {
            return;
        }
        let Some(kind) = self.sweeps.kind(&key) else { return };
        self.hands.metrics.committed(kind, fact.spend.bytes);
        self.tell_of(key, What::Committed { key, kind, generation: fact.generation });
        let wanting = self.sweeps.wanting(&key);
        if wanting.iter().any(|sweep| self.sweeps.get(sweep).is_some_and(|sweep| sweep.counts_attempts)) {
            // Attempts of which nothing was ever heard are on record too, and count for its budgets.
            self.look(Look::History, key);
        }
    }

    /// Sweeps of which every job is done are dropped from the state; what is said of them stays in the archive. They
    /// cost nothing from then on, however many there were.
    pub(super) fn drop_finished(&mut self) {
        if self.mode != Mode::Service {
            return;
        }
        for sweep in std::mem::take(&mut self.finished) {
            self.archive_and_drop(sweep);
        }
    }

    /// Drops a sweep that is over from the state, and keeps what is said of it.
    pub(super) fn archive_and_drop(&mut self, sweep: SweepId) {
        if let Some(status) = self.status(&sweep) {
            self.archive.keep(status);
        }
        self.drop_sweep(sweep);
    }

    /// Drops a sweep from the state: one that is in the archive, or no longer in the store.
    pub(super) fn drop_sweep(&mut self, sweep: SweepId) {
        self.sweeps.remove(&sweep);
        self.push(Event::Forget { sweep });
    }

    fn tell_of(&mut self, key: JobKey, what: What) {
        let sweeps = self.sweeps.wanting(&key);
        self.tell(sweeps, what);
    }

    pub(super) fn tell(&mut self, sweeps: Vec<SweepId>, what: What) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.news.push(News { at_ms, sweeps, what });
    }
}
