//! The loop of one leadership: it alone has the state.
//!
//! Owns: the order of things. The ledger is closed, the store is read, the state is built, the window is offered and
//! published, and the ledger is opened last; from then on notices, looks and timers become events, and effects go out.
//! Does not own: any decision (`bitsweep_plan::scheduler`), or whether it leads (`service`).
//!
//! **Crash-only.** Nothing is only here: to drop it at any moment, with all that is under way, is how it ends. All waiting
//! happens in tasks, so the loop itself never waits for a service and can always answer.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{Notice, Service};
use bitsweep_plan::scheduler::{Event, State, step};
use bitsweep_proto::job::Class;
use bitsweep_proto::{Control, Nonce, Plan, SweepId, WorkerCard};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::archive::Archive;
use crate::hands::{Done, Hands};
use crate::lanes::Lanes;
use crate::load::Live;
use crate::lookups::Lookups;
use crate::nonce::jittered;
use crate::picture::IndexKeeper;
use crate::signs::Signs;
use crate::sweeps::Sweeps;
use crate::view::News;

/// What is taken in before the state is looked at again: enough to make batches, not enough to make anybody wait.
const AT_ONCE: usize = 512;

/// What is different where one process is everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Many sweeps, workers that come and go. Sweeps that are over are dropped from the state.
    Service,
    /// One sweep and workers of this process, so many slots for each class.
    Embedded { slots: usize },
}

/// How far the ledger is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The ledger is being closed, and the store read where the state is new.
    Closing,
    /// What is to be published goes out.
    Filling,
    /// The ledger serves claims.
    Open,
}

/// One leadership.
pub(crate) struct Lead {
    pub(super) me: Nonce,
    pub(super) mode: Mode,
    pub(super) hands: Hands,
    pub(super) state: State,
    pub(super) sweeps: Sweeps,
    pub(super) signs: Signs,
    pub(super) workers: Vec<WorkerCard>,
    pub(super) archive: Arc<Archive>,
    /// Sweeps that are being read, with what was decided meanwhile.
    pub(super) loading: HashMap<SweepId, Vec<Control>>,
    /// What those who watch have not heard.
    pub(super) news: Vec<News>,
    pub(super) lookups: Lookups,
    pub(super) index_keeper: Option<IndexKeeper>,
    pub(super) tasks: JoinSet<()>,
    pub(super) phase: Phase,
    /// Whether something was decided that nobody took in.
    pub(super) missed: bool,
    /// Sweeps that were just finished.
    pub(super) finished: Vec<SweepId>,
    events: VecDeque<Event>,
    lanes: Lanes,
    done: mpsc::UnboundedReceiver<Done>,
    notices: mpsc::Receiver<Vec<Notice>>,
    began: Instant,
    /// Until then nothing is declared gone.
    quiet_until: Instant,
    /// When the last turn was over; the timers see to it that the next is not long after.
    last_turn: Instant,
    timers: Timers,
}

/// When things are due, and whether they are under way.
#[derive(Debug)]
struct Timers {
    reap: Instant,
    reaping: bool,
    count: Instant,
    counting: bool,
    reconcile: Instant,
    surveying: bool,
    show: Instant,
}

/// Something that the loop has to take in.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A task is done.
    Done(Done),
    /// The ledger has news.
    Notices(Vec<Notice>),
    /// Time has passed.
    Timer,
}

impl Lead {
    /// A loop without sweeps. [`Lead::begin`] starts it.
    pub(crate) fn new(
        (me, mode): (Nonce, Mode),
        (hands, done): (Hands, mpsc::UnboundedReceiver<Done>),
        archive: Arc<Archive>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let lanes = Lanes::start(&hands, &mut tasks);
        let (hear, notices) = mpsc::channel(64);
        tasks.spawn(listen(hands.clone(), hear));
        let now = Instant::now();
        let (reap, count, reconcile) = (now, now, now + jittered(hands.settings.reconcile_every));
        let timers = Timers { reap, reaping: false, count, counting: false, reconcile, surveying: false, show: now };
        Self {
            me,
            mode,
            state: State::new(hands.settings.scheduler),
            sweeps: Sweeps::default(),
            signs: Signs::default(),
            workers: Vec::new(),
            archive,
            loading: HashMap::new(),
            news: Vec::new(),
            lookups: Lookups::default(),
            index_keeper: None,
            tasks,
            phase: Phase::Closing,
            missed: false,
            finished: Vec::new(),
            events: VecDeque::new(),
            lanes,
            done,
            notices,
            began: now,
            quiet_until: now + hands.settings.lease,
            last_turn: now,
            timers,
            hands,
        }
    }

