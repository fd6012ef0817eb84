//! The part of an attempt that needs the store alone: its job is done, or will not be.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::store::Put;
use bitsweep_backends::{self as backends, BackendError};
use bitsweep_proto::Outcome;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, Verdict};
use bitsweep_proto::outcome::{InputDigest, Item, OUTCOME_VERSION, Produced, Provenance};
use bitsweep_proto::wire::{Done, ProducedFile};
use tokio::time::Instant;
use tracing::Instrument;

use super::{Attempt, Ended, Ending, hint};
use crate::error::with_causes;
use crate::kinds::has_checkpoints;
use crate::machine;
use crate::metrics::{Stage, verdict_name};

/// Each step of putting an end on record may take this long on top of `stop_limit` once the deadline has come.
const RECORD_LIMIT: Duration = Duration::from_secs(2);

/// An attempt that needs its child no more.
pub(crate) struct Finished {
    attempt: Attempt,
    made: Result<Made, BackendError>,
}

/// What came of running.
pub(super) enum Made {
    /// Something to commit.
    Product(Product),
    /// Nothing.
    Nothing(Conclusion),
}

/// What the job made of its inputs.
pub(super) struct Product {
    pub(super) inputs: Vec<InputDigest>,
    pub(super) done: Done,
}

/// What is to be put on record and told.
pub(super) enum Conclusion {
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

impl Finished {
    pub(super) fn new(attempt: Attempt, made: Result<Made, BackendError>) -> Self {
        Self { attempt, made }
    }

    /// Commits what was made, or puts on record that nothing was, and tells the ledger.
    pub(crate) async fn conclude(self) -> Ended {
        let span = self.attempt.span.clone();
        self.conclude_in_span().instrument(span).await
    }

    async fn conclude_in_span(self) -> Ended {
        let Self { mut attempt, made } = self;
        let reached = match made {
            Ok(Made::Product(product)) => {
                let (limit, stop) = (attempt.place.shared.settings.stop_limit, attempt.place.stop.clone());
                let committed = stop.or_past(limit, attempt.commit(product)).await;
                // It may be committed all the same: then its outcome says so, against what is put on record now.
                committed.unwrap_or(Ok(Conclusion::Without(Verdict::Preempted)))
            }
            Ok(Made::Nothing(conclusion)) => Ok(conclusion),
            Err(error) => Err(error),
        };
        let (conclusion, refused) = reached.map_or_else(infrastructure, |conclusion| (conclusion, None));
        if refused.is_some() {
            // Nobody is to begin what cannot be ended.
            attempt.place.shared.raise.raise();
        }
        let ending = attempt.put_on_record(conclusion).await;
        let Attempt { carrier, place, folder, lease: _kept_until_now, .. } = attempt;
        let committed = matches!(ending, Ending::Verdict(Verdict::Committed) | Ending::Adopted | Ending::NotNeeded);
        let limit = place.shared.settings.stop_limit + 2 * RECORD_LIMIT;
        place.stop.or_past(limit, carrier.finish(committed)).await;
        if let Some(folder) = folder {
            folder.give_back().await;
        }
        Ended { ending, refused }
    }
}

fn infrastructure(error: BackendError) -> (Conclusion, Option<BackendError>) {
    let verdict = Verdict::Infrastructure { message: with_causes(&error) };
    (Conclusion::Without(verdict), Some(error).filter(|error| matches!(error, BackendError::Refused { .. })))
}

impl Attempt {
    /// Stores what the job made, then puts the outcome: the only commit.
    async fn commit(&mut self, product: Product) -> Result<Conclusion, BackendError> {
        let Product { inputs, done } = product;
        let shared = Arc::clone(&self.place.shared);
        let before = Instant::now();
        let mut artifact = Vec::new();
        for (name, file) in done.files {
            let (blob, bytes) = match file {
                ProducedFile::Written(path) => {
                    let (blob, bytes) = shared.store.put_blob_file(&path).await?;
                    shared.metrics.output(bytes);
                    (blob, bytes)
                }
                ProducedFile::Checkpoint(kept) => match self.kept.get(&kept) {
                    Some(item) => (item.blob, item.bytes),
                    None => {
                        let message = format!("it names a checkpoint that is not kept: {kept}");
                        return Ok(Conclusion::Without(Verdict::Broke { message }));
                    }
                },
            };
            artifact.push(Item { name, blob, bytes });
        }
        let outcome = Outcome {
            version: OUTCOME_VERSION,
            key: self.work.key,
            generation: self.work.generation,
            attempt: self.nonce.clone(),
            kind: self.work.spec.kind(),
            fields: self.work.fields.clone(),
            inputs,
            produced: Produced { artifact, measures: done.measures, facts: done.facts, values: done.values },
            provenance: Provenance { committed_at: machine::now(), ..shared.provenance.clone() },
            cost: self.cost,
        };
        let put = shared.store.put_outcome(&outcome).await?;
        shared.metrics.stage(Stage::Commit, before.elapsed());
        Ok(match put {
            Put::Created => Conclusion::Committed(Box::new(outcome)),
            Put::Existing(first) => Conclusion::Discarded(first),
        })
    }

