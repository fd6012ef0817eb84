//! What a scheduler must make of what it has heard, found out the slow way.
//!
//! No states, no counters, no sums that are kept: the highest generation heard of as committed and as revoked, the
//! attempts heard of, and the decisions. Everything else is worked out anew for each question, over all jobs.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bitsweep_plan::retry::{Ending, History, Tried};
use bitsweep_plan::scheduler::{Fact, Facts, Mark, Spend};
use bitsweep_proto::manifest::{Budget, Gate};
use bitsweep_proto::{Action, Class, Kind, Nonce, Track};

use super::LIMITS;
use super::universe::Universe;
use crate::fixture::key;

/// What was heard of a job.
#[derive(Clone, Debug, Default)]
pub(super) struct Job {
    committed: Option<u32>,
    revoked: Option<u32>,
    /// The outcomes that were taken in.
    facts: Vec<Fact>,
    attempts: BTreeMap<(u64, Nonce), Tried>,
}

/// What was decided about a sweep.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub(super) cancelled: bool,
    forgiven: HashSet<Nonce>,
    pub(super) budgets: Vec<Budget>,
    reported: bool,
    /// Gates that have opened.
    open: BTreeSet<usize>,
}

/// What one coordinator has heard.
#[derive(Clone, Debug)]
pub(super) struct Oracle<'u> {
    universe: &'u Universe,
    jobs: Vec<Job>,
    /// The sweeps in the state.
    pub(super) sweeps: BTreeMap<usize, Sweep>,
}

/// Billionths.
fn parts(value: f64) -> u128 {
    (value * 1e9).round() as u128
}

impl<'u> Oracle<'u> {
    pub(super) fn new(universe: &'u Universe) -> Self {
        Self { universe, jobs: vec![Job::default(); universe.jobs.len()], sweeps: BTreeMap::new() }
    }

    // What is heard.

    pub(super) fn submitted(&mut self, sweep: usize, facts: &Facts, controls: &[Action]) {
        if !self.sweeps.contains_key(&sweep) {
            let budgets = self.universe.sweeps[sweep].plan.budgets.clone();
            let new =
                Sweep { cancelled: false, forgiven: HashSet::new(), budgets, reported: false, open: BTreeSet::new() };
            self.sweeps.insert(sweep, new);
            for action in controls {
                self.decided(sweep, action);
            }
        }
        for &job in &self.universe.sweeps[sweep].jobs {
            let key = key(u32::try_from(job).unwrap());
            if let Some(fact) = facts.outcomes.get(&key) {
                self.committed(job, fact);
            }
            if let Some(next) = facts.generations.get(&key) {
                self.revoked(job, next - 1);
            }
            if let Some(history) = facts.histories.get(&key) {
                self.recalled(job, history);
            }
        }
    }

    pub(super) fn decided(&mut self, sweep: usize, action: &Action) {
        let Some(sweep) = self.sweeps.get_mut(&sweep) else { return };
        match action {
            Action::Cancel => sweep.cancelled = true,
            Action::Resume => sweep.cancelled = false,
            Action::Retry { forgiven } => sweep.forgiven.extend(forgiven.iter().cloned()),
            Action::Budget { index, budget } => match sweep.budgets.get_mut(*index as usize) {
                Some(place) => *place = *budget,
                None => sweep.budgets.push(*budget),
            },
            Action::Reported => sweep.reported = true,
        }
    }

    pub(super) fn forgotten(&mut self, sweep: usize) {
        self.sweeps.remove(&sweep);
        for job in 0..self.jobs.len() {
            if !self.known(job) {
                self.jobs[job] = Job::default();
            }
        }
    }

    pub(super) fn committed(&mut self, job: usize, fact: &Fact) {
        if !self.known(job) || fact.generation < self.generation(job) {
            return;
        }
        if self.done(job) && self.generation(job) == fact.generation {
            return;
        }
        self.jobs[job].committed = Some(fact.generation);
        self.jobs[job].facts.push(*fact);
    }

    pub(super) fn revoked(&mut self, job: usize, generation: u32) {
        if self.known(job) {
            self.jobs[job].revoked = self.jobs[job].revoked.max(Some(generation));
        }
    }

    pub(super) fn recalled(&mut self, job: usize, history: &History) {
        if !self.known(job) {
            return;
        }
        for tried in &history.attempts {
            let place = (tried.started_at, tried.attempt.clone());
            let known = self.jobs[job].attempts.entry(place).or_insert_with(|| tried.clone());
            if known.ending.is_none() {
                *known = tried.clone();
            }
        }
    }

