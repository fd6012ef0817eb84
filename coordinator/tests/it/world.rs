//! The services of a test, the ledger that can be emptied and rolled back, and coordinators on them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bitsweep_backends::{
    BackendError, Beat, Claim, Ended, Heartbeat, InProcessLedger, InProcessQueue, Ledger, Notice, Pulse, ResultEntry,
    Store,
};
use bitsweep_coordinator::{Coordinator, Desk, News, Services, Settings, SweepStatus, What};
use bitsweep_proto::worker::Offer;
use bitsweep_proto::{JobKey, Nonce, Outcome, SweepId, Work, WorkerCard};
use object_store::memory::InMemory;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

use crate::worker::{Script, Shop};

/// As in the distributed default, for time costs nothing here.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
pub(crate) const BEAT: Duration = Duration::from_secs(10);

/// A ledger in whose place another one can be put.
pub(crate) struct Swap {
    now: Mutex<Arc<InProcessLedger>>,
    swapped: Notify,
    /// An older one is there: whoever led it last is told to rebuild it, as a real ledger would.
    rolled_back: AtomicBool,
}

impl Swap {
    fn new() -> Self {
        Self { now: Mutex::default(), swapped: Notify::new(), rolled_back: false.into() }
    }

    fn ledger(&self) -> Arc<InProcessLedger> {
        Arc::clone(&self.now.lock().unwrap())
    }

    /// Everything in it is gone. Gives what was there.
    pub(crate) fn wipe(&self) -> Arc<InProcessLedger> {
        let before = std::mem::take(&mut *self.now.lock().unwrap());
        self.swapped.notify_waiters();
        before
    }

    /// Puts an older one in place.
    pub(crate) fn roll_back(&self, older: Arc<InProcessLedger>) {
        *self.now.lock().unwrap() = older;
        self.rolled_back.store(true, Ordering::SeqCst);
        self.swapped.notify_waiters();
    }
}

#[async_trait]
impl Ledger for Swap {
    async fn pulse(&self, leader: &Nonce, lease: Duration) -> Result<Pulse, BackendError> {
        let pulse = self.ledger().pulse(leader, lease).await?;
        let rolled_back = self.rolled_back.load(Ordering::SeqCst);
        Ok(if rolled_back && pulse == Pulse::Leads { Pulse::Rebuild } else { pulse })
    }

    async fn close(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.ledger().close(leader).await
    }

    async fn open(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.rolled_back.store(false, Ordering::SeqCst);
        self.ledger().open(leader).await
    }

    async fn step_down(&self, leader: &Nonce) -> Result<(), BackendError> {
        self.ledger().step_down(leader).await
    }

    async fn offer(&self, works: Vec<Work>) -> Result<(), BackendError> {
        self.ledger().offer(works).await
    }

    async fn withdraw(&self, keys: &[JobKey]) -> Result<(), BackendError> {
        self.ledger().withdraw(keys).await
    }

    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError> {
        self.ledger().claim(key, attempt, offer, lease).await
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, BackendError> {
        self.ledger().heartbeat(heartbeat).await
    }

    async fn adopt(&self, outcome: &Outcome) -> Result<(), BackendError> {
        self.ledger().adopt(outcome).await
    }

    async fn end(&self, ended: &Ended) -> Result<(), BackendError> {
        self.ledger().end(ended).await
    }

    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError> {
        self.ledger().revoked(key, generation).await
    }

    async fn reap(&self) -> Result<usize, BackendError> {
        self.ledger().reap().await
    }

    async fn notices(&self) -> Result<Vec<Notice>, BackendError> {
        loop {
            let ledger = self.ledger();
            tokio::select! {
                notices = ledger.notices() => return notices,
                () = self.swapped.notified() => {}
            }
        }
    }

    async fn results(&self, after: &str, most: usize) -> Result<Vec<ResultEntry>, BackendError> {
        self.ledger().results(after, most).await
    }

    async fn announce(&self, card: &WorkerCard, lease: Duration) -> Result<(), BackendError> {
        self.ledger().announce(card, lease).await
    }

    async fn workers(&self) -> Result<Vec<WorkerCard>, BackendError> {
        self.ledger().workers().await
    }
}

/// The services of one test.
pub(crate) struct World {
    pub(crate) services: Services,
    pub(crate) ledger: Arc<Swap>,
    pub(crate) settings: Settings,
}

impl World {
    pub(crate) async fn new() -> Self {
        let ledger = Arc::new(Swap::new());
        let store = Store::with_objects(Arc::new(InMemory::new()), None).await.unwrap();
        let services = Services { store, queue: Arc::new(InProcessQueue::new()), ledger: ledger.clone() };
        Self { services, ledger, settings: Settings::for_lease(LEASE) }
    }

    pub(crate) fn shop(&self, script: Script) -> Shop {
        Shop::new(&self.services, script)
    }

    /// Starts a coordinator.
    pub(crate) fn coordinator(&self) -> Running {
        let (coordinator, desk) = Coordinator::new(self.services.clone(), self.settings);
        let (stop, stopped) = watch::channel(false);
        let news = desk.news();
        Running { desk, news, stop, task: tokio::spawn(coordinator.run(stopped)) }
    }
}

/// A coordinator at work.
pub(crate) struct Running {
    pub(crate) desk: Desk,
    pub(crate) news: broadcast::Receiver<News>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits for news that satisfies.
    pub(crate) async fn hears(&mut self, wanted: impl Fn(&News) -> bool) -> News {
        loop {
            let news = self.news.recv().await.expect("the coordinator runs and we keep up");
            if wanted(&news) {
                return news;
            }
        }
    }

    /// Waits until nothing of the sweep is left that could run: done, failed, held.
    pub(crate) async fn finishes(&mut self, sweep: SweepId) -> (u64, u64, u64) {
        let is_it = |news: &News| matches!(news.what, What::Finished { .. }) && news.sweeps == [sweep];
        match self.hears(is_it).await.what {
            What::Finished { done, failed, held } => (done, failed, held),
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) async fn status(&self, sweep: SweepId) -> SweepStatus {
        self.desk.status(sweep).await.unwrap()
    }

    /// As `kill -9`.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// As SIGTERM.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

/// All jobs take this long and commit.
pub(crate) fn diligent() -> Script {
    Arc::new(|_, _| crate::worker::Deed::Commit(Duration::from_secs(3)))
}
