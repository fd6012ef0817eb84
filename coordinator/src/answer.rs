//! Answers of the loop: what the state says, as the desk hands it out.

use std::collections::BTreeMap;
use std::time::Duration;

use bitsweep_plan::scheduler::{Counts, JobState, Spend, Tally};
use bitsweep_proto::job::Class;
use bitsweep_proto::manifest::Budget;
use bitsweep_proto::{Action, Control, Plan, SweepId};

use crate::desk::Ask;
use crate::lead::Lead;
use crate::metrics::Shown;
use crate::notices::slots;
use crate::sweeps::Sweep;
use crate::view::{
    BudgetLine, FailureLine, HoldLine, JobCounts, RunningLine, Spent, StateCounts, SweepLine, SweepState, SweepStatus,
};

/// Lines of a list in a status.
const LINES: usize = 100;

impl From<&Counts> for StateCounts {
    fn from(counts: &Counts) -> Self {
        let of = |state| counts.of(state) as u64;
        Self {
            blocked: of(JobState::Blocked),
            ready: of(JobState::Ready),
            waiting: of(JobState::Waiting),
            published: of(JobState::Published),
            leased: of(JobState::Leased),
            done: of(JobState::Done),
            failed: of(JobState::Failed),
            held: of(JobState::Held),
            cancelled: of(JobState::Cancelled),
        }
    }
}

impl From<Spend> for Spent {
    fn from(spend: Spend) -> Self {
        let Spend { gpu_hours, usd, bytes } = spend;
        Self { gpu_hours, usd, bytes }
    }
}