    /// After every step: gates stay open.
    pub(super) fn look_at_gates(&mut self) {
        for sweep in self.sweeps.keys().copied().collect::<Vec<_>>() {
            for (place, gate) in self.universe.sweeps[sweep].plan.gates.iter().enumerate() {
                if self.is_due(sweep, (place, gate)) {
                    self.sweeps.get_mut(&sweep).unwrap().open.insert(place);
                }
            }
        }
    }

    // Single jobs.

    /// Whether a sweep in the state wants it, cancelled or not.
    pub(super) fn known(&self, job: usize) -> bool {
        self.sweeps.keys().any(|sweep| self.universe.sweeps[*sweep].jobs.contains(&job))
    }

    pub(super) fn live(&self, job: usize) -> impl Iterator<Item = usize> {
        let live = self.sweeps.iter().filter(|(_, sweep)| !sweep.cancelled).map(|(sweep, _)| *sweep);
        live.filter(move |sweep| self.universe.sweeps[*sweep].jobs.contains(&job))
    }

    pub(super) fn done(&self, job: usize) -> bool {
        self.jobs[job].committed.is_some() && self.jobs[job].committed > self.jobs[job].revoked
    }

    /// Of its outcome, else of the one to commit.
    pub(super) fn generation(&self, job: usize) -> u32 {
        match self.done(job) {
            true => self.jobs[job].committed.unwrap(),
            false => self.jobs[job].revoked.map_or(0, |generation| generation + 1),
        }
    }

    fn counted(&self, job: usize) -> impl Iterator<Item = &Tried> {
        let generation = self.generation(job);
        let sweeps = self.sweeps.iter().filter(move |(sweep, _)| self.universe.sweeps[**sweep].jobs.contains(&job));
        let forgiven: HashSet<&Nonce> = sweeps.flat_map(|(_, sweep)| &sweep.forgiven).collect();
        let attempts = self.jobs[job].attempts.values();
        attempts.filter(move |tried| tried.generation == generation && !forgiven.contains(&tried.attempt))
    }

    /// The same error twice. All that doomed jobs say is the same.
    fn gave_up(&self, job: usize) -> bool {
        self.counted(job).filter(|tried| matches!(tried.ending, Some(Ending::Error { .. }))).count() > 1
    }

    /// Too many failures of services since the last that left a checkpoint.
    pub(super) fn put_aside(&self, job: usize) -> bool {
        let mut charged = 0;
        for tried in self.counted(job).filter(|tried| tried.ending.is_some()) {
            if tried.checkpoints_made > 0 {
                charged = 0;
            }
            charged += u32::from(matches!(tried.ending, Some(Ending::Infrastructure(_))));
        }
        charged > LIMITS.infrastructure
    }

    pub(super) fn failed(&self, job: usize) -> bool {
        !self.done(job) && (self.gave_up(job) || self.universe.inputs(job).into_iter().any(|input| self.failed(input)))
    }

    pub(super) fn blocked(&self, job: usize) -> bool {
        !self.universe.inputs(job).into_iter().all(|input| self.done(input))
    }

    // Money.

    /// What was taken for a job: each attempt once.
    fn spend(&self, job: usize) -> (u128, u128, u128) {
        let heard = &self.jobs[job];
        let mut took: Vec<(Mark, Spend)> = heard.facts.iter().map(|fact| (fact.attempt, fact.spend)).collect();
        for tried in heard.attempts.values().filter(|tried| tried.ending.is_some()) {
            took.push((Mark::of(&tried.attempt), tried.spend));
        }
        let mut seen = Vec::new();
        took.retain(|(mark, _)| {
            !seen.contains(mark) && {
                seen.push(*mark);
                true
            }
        });
        let sum = |part: fn(&Spend) -> f64| took.iter().map(|(_, spend)| parts(part(spend))).sum();
        let bytes = if self.done(job) { heard.facts.last().unwrap().spend.bytes } else { 0 };
        (sum(|spend| spend.gpu_hours), sum(|spend| spend.usd), bytes.into())
    }

