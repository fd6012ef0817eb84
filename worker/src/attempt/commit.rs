//! What an attempt writes to the store: checkpoints, the outcome, its end.

use std::path::Path;
use std::sync::Arc;

use bitsweep_backends::BackendError;
use bitsweep_backends::store::Put;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, Verdict};
use bitsweep_proto::outcome::{InputDigest, Item, OUTCOME_VERSION, Outcome, Produced, Provenance};
use bitsweep_proto::wire::{Done, InputFile, ProducedFile};

use super::{Attempt, hint};
use crate::machine;

impl Attempt {
    /// The checkpoints of earlier attempts that are whole, on this machine. One that is damaged is dropped: its rows are
    /// made again.
    pub(super) async fn find_checkpoints(&mut self) -> Result<Vec<InputFile>, BackendError> {
        let shared = Arc::clone(&self.shared);
        let mut files = Vec::new();
        for item in shared.store.checkpoints(self.work.key).await? {
            match shared.store.fetch_blob(&item.blob).await {
                Ok(path) => {
                    files.push(InputFile { name: "checkpoint".to_owned(), item: item.name.clone(), path });
                    self.kept.insert(item.name.clone(), item);
                }
                Err(error @ (BackendError::Missing { .. } | BackendError::Damaged { .. })) => {
                    tracing::warn!(key = %self.work.key, "drops the checkpoint {}: {error}", item.name);
                    // The blob too: what is made again may have the same name, and must not be taken for kept.
                    shared.store.delete_blob(&item.blob).await?;
                    shared.store.drop_checkpoint(self.work.key, &item.name).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    /// Keeps a checkpoint. Where another attempt was first, its bytes are the ones that count.
    pub(super) async fn keep(&mut self, name: &str, file: &Path) -> Result<(), BackendError> {
        let store = &self.shared.store;
        let (blob, bytes) = store.put_blob_file(file).await?;
        let item = Item { name: name.to_owned(), blob, bytes };
        let item = store.put_checkpoint(self.work.key, &item).await?;
        self.kept.insert(name.to_owned(), item);
        self.checkpoints_made += 1;
        Ok(())
    }

    /// Stores what the job made, then puts the outcome: the only commit.
    pub(super) async fn commit(&mut self, inputs: Vec<InputDigest>, done: Done) -> Result<Verdict, BackendError> {
        let shared = Arc::clone(&self.shared);
        let mut artifact = Vec::new();
        for (name, file) in done.files {
            let (blob, bytes) = match file {
                ProducedFile::Written(path) => shared.store.put_blob_file(&path).await?,
                ProducedFile::Checkpoint(kept) => match self.kept.get(&kept) {
                    Some(item) => (item.blob, item.bytes),
                    None => {
                        return Ok(Verdict::Broke {
                            message: format!("it names a checkpoint that is not kept: {kept}"),
                        });
                    }
                },
            };
            artifact.push(Item { name, blob, bytes });
        }
        self.cost.seconds = self.started.elapsed().as_secs_f64();
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
            cost: self.cost,
        };
        Ok(match shared.store.put_outcome(&outcome).await? {
            Put::Created => Verdict::Committed,
            Put::Existing(_) => Verdict::Discarded,
        })
    }

    /// Puts the end of the attempt on record, then tells the ledger; last, the checkpoints of a committed job go. Best
    /// effort: all of it is for accounting and speed, and an attempt without an end record counts as vanished.
    pub(super) async fn put_on_record(&mut self, verdict: Verdict) {
        let shared = Arc::clone(&self.shared);
        let key = self.work.key;
        self.cost.seconds = self.started.elapsed().as_secs_f64();
        let end = AttemptEnd {
            version: ATTEMPT_VERSION,
            attempt: self.nonce.clone(),
            key,
            ended_at: machine::now(),
            checkpoints_made: self.checkpoints_made,
            verdict: verdict.clone(),
            cost: self.cost,
        };
        hint(shared.store.put_attempt_end(&end).await);
        match verdict {
            Verdict::Committed | Verdict::Discarded => {
                hint(shared.ledger.adopt(key, self.work.generation).await);
                hint(shared.store.drop_checkpoints(key).await);
            }
            Verdict::Preempted | Verdict::Infrastructure { .. } | Verdict::Broke { .. } | Verdict::Failed { .. } => {
                hint(shared.ledger.end(key, &self.nonce, verdict, self.checkpoints_made).await);
            }
        }
    }
}