    /// Begins as a service: closes the ledger, then reads the store.
    pub(crate) fn begin(&mut self) {
        let (hands, me) = (self.hands.clone(), self.me.clone());
        self.tasks.spawn(async move {
            hands.health.insist(Service::Ledger, || hands.ledger.close(&me)).await;
            let loaded = hands.load_all().await;
            hands.tell(Done::Read(loaded));
        });
    }

    /// Begins with one sweep that is read already.
    pub(crate) fn begin_with(&mut self, live: Live) {
        if let Mode::Embedded { slots } = self.mode {
            let slots = |class| Event::Slots { class, live: slots };
            self.events.extend([slots(Class::Gpu), slots(Class::Cpu)]);
        }
        self.take_live(live);
        self.fill();
    }

    /// The ledger is no longer the one that was opened: all that was published has to be published again.
    pub(crate) fn ledger_lost(&mut self) {
        tracing::warn!("the ledger was emptied, rolled back or taken over: it is rebuilt");
        self.hands.metrics.rebuilds.inc();
        self.phase = Phase::Closing;
        let (hands, me) = (self.hands.clone(), self.me.clone());
        self.tasks.spawn(async move {
            hands.health.insist(Service::Ledger, || hands.ledger.close(&me)).await;
            hands.tell(Done::Closed);
        });
    }

    /// What happens next. May be dropped at any point.
    pub(crate) async fn next(&mut self) -> Happening {
        let due = self.state.next_due().map(|due| self.began + Duration::from_millis(due));
        let Timers { reap, count, reconcile, show, .. } = self.timers;
        let wake = [reap, count, reconcile, show].into_iter().chain(due).min().unwrap_or(reap);
        tokio::select! {
            Some(done) = self.done.recv() => Happening::Done(done),
            Some(notices) = self.notices.recv() => Happening::Notices(notices),
            () = tokio::time::sleep_until(wake) => Happening::Timer,
        }
    }

    /// A turn that comes much too late says that this process stood still: it cannot tell who else did.
    fn woke(&mut self) {
        let (now, lease) = (Instant::now(), self.hands.settings.lease);
        if now.saturating_duration_since(self.last_turn) > self.hands.settings.count_every + lease / 2 {
            self.quiet_until = self.quiet_until.max(now + lease);
        }
    }

    /// Takes in what happened, and all that has happened meanwhile.
    pub(crate) fn take(&mut self, first: Happening) {
        let began = Instant::now();
        self.woke();
        match first {
            Happening::Done(done) => self.take_done(done),
            Happening::Notices(notices) => self.hear_all(notices),
            Happening::Timer => self.events.push_back(Event::Tick),
        }
        for _ in 0..AT_ONCE {
            let Ok(done) = self.done.try_recv() else { break };
            self.take_done(done);
        }
        self.run_timers();
        self.settle();
        self.bury_tasks();
        self.last_turn = Instant::now();
        self.hands.metrics.stepped(began.elapsed());
    }

    /// Steps through all events and carries out what follows.
    pub(crate) fn settle(&mut self) {
        while let Some(event) = self.events.pop_front() {
            let commit = self.commit_in(&event);
            let now = self.now();
            let effects = step(&mut self.state, event, now);
            if let Some(commit) = commit {
                self.note_commit(commit);
            }
            for effect in effects {
                self.carry_out(effect);
            }
            self.drop_finished();
        }
    }

