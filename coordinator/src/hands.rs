//! What the tasks of the loop work with, and what they tell it.

use std::sync::Arc;

use bitsweep_backends::store::Attempts;
use bitsweep_backends::{BackendError, Ledger, Queue, Store};
use bitsweep_plan::scheduler::Event;
use bitsweep_proto::{JobKey, SweepId, WorkerCard};
use tokio::sync::{Semaphore, mpsc};

use crate::health::Health;
use crate::load::Loaded;
use crate::lookups::Look;
use crate::metrics::Metrics;
use crate::reconcile::Survey;
use crate::settings::{Services, Settings};

/// The services, as the tasks of one loop reach them. Clones share everything.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) store: Store,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) settings: Settings,
    pub(crate) health: Health,
    pub(crate) metrics: Arc<Metrics>,
    /// Looks at a time.
    pub(crate) looks: Arc<Semaphore>,
    tell: mpsc::UnboundedSender<Done>,
}

impl Hands {
    /// Hands on `services` that tell what they did to whoever has the receiver.
    pub(crate) fn new(
        services: Services,
        settings: Settings,
        (health, metrics): (Health, Arc<Metrics>),
    ) -> (Self, mpsc::UnboundedReceiver<Done>) {
        let (tell, told) = mpsc::unbounded_channel();
        let Services { store, queue, ledger } = services;
        let looks = Arc::new(Semaphore::new(settings.reads));
        (Self { store, queue, ledger, settings, health, metrics, looks, tell }, told)
    }

    /// Tells the loop. It ends only after its tasks, so somebody hears.
    pub(crate) fn tell(&self, done: Done) {
        let _ = self.tell.send(done);
    }
}

/// What a task has done, for the loop.
#[derive(Debug)]
pub(crate) enum Done {
    /// A look into the store is over.
    Looked { look: Look, key: JobKey, found: Box<Found> },
    /// The ledger serves no claims.
    Closed,
    /// The store is read: what a new leader begins with.
    Read(Vec<Loaded>),
    /// All that was to be published is, and the ledger serves claims.
    Opened,
    /// A sweep is read.
    Loaded(Box<Loaded>),
    /// A sweep cannot be read now.
    Unloadable { sweep: SweepId, error: BackendError },
    /// The live workers.
    Workers(Vec<WorkerCard>),
    /// The store was looked through.
    Surveyed(Box<Survey>),
    /// The ledger was asked to end expired leases.
    Reaped,
}

/// What a look has found.
#[derive(Debug)]
pub(crate) enum Found {
    /// What the scheduler has to hear.
    Event(Option<Event>),
    /// The attempts on record.
    Attempts(Attempts),
}
