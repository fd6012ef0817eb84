//! Opening the services at the start. Pods and machines start in any order, so what is not there yet is waited for; what
//! says no is wrong for good.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{Address, BackendError, Ledger, Queue, Store};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::exit::{Failure, chain};

/// The first pause between two tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The services, open.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
}

/// Opens all three, within `patience`. `None` where `stop` came first.
pub(crate) async fn open(
    (queue, ledger, place): &(Address, Address, String),
    patience: Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<Opened>, Failure> {
    let until = Instant::now() + patience;
    let opening = async {
        let store = insist(until, async || Store::open(place).await).await?;
        let id = store.id().to_owned();
        let queue = insist(until, async || bitsweep_backends::queue::open(queue, &id).await).await?;
        let ledger = insist(until, async || bitsweep_backends::ledger::open(ledger, &id).await).await?;
        Ok(Opened { store, queue, ledger })
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => Ok(None),
        opened = opening => opened.map(Some),
    }
}

/// Tries until it works, a person must act, or the time is over.
async fn insist<T>(until: Instant, attempt: impl AsyncFn() -> Result<T, BackendError>) -> Result<T, Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let words = chain(&error);
        if !error.is_retryable() {
            return Err(Failure::wrong(format!("{words} (`bitsweep doctor` says more)")));
        }
        if Instant::now() + pause >= until {
            return Err(Failure::unreachable(format!("{words} (waited as long as --wait says)")));
        }
        tracing::warn!("tried again in {pause:?}: {words}");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bitsweep_backends::Service;

    use super::*;
    use crate::exit::Exit;

    fn unavailable() -> BackendError {
        BackendError::Unavailable { service: Service::Queue, message: "away".into(), source: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_yet_is_waited_for() {
        let tries = Cell::new(0);
        let attempt = async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(unavailable()) } else { Ok(()) }
        };
        insist(Instant::now() + Duration::from_secs(60), attempt).await.unwrap();
        assert_eq!(tries.get(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_has_an_end_and_a_refusal_none() {
        let start = Instant::now();
        let failure = insist(start + Duration::from_secs(60), async || Err::<(), _>(unavailable())).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable);
        let waited = start.elapsed();
        assert!((Duration::from_secs(50)..=Duration::from_secs(60)).contains(&waited), "{waited:?}");
        let refused = async || {
            Err::<(), _>(BackendError::Refused { service: Service::Queue, message: "no".into(), source: None })
        };
        let failure = insist(Instant::now() + Duration::from_secs(60), refused).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Wrong);
    }
}
