//! The checkpoints of a running attempt: those that it finds, and those that it keeps.

use std::path::Path;
use std::sync::Arc;

use bitsweep_backends::BackendError;
use bitsweep_backends::store::LocalBlob;
use bitsweep_proto::outcome::Item;
use bitsweep_proto::wire::InputFile;
use tokio::time::Instant;

use super::running::Running;

impl Running {
    /// The checkpoints of earlier attempts that are whole, on this machine. One that is damaged is dropped: its rows are
    /// made again.
    pub(super) async fn find_checkpoints(&mut self) -> Result<(Vec<InputFile>, Vec<LocalBlob>), BackendError> {
        let attempt = &mut self.attempt;
        let (shared, key) = (Arc::clone(&attempt.place.shared), attempt.work.key);
        let (mut files, mut held): (Vec<InputFile>, Vec<LocalBlob>) = (Vec::new(), Vec::new());
        for item in shared.store.checkpoints(key).await? {
            match shared.store.fetch_blob(&item.blob).await {
                Ok(file) => {
                    let path = file.to_path_buf();
                    held.push(file);
                    files.push(InputFile { name: "checkpoint".to_owned(), item: item.name.clone(), path });
                    attempt.kept.insert(item.name.clone(), item);
                }
                Err(error @ (BackendError::Missing { .. } | BackendError::Damaged { .. })) => {
                    attempt.log.line(&format!("drops the checkpoint {}: {error}", item.name));
                    tracing::warn!(%key, "drops the checkpoint {}: {error}", item.name);
                    // Not its blob: another attempt may have made it again by now. What is put anew is checked.
                    shared.store.drop_checkpoint(key, &item.name).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok((files, held))
    }

    /// Keeps a checkpoint. Where another attempt was first, its bytes are the ones that count.
    pub(super) async fn keep(&mut self, name: &str, file: &Path) -> Result<(), BackendError> {
        let before = Instant::now();
        let attempt = &mut self.attempt;
        // What is kept stays, so there must be somebody to whom it is put down.
        attempt.start().put().await?;
        let store = &attempt.place.shared.store;
        let (blob, bytes) = store.put_blob_file(file).await?;
        let item = Item { name: name.to_owned(), blob, bytes };
        let item = store.put_checkpoint(attempt.work.key, &item).await?;
        attempt.kept.insert(name.to_owned(), item);
        attempt.checkpoints_made += 1;
        let took = before.elapsed();
        attempt.place.shared.metrics.checkpoint(bytes, took);
        attempt.log.line(&format!("kept the checkpoint {name}, {bytes} bytes, in {:.3} s", took.as_secs_f64()));
        Ok(())
    }
}