    /// Milliseconds on the state's clock.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Something for the state, after all that was put before.
    pub(super) fn push(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// Starts a look at a job.
    pub(super) fn look(&mut self, look: crate::lookups::Look, key: bitsweep_proto::JobKey) {
        self.lookups.start(&self.hands, &mut self.tasks, (look, key));
    }

    /// Everything is in the lanes once the state has settled: behind it, the ledger is opened.
    pub(super) fn fill(&mut self) {
        self.settle();
        self.phase = Phase::Filling;
        let (hands, me, reached) = (self.hands.clone(), self.me.clone(), self.lanes.mark());
        self.tasks.spawn(async move {
            // An error says that the lanes are gone, and so is this task.
            if reached.await.is_ok() {
                hands.health.insist(Service::Ledger, || hands.ledger.open(&me)).await;
                hands.tell(Done::Opened);
            }
        });
    }

    /// The ledger serves claims; attempts that were under way come back by their heartbeats, for which they get a lease.
    pub(super) fn opened(&mut self) {
        self.phase = Phase::Open;
        self.quiet_until = self.quiet_until.max(Instant::now() + self.hands.settings.lease);
    }

    /// Looks through the whole store as soon as can be.
    pub(super) fn reconcile_soon(&mut self) {
        self.timers.reconcile = Instant::now();
    }

    pub(super) fn surveyed(&mut self) {
        self.timers.surveying = false;
    }

    pub(super) fn reaped(&mut self) {
        self.timers.reaping = false;
    }

    pub(super) fn counted(&mut self) {
        self.timers.counting = false;
    }

    fn run_timers(&mut self) {
        let (now, settings) = (Instant::now(), self.hands.settings);
        let ledger_failed = self.hands.health.ledger_failed();
        let quiet_until = ledger_failed.map_or(self.quiet_until, |at| self.quiet_until.max(at + settings.lease));
        if now >= self.timers.reap {
            self.timers.reap = now + settings.reap_every;
            if now >= quiet_until && self.phase == Phase::Open {
                self.reap();
            }
        }
        if now >= self.timers.count && self.mode == Mode::Service {
            self.timers.count = now + settings.count_every;
            self.count();
        } else if self.mode != Mode::Service {
            self.timers.count = now + settings.reconcile_every;
        }
        if now >= self.timers.reconcile {
            self.timers.reconcile = now + jittered(settings.reconcile_every);
            self.survey();
        }
        if now >= self.timers.show {
            self.timers.show = now + settings.count_every;
            self.hands.metrics.show(&self.shown());
            self.index_all();
        }
    }

    /// Has the ledger end expired leases, and puts an end to attempts that fell silent without one.
    fn reap(&mut self) {
        let patience = self.hands.settings.lease * 2;
        for (key, sign) in self.signs.silent(Instant::now(), patience) {
            self.look(crate::lookups::Look::Close { attempt: sign.attempt, heard_at: sign.first_at }, key);
        }
        if std::mem::replace(&mut self.timers.reaping, true) {
            return;
        }
        let hands = self.hands.clone();
        self.tasks.spawn(async move {
            // What fails is tried again when it is next due.
            let _ = hands.health.try_once(Service::Ledger, hands.ledger.reap()).await;
            hands.tell(Done::Reaped);
        });
    }

    fn count(&mut self) {
        if std::mem::replace(&mut self.timers.counting, true) {
            return;
        }
        let hands = self.hands.clone();
        self.tasks.spawn(async move {
            let workers = hands.health.insist(Service::Ledger, || hands.ledger.workers()).await;
            hands.tell(Done::Workers(workers));
        });
    }

    fn survey(&mut self) {
        if self.phase == Phase::Closing || std::mem::replace(&mut self.timers.surveying, true) {
            return;
        }
        let watched: BTreeSet<SweepId> = self.sweeps.ids().chain(self.archive.cancelled()).collect();
        let under_way = self.sweeps.all().any(|sweep| !sweep.is_over);
        let hands = self.hands.clone();
        self.tasks.spawn(async move {
            let survey = hands.survey(watched, under_way).await;
            hands.tell(Done::Surveyed(Box::new(survey)));
        });
    }

    /// Starts to read a sweep that the state does not have.
    pub(super) fn load(&mut self, sweep: SweepId, plan: Option<Arc<Plan>>) {
        if self.sweeps.get(&sweep).is_some() || self.loading.contains_key(&sweep) {
            return;
        }
        self.loading.insert(sweep, Vec::new());
        let hands = self.hands.clone();
        self.tasks.spawn(async move {
            let done = hands.load(sweep, plan).await;
            hands.tell(done);
        });
    }

    /// Tasks that are over. One that panicked takes everything down: whoever watches the process starts it again.
    fn bury_tasks(&mut self) {
        while let Some(over) = self.tasks.try_join_next() {
            if let Err(error) = over
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

/// Hands on what the ledger says, for as long as somebody listens.
async fn listen(hands: Hands, hear: mpsc::Sender<Vec<Notice>>) {
    loop {
        let notices = hands.health.insist(Service::Ledger, || hands.ledger.notices()).await;
        if hear.send(notices).await.is_err() {
            return;
        }
    }
}
