//! The full reconcile: what hints have missed is found in the store.
//!
//! Owns: what is compared. Does not own: how often (the loop), or what follows: a difference leads to a look at the job,
//! and the scheduler takes in what that finds.

use std::collections::BTreeSet;

use bitsweep_backends::Service;
use bitsweep_backends::store::Known;
use bitsweep_plan::scheduler::{JobState, State};
use bitsweep_proto::{Control, JobKey, SweepId};

use crate::hands::Hands;
use crate::lookups::Look;
use crate::sweeps::Sweeps;

/// What the store has, by names, and the decisions about some sweeps.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The sweeps that were known when it began. What came later is not missed in what it found.
    pub(crate) watched: BTreeSet<SweepId>,
    /// All sweeps, oldest first.
    pub(crate) sweeps: Vec<SweepId>,
    /// All outcomes and revocations; `None` where nothing is under way that they could matter to.
    pub(crate) known: Option<Known>,
    /// The decisions about the sweeps that were asked for.
    pub(crate) controls: Vec<Control>,
}

impl Hands {
    /// Lists the store; reads the decisions about `watched`.
    pub(crate) async fn survey(&self, watched: BTreeSet<SweepId>, with_outcomes: bool) -> Survey {
        let (store, health) = (&self.store, &self.health);
        let mut sweeps = health.insist(Service::Store, || store.sweeps_newest_first()).await;
        sweeps.reverse();
        let known = if with_outcomes { Some(health.insist(Service::Store, || store.known()).await) } else { None };
        let mut controls = Vec::new();
        for sweep in watched.clone() {
            match health.persist(Service::Store, || store.controls(&sweep)).await {
                Ok(found) => controls.extend(found),
                Err(error) => tracing::error!(%sweep, "its controls cannot be read: {error}"),
            }
        }
        Survey { watched, sweeps, known, controls }
    }
}

/// The jobs that the store knows something else of than the state.
pub(crate) fn differences(known: &Known, state: &State, sweeps: &Sweeps) -> Vec<(Look, JobKey)> {
    let mut looks = Vec::new();
    let mut seen = BTreeSet::new();
    for key in sweeps.all().flat_map(|sweep| sweep.plan.jobs.iter().map(|job| job.key)) {
        let is_done = state.job_state(&key) == Some(JobState::Done);
        let look = match known.outcomes.get(&key) {
            Some(generation) if !is_done => Look::Unheard { generation: Some(*generation) },
            // It may be of a generation that the state has not heard of. Few jobs are ever made again.
            Some(generation) if *generation > 0 => Look::Outcome { generation: Some(*generation) },
            Some(_) => continue,
            None if is_done || known.generations.contains_key(&key) => Look::Outcome { generation: None },
            None => continue,
        };
        if seen.insert(key) {
            looks.push((look, key));
        }
    }
    looks
}
