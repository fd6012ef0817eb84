//! Attempts whose job is done, on their way into the store while their slot runs the next.
//!
//! Owns: how many there are at a time, and what became of them. They are tasks of their slot: where that is given up, so
//! are they.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::attempt::{Ended, Ending, Finished};
use crate::busy::AtWork;
use crate::error::WorkerError;
use crate::worker::WorkerReport;

/// So many at a time. A disk flushes what several put together hardly slower than what one puts, and short jobs are over
/// long before that is done. Each holds a lease and what its job made, so there is no reason for many more.
const AT_A_TIME: usize = 8;

/// The attempts of one slot that are on their way into the store.
#[derive(Default)]
pub(crate) struct Commits {
    under_way: JoinSet<Ended>,
    report: WorkerReport,
    /// The first error after which the worker must not go on.
    refused: Option<WorkerError>,
}

impl Commits {
    /// Concludes an attempt beside whatever follows. The slot is at work until then.
    pub(crate) fn begin(&mut self, finished: Finished, at_work: Arc<AtWork>) {
        self.under_way.spawn(async move {
            let ended = finished.conclude().await;
            drop(at_work);
            ended
        });
    }

    /// Waits until there may be one more. Cancel-safe.
    pub(crate) async fn room(&mut self) {
        while self.under_way.len() >= AT_A_TIME
            && let Some(ended) = self.under_way.join_next().await
        {
            self.count(ended);
        }
    }

    /// Waits for all of them, and says what became of all there ever were.
    pub(crate) async fn finish(mut self) -> (WorkerReport, Result<(), WorkerError>) {
        while let Some(ended) = self.under_way.join_next().await {
            self.count(ended);
        }
        (self.report, self.refused.map_or(Ok(()), Err))
    }

    fn count(&mut self, ended: Result<Ended, JoinError>) {
        let Ended { ending, refused } = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match ending {
            Ending::Verdict(verdict) => self.report.count(&verdict),
            Ending::Adopted => self.report.adopted += 1,
            Ending::NotNeeded => {}
        }
        if let Some(error) = refused {
            self.refused.get_or_insert(error.into());
        }
    }
}
