//! A worker: its slots, from start to deadline.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{Ledger, Queue, Store};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::outcome::Provenance;
use bitsweep_proto::worker::Offer;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::busy::Busy;
use crate::card::Announcer;
use crate::deadline::{self, Cause, Raise, Stop};
use crate::error::WorkerError;
use crate::machine;
use crate::metrics::WorkerMetrics;
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::slot::Slot;
use crate::turns::Turns;

/// What slots may take on top of `stop_limit`, after the deadline, to put their ends on record. Whoever is not done by
/// then hangs, and is left alone: the store holds what counts.
const FAREWELL: Duration = Duration::from_secs(5);

/// Takes jobs and runs them until there is a reason to go.
pub struct Worker {
    /// Where tickets come from.
    pub queue: Arc<dyn Queue>,
    /// Who holds which job.
    pub ledger: Arc<dyn Ledger>,
    /// What is true.
    pub store: Store,
    /// How it works.
    pub settings: Settings,
    /// What it counts.
    pub metrics: WorkerMetrics,
    /// True (or closed) once the worker is told to go. Running jobs stop at their next safe point.
    pub stop: watch::Receiver<bool>,
}

/// Why a worker ended that met no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerEnd {
    /// A deadline came: there may be more to do.
    Deadline(Cause),
    /// There was nothing to do for as long as was asked.
    Idle,
}

/// How a worker ended, and how its attempts did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerReport {
    /// Why it ended.
    pub end: WorkerEnd,
    /// Outcomes committed.
    pub committed: u64,
    /// Outcomes that came second.
    pub discarded: u64,
    /// Claims whose outcome was there already: nothing was run.
    pub adopted: u64,
    /// Stopped at the deadline or because nobody wanted them any more.
    pub preempted: u64,
    /// Failed by a service or by the machine.
    pub infrastructure: u64,
    /// Child processes that broke.
    pub broke: u64,
    /// Jobs that cannot be done.
    pub failed: u64,
}

impl WorkerReport {
    /// A worker that ended so and did nothing.
    pub fn idle(end: WorkerEnd) -> Self {
        Self { end, committed: 0, discarded: 0, adopted: 0, preempted: 0, infrastructure: 0, broke: 0, failed: 0 }
    }

    pub(crate) fn count(&mut self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Committed => &mut self.committed,
            Verdict::Discarded => &mut self.discarded,
            Verdict::Preempted => &mut self.preempted,
            Verdict::Infrastructure { .. } => &mut self.infrastructure,
            Verdict::Broke { .. } => &mut self.broke,
            Verdict::Failed { .. } => &mut self.failed,
        };
        *counter += 1;
    }

    fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.discarded += other.discarded;
        self.adopted += other.adopted;
        self.preempted += other.preempted;
        self.infrastructure += other.infrastructure;
        self.broke += other.broke;
        self.failed += other.failed;
    }
}

impl Default for WorkerReport {
    /// Told to go, with nothing done.
    fn default() -> Self {
        Self::idle(WorkerEnd::Deadline(Cause::Told))
    }
}

/// What the slots of a worker share.
pub(crate) struct Shared {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) scratch: Scratch,
    /// Who makes the outcomes; without the time.
    pub(crate) provenance: Provenance,
    pub(crate) busy: Arc<Busy>,
    /// Who computes when.
    pub(crate) turns: Turns,
    /// Brings the deadline, for whoever meets an error that no retry mends.
    pub(crate) raise: Raise,
    /// What the first slot serves, once its child has said what it computes with.
    pub(crate) offer: watch::Sender<Option<Offer>>,
}

impl Worker {
    /// Works until there is a reason to go, and returns when the last job has stopped: at most `stop_limit` and 6 s after
    /// the deadline, whatever hangs. Where a slot meets an error that no retry mends, all slots stop, and the first such
    /// error is returned.
    pub async fn run(self) -> Result<WorkerReport, WorkerError> {
        let Self { queue, ledger, store, settings, metrics, stop: told } = self;
        let scratch = Scratch::make(&settings.scratch)?;
        let provenance = Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: machine::host(),
            cpu: machine::cpu(),
            committed_at: 0,
        };
        let (busy, offer) = (Arc::new(Busy::new(metrics.clone())), watch::Sender::new(None));
        let ((raise, stop), turns) = (Stop::new(), Turns::default());
        let shared = Shared { queue, ledger, store, settings, metrics, scratch, provenance, busy, turns, raise, offer };
        let shared = Arc::new(shared);
        let announcer = Announcer::start(Arc::clone(&shared), shared.offer.subscribe(), stop.clone());
        let mut slots = JoinSet::new();
        for number in 0..shared.settings.slots {
            slots.spawn(Slot::new(number, Arc::clone(&shared), stop.clone()).run());
        }
        // Slots end at the deadline, or each on its own with an error, which is one for all.
        let end = tokio::select! {
            cause = deadline::come(&shared.settings, told) => Ok(WorkerEnd::Deadline(cause)),
            () = shared.busy.idle_for(shared.settings.exit_when_idle) => Ok(WorkerEnd::Idle),
            ended = slots.join_next() => Err(ended),
        };
        shared.raise.raise();
        let mut tally = Tally::default();
        let end = end.unwrap_or_else(|ended| {
            ended.into_iter().for_each(|slot| tally.add(slot));
            WorkerEnd::Deadline(Cause::Told)
        });
        let limit = shared.settings.stop_limit + FAREWELL;
        while let Some(ended) = stop.or_past(limit, slots.join_next()).await {
            let Some(slot) = ended else { break };
            tally.add(slot);
        }
        if !slots.is_empty() {
            tracing::warn!("{} slots hang and are left alone", slots.len());
            slots.shutdown().await;
        }
        announcer.end().await;
        match tally.error {
            Some(error) => Err(error),
            None => Ok(WorkerReport { end, ..tally.report }),
        }
    }
}

/// What slots have done.
#[derive(Default)]
struct Tally {
    report: WorkerReport,
    /// The first.
    error: Option<WorkerError>,
}

impl Tally {
    fn add(&mut self, slot: Result<(WorkerReport, Result<(), WorkerError>), tokio::task::JoinError>) {
        let (report, result) = slot.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        self.report.add(&report);
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }
}
