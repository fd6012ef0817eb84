//! Which services answer.
//!
//! Owns: the pause between two tries, one line in the log when a service goes and one when it comes back, and since when
//! the ledger has been reachable without a break. Does not own: what is tried.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitsweep_backends::{BackendError, Service};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// Tries things until they are done. Clones share what is known of the services.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    known: Arc<Mutex<Known>>,
    metrics: Arc<Metrics>,
    /// Errors that no retry is likely to mend.
    refusals: mpsc::UnboundedSender<BackendError>,
    pauses: (Duration, Duration),
    /// Whether what a retry may mend is waited for without a word.
    waits: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// Since when each service does not answer.
    down: [Option<Instant>; 3],
    /// When the ledger last did not answer.
    ledger_failed: Option<Instant>,
}

impl Health {
    /// All services are taken to answer. Refusals are told to whoever has the receiver.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        pauses: (Duration, Duration),
    ) -> (Self, mpsc::UnboundedReceiver<BackendError>) {
        let (refusals, refused) = mpsc::unbounded_channel();
        (Self { known: Arc::default(), metrics, refusals, pauses, waits: true }, refused)
    }

    /// As [`Health::new`], for somebody who does not want to wait for a service: every error is told.
    pub(crate) fn impatient(
        metrics: Arc<Metrics>,
        pauses: (Duration, Duration),
    ) -> (Self, mpsc::UnboundedReceiver<BackendError>) {
        let (health, refused) = Self::new(metrics, pauses);
        (Self { waits: false, ..health }, refused)
    }

    /// Tries until it is done, with growing pauses. An error that no retry mends is told to the owner of the loop, who
    /// may end everything; where he does not, a person is expected to act, and it is tried again.
    pub(crate) async fn insist<T, F>(&self, service: Service, call: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, BackendError>>,
    {
        let mut pause = self.pauses.0;
        loop {
            match self.try_once(service, call()).await {
                Ok(done) => return done,
                Err(error) => {
                    if !error.is_retryable() || !self.waits {
                        let _ = self.refusals.send(error);
                        pause = self.pauses.1;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.pauses.1);
                }
            }
        }
    }

    /// Tries until it is done or an error comes that no retry mends.
    pub(crate) async fn persist<T, F>(&self, service: Service, call: impl Fn() -> F) -> Result<T, BackendError>
    where
        F: Future<Output = Result<T, BackendError>>,
    {
        let mut pause = self.pauses.0;
        loop {
            match self.try_once(service, call()).await {
                Err(error) if error.is_retryable() => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.pauses.1);
                }
                other => return other,
            }
        }
    }

    /// Tries once, and remembers whether the service answered.
    pub(crate) async fn try_once<T>(
        &self,
        service: Service,
        call: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let answer = call.await;
        match &answer {
            Ok(_) => self.works(service),
            Err(error) => self.failed(error),
        }
        answer
    }

    fn works(&self, service: Service) {
        let since = self.known().down[place(service)].take();
        if let Some(since) = since {
            let seconds = since.elapsed().as_secs_f64();
            tracing::info!(%service, "the {service} answers again after {seconds:.1} s");
            self.metrics.service(service, true);
        }
    }

    fn failed(&self, error: &BackendError) {
        let service = match error {
            BackendError::Unavailable { service, .. } | BackendError::Refused { service, .. } => *service,
            // It answered; what it holds is another matter.
            BackendError::Missing { .. } | BackendError::Damaged { .. } => {
                tracing::warn!("{error}");
                return;
            }
        };
        let now = Instant::now();
        let first = {
            let mut known = self.known();
            if service == Service::Ledger {
                known.ledger_failed = Some(now);
            }
            let down = &mut known.down[place(service)];
            let first = down.is_none();
            down.get_or_insert(now);
            first
        };
        self.metrics.service(service, false);
        match (first, error.is_retryable()) {
            (true, true) => tracing::warn!(%service, "waits and goes on: {error}"),
            (true, false) => tracing::error!(%service, "a person must act: {error}"),
            (false, _) => tracing::debug!(%service, "still: {error}"),
        }
    }

    /// When the ledger last did not answer; `None` where it always did.
    pub(crate) fn ledger_failed(&self) -> Option<Instant> {
        self.known().ledger_failed
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(service: Service) -> usize {
    match service {
        Service::Store => 0,
        Service::Ledger => 1,
        Service::Queue => 2,
    }
}