    /// Puts the end of the attempt on record, where its outcome does not do so, then tells the ledger; last, the
    /// checkpoints of a committed job go. Best effort: all of it is for accounting and speed.
    async fn put_on_record(&mut self, conclusion: Conclusion) -> Ending {
        let shared = Arc::clone(&self.place.shared);
        let (outcome, verdict) = match conclusion {
            Conclusion::Done(outcome) => {
                self.told(shared.ledger.adopt(&outcome)).await;
                return Ending::Adopted;
            }
            Conclusion::Revoked { generation } => {
                self.told(shared.ledger.revoked(self.work.key, generation)).await;
                return Ending::NotNeeded;
            }
            Conclusion::Committed(outcome) => (Some(outcome), Verdict::Committed),
            Conclusion::Discarded(outcome) => (Some(outcome), Verdict::Discarded),
            Conclusion::Without(verdict) => (None, verdict),
        };
        self.log.line(&format!("ended: {}", in_words(&verdict)));
        shared.metrics.ended(self.work.spec.kind(), &verdict);
        if verdict != Verdict::Committed {
            let limit = shared.settings.stop_limit + RECORD_LIMIT;
            let stop = self.place.stop.clone();
            stop.or_past(limit, self.put_end(&verdict)).await;
        }
        match &outcome {
            Some(outcome) => {
                self.told(shared.ledger.adopt(outcome)).await;
                // Whoever comes too late may drop what the next generation is made from.
                if verdict == Verdict::Committed && has_checkpoints(self.work.spec.kind()) {
                    self.told(shared.store.drop_checkpoints(self.work.key, self.work.generation)).await;
                }
            }
            None => {
                let (key, attempt, checkpoints_made) = (self.work.key, self.nonce.clone(), self.checkpoints_made);
                let ended = backends::Ended { key, attempt, verdict: verdict.clone(), checkpoints_made };
                self.told(shared.ledger.end(&ended)).await;
            }
        }
        Ending::Verdict(verdict)
    }

    /// A hint, which is not waited for beyond the deadline.
    async fn told(&self, telling: impl Future<Output = Result<(), BackendError>>) {
        let limit = self.place.shared.settings.stop_limit + 2 * RECORD_LIMIT;
        match self.place.stop.or_past(limit, telling).await {
            Some(told) => hint(told),
            None => tracing::warn!("the deadline came before the end of an attempt was told"),
        }
    }

    /// Puts the end on record, and before it the start where that did not come through: an end without a start counts for
    /// nothing. An attempt that was preempted before there was something to run was never made.
    async fn put_end(&mut self, verdict: &Verdict) {
        if self.start.is_none() && *verdict == Verdict::Preempted {
            return;
        }
        hint(self.start().put().await);
        let end = AttemptEnd {
            version: ATTEMPT_VERSION,
            attempt: self.nonce.clone(),
            key: self.work.key,
            ended_at: machine::now(),
            checkpoints_made: self.checkpoints_made,
            verdict: verdict.clone(),
            cost: self.cost,
        };
        hint(self.place.shared.store.put_attempt_end(&end).await);
    }
}

fn in_words(verdict: &Verdict) -> String {
    let name = verdict_name(verdict);
    match verdict {
        Verdict::Committed | Verdict::Discarded | Verdict::Preempted => name.to_owned(),
        Verdict::Infrastructure { message } | Verdict::Broke { message } => format!("{name}: {message}"),
        Verdict::Failed { code, message } => format!("{name}: {code}: {message}"),
    }
}
