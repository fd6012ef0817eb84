//! The heartbeat beside a running attempt.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{Beat, Ledger};
use bitsweep_proto::{JobKey, Nonce};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Keeps a lease with a timer of its own, so that neither a long kernel nor a slow store lets it run out. Ends when
/// dropped.
pub(crate) struct Lease {
    progress: watch::Sender<(u64, u64)>,
    /// True once the work is to stop.
    over: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Lease {
    /// Starts to keep the lease of `attempt` on `key`.
    pub(crate) fn keep(
        ledger: Arc<dyn Ledger>,
        key: JobKey,
        attempt: Nonce,
        (beat, lease): (Duration, Duration),
    ) -> Self {
        let (progress, told) = watch::channel((0, 0));
        let (end, over) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut timer = interval(beat);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.tick().await; // The first is at once; the claim is fresh.
            loop {
                timer.tick().await;
                let (done, total) = *told.borrow();
                match ledger.heartbeat(key, &attempt, lease, done, total).await {
                    Ok(Beat::Held) => {}
                    Ok(beat @ (Beat::Lost | Beat::Unwanted)) => {
                        tracing::info!(%key, %attempt, "stops: {beat:?}");
                        end.send_replace(true);
                        return;
                    }
                    // The lease may run out meanwhile. The work goes on: its outcome counts without a lease.
                    Err(error) => tracing::warn!(%key, %attempt, "heartbeat failed: {error}"),
                }
            }
        });
        Self { progress, over, task }
    }

    /// What the next heartbeat tells.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        self.progress.send_replace((done, total));
    }

    /// Waits until the lease is lost or the work unwanted.
    pub(crate) async fn over(&mut self) {
        crate::worker::raised(&mut self.over).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}
