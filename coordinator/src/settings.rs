//! What can be set, and the services that a coordinator works on.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{Ledger, Queue, Store};

/// The three services of one store.
#[derive(Clone)]
pub struct Services {
    /// What is true.
    pub store: Store,
    /// Where tickets go.
    pub queue: Arc<dyn Queue>,
    /// Where work is offered and notices come from.
    pub ledger: Arc<dyn Ledger>,
}

/// The times and sizes of a coordinator. [`Settings::default`] is right for machines that come and go; tests use
/// milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The scheduler's own: windows, retries, patience.
    pub scheduler: bitsweep_plan::scheduler::Settings,
    /// The lease that workers take on a job: an attempt without a sign of life for so long is gone. Nothing is declared
    /// gone before this time has passed since the ledger could not be reached, was emptied or rolled back.
    pub lease: Duration,
    /// For how long the leadership is taken; another coordinator takes over when it has run out.
    pub leadership: Duration,
    /// Expired leases are looked for this often.
    pub reap_every: Duration,
    /// Live slots are counted this often.
    pub count_every: Duration,
    /// The whole store is looked at this often, more or less: the rest comes by hints, and hints may be lost.
    pub reconcile_every: Duration,
    /// What a service could not do is tried again after this, then after twice as long, and so on.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// Reads of the store at a time: enough to hide the latency of a remote one.
    pub reads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self::for_lease(Duration::from_secs(60))
    }
}

impl Settings {
    /// Settings that fit workers with this lease.
    pub fn for_lease(lease: Duration) -> Self {
        let ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let scheduler = bitsweep_plan::scheduler::Settings::default();
        Self {
            scheduler: bitsweep_plan::scheduler::Settings {
                // Longer than a lease and a reaping: what the ledger says comes first.
                lease_ms: ms.saturating_mul(3),
                ticket_ms: scheduler.ticket_ms.min(ms),
                ..scheduler
            },
            lease,
            leadership: (lease / 4).max(Duration::from_millis(50)),
            reap_every: lease / 12,
            count_every: Duration::from_secs(1).min(lease / 4),
            reconcile_every: Duration::from_secs(60).min(lease * 4),
            first_pause: Duration::from_millis(200).min(lease / 10),
            longest_pause: Duration::from_secs(10).min(lease / 2),
            reads: 64,
        }
    }
}