impl Lead {
    /// Answers a question, or takes a hint. Whoever asked may be gone.
    pub(crate) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Submitted { sweep, plan } => self.load(sweep, Some(plan)),
            Ask::Controlled(control) => {
                self.take_control(control);
                self.settle();
            }
            Ask::Lines { answer } => {
                let ids: Vec<SweepId> = self.sweeps.ids().collect();
                drop(answer.send(ids.iter().filter_map(|id| self.line(id)).collect()));
            }
            Ask::Status { sweep, answer } => drop(answer.send(self.status(&sweep).map(Box::new))),
            Ask::Plan { sweep, answer } => drop(answer.send(self.sweeps.get(&sweep).map(|sweep| sweep.plan.clone()))),
        }
    }

    pub(super) fn is_cancelled_and_idle(&self, id: &SweepId) -> bool {
        let is_cancelled = self.sweeps.get(id).is_some_and(Sweep::is_cancelled);
        is_cancelled && self.state.tally(id).is_none_or(|tally| tally.total.of(JobState::Leased) == 0)
    }

    fn line(&self, id: &SweepId) -> Option<SweepLine> {
        let (sweep, tally) = (self.sweeps.get(id)?, self.state.tally(id)?);
        let (cells_done, cells) = self.state.cells_done(id);
        Some(SweepLine {
            id: *id,
            name: sweep.plan.name.clone(),
            cells: cells as u64,
            cells_done: cells_done as u64,
            state: state(&tally.total, sweep.is_cancelled()),
        })
    }

    /// All about a sweep in the state. Costs what it shows, not what the sweep has.
    pub(super) fn status(&self, id: &SweepId) -> Option<SweepStatus> {
        let (sweep, line, tally) = (self.sweeps.get(id)?, self.line(id)?, self.state.tally(id)?);
        let Tally { jobs, total } = &tally;
        let spent: Option<Spent> = Some(self.state.spent(id).into());
        let holds = self.state.holds(id).into_iter();
        let holds = holds.map(|hold| HoldLine { place: hold.place, words: hold.words, jobs: hold.jobs as u64 });
        let (failures, failures_all) = self.failures(id, sweep);
        let (running, running_all) = self.running(sweep);
        let waits = self.state.oldest_ready().map(|since| Duration::from_millis(self.now().saturating_sub(since)));
        Some(SweepStatus {
            line,
            jobs: jobs.iter().map(|(key, states)| counts(*key, states)).collect(),
            total: total.into(),
            holds: holds.collect(),
            budgets: budgets(&sweep.plan, sweep.controls.values(), &self.state.budgets_spent(id)),
            spent,
            failures,
            failures_all,
            running,
            running_all,
            workers: self.workers.clone(),
            oldest_ready_seconds: waits.map(|waits| waits.as_secs_f64()),
        })
    }

    fn failures(&self, id: &SweepId, sweep: &Sweep) -> (Vec<FailureLine>, u64) {
        let reasons = self.state.reasons(id);
        let all = reasons.len() as u64;
        let line = |(key, state, reason)| {
            Some(FailureLine {
                key,
                kind: sweep.job(&key)?.spec.kind(),
                cell: sweep.cell(&key),
                failed: state == JobState::Failed,
                reason,
            })
        };
        (reasons.into_iter().take(LINES).filter_map(line).collect(), all)
    }

    fn running(&self, sweep: &Sweep) -> (Vec<RunningLine>, u64) {
        // Attempts are few: as many as there are slots, and some that have not said that they are over.
        let is_leased = |key: &&_| self.state.job_state(key) == Some(JobState::Leased);
        let mut jobs: Vec<_> =
            self.signs.jobs().filter(is_leased).filter_map(|key| Some((*key, sweep.job(key)?))).collect();
        jobs.sort_unstable_by_key(|(key, job)| (job.spec.kind(), *key));
        let all = jobs.len() as u64;
        let line = |(key, job): (_, &bitsweep_proto::plan::PlannedJob)| {
            let attempt = self.state.attempt_of(&key).cloned();
            let (units_done, units_total) = self.signs.of(&key, attempt.as_ref()).map_or((0, 0), |sign| sign.units);
            RunningLine {
                key,
                kind: job.spec.kind(),
                cell: sweep.cell(&key),
                tier: job.tier,
                track: job.track,
                attempt,
                host: None,
                units_done,
                units_total,
            }
        };
        (jobs.into_iter().take(LINES).map(line).collect(), all)
    }

    /// What the metrics show.
    pub(super) fn shown(&self) -> Shown {
        let mut shown = Shown { workers: self.workers.len() as u64, ..Shown::default() };
        for id in self.sweeps.ids() {
            shown.sweeps += 1;
            let Some(tally) = self.state.tally(&id) else { continue };
            for (place, counts) in &tally.jobs {
                let sum: &mut StateCounts = shown.jobs.entry(*place).or_default();
                sum.add(&counts.into());
            }
            let spend = self.state.spent(&id);
            shown.spent.gpu_hours += spend.gpu_hours;
            shown.spent.usd += spend.usd;
            shown.spent.bytes += spend.bytes;
        }
        let since = self.state.oldest_ready().map(|since| self.now().saturating_sub(since));
        shown.oldest_ready = Duration::from_millis(since.unwrap_or(0));
        for class in [Class::Gpu, Class::Cpu] {
            let demand = self.state.ready(class) + self.state.in_queue(class) + self.state.leased(class);
            shown.demand.insert(class, demand as u64);
            shown.slots.insert(class, slots(&self.workers, class) as u64);
        }
        shown
    }
}

fn counts((kind, tier): (bitsweep_proto::Kind, u32), states: &Counts) -> JobCounts {
    JobCounts { kind, tier, states: states.into() }
}

/// A sweep in one word.
fn state(total: &Counts, is_cancelled: bool) -> SweepState {
    let of = |state| total.of(state);
    match () {
        () if is_cancelled => SweepState::Cancelled,
        () if of(JobState::Done) == total.all() => SweepState::Finished,
        () if of(JobState::Leased) > 0 => SweepState::Running,
        () if total.active() > 0 => SweepState::Waiting,
        () if of(JobState::Held) + of(JobState::Blocked) > 0 => SweepState::Held,
        () => SweepState::Failed,
    }
}

/// The budgets of a sweep as they are after all decisions, and what each was charged, where that is known.
pub(crate) fn budgets<'c>(
    plan: &Plan,
    controls: impl Iterator<Item = &'c Control>,
    spent: &[Spend],
) -> Vec<BudgetLine> {
    let mut limits: BTreeMap<u32, Budget> = (0..).zip(plan.budgets.iter().copied()).collect();
    for control in controls {
        if let Action::Budget { index, budget } = control.action {
            limits.insert(index, budget);
        }
    }
    let line = |(index, limit): (u32, Budget)| BudgetLine {
        place: format!("budgets[{index}]"),
        words: limit.to_string(),
        limit,
        spent: spent.get(index as usize).copied().filter(|_| limit.limits_cost()).map(Spent::from),
    };
    limits.into_iter().map(line).collect()
}
