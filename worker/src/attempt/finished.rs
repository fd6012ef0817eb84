//! What an attempt writes to the store: its start, checkpoints, the outcome, its end.

use std::path::Path;
use std::sync::Arc;

use bitsweep_backends::store::{LocalBlob, Put};
use bitsweep_backends::{BackendError, Ended};
use bitsweep_proto::Nonce;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Verdict};
use bitsweep_proto::outcome::{Cost, InputDigest, Item, OUTCOME_VERSION, Outcome, Produced, Provenance};
use bitsweep_proto::wire::{Done, InputFile, ProducedFile};
use bitsweep_proto::work::Work;
use tokio::time::Instant;

use super::{Attempt, Conclusion, Ending, RECORD_LIMIT, hint};
use crate::kinds::has_checkpoints;
use crate::machine;
use crate::metrics::{Stage, verdict_name};
use crate::slot::Place;

/// The start of an attempt that finds so many checkpoints.
pub(super) fn start_record(place: &Place, (work, nonce): (&Work, &Nonce), checkpoints_found: usize) -> AttemptStart {
    AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: nonce.clone(),
        key: work.key,
        generation: work.generation,
        host: place.shared.provenance.host.clone(),
        process: std::process::id(),
        started_at: machine::now(),
        checkpoints_found: checkpoints_found as u64,
        device: place.device.name().to_owned(),
        rates: place.rates,
    }
}

impl Attempt {
    /// The checkpoints of earlier attempts that are whole, on this machine. One that is damaged is dropped: its rows are
    /// made again.
    pub(super) async fn find_checkpoints(&mut self) -> Result<(Vec<InputFile>, Vec<LocalBlob>), BackendError> {
        let shared = Arc::clone(&self.place.shared);
        let (mut files, mut held): (Vec<InputFile>, Vec<LocalBlob>) = (Vec::new(), Vec::new());
        for item in shared.store.checkpoints(self.work.key).await? {
            match shared.store.fetch_blob(&item.blob).await {
                Ok(file) => {
                    let path = file.to_path_buf();
                    held.push(file);
                    files.push(InputFile { name: "checkpoint".to_owned(), item: item.name.clone(), path });
                    self.kept.insert(item.name.clone(), item);
                }
                Err(error @ (BackendError::Missing { .. } | BackendError::Damaged { .. })) => {
                    self.log.line(&format!("drops the checkpoint {}: {error}", item.name));
                    tracing::warn!(key = %self.work.key, "drops the checkpoint {}: {error}", item.name);
                    // The blob too: what is made again may have the same name, and must not be taken for kept.
                    shared.store.delete_blob(&item.blob).await?;
                    shared.store.drop_checkpoint(self.work.key, &item.name).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok((files, held))
    }

    /// Keeps a checkpoint. Where another attempt was first, its bytes are the ones that count.
    pub(super) async fn keep(&mut self, name: &str, file: &Path) -> Result<(), BackendError> {
        let before = Instant::now();
        let store = &self.place.shared.store;
        let (blob, bytes) = store.put_blob_file(file).await?;
        let item = Item { name: name.to_owned(), blob, bytes };
        let item = store.put_checkpoint(self.work.key, &item).await?;
        self.kept.insert(name.to_owned(), item);
        self.checkpoints_made += 1;
        let took = before.elapsed();
        self.place.shared.metrics.checkpoint(bytes, took);
        self.log.line(&format!("kept the checkpoint {name}, {bytes} bytes, in {:.3} s", took.as_secs_f64()));
        Ok(())
    }

    /// Stores what the job made, then puts the outcome: the only commit.
    pub(super) async fn commit(&mut self, inputs: Vec<InputDigest>, done: Done) -> Result<Conclusion, BackendError> {
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
            produced: Produced { artifact, measures: done.measures, facts: done.facts },
            provenance: Provenance { committed_at: machine::now(), ..shared.provenance.clone() },
            cost: self.cost_now(),
        };
        let put = shared.store.put_outcome(&outcome).await?;
        shared.metrics.stage(Stage::Commit, before.elapsed());
        Ok(match put {
            Put::Created => Conclusion::Committed(Box::new(outcome)),
            Put::Existing(first) => Conclusion::Discarded(first),
        })
    }

    fn cost_now(&self) -> Cost {
        Cost { seconds: self.started.elapsed().as_secs_f64(), ..self.cost }.at(self.place.rates)
    }

    /// Puts the end of the attempt on record, where its outcome does not do so, then tells the ledger; last, the
    /// checkpoints of a committed job go. Best effort: all of it is for accounting and speed.
    pub(super) async fn conclude(&mut self, conclusion: Conclusion) -> Ending {
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
                if has_checkpoints(self.work.spec.kind()) {
                    self.told(shared.store.drop_checkpoints(self.work.key)).await;
                }
            }
            None => {
                let (key, attempt, checkpoints_made) = (self.work.key, self.nonce.clone(), self.checkpoints_made);
                let ended = Ended { key, attempt, verdict: verdict.clone(), checkpoints_made };
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
    /// nothing. An attempt that was preempted before its start was put was never made.
    async fn put_end(&mut self, verdict: &Verdict) {
        let store = &self.place.shared.store;
        if !self.start_is_put {
            if self.start.is_none() && *verdict == Verdict::Preempted {
                return;
            }
            let fresh = || start_record(&self.place, (&self.work, &self.nonce), self.kept.len());
            hint(store.put_attempt_start(&self.start.clone().unwrap_or_else(fresh)).await);
        }
        let end = AttemptEnd {
            version: ATTEMPT_VERSION,
            attempt: self.nonce.clone(),
            key: self.work.key,
            ended_at: machine::now(),
            checkpoints_made: self.checkpoints_made,
            verdict: verdict.clone(),
            cost: self.cost_now(),
        };
        hint(store.put_attempt_end(&end).await);
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
