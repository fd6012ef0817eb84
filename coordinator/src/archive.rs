//! Sweeps that are not in the state: complete ones, cancelled ones, and all of them where this coordinator does not lead.
//!
//! Owns: a bounded memory of what the loop last said of sweeps that it dropped, and the answer from the records alone.
//! What is remembered is never needed: without it the records are read.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitsweep_backends::store::Known;
use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::{Control, Kind, Plan, SweepId};

use crate::answer::budgets;
use crate::desk::DeskError;
use crate::load::{is_cancelled, is_complete};
use crate::view::{JobCounts, StateCounts, SweepLine, SweepState, SweepStatus};

/// Statuses that are remembered; of each sweep the line is.
const STATUSES: usize = 256;

/// What is remembered of sweeps that the state no longer has.
#[derive(Debug, Default)]
pub(crate) struct Archive(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    lines: HashMap<SweepId, SweepLine>,
    statuses: HashMap<SweepId, SweepStatus>,
    /// Of the statuses, oldest first.
    order: VecDeque<SweepId>,
}

impl Archive {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a sweep that is complete or cancelled.
    pub(crate) fn keep(&self, status: SweepStatus) {
        let status = SweepStatus { workers: Vec::new(), oldest_ready_seconds: None, ..status };
        let shelf = &mut *self.shelf();
        let id = status.line.id;
        shelf.lines.insert(id, status.line.clone());
        if shelf.statuses.insert(id, status).is_none() {
            shelf.order.push_back(id);
        }
        while shelf.order.len() > STATUSES {
            let oldest = shelf.order.pop_front();
            oldest.map(|oldest| shelf.statuses.remove(&oldest));
        }
    }

    /// Remembers what a list says of a sweep that is complete or cancelled.
    pub(crate) fn keep_line(&self, line: SweepLine) {
        self.shelf().lines.insert(line.id, line);
    }

    /// Forgets a sweep: it is in the state again.
    pub(crate) fn forget(&self, sweep: &SweepId) {
        let shelf = &mut *self.shelf();
        shelf.lines.remove(sweep);
        shelf.statuses.remove(sweep);
        shelf.order.retain(|other| other != sweep);
    }

    /// Forgets all but these: the others are no longer in the store.
    pub(crate) fn retain(&self, there: &HashSet<SweepId>) {
        let shelf = &mut *self.shelf();
        shelf.lines.retain(|id, _| there.contains(id));
        shelf.statuses.retain(|id, _| there.contains(id));
        shelf.order.retain(|id| there.contains(id));
    }

    pub(crate) fn has(&self, sweep: &SweepId) -> bool {
        self.shelf().lines.contains_key(sweep)
    }

    /// The cancelled ones: they may be resumed.
    pub(crate) fn cancelled(&self) -> Vec<SweepId> {
        let shelf = self.shelf();
        shelf.lines.values().filter(|line| line.state == SweepState::Cancelled).map(|line| line.id).collect()
    }
}

/// What a list says of a sweep, from the records alone. Whether it runs is not on record: it then waits.
pub(crate) fn line((id, plan): (SweepId, &Plan), known: &Known, controls: &[Control]) -> SweepLine {
    let is_done = |job: u32| known.outcomes.contains_key(&plan.jobs[job as usize].key);
    let cells_done = plan.cells.iter().filter(|cell| is_done(cell.job)).count();
    let state = match () {
        () if is_complete(plan, known) => SweepState::Finished,
        () if is_cancelled(controls) => SweepState::Cancelled,
        () => SweepState::Waiting,
    };
    SweepLine { id, name: plan.name.clone(), cells: plan.cells.len() as u64, cells_done: cells_done as u64, state }
}

/// All sweeps, newest first: those in the state as it says, the others from memory or from the records.
pub(crate) async fn lines(store: &Store, archive: &Archive, live: Vec<SweepLine>) -> Result<Vec<SweepLine>, DeskError> {
    let ids = store.sweeps_newest_first().await?;
    let mut found: HashMap<SweepId, SweepLine> = archive.shelf().lines.clone();
    found.extend(live.into_iter().map(|line| (line.id, line)));
    let mut known = None;
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(line) = found.remove(&id) {
            lines.push(line);
            continue;
        }
        if known.is_none() {
            known = Some(store.known().await?);
        }
        let (Some(known), plan) = (&known, read_plan(store, id).await?) else { continue };
        let line = line((id, &plan), known, &store.controls(&id).await?);
        if line.state == SweepState::Finished {
            archive.keep_line(line.clone());
        }
        lines.push(line);
    }
    Ok(lines)
}

async fn read_plan(store: &Store, sweep: SweepId) -> Result<Plan, DeskError> {
    match store.plan(&sweep).await {
        Err(BackendError::Missing { .. }) => Err(DeskError::NoSweep { sweep }),
        read => Ok(read?),
    }
}

/// All about a sweep that the state does not have. What is open counts as blocked: nothing more is on record.
pub(crate) async fn status(store: &Store, archive: &Archive, sweep: SweepId) -> Result<SweepStatus, DeskError> {
    if let Some(status) = archive.shelf().statuses.get(&sweep) {
        return Ok(status.clone());
    }
    let plan = read_plan(store, sweep).await?;
    let (known, controls) = (store.known().await?, store.controls(&sweep).await?);
    let line = line((sweep, &plan), &known, &controls);
    let is_cancelled = line.state == SweepState::Cancelled;
    let mut jobs: BTreeMap<(Kind, u32), StateCounts> = BTreeMap::new();
    let mut total = StateCounts::default();
    for job in &plan.jobs {
        let mut one = StateCounts::default();
        match known.outcomes.contains_key(&job.key) {
            true => one.done = 1,
            false if is_cancelled => one.cancelled = 1,
            false => one.blocked = 1,
        }
        total.add(&one);
        jobs.entry((job.spec.kind(), job.tier)).or_default().add(&one);
    }
    let status = SweepStatus {
        jobs: jobs.into_iter().map(|((kind, tier), states)| JobCounts { kind, tier, states }).collect(),
        total,
        holds: Vec::new(),
        budgets: budgets(&plan, controls.iter(), &[]),
        spent: None,
        failures: Vec::new(),
        failures_all: 0,
        running: Vec::new(),
        running_all: 0,
        workers: Vec::new(),
        oldest_ready_seconds: None,
        line,
    };
    if status.line.state == SweepState::Finished {
        archive.keep(status.clone());
    }
    Ok(status)
}
