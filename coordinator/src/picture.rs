//! How a sweep of a store stands, as `status` shows it where nobody is asked: the summary in the store's index.
//!
//! Owns: what is in it, and when whoever schedules writes it. Does not own: when it is believed (the store's index). It can
//! be made from the store alone, which reads every outcome; whoever schedules has all of it at hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::store::{Change, Moment};
use bitsweep_backends::{Store, StoreLock};
use bitsweep_plan::scheduler::{JobState, Took};
use bitsweep_plan::{CellCount, KindCount};
use bitsweep_proto::outcome::Cost;
use bitsweep_proto::plan::From;
use bitsweep_proto::{Digest, JobKey, Kind, Outcome, Plan, Spec, SweepId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::lead::Lead;

/// A picture is made this often at most.
const EVERY: Duration = Duration::from_secs(1);

/// And not so often that it takes more than one part in so many of the loop's time.
const SHARE: u32 = 100;

/// With more failures than these there is no picture: to say which cells each of them costs takes too long.
const FAILURES: usize = 100;

/// How a sweep stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Its name in the manifest.
    pub name: String,
    /// What [`crate::api::manifest_digest`] says of its manifest; `None` where that cannot be read.
    pub manifest: Option<Digest>,
    /// Cells of its matrix.
    pub cells: u64,
    /// Cells whose measures are there.
    pub cells_done: u64,
    /// Jobs by kind.
    pub kinds: Vec<KindCount>,
    /// Cells by model, dataset and codec family.
    pub matrix: Vec<CellCount>,
    /// What the attempts took that committed the outcomes of each kind: seconds added up over slots, the highest peak of
    /// memory.
    pub costs: BTreeMap<Kind, Cost>,
    /// The jobs that were given up, in the plan's order.
    pub failures: Vec<PictureFailure>,
}

/// A job that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureFailure {
    /// The job.
    pub key: JobKey,
    /// What it is.
    pub spec: Spec,
    /// The first cell that needs it; `None` where none does.
    pub first_cell: Option<String>,
    /// How many other cells need it.
    pub other_cells: u64,
    /// What it said.
    pub reason: String,
}

impl Picture {
    /// From the outcomes that the store has of the plan's jobs, and the jobs that cannot be done, with what they said.
    pub fn of(plan: &Plan, outcomes: &BTreeMap<JobKey, Outcome>, failed: BTreeMap<JobKey, String>) -> Self {
        let took = |key: &JobKey| outcomes.get(key).map(|outcome| Took::of(&outcome.cost));
        Self::from(plan, &took, failed)
    }

    fn from(plan: &Plan, took: &dyn Fn(&JobKey) -> Option<Took>, mut failed: BTreeMap<JobKey, String>) -> Self {
        let mut costs: BTreeMap<Kind, Cost> = BTreeMap::new();
        for job in &plan.jobs {
            if let Some(took) = took(&job.key) {
                let cost = costs.entry(job.spec.kind()).or_default();
                cost.seconds += took.seconds;
                cost.cpu_seconds += took.cpu_seconds;
                cost.peak_memory_bytes = cost.peak_memory_bytes.max(took.peak_memory_bytes);
            }
        }
        let summary = bitsweep_plan::summary(plan, &|key| took(key).is_some());
        let mut failures = Vec::new();
        for (index, job) in (0..).zip(&plan.jobs) {
            if let Some(reason) = failed.remove(&job.key) {
                let (first_cell, other_cells) = needed_by(plan, index);
                failures.push(PictureFailure { key: job.key, spec: job.spec.clone(), first_cell, other_cells, reason });
            }
        }
        let manifest = bitsweep_proto::manifest::read(&plan.manifest, "manifest").ok();
        Self {
            name: plan.name.clone(),
            manifest: manifest.as_ref().map(crate::api::manifest_digest),
            cells: plan.cells.len() as u64,
            cells_done: summary.matrix.iter().map(|count| count.done).sum(),
            kinds: summary.kinds,
            matrix: summary.matrix,
            costs,
            failures,
        }
    }

    /// The one in the index of a sweep, where it can be believed.
    pub async fn indexed(store: &Store, sweep: &SweepId) -> Option<Self> {
        serde_json::from_value(store.index(sweep).await?.summary).ok()
    }
}

/// The first cell that needs a job, and how many others do. Jobs stand in the plan after their inputs, so one pass over
/// the jobs behind it finds all that need it.
fn needed_by(plan: &Plan, job: u32) -> (Option<String>, u64) {
    let mut needs = vec![false; plan.jobs.len()];
    needs[job as usize] = true;
    for index in job as usize + 1..plan.jobs.len() {
        let inputs = &plan.jobs[index].inputs;
        needs[index] = inputs.iter().any(|input| matches!(input.from, From::Job(other) if needs[other as usize]));
    }
    let mut cells = plan.cells.iter().filter(|planned| needs[planned.job as usize]).map(|planned| &planned.cell);
    let first = cells.next().map(ToString::to_string);
    (first, cells.count() as u64)
}

