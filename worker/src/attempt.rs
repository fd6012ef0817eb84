//! One attempt, from claim to commit.
//!
//! The order of its writes is what makes it safe to be killed anywhere: start record, checkpoints, blobs, outcome (the
//! only commit), end record; then the ledger hears of it, and only after the commit are checkpoints dropped.

mod commit;

use std::collections::BTreeMap;
use std::sync::Arc;

use bitsweep_backends::BackendError;
use bitsweep_proto::Nonce;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptStart, Verdict};
use bitsweep_proto::outcome::{Cost, Item};
use bitsweep_proto::wire::{Done, FromChild, Task, ToChild, WireError};
use bitsweep_proto::work::Work;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::error::with_causes;
use crate::inputs::{self, InputError};
use crate::lease::Lease;
use crate::machine;
use crate::process::Child;
use crate::usage;
use crate::worker::{Shared, raised};

/// A running attempt.
pub(crate) struct Attempt {
    shared: Arc<Shared>,
    /// True once the worker has to go.
    stop: watch::Receiver<bool>,
    child: Child,
    /// Whether the child is between two tasks; else it is of no more use when the attempt ends.
    child_is_free: bool,
    work: Work,
    nonce: Nonce,
    lease: Lease,
    started: Instant,
    /// Checkpoints that are kept, found or made, by name.
    kept: BTreeMap<String, Item>,
    checkpoints_made: u64,
    /// CPU seconds of the child before this attempt.
    cpu_seconds_before: f64,
    cost: Cost,
}

/// How an attempt ended.
pub(crate) struct Ended {
    pub(crate) verdict: Verdict,
    /// The error of a service that refuses, after which the worker must not go on.
    pub(crate) refused: Option<BackendError>,
    /// The child, where it can run another task.
    pub(crate) child: Option<Child>,
}

/// What came of the child's work.
enum Answer {
    Done(Done),
    Over(Verdict),
}

impl Attempt {
    /// An attempt on claimed `work`; the lease is kept from now on.
    pub(crate) fn new(
        (shared, stop): (Arc<Shared>, watch::Receiver<bool>),
        child: Child,
        work: Work,
        nonce: Nonce,
    ) -> Self {
        let times = (shared.settings.beat, shared.settings.lease);
        let lease = Lease::keep(Arc::clone(&shared.ledger), work.key, nonce.clone(), times);
        let (cost, started) = (Cost::default(), Instant::now());
        let (kept, checkpoints_made, cpu_seconds_before) = (BTreeMap::new(), 0, 0.0);
        Self {
            shared,
            stop,
            child,
            child_is_free: true,
            work,
            nonce,
            lease,
            started,
            kept,
            checkpoints_made,
            cpu_seconds_before,
            cost,
        }
    }

    /// Runs it to its end and puts that on record.
    pub(crate) async fn run(mut self) -> Ended {
        let (verdict, refused) = match self.reach_verdict().await {
            Ok(verdict) => (verdict, None),
            Err(error) => {
                let verdict = Verdict::Infrastructure { message: with_causes(&error) };
                (verdict, Some(error).filter(|error| matches!(error, BackendError::Refused { .. })))
            }
        };
        self.put_on_record(verdict.clone()).await;
        let Self { child, child_is_free, .. } = self;
        let child = if child_is_free {
            Some(child)
        } else {
            child.end().await;
            None
        };
        Ended { verdict, refused, child }
    }

    /// All of the attempt but its end record. An error is one of the store: the attempt ends as infrastructure.
    async fn reach_verdict(&mut self) -> Result<Verdict, BackendError> {
        let shared = Arc::clone(&self.shared);
        let checkpoints = self.find_checkpoints().await?;
        shared.store.put_attempt_start(&self.start_record()).await?;
        let fetched = tokio::select! {
            biased;
            () = raised(&mut self.stop) => return Ok(Verdict::Preempted),
            fetched = inputs::fetch(&shared.store, &self.work) => fetched,
        };
        let inputs = match fetched {
            Ok(inputs) => inputs,
            Err(InputError::Store(error)) => return Err(error),
            Err(InputError::Lost { message, revoked }) => {
                if let Some((key, generation)) = revoked {
                    hint(shared.ledger.revoked(key, generation).await);
                }
                return Ok(Verdict::Infrastructure { message });
            }
        };
        let scratch = match shared.scratch.attempt() {
            Ok(scratch) => scratch,
            Err(error) => return Ok(Verdict::Infrastructure { message: format!("no folder for the job: {error}") }),
        };
        let spec = self.work.spec.clone();
        let task = Task { spec, inputs: inputs.files, checkpoints, scratch: scratch.path().to_owned() };
        match self.run_in_child(task).await? {
            Answer::Done(done) => self.commit(inputs.digests, done).await,
            Answer::Over(verdict) => Ok(verdict),
        }
    }

