//! Says to the ledger that the worker lives, and looks at what the queue has counted.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_proto::worker::{Offer, WorkerCard};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::deadline::Stop;
use crate::machine;
use crate::worker::Shared;

/// For the last words of a worker that goes.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Announces the worker at every beat, from the moment its first child says what it computes with.
pub(crate) struct Announcer {
    over: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Announcer {
    pub(crate) fn start(shared: Arc<Shared>, offer: watch::Receiver<Option<Offer>>, stop: Stop) -> Self {
        let (over, ended) = oneshot::channel();
        let task = tokio::spawn(announce(shared, offer, stop, ended));
        Self { over, task }
    }

    /// Says goodbye.
    pub(crate) async fn end(self) {
        let _ = self.over.send(());
        let _ = self.task.await;
    }
}

async fn announce(
    shared: Arc<Shared>,
    mut offer: watch::Receiver<Option<Offer>>,
    stop: Stop,
    mut ended: oneshot::Receiver<()>,
) {
    let offered = tokio::select! {
        offered = offer.wait_for(Option::is_some) => offered.ok().and_then(|offer| offer.clone()),
        _ = &mut ended => None,
    };
    let Some(offered) = offered else { return };
    let mut card = card(&shared, offered);
    loop {
        card.busy = shared.busy.count();
        card.leaving = stop.is_raised();
        shared.metrics.dead_letters(shared.queue.dead_letters());
        let told = tokio::select! {
            told = timeout(shared.settings.lease, shared.ledger.announce(&card, shared.settings.lease)) => told,
            _ = &mut ended => break,
        };
        if let Ok(Err(error)) = told {
            tracing::debug!("the worker could not announce itself: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(shared.settings.beat) => {}
            _ = stop.raised(), if !card.leaving => {}
            _ = &mut ended => break,
        }
    }
    (card.busy, card.leaving) = (0, true);
    let _ = timeout(GOODBYE_LIMIT, shared.ledger.announce(&card, Duration::ZERO)).await;
}

fn card(shared: &Shared, offer: Offer) -> WorkerCard {
    WorkerCard {
        id: machine::fresh_nonce(),
        host: shared.provenance.host.clone(),
        process: std::process::id(),
        version: shared.provenance.version.clone(),
        classes: shared.settings.classes.clone(),
        slots: u32::try_from(shared.settings.slots).unwrap_or(u32::MAX),
        busy: 0,
        offer,
        leaving: false,
    }
}
