//! Checkpoints: which blobs hold the finished parts of a job that is not done.

use bitsweep_proto::outcome::Item;
use bitsweep_proto::{Digest, JobKey};
use serde::{Deserialize, Serialize};

use super::Store;
use super::layout::{self, CHECKPOINTS};
use super::record::Record;
use crate::error::BackendError;

/// Version of the stored checkpoint.
const CHECKPOINT_VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    version: u32,
    name: String,
    blob: Digest,
    bytes: u64,
}

impl Record for Checkpoint {
    const WHAT: &'static str = "checkpoint";
    const VERSION: u32 = CHECKPOINT_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Checkpoint {
    fn item(self) -> Item {
        Item { name: self.name, blob: self.blob, bytes: self.bytes }
    }
}

impl Store {
    /// Keeps a checkpoint whose blob was put before. Gives the one that is kept: this, or the one that was there first,
    /// which the loser of a race adopts.
    pub async fn put_checkpoint(&self, key: JobKey, item: &Item) -> Result<Item, BackendError> {
        let at = layout::checkpoint(key, &item.name);
        let record =
            Checkpoint { version: CHECKPOINT_VERSION, name: item.name.clone(), blob: item.blob, bytes: item.bytes };
        if self.objects.create_record(&at, &record).await? {
            return Ok(record.item());
        }
        match self.objects.get_record::<Checkpoint>(&at).await {
            Ok(Some(first)) => Ok(first.item()),
            // Dropped meanwhile, or of no use: a checkpoint is no commit, so it can be put in its place.
            Ok(None) | Err(BackendError::Damaged { .. }) => {
                self.objects.replace_record(&at, &record).await?;
                Ok(record.item())
            }
            Err(error) => Err(error),
        }
    }

    /// The checkpoints of the job, sorted by name. Damaged records are left out with a warning; blobs are not looked at.
    pub async fn checkpoints(&self, key: JobKey) -> Result<Vec<Item>, BackendError> {
        let names = self.objects.names(&layout::of_job(CHECKPOINTS, key)).await?;
        let records = self.objects.get_sound_records::<Checkpoint>(names).await?;
        let mut items: Vec<Item> = records.into_iter().map(|(_, checkpoint)| checkpoint.item()).collect();
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    /// Drops one checkpoint, whose blob proved lost.
    pub async fn drop_checkpoint(&self, key: JobKey, name: &str) -> Result<(), BackendError> {
        self.objects.delete(&layout::checkpoint(key, name)).await
    }

    /// Drops the checkpoints of a job whose outcome of `generation` was committed. Their blobs stay: they may be its
    /// artifact. Looks first whether that generation is revoked: by then they are the next generation's, whose checkpoints
    /// have the same names.
    pub async fn drop_checkpoints(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        let names = self.objects.names(&layout::of_job(CHECKPOINTS, key)).await?;
        if names.is_empty() || self.revocation(key, generation).await?.is_some() {
            return Ok(());
        }
        for name in names {
            self.objects.delete(&name).await?;
        }
        Ok(())
    }
}
