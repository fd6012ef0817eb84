//! Where attempts run: their start records say it.
//!
//! Owns: that a status never waits long for it. What is not read in time is not shown, and may be the next time.

use std::time::Duration;

use bitsweep_backends::Store;
use futures::stream::{self, StreamExt};

use crate::view::{RunningLine, SweepStatus};

/// A status waits so long for the hosts.
const PATIENCE: Duration = Duration::from_millis(40);

/// Jobs whose hosts are looked for.
const LOOKED_FOR: usize = 32;

/// Adds the hosts of the first running jobs.
pub(crate) async fn name(store: &Store, mut status: SweepStatus) -> SweepStatus {
    let lines = status.running.iter_mut().take(LOOKED_FOR).filter(|line| line.attempt.is_some());
    let all = stream::iter(lines).for_each_concurrent(LOOKED_FOR, |line| find(store, line));
    // Those that were found by then are in their lines.
    let _ = tokio::time::timeout(PATIENCE, all).await;
    status
}

async fn find(store: &Store, line: &mut RunningLine) {
    let Ok(attempts) = store.attempts(line.key).await else { return };
    let start = attempts.starts.into_iter().find(|start| Some(&start.attempt) == line.attempt.as_ref());
    line.host = start.map(|start| start.host);
}