    fn sum(&self, jobs: impl Iterator<Item = usize>) -> (u128, u128, u128) {
        jobs.map(|job| self.spend(job)).fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2))
    }

    pub(super) fn spent(&self, sweep: usize) -> Spend {
        let (gpu, usd, bytes) = self.sum(self.universe.sweeps[sweep].jobs.iter().copied());
        Spend { gpu_hours: gpu as f64 / 1e9, usd: usd as f64 / 1e9, bytes: u64::try_from(bytes).unwrap() }
    }

    /// What jobs of this kind took on the average, where one is done.
    fn mean(&self, sweep: usize, kind: Kind) -> Option<(u128, u128, u128)> {
        let jobs = || self.universe.sweeps[sweep].jobs.iter().copied();
        let done = || jobs().filter(|job| self.done(*job) && self.universe.kind(*job) == kind);
        let count = u128::try_from(done().count()).unwrap();
        let (gpu, usd, bytes) = self.sum(done());
        (count > 0).then(|| (gpu / count, usd / count, bytes / count))
    }

    /// Whether the job alone would break a budget of the sweep, if nothing else ran.
    fn breaks(&self, sweep: usize, job: usize) -> bool {
        let next = self.mean(sweep, self.universe.kind(job));
        self.sweeps[&sweep].budgets.iter().any(|budget| {
            let covers =
                |job: &usize| budget.covers(self.universe.jobs[*job].shape.tier, self.universe.jobs[*job].shape.track);
            if !covers(&job) {
                return false;
            }
            let used = self.sum(self.universe.sweeps[sweep].jobs.iter().copied().filter(covers));
            let beyond = |most: Option<u128>, used: u128, next: Option<u128>| match (most, next) {
                (None, _) | (_, Some(0)) => false,
                (Some(most), Some(next)) => used + next > most,
                (Some(most), None) => used >= most,
            };
            beyond(budget.gpu_hours.map(parts), used.0, next.map(|next| next.0))
                || beyond(budget.usd.map(parts), used.1, next.map(|next| next.1))
                || beyond(budget.bytes.map(u128::from), used.2, next.map(|next| next.2))
        })
    }

    // Whole sweeps.

    fn is_due(&self, sweep: usize, (place, gate): (usize, &Gate)) -> bool {
        let reported = self.sweeps[&sweep].reported || gate.until.report.is_none();
        let share = match (gate.until.done, gate.until.report) {
            (Some(share), _) => share,
            (None, None) => 1.0,
            (None, Some(_)) => 0.0,
        };
        let counted = self.universe.sweeps[sweep].jobs.iter().copied().filter(|job| {
            let tier = self.universe.jobs[*job].shape.tier;
            let of_tier =
                gate.until.tier.map_or_else(|| !self.universe.holds((sweep, place), *job), |wanted| wanted == tier);
            of_tier && !self.left_out(sweep, *job)
        });
        let counted: Vec<usize> = counted.collect();
        let done = counted.iter().filter(|job| self.done(**job)).count();
        reported && done as f64 + 1e-6 >= share * counted.len() as f64
    }

    /// Whether the cells that need the job are all beyond a limit on configurations.
    fn left_out(&self, sweep: usize, job: usize) -> bool {
        let cells = &self.universe.sweeps[sweep].plan.cells;
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|cell| (cells[*cell].tier, *cell));
        let beyond = |cell: &usize| {
            self.sweeps[&sweep].budgets.iter().any(|budget| {
                let covered = |cell: &&usize| budget.covers(cells[**cell].tier, cells[**cell].track);
                let place = order.iter().filter(covered).position(|other| other == cell);
                place.zip(budget.configurations).is_some_and(|(place, most)| place as u64 >= most)
            })
        };
        let needing = self.universe.cells_needing(sweep, job);
        !needing.is_empty() && needing.iter().all(beyond)
    }

    /// Whether a gate or a limit on configurations of the sweep holds the job.
    pub(super) fn shut(&self, sweep: usize, job: usize) -> bool {
        let gates = 0..self.universe.sweeps[sweep].plan.gates.len();
        let open = &self.sweeps[&sweep].open;
        self.left_out(sweep, job)
            || gates.filter(|gate| !open.contains(gate)).any(|gate| self.universe.holds((sweep, gate), job))
    }

    /// Whether the sweep would publish the job if nothing else ran.
    pub(super) fn lets(&self, sweep: usize, job: usize) -> bool {
        !self.shut(sweep, job) && !self.breaks(sweep, job)
    }

    /// Whether a budget of the sweep may hold the job while others are under way.
    pub(super) fn is_limited(&self, sweep: usize, job: usize) -> bool {
        let shape = &self.universe.jobs[job].shape;
        let costs = |budget: &&Budget| budget.gpu_hours.is_some() || budget.usd.is_some() || budget.bytes.is_some();
        self.sweeps[&sweep].budgets.iter().filter(costs).any(|budget| budget.covers(shape.tier, shape.track))
    }

    pub(super) fn place(&self, job: usize) -> (Class, Track) {
        (self.universe.kind(job).class(), self.universe.jobs[job].shape.track)
    }
}
