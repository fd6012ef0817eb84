//! What the ledger says and what tasks have done, as events.
//!
//! Notices are hints. Of an outcome and of the end of an attempt only the key is taken: the facts are read from the store.

use std::collections::HashSet;
use std::time::Duration;

use bitsweep_backends::{Notice, unfit};
use bitsweep_plan::retry::History;
use bitsweep_plan::scheduler::Event;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::job::Class;
use bitsweep_proto::{Action, Control, JobKey, Nonce, SweepId, WorkerCard};
use tokio::time::Instant;

use crate::hands::{Done, Found};
use crate::lead::{Lead, Mode, Phase};
use crate::load::{Live, Loaded, open};
use crate::lookups::Look;
use crate::reconcile::{self, Survey};
use crate::vanished;
use crate::view::What;

/// Progress of one job is told to those who watch this often at most.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

impl Lead {
    pub(super) fn hear_all(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            self.hear(notice);
        }
    }

    fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Claimed { key, attempt } => self.hear_sign((key, attempt), None),
            Notice::Progress { key, attempt, done, total } => self.hear_sign((key, attempt), Some((done, total))),
            Notice::Adopted { key, generation } => self.look(Look::Outcome { generation: Some(generation) }, key),
            Notice::Ended(ended) => {
                // One that gave up its claim before it did anything leaves no record, and has not vanished. If there is
                // one, the look finds it.
                self.signs.over(ended.key, |attempt| *attempt == ended.attempt);
                self.look(Look::History, ended.key);
            }
            Notice::Expired { key, attempt } => {
                self.hands.metrics.expiries.inc();
                let heard_at = self.signs.of(&key, Some(&attempt)).map_or_else(vanished::now, |sign| sign.first_at);
                self.look(Look::Close { attempt, heard_at }, key);
            }
            Notice::Revoked { key, generation } => {
                let (name, reason) = (self.sweeps.name(&key), "its result was damaged or lost".to_owned());
                let sweeps = self.sweeps.wanting(&key);
                self.tell(sweeps, What::MadeAgain { key, name, reason });
                self.push(Event::Revoked { key, generation });
            }
            // It was the wrong worker that took the ticket. While another one fits, the job only waits for that.
            Notice::Refused { key, reason } if self.is_served(&key) => {
                self.push(Event::PublishFailed { key, message: reason });
            }
            Notice::Refused { key, reason } => self.push(Event::Refused { key, reason }),
        }
    }

    /// Whether a worker that lives can run a job.
    fn is_served(&self, key: &JobKey) -> bool {
        let Some(work) = self.sweeps.work(key) else { return false };
        let class = work.spec.kind().class();
        let takes = |card: &&WorkerCard| !card.leaving && card.classes.contains(&class);
        self.workers.iter().filter(takes).any(|card| unfit(&work, &card.offer).is_none())
    }

    fn hear_sign(&mut self, (key, attempt): (JobKey, Nonce), units: Option<(u64, u64)>) {
        let now = Instant::now();
        let sign = self.signs.heard(key, &attempt, now);
        if let Some(units) = units {
            sign.units = units;
            if sign.told.is_none_or(|told| now.saturating_duration_since(told) >= PROGRESS_EVERY) {
                sign.told = Some(now);
                let sweeps = self.sweeps.wanting(&key);
                self.tell(sweeps, What::Progress { key, units_done: units.0, units_total: units.1 });
            }
        }
        self.push(Event::Claimed { key, attempt });
        if self.phase == Phase::Open && self.loading.is_empty() && self.sweeps.kind(&key).is_none() {
            // Of a sweep that was cancelled or is complete; the ledger was emptied since, and has forgotten that.
            self.lanes().withdraw(key);
        }
    }

    pub(super) fn take_done(&mut self, done: Done) {
        match done {
            Done::Looked { look, key, found } => self.take_look((look, key), *found),
            Done::Closed => {
                self.push(Event::LedgerLost);
                self.reconcile_soon();
                self.fill();
            }
            Done::Read(loaded) => {
                for sweep in loaded {
                    self.take_loaded(sweep);
                }
                if std::mem::take(&mut self.missed) {
                    self.reconcile_soon();
                }
                self.fill();
            }
            Done::Opened => self.opened(),
            Done::Loaded(loaded) => self.take_loaded(*loaded),
            Done::Unloadable { sweep, error } => {
                tracing::error!(%sweep, "cannot be scheduled: {error}");
                self.loading.remove(&sweep);
            }
            Done::Workers(workers) => self.take_workers(workers),
            Done::Surveyed(survey) => self.take_survey(*survey),
            Done::Reaped => self.reaped(),
        }
    }

    fn take_look(&mut self, (look, key): (Look, JobKey), found: Found) {
        if let Some(next) = self.lookups.over(&look, key) {
            self.look(next, key);
        }
        match found {
            Found::Event(Some(event)) => self.push(event),
            // The outcome that a hint named is not there: nothing follows.
            Found::Event(None) => {}
            Found::Attempts(attempts) => {
                let discarded = attempts.ends.iter().filter(|end| end.verdict == Verdict::Discarded);
                let news = self.signs.count_discarded(key, discarded.count());
                self.hands.metrics.discarded.inc_by(news);
                let opened: Vec<Nonce> = open(key, &attempts).map(|open| open.attempt).collect();
                self.signs.on_record(key, opened.into_iter(), attempts.ends.iter().map(|end| &end.attempt));
                if let Look::Close { attempt, .. } = &look {
                    // It has an end now, or it is the one that committed, which puts none.
                    self.signs.over(key, |other| other == attempt);
                }
                let history = History::of(&attempts.starts, &attempts.ends);
                self.push(Event::History { key, history });
            }
        }
    }

    pub(super) fn take_loaded(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::Over(line) => {
                // What was decided meanwhile may have wanted it again.
                let decided = self.loading.remove(&line.id).unwrap_or_default();
                let id = line.id;
                self.archive.keep_line(line);
                if decided.iter().any(|control| control.action == Action::Resume) {
                    self.load(id, None);
                }
            }
            Loaded::Live(live) => {
                let decided = self.loading.remove(&live.sweep).unwrap_or_default();
                self.take_live(*live);
                for control in decided {
                    self.take_control(control);
                }
            }
        }
    }

    pub(super) fn take_live(&mut self, live: Live) {
        let Live { sweep, plan, controls, actions, facts, open } = live;
        if !self.sweeps.add(sweep, plan.clone(), controls) {
            return;
        }
        for open in open {
            self.signs.on_record(open.key, std::iter::once(open.attempt), std::iter::empty());
        }
        self.archive.forget(&sweep);
        self.tell(vec![sweep], What::Submitted);
        self.push(Event::Submitted { sweep, plan, facts, controls: actions });
    }

    /// A decision, from the desk or found in the store. Heard twice it counts once.
    pub(super) fn take_control(&mut self, control: Control) {
        let (sweep, action) = (control.sweep, control.action.clone());
        if let Some(decided) = self.loading.get_mut(&sweep) {
            decided.push(control);
            return;
        }
        let Some(known) = self.sweeps.get_mut(&sweep) else {
            if action == Action::Resume {
                self.load(sweep, None);
            }
            // The sweep may be among those that are being read, by somebody who has read its controls already.
            self.missed |= self.phase == Phase::Closing;
            return;
        };
        if let Action::Budget { budget, .. } = &action {
            known.counts_attempts |= budget.gpu_hours.is_some() || budget.usd.is_some();
        }
        if known.controls.insert(control.number, control).is_some() {
            return;
        }
        known.is_over = false;
        if action == Action::Cancel {
            self.tell(vec![sweep], What::Cancelled);
        }
        self.push(Event::Controlled { sweep, action });
    }

    fn take_workers(&mut self, workers: Vec<WorkerCard>) {
        self.counted();
        for class in [Class::Gpu, Class::Cpu] {
            self.push(Event::Slots { class, live: slots(&workers, class) });
        }
        self.workers = workers;
    }

    fn take_survey(&mut self, survey: Survey) {
        self.surveyed();
        if self.phase == Phase::Closing {
            return;
        }
        for control in survey.controls {
            self.take_control(control);
        }
        if let Some(known) = &survey.known {
            for (look, key) in reconcile::differences(known, &self.state, &self.sweeps) {
                self.look(look, key);
            }
        }
        if self.mode != Mode::Service {
            return;
        }
        let there: HashSet<SweepId> = survey.sweeps.iter().copied().collect();
        self.archive.retain(&there);
        for sweep in survey.sweeps {
            if !self.archive.has(&sweep) {
                self.load(sweep, None);
            }
        }
        let gone = survey.watched.iter().filter(|id| !there.contains(id) && self.sweeps.get(id).is_some());
        for sweep in gone.copied().collect::<Vec<_>>() {
            self.drop_sweep(sweep);
        }
        for sweep in self.sweeps.ids().filter(|id| self.is_cancelled_and_idle(id)).collect::<Vec<_>>() {
            self.archive_and_drop(sweep);
        }
    }
}

/// Jobs of a class that the workers can run at once. A slot that takes several classes counts for each.
pub(crate) fn slots(workers: &[WorkerCard], class: Class) -> usize {
    let fit = workers.iter().filter(|card| !card.leaving && card.classes.contains(&class));
    fit.map(|card| card.slots as usize).sum()
}
