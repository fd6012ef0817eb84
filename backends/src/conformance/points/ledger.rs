//! Points around a ledger.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::key::JobKey;
use bitsweep_proto::outcome::Outcome;
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::{Offer, WorkerCard};

use super::{Points, Refused};
use crate::error::{BackendError, Service};
use crate::ledger::{Beat, Claim, Ended, Heartbeat, Ledger, Notice, Pulse, ResultEntry};

/// A ledger as one actor sees it.
pub struct PointsLedger {
    inner: Arc<dyn Ledger>,
    points: Points,
}

impl PointsLedger {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn Ledger>, points: Points) -> Self {
        Self { inner, points }
    }
}

fn failed(_: Refused) -> BackendError {
    BackendError::Unavailable { service: Service::Ledger, message: "a fail point".to_owned(), source: None }
}

#[async_trait]
impl Ledger for PointsLedger {
    async fn pulse(&self, leader: &Nonce, lease: Duration) -> Result<Pulse, BackendError> {
        self.points.pass("ledger.pulse", self.inner.pulse(leader, lease)).await.map_err(failed)?
    }

    async fn close(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.points.pass("ledger.close", self.inner.close(leader)).await.map_err(failed)?
    }

    async fn open(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.points.pass("ledger.open", self.inner.open(leader)).await.map_err(failed)?
    }

    async fn step_down(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.points.pass("ledger.step_down", self.inner.step_down(leader)).await.map_err(failed)?
    }

    async fn offer(&self, works: Vec<Work>) -> Result<(), BackendError> {
        self.points.pass("ledger.offer", self.inner.offer(works)).await.map_err(failed)?
    }

    async fn withdraw(&self, keys: &[JobKey]) -> Result<(), BackendError> {
        self.points.pass("ledger.withdraw", self.inner.withdraw(keys)).await.map_err(failed)?
    }

    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError> {
        self.points.pass("ledger.claim", self.inner.claim(key, attempt, offer, lease)).await.map_err(failed)?
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, BackendError> {
        self.points.pass("ledger.heartbeat", self.inner.heartbeat(heartbeat)).await.map_err(failed)?
    }

    async fn adopt(&self, outcome: &Outcome) -> Result<(), BackendError> {
        self.points.pass("ledger.adopt", self.inner.adopt(outcome)).await.map_err(failed)?
    }

    async fn end(&self, ended: &Ended) -> Result<(), BackendError> {
        self.points.pass("ledger.end", self.inner.end(ended)).await.map_err(failed)?
    }

    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        self.points.pass("ledger.revoked", self.inner.revoked(key, generation)).await.map_err(failed)?
    }

    async fn reap(&self) -> Result<usize, BackendError> {
        self.points.pass("ledger.reap", self.inner.reap()).await.map_err(failed)?
    }

    async fn notices(&self) -> Result<Vec<Notice>, BackendError> {
        self.points.pass("ledger.notices", self.inner.notices()).await.map_err(failed)?
    }

    async fn results(&self, after: &str, most: usize) -> Result<Vec<ResultEntry>, BackendError> {
        self.points.pass("ledger.results", self.inner.results(after, most)).await.map_err(failed)?
    }

    async fn announce(&self, card: &WorkerCard, lease: Duration) -> Result<(), BackendError> {
        self.points.pass("ledger.announce", self.inner.announce(card, lease)).await.map_err(failed)?
    }

    async fn workers(&self) -> Result<Vec<WorkerCard>, BackendError> {
        self.points.pass("ledger.workers", self.inner.workers()).await.map_err(failed)?
    }
}
