//! The services of one case, and the actors on them: two coordinators, two workers, and an orchestrator that starts
//! another where one is gone.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitsweep_backends::conformance::points::{Board, Points, PointsLedger, PointsObjects, PointsQueue};
use bitsweep_backends::{Address, BackendError, InProcessLedger, InProcessQueue, Ledger, Queue, Store, ledger, queue};
use bitsweep_coordinator::{Coordinator, Desk, Role, Services};
use bitsweep_plan::retry::Limits;
use bitsweep_plan::scheduler;
use bitsweep_proto::outcome::Rates;
use bitsweep_proto::{Digest, JobKey, Plan};
use bitsweep_worker::{ChildProgram, Worker, WorkerMetrics};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, path};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::sweeps;

/// The lease that workers take, where the services answer at once.
pub(crate) const LEASE: Duration = Duration::from_millis(400);
const BEAT: Duration = Duration::from_millis(50);

/// An orchestrator takes a moment.
const RESTART: Duration = Duration::from_millis(50);

/// What an hour costs: attempts are charged, so all of them count.
const RATES: Rates = Rates { a100: 0.0, usd_per_hour: 1.0 };

/// How patient the accounts are: a machine with too few cores lets leases run out, which is nobody's fault.
pub(crate) const LIMITS: Limits = Limits { infrastructure: 20, errors: 3, first_wait_ms: 50, longest_wait_ms: 200 };

/// Two of each.
pub(crate) const TWICE: [usize; 2] = [0, 1];

/// Where queue and ledger are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In this process.
    Here,
    /// RabbitMQ and Redis; every actor has connections of its own.
    Servers {
        /// Of RabbitMQ.
        queue: Address,
        /// Of Redis.
        ledger: Address,
    },
}

impl Place {
    /// The lease that workers take: servers under load take their time, and nobody is to be called dead for that.
    pub(crate) fn lease(&self) -> Duration {
        match self {
            Self::Here => LEASE,
            Self::Servers { .. } => LEASE * 4,
        }
    }
}

/// The world of one case.
pub(crate) struct World {
    pub(crate) board: Board,
    pub(crate) plans: [Arc<Plan>; 2],
    /// The truth, as nobody's fail point touches it.
    pub(crate) store: Store,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) place: Place,
    /// Scratch, caches, and what children remember.
    folder: TempDir,
    coordinators: [Office; 2],
    workers: [Post; 2],
    /// No more lives.
    over: watch::Sender<bool>,
}

/// Where one coordinator after the other lives.
#[derive(Default)]
struct Office {
    post: Post,
    desk: Mutex<Option<Desk>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Coordinator,
    Worker,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Worker => "worker",
        }
    }
}

/// Where one actor after the other lives.
#[derive(Default)]
struct Post {
    /// Tells it to stop.
    stop: Mutex<Option<watch::Sender<bool>>>,
    points: Mutex<Option<Points>>,
}

impl Post {
    fn begin(&self, points: &Points) -> watch::Receiver<bool> {
        let (tell, told) = watch::channel(false);
        *self.stop.lock().expect("nobody panics with it") = Some(tell);
        *self.points.lock().expect("nobody panics with it") = Some(points.clone());
        told
    }

    fn stop(&self) {
        if let Some(tell) = &*self.stop.lock().expect("nobody panics with it") {
            tell.send_replace(true);
        }
    }
}

impl World {
    /// Services with nothing in them but what the plans import.
    pub(crate) async fn new(board: Board, place: Place) -> Self {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let store = Store::with_objects(Arc::clone(&objects), None).await.expect("memory is a store");
        sweeps::import(&store).await;
        let (queue, ledger): (Arc<dyn Queue>, Arc<dyn Ledger>) = match &place {
            Place::Here => (Arc::new(InProcessQueue::new()), Arc::new(InProcessLedger::new())),
            Place::Servers { queue, ledger } => {
                let queue = queue::open(queue, store.id()).await.expect("the broker is there");
                (queue, ledger::open(ledger, store.id()).await.expect("the server is there"))
            }
        };
        Self {
            board,
            plans: sweeps::plans(),
            store,
            objects,
            queue,
            ledger,
            place,
            folder: tempfile::tempdir().expect("a folder for the case"),
            coordinators: Default::default(),
            workers: Default::default(),
            over: watch::Sender::new(false),
        }
    }

    /// What children remember.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a worker; it lives until everything is over.
    pub(crate) fn start_worker(self: &Arc<Self>, number: usize, actors: &mut JoinSet<()>) {
        actors.spawn(Arc::clone(self).keep(Kind::Worker, number));
    }

    /// Starts both coordinators; they live until everything is over.
    pub(crate) fn start_coordinators(self: &Arc<Self>, actors: &mut JoinSet<()>) {
        for number in TWICE {
            actors.spawn(Arc::clone(self).keep(Kind::Coordinator, number));
        }
    }

    /// One life after the other: after a crash, an error, or a stop.
    async fn keep(self: Arc<Self>, kind: Kind, number: usize) {
        while !*self.over.borrow() {
            let points = Points::of(kind.name(), &self.board);
            tokio::select! {
                biased;
                // All that it has begun is dropped with it.
                () = points.crashed() => tracing::info!("a {} crashed", kind.name()),
                () = self.live(kind, number, points.clone()) => tracing::info!("a {} ended", kind.name()),
            }
            tokio::time::sleep(RESTART).await;
        }
    }

    async fn live(&self, kind: Kind, number: usize, points: Points) {
        match kind {
            Kind::Coordinator => self.coordinate(number, points).await,
            Kind::Worker => self.work(number, points).await,
        }
    }

