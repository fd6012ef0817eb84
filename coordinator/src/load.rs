//! Sweeps as the store has them: what the scheduler begins with.
//!
//! Owns: which records are read for a sweep, and how many at a time. Does not own: what they mean for the jobs
//! (`bitsweep_plan::scheduler`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bitsweep_backends::store::{Attempts, Known};
use bitsweep_backends::{BackendError, Service, Store};
use bitsweep_plan::retry::History;
use bitsweep_plan::scheduler::{Fact, Facts, Mark};
use bitsweep_proto::{Action, Control, JobKey, Plan, SweepId};
use futures::stream::{self, StreamExt};

use crate::archive;
use crate::hands::{Done, Hands};
use crate::health::Health;
use crate::view::SweepLine;

/// A sweep, read.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// It is to be scheduled.
    Live(Box<Live>),
    /// Nothing of it is to be scheduled: it is complete or cancelled.
    Over(SweepLine),
}

/// A sweep that is to be scheduled.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) sweep: SweepId,
    pub(crate) plan: Arc<Plan>,
    /// All that was decided about it, by number.
    pub(crate) controls: Vec<Control>,
    /// What of it the scheduler is to hear, in order.
    pub(crate) actions: Vec<Action>,
    pub(crate) facts: Facts,
    /// Attempts on its jobs that have no end on record.
    pub(crate) open: Vec<Open>,
}

/// An attempt without an end on record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Open {
    pub(crate) key: JobKey,
    pub(crate) attempt: bitsweep_proto::Nonce,
}

/// The attempts of `attempts` on `key` that have a start and no end.
pub(crate) fn open(key: JobKey, attempts: &Attempts) -> impl Iterator<Item = Open> {
    let ended: HashSet<_> = attempts.ends.iter().map(|end| &end.attempt).collect();
    let starts = attempts.starts.iter().filter(move |start| !ended.contains(&start.attempt));
    starts.map(move |start| Open { key, attempt: start.attempt.clone() })
}

/// Whether the last word on a sweep is that nobody wants it.
pub(crate) fn is_cancelled(controls: &[Control]) -> bool {
    let mut words = controls.iter().filter_map(|control| match control.action {
        Action::Cancel => Some(true),
        Action::Resume => Some(false),
        Action::Retry { .. } | Action::Budget { .. } | Action::Reported => None,
    });
    words.next_back().unwrap_or(false)
}

/// Whether every job of the plan has an outcome.
pub(crate) fn is_complete(plan: &Plan, known: &Known) -> bool {
    plan.jobs.iter().all(|job| known.outcomes.contains_key(&job.key))
}

/// Whether a budget of the sweep counts what attempts took, so that every attempt on record matters and not those of
/// open jobs alone.
pub(crate) fn counts_attempts(plan: &Plan, controls: &[Control]) -> bool {
    let changed = controls.iter().filter_map(|control| match &control.action {
        Action::Budget { budget, .. } => Some(budget),
        _ => None,
    });
    plan.budgets.iter().chain(changed).any(|budget| budget.gpu_hours.is_some() || budget.usd.is_some())
}

impl Hands {
    fn reader(&self) -> Reader {
        Reader { store: self.store.clone(), health: self.health.clone(), reads: self.settings.reads }
    }

    /// All sweeps of the store, oldest first. One that cannot be read is left out and said so.
    pub(crate) async fn load_all(&self) -> Vec<Loaded> {
        let (store, reader) = (&self.store, self.reader());
        let mut sweeps = self.health.insist(Service::Store, || store.sweeps_newest_first()).await;
        sweeps.reverse();
        let mut loaded = Vec::new();
        if sweeps.is_empty() {
            return loaded;
        }
        let mut shelf = reader.shelf().await;
        for sweep in sweeps {
            match reader.load(sweep, None, &mut shelf).await {
                Ok(sweep) => loaded.push(sweep),
                Err(error) => tracing::error!(%sweep, "cannot be scheduled: {error}"),
            }
        }
        loaded
    }

    /// One sweep; with its plan, where somebody has it already.
    pub(crate) async fn load(&self, sweep: SweepId, plan: Option<Arc<Plan>>) -> Done {
        let reader = self.reader();
        let mut shelf = reader.shelf().await;
        match reader.load(sweep, plan, &mut shelf).await {
            Ok(loaded) => Done::Loaded(Box::new(loaded)),
            Err(error) => Done::Unloadable { sweep, error },
        }
    }
}

/// Reads sweeps.
pub(crate) struct Reader {
    pub(crate) store: Store,
    pub(crate) health: Health,
    /// Reads at a time.
    pub(crate) reads: usize,
}

impl Reader {
    /// What there is, by names.
    pub(crate) async fn shelf(&self) -> Shelf {
        let store = &self.store;
        let known = self.health.insist(Service::Store, || store.known()).await;
        let tried = self.health.insist(Service::Store, || store.tried()).await;
        let submissions = self.health.insist(Service::Store, || store.submissions()).await;
        Shelf { known, tried, submissions, facts: HashMap::new(), attempts: HashMap::new() }
    }

