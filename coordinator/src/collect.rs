//! The collection of garbage while workers are at work.
//!
//! Whoever leads has the lock of a store that is a folder, so he alone can collect there. What is young stays: a worker may
//! be about to name it.

use bitsweep_backends::store::{GcOptions, GcReport, SHARED_MIN_AGE};
use bitsweep_proto::SweepId;

use crate::desk::{Desk, DeskError};
use crate::view::SweepState;

impl Desk {
    /// Removes what no sweep needs, after forgetting `forget`. With `dry_run` it only counts. Sweeps that run are not
    /// forgotten.
    pub async fn collect(&self, forget: &[SweepId], dry_run: bool) -> Result<GcReport, DeskError> {
        if !forget.is_empty() {
            let lines = self.sweeps().await?;
            for sweep in forget {
                let line = lines.iter().find(|line| line.id == *sweep).ok_or(DeskError::NoSweep { sweep: *sweep })?;
                if matches!(line.state, SweepState::Running | SweepState::Waiting) {
                    let message =
                        format!("sweep {} ({}) runs: cancel it before it is forgotten", line.name, sweep.0.short());
                    return Err(DeskError::NotPossible { message });
                }
            }
        }
        let options = GcOptions { dry_run, min_age: SHARED_MIN_AGE };
        if self.store.folder().is_none() {
            let lock = self.store.lock()?;
            return Ok(self.store.gc(&lock, forget, options).await?);
        }
        let lock = self.locked.borrow().upgrade();
        let lock = lock.ok_or_else(|| DeskError::NotPossible {
            message: "this coordinator does not have the store for itself: ask the one that leads".to_owned(),
        })?;
        Ok(self.store.gc(&lock, forget, options).await?)
    }
}
