//! The part of an attempt that needs its slot and the slot's child: until the job is done, or will not be.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::BackendError;
use bitsweep_backends::store::LocalBlob;
use bitsweep_proto::Nonce;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::wire::{InputFile, Task};
use bitsweep_proto::work::Work;
use tokio::time::Instant;
use tracing::Instrument;

use super::finished::{Conclusion, Finished, Made, Product};
use super::supervise::{Answer, due};
use super::{Attempt, SHORT, hint};
use crate::inputs::{self, InputError, Inputs};
use crate::kinds::{computes_alone, has_checkpoints};
use crate::machine;
use crate::metrics::Stage;
use crate::process::Child;
use crate::slot::Place;
use crate::standing::{Standing, standing};

/// An attempt with a child.
pub(crate) struct Running {
    pub(super) attempt: Attempt,
    pub(super) child: Child,
    /// Whether the child is between two tasks; else it is of no more use when the attempt ends.
    pub(super) child_is_free: bool,
    /// CPU seconds of the child before this attempt.
    pub(super) cpu_seconds_before: f64,
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

impl Running {
    /// An attempt on claimed `work`; the lease is kept from now on.
    pub(crate) fn new(place: Place, child: Child, work: Work, nonce: Nonce) -> Self {
        let attempt = Attempt::new(place, work, nonce);
        child.begin(attempt.log.clone());
        Self { attempt, child, child_is_free: true, cpu_seconds_before: 0.0 }
    }

    /// Has the job done. What came of it is to be concluded; the child comes back where it can run another task.
    pub(crate) async fn run(self) -> (Finished, Option<Child>) {
        let span = self.attempt.span.clone();
        self.run_in_span().instrument(span).await
    }

    async fn run_in_span(mut self) -> (Finished, Option<Child>) {
        let (place, work) = (&self.attempt.place, &self.attempt.work);
        let (device, host) = (&place.device, &place.shared.provenance.host);
        let (kind, key, generation) = (work.spec.kind().name(), work.key, work.generation);
        self.attempt.log.line(&format!("claimed by {host}: {kind} {key}, generation {generation}, on {device}"));
        let made = self.make().await;
        self.child.settle().await;
        let Self { mut attempt, child, child_is_free, .. } = self;
        // What the commit takes overlaps with the next attempt, and is charged to nobody.
        attempt.cost = attempt.cost_now();
        if computes_alone(attempt.work.spec.kind()) {
            // Its times are taken.
            attempt.turn = None;
        }
        if child_is_free {
            return (Finished::new(attempt, made), Some(child));
        }
        child.end().await;
        if let Some(folder) = attempt.folder.take() {
            folder.remove().await;
        }
        (Finished::new(attempt, made), None)
    }

    /// An error is one of the store: the attempt ends as infrastructure.
    async fn make(&mut self) -> Result<Made, BackendError> {
        let (shared, stop) = (Arc::clone(&self.attempt.place.shared), self.attempt.place.stop.clone());
        let over = |verdict| Ok(Made::Nothing(Conclusion::Without(verdict)));
        if !self.take_turn().await {
            return over(Verdict::Preempted);
        }
        let before = Instant::now();
        let prepared = match stop.or(self.prepare()).await {
            None => return over(Verdict::Preempted),
            Some(Err(error)) => return Err(error),
            Some(Ok(Outset::Over(conclusion))) => return Ok(Made::Nothing(conclusion)),
            Some(Ok(Outset::Ready(prepared))) => *prepared,
        };
        self.tell_fetched(&prepared, before.elapsed());
        let scratch = match self.attempt.place.folders.take(&shared.scratch) {
            Ok(folder) => self.attempt.folder.insert(folder).path().to_owned(),
            Err(error) => {
                let message = format!("no folder for the job: {error}");
                return over(Verdict::Infrastructure { message });
            }
        };
        // What is held stays on this machine until the child is done with it.
        let Prepared { inputs, checkpoints, held: _held } = prepared;
        let spec = self.attempt.work.spec.clone();
        let task = Task { spec, inputs: inputs.files, checkpoints, scratch };
        let before = Instant::now();
        let answer = self.run_in_child(task).await;
        shared.metrics.stage(Stage::Run, before.elapsed());
        match answer? {
            Answer::Done(done) => Ok(Made::Product(Product { inputs: inputs.digests, done })),
            Answer::Over(verdict) => over(verdict),
        }
    }

    /// Waits for its turn, with the lease kept; false where there is a reason to stop before that. The attempt begins with its
    /// turn: until then it was never made, and the wait costs it nothing.
    async fn take_turn(&mut self) -> bool {
        let (shared, stop) = (Arc::clone(&self.attempt.place.shared), self.attempt.place.stop.clone());
        let kind = self.attempt.work.spec.kind();
        let why = tokio::select! {
            biased;
            turn = shared.turns.of(kind) => {
                self.attempt.turn = Some(turn);
                (self.attempt.began, self.attempt.began_at) = (Instant::now(), machine::now());
                return true;
            }
            why = due(&stop, &mut self.attempt.lease) => why,
        };
        self.attempt.log.line(&format!("did not get its turn: {why}"));
        false
    }

    /// Finds out whether there is something to run, and fetches what the child needs. From here on it matters to others
    /// that there was such an attempt: its start goes on record, at once where it may leave checkpoints, else once it has
    /// lasted a while.
    async fn prepare(&mut self) -> Result<Outset, BackendError> {
        let shared = Arc::clone(&self.attempt.place.shared);
        match standing(&shared.store, &self.attempt.work).await? {
            Standing::Open => {}
            Standing::Done(outcome) => return Ok(Outset::Over(Conclusion::Done(outcome))),
            Standing::Revoked { generation } => return Ok(Outset::Over(Conclusion::Revoked { generation })),
        }
        let (mut checkpoints, mut held) = (Vec::new(), Vec::new());
        let fetched = if has_checkpoints(self.attempt.work.spec.kind()) {
            (checkpoints, held) = self.find_checkpoints().await?;
            // Side by side: nothing runs before both are done.
            let put = self.attempt.start().put();
            let (put, fetched) = tokio::join!(put, inputs::fetch(&shared.store, &self.attempt.work));
            put?;
            fetched
        } else {
            let moment = self.attempt.began + SHORT;
            self.attempt.start().put_at(moment);
            inputs::fetch(&shared.store, &self.attempt.work).await
        };
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
        let Attempt { kept, log, place, .. } = &self.attempt;
        let found: u64 = kept.values().map(|item| item.bytes).sum();
        place.shared.metrics.input(inputs.bytes + found);
        place.shared.metrics.stage(Stage::Fetch, took);
        let (files, bytes) = (inputs.files.len() + checkpoints.len(), inputs.bytes + found);
        let seconds = took.as_secs_f64();
        log.line(&format!(
            "fetched {files} files, {bytes} bytes, in {seconds:.3} s; {} are checkpoints",
            checkpoints.len()
        ));
    }
}
