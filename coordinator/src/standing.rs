//! How a sweep stands, for whoever watches.

use std::collections::{BTreeMap, HashMap};

use bitsweep_plan::scheduler::{JobState, State};
use bitsweep_proto::{JobKey, Kind, Plan};

/// Watches a run. Called from the coordinator's loop: must not block.
pub trait Observer: Send {
    /// After every round of the loop.
    fn standing(&mut self, standing: &Standing);
    /// Something worth a line.
    fn note(&mut self, message: &str);
}

/// Jobs by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In the order of the pipeline; only kinds that the plan has.
    pub kinds: BTreeMap<Kind, KindStanding>,
}

/// The jobs of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindStanding {
    /// Jobs in the plan.
    pub total: u64,
    /// Jobs with an outcome.
    pub done: u64,
    /// Jobs that an attempt holds.
    pub running: u64,
    /// Jobs given up, dependants counted.
    pub failed: u64,
    /// Units (rows, queries) done by running jobs.
    pub units_done: u64,
    /// Units of running jobs.
    pub units_total: u64,
}

/// Keeps the counts as jobs move, so that a round costs what moved.
pub(crate) struct Watch {
    kinds: HashMap<JobKey, Kind>,
    states: HashMap<JobKey, JobState>,
    units: HashMap<JobKey, (u64, u64)>,
    standing: Standing,
}

impl Watch {
    pub(crate) fn new(plan: &Plan) -> Self {
        let kinds: HashMap<JobKey, Kind> = plan.jobs.iter().map(|job| (job.key, job.spec.kind())).collect();
        let mut standing = Standing::default();
        for kind in kinds.values() {
            standing.kinds.entry(*kind).or_default().total += 1;
        }
        Self { kinds, states: HashMap::new(), units: HashMap::new(), standing }
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Progress of a running job.
    pub(crate) fn units(&mut self, key: JobKey, done: u64, total: u64) {
        let Some(count) = self.kinds.get(&key).and_then(|kind| self.standing.kinds.get_mut(kind)) else { return };
        let (old_done, old_total) = self.units.insert(key, (done, total)).unwrap_or_default();
        count.units_done = count.units_done + done - old_done;
        count.units_total = count.units_total + total - old_total;
    }

    /// A job may have moved.
    pub(crate) fn moved(&mut self, key: JobKey, state: &State) {
        let (Some(kind), Some(now)) = (self.kinds.get(&key), state.job_state(&key)) else { return };
        let count = self.standing.kinds.entry(*kind).or_default();
        let before = self.states.insert(key, now);
        if let Some(counter) = before.and_then(|before| counter(count, before)) {
            *counter -= 1;
        }
        if let Some(counter) = counter(count, now) {
            *counter += 1;
        }
        if now != JobState::Leased
            && let Some((done, total)) = self.units.remove(&key)
        {
            count.units_done -= done;
            count.units_total -= total;
        }
    }
}

fn counter(count: &mut KindStanding, state: JobState) -> Option<&mut u64> {
    match state {
        JobState::Done => Some(&mut count.done),
        JobState::Leased => Some(&mut count.running),
        JobState::Failed => Some(&mut count.failed),
        JobState::Blocked | JobState::Ready | JobState::Waiting | JobState::Published | JobState::Held => None,
    }
}