    fn start_record(&self) -> AttemptStart {
        AttemptStart {
            version: ATTEMPT_VERSION,
            attempt: self.nonce.clone(),
            key: self.work.key,
            generation: self.work.generation,
            host: self.shared.provenance.host.clone(),
            process: std::process::id(),
            started_at: machine::now(),
            checkpoints_found: self.kept.len() as u64,
        }
    }

    /// Has the child run the task, keeps its checkpoints, and tells it to stop when that is due. Comes back with the
    /// child still busy where it is broken or did not stop in time.
    async fn run_in_child(&mut self, task: Task) -> Result<Answer, BackendError> {
        self.child_is_free = false;
        usage::reset_peak_memory(self.child.pid);
        self.cpu_seconds_before = usage::cpu_seconds(self.child.pid);
        match self.child.send(&ToChild::Run(Box::new(task))).await {
            // If the child is gone, the next message says so.
            Ok(()) | Err(WireError::Io(_)) => {}
            Err(error) => return Ok(Answer::Over(self.broke(with_causes(&error)).await)),
        }
        let mut limit = None;
        loop {
            let message = tokio::select! {
                message = self.child.next() => message,
                () = due(&mut self.stop, &mut self.lease), if limit.is_none() => {
                    limit = Some(Instant::now() + self.shared.settings.stop_limit);
                    let _ = self.child.send(&ToChild::Stop).await;
                    continue;
                }
                () = sleep_until(limit.unwrap_or(self.started)), if limit.is_some() => {
                    return Ok(Answer::Over(Verdict::Preempted));
                }
            };
            self.take_usage();
            let verdict = match message {
                Some(Ok(FromChild::Progress { done, total })) => {
                    self.lease.progress(done, total);
                    continue;
                }
                Some(Ok(FromChild::Checkpoint { name, path })) => {
                    self.keep(&name, &path).await?;
                    let _ = self.child.send(&ToChild::Kept { name }).await;
                    continue;
                }
                Some(Ok(FromChild::Done(done))) => {
                    self.child_is_free = true;
                    return Ok(Answer::Done(*done));
                }
                Some(Ok(FromChild::Stopped)) => self.free(Verdict::Preempted),
                Some(Ok(FromChild::Failed { code, message })) => self.free(Verdict::Failed { code, message }),
                Some(Ok(FromChild::Unable { message })) => self.free(Verdict::Infrastructure { message }),
                // Killed along with us, or by us: not its fault.
                Some(Err(_)) | None if limit.is_some() => Verdict::Preempted,
                Some(Ok(message @ FromChild::Hello { .. })) => self.broke(format!("it sent {message:?}")).await,
                Some(Err(error)) => self.broke(with_causes(&error)).await,
                None => Verdict::Broke { message: self.child.how_it_ended().await },
            };
            return Ok(Answer::Over(verdict));
        }
    }

    /// The child has answered and can take another task.
    fn free(&mut self, verdict: Verdict) -> Verdict {
        self.child_is_free = true;
        verdict
    }

    /// The child did what no child may do.
    async fn broke(&mut self, why: String) -> Verdict {
        Verdict::Broke { message: self.child.kill_for(why).await }
    }

    fn take_usage(&mut self) {
        let (cpu, peak) = (usage::cpu_seconds(self.child.pid), usage::peak_memory_bytes(self.child.pid));
        self.cost.cpu_seconds = self.cost.cpu_seconds.max(cpu - self.cpu_seconds_before);
        self.cost.peak_memory_bytes = self.cost.peak_memory_bytes.max(peak);
    }
}

/// Waits for a reason to stop: the deadline, or a lease that is lost or unwanted.
async fn due(stop: &mut watch::Receiver<bool>, lease: &mut Lease) {
    tokio::select! {
        () = raised(stop) => {}
        () = lease.over() => {}
    }
}

/// What the ledger is told is a hint: if it does not get through, the scheduler finds the fact in the store.
fn hint(told: Result<(), BackendError>) {
    if let Err(error) = told {
        tracing::warn!("{error}");
    }
}