/// Whether the store has as many of the plan's jobs done as a picture says. One that was revoked just before may be news
/// that has not come yet.
async fn has_all(store: &Store, plan: &Plan, picture: &Picture) -> bool {
    let Ok(known) = store.known().await else { return false };
    let done = plan.jobs.iter().filter(|job| known.outcomes.contains_key(&job.key)).count() as u64;
    done == picture.kinds.iter().map(|kind| kind.done).sum::<u64>()
}

/// Keeps the index up: pictures are put into it one after the other.
#[derive(Debug)]
pub(crate) struct IndexKeeper {
    store: Store,
    entries: mpsc::UnboundedSender<Entry>,
    /// When the next are due.
    due: Instant,
}

#[derive(Debug)]
struct Entry {
    sweep: SweepId,
    picture: Picture,
    last: Option<Last>,
}

/// What the last picture of a sweep comes with.
#[derive(Debug)]
struct Last {
    plan: Arc<Plan>,
    /// From then on it was made.
    moment: Moment,
    /// For whoever waits until it is put.
    put: oneshot::Sender<()>,
}

impl IndexKeeper {
    /// Starts to put what is sent, among `tasks`. `None` where the store is no folder: it has no index.
    fn start(store: &Store, lock: Arc<StoreLock>, tasks: &mut JoinSet<()>) -> Option<Self> {
        store.folder()?;
        let (entries, mut received) = mpsc::unbounded_channel::<Entry>();
        let own = store.clone();
        tasks.spawn(async move {
            while let Some(Entry { sweep, picture, last }) = received.recv().await {
                let value = serde_json::to_value(&picture).expect("plain data has a form in JSON");
                let knows_all = match &last {
                    Some(last) => has_all(&own, &last.plan, &picture).await,
                    None => false,
                };
                let (moment, put) = last.map(|Last { moment, put, .. }| (moment, put)).unzip();
                if let Err(error) = own.put_index(&lock, &sweep, (&value, moment.filter(|_| knows_all))).await {
                    tracing::debug!(%sweep, "the index is not kept up: {error}");
                }
                // Nobody may be waiting.
                let _ = put.map(|put| put.send(()));
            }
        });
        Some(Self { store: store.clone(), entries, due: Instant::now() })
    }
}

impl Lead {
    /// From now on the index is kept up, by whoever has this lock of the store.
    pub(crate) fn keep_index(&mut self, lock: Arc<StoreLock>) {
        self.index_keeper = IndexKeeper::start(&self.hands.store, lock, &mut self.tasks);
    }

    /// Has all sweeps indexed that may have changed, where that is due.
    pub(super) fn index_all(&mut self) {
        let began = Instant::now();
        if self.index_keeper.as_ref().is_none_or(|keeper| keeper.due > began) {
            return;
        }
        let live: Vec<SweepId> = self.sweeps.ids().filter(|id| !self.sweeps.is_over(id)).collect();
        live.iter().for_each(|sweep| self.index(sweep));
        if let Some(keeper) = &mut self.index_keeper {
            keeper.due = Instant::now() + EVERY.max(began.elapsed() * SHARE);
        }
    }

    /// Has one sweep indexed now.
    fn index(&self, sweep: &SweepId) {
        if let (Some(keeper), Some(picture)) = (&self.index_keeper, self.picture(sweep)) {
            // Whoever puts them lives as long as the loop.
            let _ = keeper.entries.send(Entry { sweep: *sweep, picture, last: None });
        }
    }

    /// Has a picture put of a sweep that is over, which can be believed when nobody schedules any more: for ever where all
    /// of it is done and nothing is lost, else until something is put on record in this store. What is returned ends once
    /// it is put.
    pub(crate) fn index_last(&self, sweep: &SweepId) -> Option<oneshot::Receiver<()>> {
        let keeper = self.index_keeper.as_ref()?;
        let picture = self.picture(sweep)?;
        let is_all_done = picture.kinds.iter().all(|kind| kind.done == kind.total);
        let moment = keeper.store.moment(if is_all_done { Change::Loss } else { Change::Any })?;
        let (put, is_put) = oneshot::channel();
        let last = Last { plan: Arc::clone(&self.sweeps.get(sweep)?.plan), moment, put };
        let _ = keeper.entries.send(Entry { sweep: *sweep, picture, last: Some(last) });
        Some(is_put)
    }

    /// How a sweep stands now. Costs what the sweep has.
    fn picture(&self, sweep: &SweepId) -> Option<Picture> {
        let plan = &self.sweeps.get(sweep)?.plan;
        // The loop may have it before the state has.
        self.state.tally(sweep)?;
        let reasons = self.state.reasons(sweep);
        if reasons.len() > FAILURES {
            return None;
        }
        let failed = reasons.into_iter().filter(|(_, state, _)| *state == JobState::Failed);
        let failed = failed.map(|(key, _, reason)| (key, reason)).collect();
        Some(Picture::from(plan, &|key| self.state.fact(key).map(|fact| fact.took), failed))
    }
}
