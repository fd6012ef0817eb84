//! A ledger that can be lost, and that can stop answering.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_backends::{
    BackendError, Beat, Claim, Ended, Heartbeat, InProcessLedger, Ledger, Notice, Pulse, ResultEntry,
};
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::{Offer, WorkerCard};
use bitsweep_proto::{JobKey, Nonce, Outcome};
use tokio::sync::watch;

/// A ledger of which another can take the place.
pub(crate) struct Switch {
    ledger: Mutex<Arc<InProcessLedger>>,
    hangs: watch::Sender<bool>,
    /// The answer to the last heartbeat.
    beat: watch::Sender<Option<Beat>>,
    /// Whether a claim met a closed ledger.
    closed: watch::Sender<bool>,
}

impl Switch {
    pub(crate) fn new(ledger: InProcessLedger) -> Self {
        let (hangs, closed) = (watch::Sender::new(false), watch::Sender::new(false));
        Self { ledger: Mutex::new(Arc::new(ledger)), hangs, beat: watch::Sender::new(None), closed }
    }

    /// The ledger loses all it knows.
    pub(crate) fn becomes(&self, ledger: InProcessLedger) {
        *self.ledger.lock().unwrap() = Arc::new(ledger);
    }

    /// From now on no call is answered.
    pub(crate) fn hang(&self) {
        self.hangs.send_replace(true);
    }

    /// Waits until a heartbeat is answered so.
    pub(crate) async fn answers(&self, beat: Beat) {
        self.beat.subscribe().wait_for(|last| *last == Some(beat)).await.unwrap();
    }

    /// Waits until a claim meets a closed ledger.
    pub(crate) async fn was_closed(&self) {
        self.closed.subscribe().wait_for(|closed| *closed).await.unwrap();
    }

    async fn now(&self) -> Arc<InProcessLedger> {
        self.hangs.subscribe().wait_for(|hangs| !*hangs).await.unwrap();
        Arc::clone(&self.ledger.lock().unwrap())
    }
}

#[async_trait]
impl Ledger for Switch {
    async fn pulse(&self, leader: &Nonce, lease: Duration) -> Result<Pulse, BackendError> {
        self.now().await.pulse(leader, lease).await
    }

    async fn close(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.now().await.close(leader).await
    }

    async fn open(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.now().await.open(leader).await
    }

    async fn step_down(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.now().await.step_down(leader).await
    }

    async fn offer(&self, works: Vec<Work>) -> Result<(), BackendError> {
        self.now().await.offer(works).await
    }

    async fn withdraw(&self, keys: &[JobKey]) -> Result<(), BackendError> {
        self.now().await.withdraw(keys).await
    }

    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError> {
        let claim = self.now().await.claim(key, attempt, offer, lease).await?;
        if claim == Claim::Closed {
            self.closed.send_replace(true);
        }
        Ok(claim)
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, BackendError> {
        let beat = self.now().await.heartbeat(heartbeat).await?;
        self.beat.send_replace(Some(beat));
        Ok(beat)
    }

    async fn adopt(&self, outcome: &Outcome) -> Result<(), BackendError> {
        self.now().await.adopt(outcome).await
    }

    async fn end(&self, ended: &Ended) -> Result<(), BackendError> {
        self.now().await.end(ended).await
    }

    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        self.now().await.revoked(key, generation).await
    }

    async fn reap(&self) -> Result<usize, BackendError> {
        self.now().await.reap().await
    }

    async fn notices(&self) -> Result<Vec<Notice>, BackendError> {
        self.now().await.notices().await
    }

    async fn results(&self, after: &str, most: usize) -> Result<Vec<ResultEntry>, BackendError> {
        self.now().await.results(after, most).await
    }

    async fn announce(&self, card: &WorkerCard, lease: Duration) -> Result<(), BackendError> {
        self.now().await.announce(card, lease).await
    }

    async fn workers(&self) -> Result<Vec<WorkerCard>, BackendError> {
        self.now().await.workers().await
    }
}
