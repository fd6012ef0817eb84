//! How many slots are at work, and since when none is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::metrics::WorkerMetrics;

/// Counts the slots at work.
pub(crate) struct Busy {
    standing: watch::Sender<Standing>,
    metrics: WorkerMetrics,
}

#[derive(Clone, Copy)]
struct Standing {
    busy: u32,
    /// The last time that something happened.
    last: Instant,
}

/// A slot at work, until it is dropped.
pub(crate) struct AtWork(Arc<Busy>);

impl Busy {
    pub(crate) fn new(metrics: WorkerMetrics) -> Self {
        Self { standing: watch::Sender::new(Standing { busy: 0, last: Instant::now() }), metrics }
    }

    /// One more slot is at work.
    pub(crate) fn work(self: &Arc<Self>) -> AtWork {
        self.change(|busy| busy + 1);
        AtWork(Arc::clone(self))
    }

    /// Something happened that speaks against calling the worker idle: a queue that does not answer is not empty.
    pub(crate) fn stir(&self) {
        self.change(|busy| busy);
    }

    /// Slots at work.
    pub(crate) fn count(&self) -> u32 {
        self.standing.borrow().busy
    }

    fn change(&self, change: impl FnOnce(u32) -> u32) {
        self.standing.send_modify(|standing| {
            *standing = Standing { busy: change(standing.busy), last: Instant::now() };
            self.metrics.busy(standing.busy);
        });
    }

    /// Waits until nothing has happened and no slot was at work for `limit`; for ever where there is none.
    pub(crate) async fn idle_for(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return std::future::pending().await };
        let mut changes = self.standing.subscribe();
        loop {
            let Standing { busy, last } = *changes.borrow_and_update();
            tokio::select! {
                // The sender is `self`: it cannot be gone.
                _ = changes.changed() => {}
                () = sleep_until(last + limit), if busy == 0 => return,
            }
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.change(|busy| busy - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    #[tokio::test(start_paused = true)]
    async fn idle_is_when_nothing_happens() {
        let busy = Arc::new(Busy::new(WorkerMetrics::default()));
        let start = Instant::now();
        let work = async {
            let first = busy.work();
            tokio::time::sleep(2 * LIMIT).await;
            let second = busy.work();
            assert_eq!(busy.count(), 2);
            drop(first);
            tokio::time::sleep(2 * LIMIT).await;
            drop(second);
            tokio::time::sleep(LIMIT / 2).await;
            busy.stir();
        };
        tokio::join!(busy.idle_for(Some(LIMIT)), work);
        assert_eq!(start.elapsed(), 4 * LIMIT + LIMIT / 2 + LIMIT);
        assert!(tokio::time::timeout(LIMIT * 100, busy.idle_for(None)).await.is_err());
    }
}
