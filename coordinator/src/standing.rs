//! How a sweep stands, for whoever watches a run.

use std::collections::BTreeMap;

use bitsweep_plan::scheduler::JobState;
use bitsweep_proto::{Kind, SweepId};

use crate::lead::Lead;

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

impl Standing {
    /// How a sweep stands now. Costs what runs, not what the sweep has.
    pub(crate) fn of(lead: &Lead, sweep: &SweepId) -> Self {
        let mut standing = Self::default();
        for ((kind, _), counts) in &lead.state.tally(sweep).unwrap_or_default().jobs {
            let of = |state| counts.of(state) as u64;
            let kind = standing.kinds.entry(*kind).or_default();
            kind.total += counts.all() as u64;
            kind.done += of(JobState::Done);
            kind.running += of(JobState::Leased);
            kind.failed += of(JobState::Failed);
        }
        for key in lead.signs.jobs().filter(|key| lead.state.job_state(key) == Some(JobState::Leased)) {
            let units = lead.signs.of(key, lead.state.attempt_of(key)).map(|sign| sign.units);
            let kind = lead.sweeps.kind(key).and_then(|kind| standing.kinds.get_mut(&kind));
            if let (Some((done, total)), Some(kind)) = (units, kind) {
                kind.units_done += done;
                kind.units_total += total;
            }
        }
        standing
    }
}
