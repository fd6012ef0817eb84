//! The pulse of the leadership: kept in a task of its own, so that a long read of the store lets it run out as little as a
//! slow lane does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bitsweep_backends::{Ledger, Pulse, Service};
use bitsweep_proto::Nonce;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::health::Health;

/// Pulses for each length of the leadership.
const BEATS: u32 = 4;

/// What was felt last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Felt {
    /// What the ledger says; `None` before it has said anything.
    pub(crate) pulse: Option<Pulse>,
    /// How often the ledger had been opened when it was asked. An answer from before the last opening tells nothing.
    pub(crate) openings: u64,
}

/// Keeps the leadership, or tries to get it, until dropped.
#[derive(Debug)]
pub(crate) struct Heart {
    felt: watch::Receiver<Felt>,
    openings: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Heart {
    /// Starts to beat for `me`.
    pub(crate) fn start((ledger, health): (Arc<dyn Ledger>, Health), me: Nonce, leadership: Duration) -> Self {
        let (tell, felt) = watch::channel(Felt { pulse: None, openings: 0 });
        let openings = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&openings);
        let task = tokio::spawn(async move {
            loop {
                let openings = counted.load(Ordering::Acquire);
                let asked = ledger.pulse(&me, leadership);
                // What cannot be reached says nothing: the leadership ends by what the ledger says, for all that is done
                // meanwhile is idempotent.
                if let Ok(pulse) = health.try_once(Service::Ledger, asked).await {
                    tell.send_replace(Felt { pulse: Some(pulse), openings });
                }
                tokio::time::sleep(leadership / BEATS).await;
            }
        });
        Self { felt, openings, task }
    }

    /// Waits for an answer that tells something.
    pub(crate) async fn felt(&mut self) -> Pulse {
        loop {
            // The sender lives in the task, which ends with this.
            let _ = self.felt.changed().await;
            let felt = *self.felt.borrow_and_update();
            if let Some(pulse) = felt.pulse.filter(|_| felt.openings == self.openings.load(Ordering::Acquire)) {
                return pulse;
            }
        }
    }

    /// The ledger was opened.
    pub(crate) fn opened(&self) {
        self.openings.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}
