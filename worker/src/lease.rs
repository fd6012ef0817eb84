//! The heartbeat beside a running attempt.

use std::sync::Arc;

use bitsweep_backends::{Beat, Heartbeat};
use bitsweep_proto::Nonce;
use bitsweep_proto::work::Work;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::worker::Shared;

/// Keeps a lease with a timer of its own, so that neither a long kernel nor a slow store lets it run out. A ledger that
/// was emptied meanwhile gives it back. Ends when dropped.
pub(crate) struct Lease {
    progress: watch::Sender<(u64, u64)>,
    /// Why the work is to stop, once it is.
    over: watch::Receiver<Option<Beat>>,
    task: JoinHandle<()>,
}

impl Lease {
    /// Starts to keep the lease of `attempt` on `work`.
    pub(crate) fn keep(shared: Arc<Shared>, work: &Work, attempt: Nonce) -> Self {
        let (progress, told) = watch::channel((0, 0));
        let (end, over) = watch::channel(None);
        let (key, generation) = (work.key, work.generation);
        let task = tokio::spawn(async move {
            let (beat, lease) = (shared.settings.beat, shared.settings.lease);
            let mut heartbeat = Heartbeat { key, attempt, generation, lease, done: 0, total: 0 };
            let mut timer = interval(beat);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.tick().await; // The first is at once; the claim is fresh.
            loop {
                timer.tick().await;
                (heartbeat.done, heartbeat.total) = *told.borrow();
                // A call that hangs must not keep those after it from being made.
                match timeout(lease, shared.ledger.heartbeat(&heartbeat)).await {
                    Ok(Ok(Beat::Held)) => {}
                    Ok(Ok(beat @ (Beat::Lost | Beat::Unwanted))) => {
                        end.send_replace(Some(beat));
                        return;
                    }
                    // The lease may run out meanwhile. The work goes on: its outcome counts without a lease.
                    Ok(Err(error)) => {
                        shared.metrics.heartbeat_failed();
                        tracing::warn!(%key, "heartbeat failed: {error}");
                    }
                    Err(_) => {
                        shared.metrics.heartbeat_failed();
                        tracing::warn!(%key, "heartbeat was not answered within {} s", lease.as_secs_f64());
                    }
                }
            }
        });
        Self { progress, over, task }
    }

    /// What the next heartbeat tells.
    pub(crate) fn progress(&self, done: u64, total: u64) {
        self.progress.send_replace((done, total));
    }

    /// Waits until the lease is lost or the work unwanted; says which, in words.
    pub(crate) async fn over(&mut self) -> &'static str {
        let beat = self.over.wait_for(Option::is_some).await.ok().and_then(|beat| *beat);
        match beat {
            Some(Beat::Unwanted) => "nobody wants it any more",
            Some(Beat::Lost | Beat::Held) => "another attempt holds it",
            None => "its lease is no longer kept",
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}