    async fn load(&self, sweep: SweepId, plan: Option<Arc<Plan>>, shelf: &mut Shelf) -> Result<Loaded, BackendError> {
        let plan = match plan {
            Some(plan) => plan,
            None => Arc::new(self.health.persist(Service::Store, || self.store.plan(&sweep)).await?),
        };
        let controls = self.health.persist(Service::Store, || self.store.controls(&sweep)).await?;
        if is_cancelled(&controls) || is_complete(&plan, &shelf.known) {
            return Ok(Loaded::Over(archive::line((sweep, &plan), &shelf.known, &controls)));
        }
        Ok(Loaded::Live(Box::new(self.live((sweep, plan), shelf).await?)))
    }

    /// All that is on record about a sweep.
    pub(crate) async fn live(
        &self,
        (sweep, plan): (SweepId, Arc<Plan>),
        shelf: &mut Shelf,
    ) -> Result<Live, BackendError> {
        let controls = self.health.persist(Service::Store, || self.store.controls(&sweep)).await?;
        let mut wanted: Vec<JobKey> = plan.jobs.iter().map(|job| job.key).collect();
        let outcomes = self.facts_of(&wanted, shelf).await;
        let all = counts_attempts(&plan, &controls);
        wanted.retain(|key| shelf.tried.contains(key) && (all || !outcomes.contains_key(key)));
        let attempts = self.attempts_of(&wanted, shelf).await;
        let generations = &shelf.known.generations;
        let generations = plan.jobs.iter().filter_map(|job| Some((job.key, *generations.get(&job.key)?))).collect();
        // The attempt that committed puts no end on record.
        let committed =
            |open: &Open| outcomes.get(&open.key).is_some_and(|fact| fact.attempt == Mark::of(&open.attempt));
        let open = attempts.iter().flat_map(|(key, attempts)| open(*key, attempts));
        let open = open.filter(|open| !committed(open)).collect();
        let histories =
            attempts.into_iter().map(|(key, found)| (key, History::of(&found.starts, &found.ends))).collect();
        let facts = Facts { outcomes, generations, histories, since: shelf.since(&sweep) };
        let actions = controls.iter().map(|control| control.action.clone()).collect();
        Ok(Live { sweep, plan, controls, actions, facts, open })
    }

    /// The facts of those of `keys` that have an outcome. What another sweep has had read is not read again.
    async fn facts_of(&self, keys: &[JobKey], shelf: &mut Shelf) -> HashMap<JobKey, Fact> {
        let done = keys.iter().filter(|key| shelf.known.outcomes.contains_key(key));
        let new: Vec<JobKey> = done.filter(|key| !shelf.facts.contains_key(key)).copied().collect();
        let store = &self.store;
        let read = |key: JobKey| async move {
            let outcome = self.health.insist(Service::Store, || store.outcome_or_revoke(key)).await;
            (key, outcome.map(|outcome| Fact::of(&outcome)))
        };
        let mut reads = stream::iter(new).map(read).buffer_unordered(self.reads);
        while let Some((key, fact)) = reads.next().await {
            match fact {
                Some(fact) => drop(shelf.facts.insert(key, fact)),
                // Its record was damaged, and is revoked now; or it was revoked just now.
                None => {
                    shelf.known.outcomes.remove(&key);
                    let next = self.health.insist(Service::Store, || store.generation_of(key)).await;
                    shelf.known.generations.insert(key, next);
                }
            }
        }
        keys.iter().filter_map(|key| Some((*key, *shelf.facts.get(key)?))).collect()
    }

    async fn attempts_of(&self, keys: &[JobKey], shelf: &mut Shelf) -> HashMap<JobKey, Attempts> {
        let new: Vec<JobKey> = keys.iter().filter(|key| !shelf.attempts.contains_key(key)).copied().collect();
        let store = &self.store;
        let read = |key: JobKey| async move { (key, self.health.insist(Service::Store, || store.attempts(key)).await) };
        let mut reads = stream::iter(new).map(read).buffer_unordered(self.reads);
        while let Some((key, attempts)) = reads.next().await {
            shelf.attempts.insert(key, attempts);
        }
        keys.iter().filter_map(|key| Some((*key, shelf.attempts.get(key)?.clone()))).collect()
    }
}

/// What was read once, for all sweeps that are read together.
pub(crate) struct Shelf {
    known: Known,
    tried: BTreeSet<JobKey>,
    /// When, in milliseconds since 1970, and of what; the last one last.
    submissions: Vec<(u64, SweepId)>,
    facts: HashMap<JobKey, Fact>,
    attempts: HashMap<JobKey, Attempts>,
}

impl Shelf {
    /// When the sweep was submitted first, in seconds since 1970: what was made before costs it nothing.
    fn since(&self, sweep: &SweepId) -> u64 {
        self.submissions.iter().find(|(_, submitted)| submitted == sweep).map_or(0, |(at_ms, _)| at_ms / 1000)
    }
}
