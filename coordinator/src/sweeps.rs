//! What the shell knows of the sweeps that the state has: their plans, and the names of their jobs.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bitsweep_proto::plan::{From, PlannedJob};
use bitsweep_proto::{Cell, Control, JobKey, Kind, Plan, SweepId, Work};

use crate::load::{counts_attempts, is_cancelled};

/// One sweep in the state.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) plan: Arc<Plan>,
    /// Decisions that the state has heard of, by number.
    pub(crate) controls: BTreeMap<u64, Control>,
    /// Whether the state says that nothing of it is left that could run.
    pub(crate) is_over: bool,
    /// Whether a budget of it counts what attempts took.
    pub(crate) counts_attempts: bool,
    by_key: HashMap<JobKey, u32>,
    first_cells: OnceCell<Vec<Option<u32>>>,
}

impl Sweep {
    fn new(plan: Arc<Plan>, controls: Vec<Control>) -> Self {
        let by_key = (0..).zip(&plan.jobs).map(|(index, job)| (job.key, index)).collect();
        let counts_attempts = counts_attempts(&plan, &controls);
        let controls = controls.into_iter().map(|control| (control.number, control)).collect();
        Self { plan, controls, is_over: false, counts_attempts, by_key, first_cells: OnceCell::new() }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        let controls: Vec<Control> = self.controls.values().cloned().collect();
        is_cancelled(&controls)
    }

    pub(crate) fn job(&self, key: &JobKey) -> Option<&PlannedJob> {
        self.by_key.get(key).map(|index| &self.plan.jobs[*index as usize])
    }

    /// The first cell that needs a job, directly or not.
    pub(crate) fn cell(&self, key: &JobKey) -> String {
        let first = self.first_cells.get_or_init(|| first_cells(&self.plan));
        let cell = self.by_key.get(key).and_then(|index| first[*index as usize]);
        cell.map_or_else(|| "no cell".to_owned(), |cell| Cell::to_string(&self.plan.cells[cell as usize].cell))
    }
}

/// The first cell that needs each job, directly or not. Jobs stand in the plan after their inputs.
fn first_cells(plan: &Plan) -> Vec<Option<u32>> {
    let mut first: Vec<Option<u32>> = vec![None; plan.jobs.len()];
    for (cell, planned) in (0..).zip(&plan.cells) {
        first[planned.job as usize].get_or_insert(cell);
    }
    for (index, job) in plan.jobs.iter().enumerate().rev() {
        let own = first[index];
        for input in &job.inputs {
            if let From::Job(other) = input.from {
                let known = &mut first[other as usize];
                *known = known.iter().chain(&own).min().copied();
            }
        }
    }
    first
}

/// The sweeps in the state.
#[derive(Debug, Default)]
pub(crate) struct Sweeps(BTreeMap<SweepId, Sweep>);

impl Sweeps {
    /// Adds one. True where it is new.
    pub(crate) fn add(&mut self, id: SweepId, plan: Arc<Plan>, controls: Vec<Control>) -> bool {
        let news = !self.0.contains_key(&id);
        if news {
            self.0.insert(id, Sweep::new(plan, controls));
        }
        news
    }

    pub(crate) fn remove(&mut self, id: &SweepId) {
        self.0.remove(id);
    }

    pub(crate) fn get(&self, id: &SweepId) -> Option<&Sweep> {
        self.0.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &SweepId) -> Option<&mut Sweep> {
        self.0.get_mut(id)
    }

    /// Whether the state says that nothing of it is left that could run.
    pub(crate) fn is_over(&self, id: &SweepId) -> bool {
        self.get(id).is_some_and(|sweep| sweep.is_over)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = SweepId> {
        self.0.keys().copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Sweep> {
        self.0.values()
    }

    /// The sweeps that want a job.
    pub(crate) fn wanting(&self, key: &JobKey) -> Vec<SweepId> {
        self.0.iter().filter(|(_, sweep)| sweep.by_key.contains_key(key)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn kind(&self, key: &JobKey) -> Option<Kind> {
        self.all().find_map(|sweep| sweep.job(key)).map(|job| job.spec.kind())
    }

    /// A job as it is handed out, to be made for the first time.
    pub(crate) fn work(&self, key: &JobKey) -> Option<Work> {
        self.all().find_map(|sweep| Some(bitsweep_plan::work(&sweep.plan, *sweep.by_key.get(key)?, 0)))
    }

    /// A job as a person knows it: its kind and the first cell that needs it.
    pub(crate) fn name(&self, key: &JobKey) -> String {
        let sweep = self.all().find_map(|sweep| Some((sweep, sweep.job(key)?)));
        let Some((sweep, job)) = sweep else { return key.0.short() };
        format!("{} of {} ({})", job.spec.kind().name(), sweep.cell(key), key.0.short())
    }
}