    async fn coordinate(&self, number: usize, points: Points) {
        let office = &self.coordinators[number];
        let stop = office.post.begin(&points);
        if *self.over.borrow() {
            return;
        }
        let Ok(services) = self.services(&points).await else { return };
        let (coordinator, desk) = Coordinator::new(services, settings(self.place.lease()));
        *office.desk.lock().expect("nobody panics with it") = Some(desk);
        coordinator.run(stop).await;
    }

    async fn work(&self, number: usize, points: Points) {
        let stop = self.workers[number].begin(&points);
        if *self.over.borrow() {
            return;
        }
        let Ok(Services { store, queue, ledger }) = self.services(&points).await else { return };
        let Ok(store) = store.with_cache(&self.cache(number), u64::MAX).await else { return };
        let program = std::env::current_exe().expect("this program is there");
        let child = ChildProgram { program, args: vec!["child".into(), self.folder().into()], threads: 1 };
        let settings = bitsweep_worker::Settings {
            lease: self.place.lease(),
            beat: BEAT,
            rates: RATES,
            stop_limit: Duration::from_secs(1),
            ..bitsweep_worker::Settings::new(self.scratch(number), child)
        };
        let worker = Worker { queue, ledger, store, settings, metrics: WorkerMetrics::default(), stop };
        if let Err(error) = worker.run().await {
            tracing::info!("a worker cannot go on: {error}");
        }
    }

    /// The services as one actor sees them; an error where it cannot even begin.
    async fn services(&self, points: &Points) -> Result<Services, BackendError> {
        let objects = PointsObjects::new(Arc::clone(&self.objects), points.clone());
        let store = Store::with_objects(Arc::new(objects), None).await?;
        let (queue, ledger) = match &self.place {
            Place::Here => (Arc::clone(&self.queue), Arc::clone(&self.ledger)),
            Place::Servers { queue, ledger } => {
                (queue::open(queue, store.id()).await?, ledger::open(ledger, store.id()).await?)
            }
        };
        let (queue, ledger) = (PointsQueue::new(queue, points.clone()), PointsLedger::new(ledger, points.clone()));
        Ok(Services { store, queue: Arc::new(queue), ledger: Arc::new(ledger) })
    }

    fn cache(&self, worker: usize) -> std::path::PathBuf {
        self.folder().join(format!("cache-{worker}"))
    }

    fn scratch(&self, worker: usize) -> std::path::PathBuf {
        self.folder().join(format!("scratch-{worker}"))
    }

    /// The desks of all coordinators, dead ones too: the one that leads first.
    pub(crate) fn desks(&self) -> Vec<Desk> {
        let desk = |office: &Office| office.desk.lock().expect("nobody panics with it").clone();
        let mut desks: Vec<Desk> = self.coordinators.iter().filter_map(desk).collect();
        desks.sort_by_key(|desk| desk.role() != Role::Leader);
        desks
    }

    /// Has the coordinator that leads stop as after SIGTERM; another starts in its place.
    pub(crate) fn stop_leader(&self) {
        for office in &self.coordinators {
            let desk = office.desk.lock().expect("nobody panics with it").clone();
            if desk.is_some_and(|desk| desk.role() == Role::Leader) {
                return office.post.stop();
            }
        }
    }

    /// Has a worker stop as after SIGTERM; another starts in its place.
    pub(crate) fn stop_worker(&self, number: usize) {
        self.workers[number].stop();
    }

    /// Kills a worker as its machine vanishes; another starts in its place.
    pub(crate) fn kill_worker(&self, number: usize) {
        if let Some(points) = &*self.workers[number].points.lock().expect("nobody panics with it") {
            points.crash();
        }
    }

    /// The worker whose child has left its scratch folder in this file.
    pub(crate) fn who(&self, left: &Path) -> Option<usize> {
        let scratch = std::fs::read_to_string(left).ok()?;
        TWICE.into_iter().find(|number| Path::new(&scratch).starts_with(self.scratch(*number)))
    }

    /// Deletes a blob, whoever has a copy of it.
    pub(crate) async fn lose(&self, blob: &Digest) {
        self.forget_copies(blob);
        self.objects.delete(&place(blob)).await.expect("memory does as told");
    }

    /// Damages a blob, whoever has a copy of it.
    pub(crate) async fn damage_blob(&self, blob: &Digest) {
        self.forget_copies(blob);
        self.damage(&place(blob)).await;
    }

    /// Damages the record of the first outcome of a job.
    pub(crate) async fn damage_outcome(&self, key: JobKey) {
        let name = key.to_string();
        self.damage(&path::Path::from_iter(["outcomes", &name[..2], &format!("{name}.0.json")])).await;
    }

    async fn damage(&self, place: &path::Path) {
        let found = self.objects.get(place).await.expect("it is there").bytes().await.expect("it is in memory");
        let damaged: Vec<u8> = found.iter().map(|byte| byte ^ 1).collect();
        self.objects.put(place, damaged.into()).await.expect("memory does as told");
    }

    fn forget_copies(&self, blob: &Digest) {
        for worker in TWICE {
            let _ = std::fs::remove_file(self.cache(worker).join("blobs").join(blob.to_string()));
        }
    }

    /// Stops everybody, and nobody is started any more.
    pub(crate) fn stop_all(&self) {
        self.over.send_replace(true);
        self.workers.iter().for_each(Post::stop);
        self.coordinators.iter().for_each(|office| office.post.stop());
    }
}

fn place(blob: &Digest) -> path::Path {
    let name = blob.to_string();
    path::Path::from_iter(["blobs", &name[..2], &name])
}

fn settings(lease: Duration) -> bitsweep_coordinator::Settings {
    let settings = bitsweep_coordinator::Settings::for_lease(lease);
    let scheduler = scheduler::Settings { limits: LIMITS, ..settings.scheduler };
    bitsweep_coordinator::Settings { scheduler, ..settings }
}
