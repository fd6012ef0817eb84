//! One attempt, from claim to commit.
//!
//! The order of its writes is what makes it safe to be killed anywhere: start record, checkpoints, blobs, outcome (the
//! only commit) or end record; then the ledger hears of it, and only after the commit are checkpoints dropped.
//!
//! **Which attempt has an end record.** An attempt that the outcome of its generation names is committed, *whatever else
//! is on record of it*, and its cost is the outcome's: it may have been killed right behind the commit, or a reaper may
//! have put that it vanished before it came back and won. So whoever counts attempts goes by the outcome first, and a
//! committed attempt puts no end record, which would say nothing more. Any other attempt with an end record ended as
//! that says; one without runs, or vanished with its machine.
//!
//! What is not needed is not done: kinds without checkpoints have none looked for or dropped, and a short attempt that
//! has nothing to tell leaves no log. Such an attempt costs three operations of the store: one read (is it done?), its
//! start, its outcome.

mod commit;
mod supervise;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::BackendError;
use bitsweep_backends::store::LocalBlob;
use bitsweep_proto::attempt::{AttemptStart, Verdict};
use bitsweep_proto::outcome::{Cost, Item};
use bitsweep_proto::wire::{InputFile, Task};
use bitsweep_proto::work::Work;
use bitsweep_proto::{Nonce, Outcome};
use tokio::time::Instant;
use tracing::Instrument;

use crate::error::with_causes;
use crate::inputs::{self, InputError, Inputs};
use crate::kinds::has_checkpoints;
use crate::lease::Lease;
use crate::log::{Carrier, Log};
use crate::metrics::Stage;
use crate::process::Child;
use crate::slot::Place;
use crate::standing::{Standing, standing};

use supervise::Answer;

/// Each step of putting an end on record may take this long on top of `stop_limit` once the deadline has come.
const RECORD_LIMIT: Duration = Duration::from_secs(2);

/// A running attempt.
pub(crate) struct Attempt {
    place: Place,
    child: Child,
    /// Whether the child is between two tasks; else it is of no more use when the attempt ends.
    child_is_free: bool,
    work: Work,
    nonce: Nonce,
    lease: Lease,
    log: Log,
    carrier: Carrier,
    started: Instant,
    /// The start record, once it is about to be put.
    start: Option<AttemptStart>,
    start_is_put: bool,
    /// Checkpoints that are kept, found or made, by name.
    kept: BTreeMap<String, Item>,
    checkpoints_made: u64,
    /// CPU seconds of the child before this attempt.
    cpu_seconds_before: f64,
    cost: Cost,
}

/// How an attempt ended.
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// The error of a service that refuses, after which the worker must not go on.
    pub(crate) refused: Option<BackendError>,
    /// The child, where it can run another task.
    pub(crate) child: Option<Child>,
}

/// What became of a claim.
pub(crate) enum Ending {
    /// An attempt was made, and this came of it.
    Verdict(Verdict),
    /// The job is done already.
    Adopted,
    /// The generation to make is revoked already.
    NotNeeded,
}

/// What is to be put on record and told.
enum Conclusion {
    /// This outcome of ours is the committed one.
    Committed(Box<Outcome>),
    /// This outcome of another attempt was there first.
    Discarded(Box<Outcome>),
    /// It ended without an outcome.
    Without(Verdict),
    /// The job is done already, by this outcome.
    Done(Box<Outcome>),
    /// The generation to make is revoked already.
    Revoked { generation: u32 },
}

/// All that a child needs.
struct Prepared {
    inputs: Inputs,
    checkpoints: Vec<InputFile>,
    /// Keeps their files on this machine.
    held: Vec<LocalBlob>,
}

/// Whether there is something to run.
enum Outset {
    Ready(Box<Prepared>),
    Over(Conclusion),
}

impl Attempt {
    /// An attempt on claimed `work`; the lease is kept from now on.
    pub(crate) fn new(place: Place, child: Child, work: Work, nonce: Nonce) -> Self {
        let shared = &place.shared;
        let lease = Lease::keep(Arc::clone(shared), &work, nonce.clone());
        let logs = shared.settings.logs;
        let log = Log::new(logs);
        let carrier = Carrier::start(shared.store.clone(), (work.key, nonce.clone()), log.clone(), logs);
        child.begin(log.clone());
        Self {
            place,
            child,
            child_is_free: true,
            work,
            nonce,
            lease,
            log,
            carrier,
            started: Instant::now(),
            start: None,
            start_is_put: false,
            kept: BTreeMap::new(),
            checkpoints_made: 0,
            cpu_seconds_before: 0.0,
            cost: Cost::default(),
        }
    }

    /// Runs it to its end and puts that on record.
    pub(crate) async fn run(self) -> Ended {
        let kind = self.work.spec.kind().name();
        let (key, attempt, traceparent) = (self.work.key, &self.nonce, self.work.traceparent.as_str());
        let span = tracing::info_span!("attempt", %key, kind, %attempt, traceparent);
        self.run_in_span().instrument(span).await
    }

