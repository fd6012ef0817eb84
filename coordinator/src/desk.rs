//! The desk: how everybody else talks to the coordinator.
//!
//! Owns: what may be asked, and that what is decided is on record in the store *before* the loop hears of it. So a
//! coordinator that dies in between has lost nothing: the next one reads the record. Does not own: the state (the loop
//! alone has it), or who may ask (the HTTP API).

use std::sync::{Arc, Weak};

use bitsweep_backends::{BackendError, Ledger, Store, StoreLock};
use bitsweep_plan::retry::Limits;
use bitsweep_proto::{Action, Control, Plan, SweepId, WorkerCard};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::archive::Archive;
use crate::metrics::Metrics;
use crate::view::{News, Role, SweepLine, SweepStatus};

/// Why the desk cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such sweep.
    #[error("there is no sweep {sweep}: `bitsweep status --all` lists those that there are")]
    NoSweep {
        /// What was asked for.
        sweep: SweepId,
    },
    /// It cannot be done to this sweep. The text says why and what can.
    #[error("{message}")]
    NotPossible {
        /// Why not.
        message: String,
    },
    /// A service failed. [`BackendError::is_retryable`] says whether trying again may help.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// A handle on a coordinator. Clones share it.
#[derive(Clone)]
pub struct Desk {
    pub(crate) store: Store,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) limits: Limits,
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) news: broadcast::Sender<News>,
    pub(crate) role: watch::Receiver<Role>,
    pub(crate) archive: Arc<Archive>,
    pub(crate) metrics: Arc<Metrics>,
    /// The lock of a store that is a folder, while this coordinator leads.
    pub(crate) locked: watch::Receiver<Weak<StoreLock>>,
}

/// A question or a hint to the loop. One that comes while there is no state (another leads, or the store is being read)
/// is dropped: a question is then answered from the store, and the record behind a hint is found there.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A sweep was submitted: it is in the store.
    Submitted { sweep: SweepId, plan: Arc<Plan> },
    /// Something was decided: it is in the store.
    Controlled(Control),
    /// How these sweeps stand; those that the state does not have are left out.
    Lines { answer: oneshot::Sender<Vec<SweepLine>> },
    /// All about a sweep.
    Status { sweep: SweepId, answer: oneshot::Sender<Option<Box<SweepStatus>>> },
    /// The plan of a sweep.
    Plan { sweep: SweepId, answer: oneshot::Sender<Option<Arc<Plan>>> },
}

impl Desk {
    /// Puts plan and submission into the store, then tells the loop. Idempotent: a sweep that is submitted twice is one
    /// sweep, and one that was cancelled stays so until it is resumed.
    pub async fn submit(&self, plan: Arc<Plan>) -> Result<SweepId, DeskError> {
        let sweep = self.store.put_plan(&plan).await?;
        self.tell(Ask::Submitted { sweep, plan }).await;
        Ok(sweep)
    }

    /// Puts a decision on record, then tells the loop. For [`Action::Retry`] without attempts the desk finds those to
    /// forgive: all of the jobs that were given up or put aside.
    pub async fn control(&self, sweep: SweepId, action: Action) -> Result<Control, DeskError> {
        let plan = self.plan(sweep).await?;
        let action = crate::control::complete((&self.store, &self.limits), &plan, (sweep, action)).await?;
        let control = self.store.control(sweep, action).await?;
        self.tell(Ask::Controlled(control.clone())).await;
        Ok(control)
    }

    /// All sweeps of the store, newest first.
    pub async fn sweeps(&self) -> Result<Vec<SweepLine>, DeskError> {
        let live = self.ask(|answer| Ask::Lines { answer }).await.unwrap_or_default();
        crate::archive::lines(&self.store, &self.archive, live).await
    }

    /// All about one sweep.
    pub async fn status(&self, sweep: SweepId) -> Result<SweepStatus, DeskError> {
        match self.ask(|answer| Ask::Status { sweep, answer }).await.flatten() {
            Some(status) => Ok(crate::hosts::name(&self.store, *status).await),
            None => crate::archive::status(&self.store, &self.archive, sweep).await,
        }
    }

    /// The plan of a sweep.
    pub async fn plan(&self, sweep: SweepId) -> Result<Arc<Plan>, DeskError> {
        if let Some(plan) = self.ask(|answer| Ask::Plan { sweep, answer }).await.flatten() {
            return Ok(plan);
        }
        match self.store.plan(&sweep).await {
            Err(BackendError::Missing { .. }) => Err(DeskError::NoSweep { sweep }),
            read => Ok(Arc::new(read?)),
        }
    }

    /// What happens from now on. A reader that is slow misses some and is told how many.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Whether this coordinator schedules.
    pub fn role(&self) -> Role {
        *self.role.borrow()
    }

    /// The workers that live, by id.
    pub async fn workers(&self) -> Result<Vec<WorkerCard>, DeskError> {
        Ok(self.ledger.workers().await?)
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The metrics in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// A hint may be lost, so nobody waits for it; the loop finds the record when it next looks.
    async fn tell(&self, ask: Ask) {
        drop(self.asks.send(ask).await);
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(question(answer)).await.ok()?;
        answered.await.ok()
    }
}
