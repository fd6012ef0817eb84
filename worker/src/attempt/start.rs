//! The start of an attempt on record.
//!
//! Owns: that it is put once, by whoever needs it first. Does not own: who needs it.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::AttemptStart;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Pause before a start is put again that could not be put.
const PAUSE: Duration = Duration::from_secs(1);

/// A start record, and whether the store has it. Nothing more is put once this is dropped.
pub(super) struct Start {
    record: Arc<Record>,
    later: Option<JoinHandle<()>>,
}

struct Record {
    store: Store,
    start: AttemptStart,
    is_put: OnceCell<()>,
}

impl Start {
    pub(super) fn new(store: Store, start: AttemptStart) -> Self {
        Self { record: Arc::new(Record { store, start, is_put: OnceCell::new() }), later: None }
    }

    /// Puts it, unless it is there already. One that is on its way is waited for.
    pub(super) fn put(&self) -> impl Future<Output = Result<(), BackendError>> + use<> {
        let record = Arc::clone(&self.record);
        async move { record.put().await }
    }

    /// Has it put at `moment`, beside whatever goes on; and again, for as long as it cannot be put.
    pub(super) fn put_at(&mut self, moment: Instant) {
        let record = Arc::clone(&self.record);
        self.later = Some(tokio::spawn(async move {
            sleep_until(moment).await;
            while let Err(error) = record.put().await {
                tracing::warn!(key = %record.start.key, "the start of an attempt is not on record yet: {error}");
                sleep(PAUSE).await;
            }
        }));
    }
}

impl Record {
    async fn put(&self) -> Result<(), BackendError> {
        self.is_put.get_or_try_init(|| self.store.put_attempt_start(&self.start)).await.map(|_| ())
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        if let Some(later) = &self.later {
            later.abort();
        }
    }
}