    async fn run_in_span(mut self) -> Ended {
        let kind = self.work.spec.kind();
        let (device, host) = (&self.place.device, &self.place.shared.provenance.host);
        let generation = self.work.generation;
        self.log.line(&format!(
            "claimed by {host}: {} {}, generation {generation}, on {device}",
            kind.name(),
            self.work.key
        ));
        let (conclusion, refused) = match self.reach_conclusion().await {
            Ok(conclusion) => (conclusion, None),
            Err(error) => {
                let verdict = Verdict::Infrastructure { message: with_causes(&error) };
                (
                    Conclusion::Without(verdict),
                    Some(error).filter(|error| matches!(error, BackendError::Refused { .. })),
                )
            }
        };
        self.child.settle().await;
        let ending = self.conclude(conclusion).await;
        let Self { child, child_is_free, carrier, place, .. } = self;
        let committed = matches!(ending, Ending::Verdict(Verdict::Committed) | Ending::Adopted | Ending::NotNeeded);
        let limit = place.shared.settings.stop_limit + 2 * RECORD_LIMIT;
        place.stop.or_past(limit, carrier.finish(committed)).await;
        let child = if child_is_free {
            Some(child)
        } else {
            child.end().await;
            None
        };
        place.folder.clear(!child_is_free).await;
        Ended { ending, refused, child }
    }

    /// All of the attempt but its end. An error is one of the store: the attempt ends as infrastructure.
    async fn reach_conclusion(&mut self) -> Result<Conclusion, BackendError> {
        let (shared, stop) = (Arc::clone(&self.place.shared), self.place.stop.clone());
        let before = Instant::now();
        let prepared = match stop.or(self.prepare()).await {
            None => return Ok(Conclusion::Without(Verdict::Preempted)),
            Some(Err(error)) => return Err(error),
            Some(Ok(Outset::Over(conclusion))) => return Ok(conclusion),
            Some(Ok(Outset::Ready(prepared))) => *prepared,
        };
        self.tell_fetched(&prepared, before.elapsed());
        let scratch = match self.place.folder.empty(&shared.scratch) {
            Ok(scratch) => scratch,
            Err(error) => {
                let message = format!("no folder for the job: {error}");
                return Ok(Conclusion::Without(Verdict::Infrastructure { message }));
            }
        };
        // What is held stays on this machine until the child is done with it.
        let Prepared { inputs, checkpoints, held: _held } = prepared;
        let spec = self.work.spec.clone();
        let task = Task { spec, inputs: inputs.files, checkpoints, scratch };
        let before = Instant::now();
        let answer = self.run_in_child(task).await;
        shared.metrics.stage(Stage::Run, before.elapsed());
        let done = match answer? {
            Answer::Done(done) => done,
            Answer::Over(verdict) => return Ok(Conclusion::Without(verdict)),
        };
        match stop.or_past(shared.settings.stop_limit, self.commit(inputs.digests, done)).await {
            Some(committed) => committed,
            // It may be committed all the same: then its outcome says so, against what is put on record now.
            None => Ok(Conclusion::Without(Verdict::Preempted)),
        }
    }

    /// Finds out whether there is something to run, puts the start on record and fetches what the child needs.
    async fn prepare(&mut self) -> Result<Outset, BackendError> {
        let shared = Arc::clone(&self.place.shared);
        match standing(&shared.store, &self.work).await? {
            Standing::Open => {}
            Standing::Done(outcome) => return Ok(Outset::Over(Conclusion::Done(outcome))),
            Standing::Revoked { generation } => return Ok(Outset::Over(Conclusion::Revoked { generation })),
        }
        let (mut checkpoints, mut held) = (Vec::new(), Vec::new());
        if has_checkpoints(self.work.spec.kind()) {
            (checkpoints, held) = self.find_checkpoints().await?;
        }
        let start =
            self.start.insert(commit::start_record(&self.place, (&self.work, &self.nonce), self.kept.len())).clone();
        // Side by side: nothing runs before both are done.
        let put = shared.store.put_attempt_start(&start);
        let (put, fetched) = tokio::join!(put, inputs::fetch(&shared.store, &self.work));
        put?;
        self.start_is_put = true;
        match fetched {
            Ok(inputs) => Ok(Outset::Ready(Box::new(Prepared { inputs, checkpoints, held }))),
            Err(InputError::Store(error)) => Err(error),
            Err(InputError::Lost { message, revoked }) => {
                if let Some((key, generation)) = revoked {
                    hint(shared.ledger.revoked(key, generation).await);
                }
                Ok(Outset::Over(Conclusion::Without(Verdict::Infrastructure { message })))
            }
        }
    }

    fn tell_fetched(&self, prepared: &Prepared, took: Duration) {
        let Prepared { inputs, checkpoints, .. } = prepared;
        let found: u64 = self.kept.values().map(|item| item.bytes).sum();
        self.place.shared.metrics.input(inputs.bytes + found);
        self.place.shared.metrics.stage(Stage::Fetch, took);
        let (files, bytes) = (inputs.files.len() + checkpoints.len(), inputs.bytes + found);
        let seconds = took.as_secs_f64();
        self.log.line(&format!(
            "fetched {files} files, {bytes} bytes, in {seconds:.3} s; {} are checkpoints",
            checkpoints.len()
        ));
    }
}

/// What the ledger is told is a hint: if it does not get through, the scheduler finds the fact in the store.
fn hint(told: Result<(), BackendError>) {
    if let Err(error) = told {
        tracing::warn!("{error}");
    }
}
