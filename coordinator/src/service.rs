//! The coordinator as a service: stands by, leads, stands by again.
//!
//! Owns: who leads, the lock of a store that is a folder, and who answers the desk meanwhile. Does not own: what a leader
//! does (`lead`).

use std::sync::{Arc, Weak};

use bitsweep_backends::{BackendError, Pulse, Service as Which, Store, StoreLock};
use bitsweep_proto::Nonce;
use tokio::sync::{broadcast, mpsc, watch};

use crate::archive::Archive;
use crate::desk::{Ask, Desk};
use crate::hands::Hands;
use crate::health::Health;
use crate::lead::{Lead, Mode, Phase};
use crate::metrics::Metrics;
use crate::nonce;
use crate::pulse::Heart;
use crate::settings::{Services, Settings};
use crate::view::{News, Role};

/// Questions that may wait for the loop.
const ASKS: usize = 1024;

/// News that a slow reader may fall behind.
const NEWS: usize = 4096;

/// One coordinator. Any number of them may work on one store; one of them leads.
pub struct Coordinator {
    me: Nonce,
    services: Services,
    settings: Settings,
    asks: mpsc::Receiver<Ask>,
    news: broadcast::Sender<News>,
    role: watch::Sender<Role>,
    archive: Arc<Archive>,
    metrics: Arc<Metrics>,
    /// The lock of the store, for as long as this one leads and has it.
    lock: watch::Sender<Weak<StoreLock>>,
}

/// Why a leadership ended.
enum Over {
    /// Another leads.
    Lost,
    /// It was told to stop.
    Stopped,
}

impl Coordinator {
    /// A coordinator that has not begun, and the desk where it is talked to. The desk answers from the store until
    /// [`Coordinator::run`] is polled.
    pub fn new(services: Services, settings: Settings) -> (Self, Desk) {
        let (ask, asks) = mpsc::channel(ASKS);
        let (role, seen) = watch::channel(Role::Starting);
        let (lock, locked) = watch::channel(Weak::new());
        let news = broadcast::Sender::new(NEWS);
        let (archive, metrics) = (Arc::new(Archive::default()), Arc::new(Metrics::new()));
        let desk = Desk {
            store: services.store.clone(),
            ledger: Arc::clone(&services.ledger),
            limits: settings.scheduler.limits,
            asks: ask,
            news: news.clone(),
            role: seen,
            archive: Arc::clone(&archive),
            metrics: Arc::clone(&metrics),
            locked,
        };
        (Self { me: nonce::fresh(), services, settings, asks, news, role, archive, metrics, lock }, desk)
    }

    /// Runs until `stop` is true or closed. No failure of a service ends it: it waits, says so once, and goes on. May be
    /// dropped at any moment, with nothing lost; to stop it hands the leadership over sooner.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let pauses = (self.settings.first_pause, self.settings.longest_pause);
        // Refusals are in the log; here nobody gives up.
        let (health, _refused) = Health::new(Arc::clone(&self.metrics), pauses);
        let on = (Arc::clone(&self.services.ledger), health.clone());
        let mut heart = Heart::start(on, self.me.clone(), self.settings.leadership);
        loop {
            self.show(Role::Starting);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.stand_by(&mut heart) => {}
            }
            match self.lead(&health, &mut heart, &mut stop).await {
                Over::Lost => tracing::warn!("another coordinator leads now"),
                Over::Stopped => break,
            }
        }
        drop(heart);
        let stepping_down = self.services.ledger.step_down(&self.me);
        if let Err(error) = health.try_once(Which::Ledger, stepping_down).await {
            tracing::info!("the leadership runs out by itself: {error}");
        }
    }

    /// Waits until it is to lead.
    async fn stand_by(&mut self, heart: &mut Heart) {
        loop {
            tokio::select! {
                pulse = heart.felt() => match pulse {
                    Pulse::Leads | Pulse::Rebuild => return,
                    Pulse::StandBy => self.show(Role::Standby),
                },
                Some(ask) = self.asks.recv() => drop(ask),
            }
        }
    }

    async fn lead(&mut self, health: &Health, heart: &mut Heart, stop: &mut watch::Receiver<bool>) -> Over {
        tracing::info!(leader = %self.me, "leads");
        self.show(Role::Starting);
        let lock = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Over::Stopped,
            lock = lock(&self.services.store, health) => lock.map(Arc::new),
            () = lose(&mut self.asks, heart) => return Over::Lost,
        };
        self.lock.send_replace(lock.as_ref().map_or_else(Weak::new, Arc::downgrade));
        let with = (health.clone(), Arc::clone(&self.metrics));
        let hands = Hands::new(self.services.clone(), self.settings, with);
        let mut lead = Lead::new((self.me.clone(), Mode::Service), hands, Arc::clone(&self.archive));
        if let Some(lock) = &lock {
            lead.keep_index(Arc::clone(lock));
        }
        lead.begin();
        loop {
            let before = lead.phase;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Over::Stopped,
                happening = lead.next() => lead.take(happening),
                Some(ask) = self.asks.recv() => lead.answer(ask),
                pulse = heart.felt() => match pulse {
                    Pulse::StandBy => return Over::Lost,
                    Pulse::Rebuild if lead.phase == Phase::Open => lead.ledger_lost(),
                    Pulse::Rebuild | Pulse::Leads => {}
                },
            }
            if before != Phase::Open && lead.phase == Phase::Open {
                heart.opened();
                self.show(Role::Leader);
            }
            for news in lead.news.drain(..) {
                // Nobody may be watching.
                let _ = self.news.send(news);
            }
        }
    }

    fn show(&self, role: Role) {
        self.role.send_replace(role);
        self.metrics.role(role);
    }
}

/// Waits until another leads; questions are answered from the store meanwhile.
async fn lose(asks: &mut mpsc::Receiver<Ask>, heart: &mut Heart) {
    loop {
        tokio::select! {
            pulse = heart.felt() => if pulse == Pulse::StandBy { return },
            Some(ask) = asks.recv() => drop(ask),
        }
    }
}

/// Where the store is a folder, its lock: it keeps `bitsweep run` and `gc` out. Another coordinator that led until now may
/// still have it for a moment.
async fn lock(store: &Store, health: &Health) -> Option<StoreLock> {
    store.folder()?;
    Some(health.insist(Which::Store, || take_lock(store.clone())).await)
}

async fn take_lock(store: Store) -> Result<StoreLock, BackendError> {
    let taken = tokio::task::spawn_blocking(move || store.lock()).await;
    taken.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
