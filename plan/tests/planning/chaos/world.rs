//! The world: services, attempts, and two coordinators that both believe they lead.

use std::cmp::Reverse;

use bitsweep_plan::retry::Ending;
use bitsweep_plan::scheduler::{Effect, Event, JobState, Settings, State, step};
use bitsweep_proto::manifest::Budget;
use bitsweep_proto::{Action, Class, Digest, JobKey, Nonce, SweepId, Track};

use super::LIMITS;
use super::oracle::Oracle;
use super::services::{Attempt, Ledger, Outcome, Store};
use super::universe::Universe;
use crate::fixture::key;
use crate::run;

/// Something that happens. Numbers pick one of what there is.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Hear(usize, u16),
    HearAndKeep(usize, u16),
    Lose(usize, u16),
    Work(u16),
    LoseTicket(u16),
    DoubleTicket(u16),
    /// True: the notice gets through.
    Succeed(u16, bool),
    End(u16, u8),
    /// The lease runs out. True: somebody hears, and puts the end on record.
    Expire(u16, bool),
    Beat(u16),
    CommitLate(u16),
    LoseOutcome(u16),
    SaveLedger,
    RollLedgerBack,
    WipeLedger,
    WipeQueue,
    Restart(usize),
    Submit(u8),
    Cancel(u8),
    Resume(u8),
    Retry(u8),
    Limit(u8, bool, Budget),
    Report(u8),
    Forget(u8),
    Pass(u32),
    Slots(bool, u8),
}

struct Coordinator<'u> {
    state: State,
    oracle: Oracle<'u>,
    inbox: Vec<Event>,
}

pub(crate) struct World<'u> {
    universe: &'u Universe,
    store: Store,
    ledger: Ledger,
    saved: Ledger,
    tickets: Vec<usize>,
    /// Attempts that work and beat.
    alive: Vec<Attempt>,
    /// Attempts that were thought lost, and work on.
    late: Vec<Attempt>,
    coordinators: Vec<Coordinator<'u>>,
    now: u64,
    slots: [usize; 2],
    attempts: u64,
}

const KNOWN: &str = "a job of the universe";

fn settings() -> Settings {
    Settings { limits: LIMITS, generations: u32::MAX, most_extra_per_slot: 3, ..Settings::default() }
}

fn sweep_id(sweep: usize) -> SweepId {
    run::sweep(u32::try_from(sweep).unwrap())
}

fn job_key(job: usize) -> JobKey {
    key(u32::try_from(job).unwrap())
}

impl<'u> World<'u> {
    pub(crate) fn new(universe: &'u Universe) -> Self {
        let jobs = universe.jobs.len();
        let coordinator =
            || Coordinator { state: State::new(settings()), oracle: Oracle::new(universe), inbox: Vec::new() };
        let mut world = Self {
            universe,
            store: Store::new(jobs, universe.sweeps.len()),
            ledger: Ledger::new(jobs),
            saved: Ledger::new(jobs),
            tickets: Vec::new(),
            alive: Vec::new(),
            late: Vec::new(),
            coordinators: vec![coordinator(), coordinator()],
            now: 0,
            slots: [0, 0],
            attempts: 0,
        };
        world.submit(0);
        world
    }

    fn job(&self, key: &JobKey) -> usize {
        (0..self.universe.jobs.len()).find(|job| job_key(*job) == *key).expect(KNOWN)
    }

    fn state_of(&self, who: usize, job: usize) -> Option<JobState> {
        self.coordinators[who].state.job_state(&job_key(job))
    }

    /// A notice or an answer, for both.
    fn tell(&mut self, event: Option<Event>) {
        for coordinator in &mut self.coordinators {
            coordinator.inbox.extend(event.clone());
        }
    }
}

/// A coordinator takes an event in, and carries out what follows.
impl World<'_> {
    fn note(&mut self, who: usize, event: &Event) {
        let find = |key: &JobKey| (0..self.universe.jobs.len()).find(|job| job_key(*job) == *key).expect(KNOWN);
        let sweep = |id: &SweepId| (0..self.universe.sweeps.len()).find(|sweep| sweep_id(*sweep) == *id).unwrap();
        let oracle = &mut self.coordinators[who].oracle;
        match event {
            Event::Submitted { sweep: id, facts, controls, .. } => oracle.submitted(sweep(id), facts, controls),
            Event::Controlled { sweep: id, action } => oracle.decided(sweep(id), action),
            Event::Forget { sweep: id } => oracle.forgotten(sweep(id)),
            Event::Committed { key, fact } => oracle.committed(find(key), fact),
            Event::Revoked { key, generation } => oracle.revoked(find(key), *generation),
            Event::History { key, history } => oracle.recalled(find(key), history),
            _ => {}
        }
    }

    fn hear(&mut self, who: usize, event: Event) {
        self.note(who, &event);
        let jobs = self.universe.jobs.len();
        let before: Vec<Option<JobState>> = (0..jobs).map(|job| self.state_of(who, job)).collect();
        let effects = step(&mut self.coordinators[who].state, event, self.now);
        let mut fresh = Vec::new();
        for effect in effects {
            match effect {
                Effect::Publish { sweep, job: place, key, generation } => {
                    let job = self.job(&key);
                    let sweep = (0..self.universe.sweeps.len()).find(|other| sweep_id(*other) == sweep).unwrap();
                    assert_eq!(self.universe.sweeps[sweep].jobs[place as usize], job);
                    self.check_published(who, job, generation);
                    if before[job] != Some(JobState::Published) {
                        fresh.push((sweep, job));
                    }
                    self.ledger.offers[job] = self.ledger.offers[job].max(Some(generation));
                    self.tickets.push(job);
                }
                Effect::Withdraw { key } => {
                    let job = self.job(&key);
                    assert!(self.coordinators[who].oracle.live(job).next().is_none(), "somebody wants it");
                    self.ledger.offers[job] = None;
                }
                Effect::CheckStore { key } => {
                    let found = self.store.look(self.job(&key));
                    self.coordinators[who].inbox.extend(found);
                }
                Effect::CheckHistory { key } => {
                    let job = self.job(&key);
                    self.close(job);
                    let told = self.store.recall(job);
                    self.coordinators[who].inbox.push(told);
                }
                Effect::Revoke { key, generation, .. } => {
                    let job = self.job(&key);
                    let oracle = &mut self.coordinators[who].oracle;
                    assert!(oracle.done(job) && oracle.generation(job) == generation);
                    oracle.revoked(job, generation);
                    self.store.outcomes[job][generation as usize].revoked = true;
                }
                Effect::JobFailed { key, .. } => {
                    assert!(self.universe.jobs[self.job(&key)].doomed, "only what cannot succeed is given up");
                }
                Effect::Finished { sweep, done, failed, held } => self.check_finished(who, sweep, (done, failed, held)),
                Effect::DependantsFailed { .. }
                | Effect::JobHeld { .. }
                | Effect::GateOpened { .. }
                | Effect::BudgetReached { .. } => {}
            }
        }
        self.coordinators[who].oracle.look_at_gates();
        for job in 0..jobs {
            self.check_state(who, job);
        }
        self.check_sums(who);
        self.check_order(who, &fresh);
    }

    fn check_published(&self, who: usize, job: usize, generation: u32) {
        let oracle = &self.coordinators[who].oracle;
        assert!(!oracle.done(job) && !oracle.failed(job) && !oracle.blocked(job), "published though it cannot run");
        assert!(oracle.live(job).next().is_some(), "published though nobody wants it");
        assert_eq!(generation, oracle.generation(job));
    }

    fn check_finished(&self, who: usize, id: SweepId, (done, failed, held): (usize, usize, usize)) {
        let sweep = (0..self.universe.sweeps.len()).find(|sweep| sweep_id(*sweep) == id).unwrap();
        let jobs = &self.universe.sweeps[sweep].jobs;
        let oracle = &self.coordinators[who].oracle;
        assert_eq!(done, jobs.iter().filter(|job| oracle.done(**job)).count());
        assert_eq!(failed, jobs.iter().filter(|job| oracle.failed(**job)).count());
        assert_eq!(done + failed + held, jobs.len());
        if !oracle.sweeps[&sweep].cancelled {
            assert!(jobs.iter().all(|job| !self.is_active(who, *job)), "finished while jobs run");
        }
    }

    fn is_active(&self, who: usize, job: usize) -> bool {
        use JobState::{Leased, Published, Ready, Waiting};
        matches!(self.state_of(who, job), Some(Ready | Waiting | Published | Leased))
    }

    /// One job stands where the oracle says.
    fn check_state(&self, who: usize, job: usize) {
        let Coordinator { oracle, .. } = &self.coordinators[who];
        let Some(state) = self.state_of(who, job) else {
            assert!(!oracle.known(job));
            return;
        };
        assert!(oracle.known(job));
        let wanted = oracle.live(job).next().is_some();
        let expected = match (oracle.done(job), oracle.failed(job), wanted, oracle.blocked(job)) {
            (true, ..) => state == JobState::Done,
            (_, true, ..) => state == JobState::Failed,
            (_, _, false, _) => state == JobState::Cancelled,
            (.., true) => state == JobState::Blocked,
            _ if oracle.put_aside(job) => matches!(state, JobState::Held | JobState::Leased),
            _ => match state {
                JobState::Held => {
                    oracle.live(job).all(|sweep| oracle.shut(sweep, job) || oracle.is_limited(sweep, job))
                }
                JobState::Ready => oracle.live(job).any(|sweep| !oracle.shut(sweep, job)),
                JobState::Waiting | JobState::Published | JobState::Leased => true,
                _ => false,
            },
        };
        let (done, failed, blocked) = (oracle.done(job), oracle.failed(job), oracle.blocked(job));
        assert!(expected, "{job} is {state:?}: done {done}, failed {failed}, wanted {wanted}, blocked {blocked}");
    }

    /// What is kept up to date is what would be counted.
    fn check_sums(&self, who: usize) {
        let Coordinator { state, oracle, .. } = &self.coordinators[who];
        assert_eq!(state.sweeps().count(), oracle.sweeps.len());
        for &sweep in oracle.sweeps.keys() {
            let jobs = &self.universe.sweeps[sweep].jobs;
            let tally = state.tally(&sweep_id(sweep)).unwrap();
            let count = |wanted: &[JobState]| {
                jobs.iter().filter(|job| wanted.contains(&self.state_of(who, **job).unwrap())).count()
            };
            for alone in [
                JobState::Blocked,
                JobState::Waiting,
                JobState::Published,
                JobState::Leased,
                JobState::Done,
                JobState::Failed,
                JobState::Cancelled,
            ] {
                assert_eq!(tally.total.of(alone), count(&[alone]), "{alone:?}");
            }
            let open = tally.total.of(JobState::Ready) + tally.total.of(JobState::Held);
            assert_eq!(open, count(&[JobState::Ready, JobState::Held]));
            assert_eq!(tally.jobs.values().map(|counts| counts.all()).sum::<usize>(), jobs.len());
            assert_eq!(state.spent(&sweep_id(sweep)), oracle.spent(sweep), "sweep {sweep}");
            let cells = &self.universe.sweeps[sweep].plan.cells;
            let done = cells.iter().filter(|cell| oracle.done(jobs[cell.job as usize])).count();
            assert_eq!(state.cells_done(&sweep_id(sweep)), (done, cells.len()));
        }
        for class in [Class::Gpu, Class::Cpu] {
            let count = |wanted| {
                let of_class = (0..self.universe.jobs.len()).filter(|job| self.universe.kind(*job).class() == class);
                of_class.filter(|job| self.state_of(who, *job) == Some(wanted)).count()
            };
            assert_eq!(state.in_queue(class), count(JobState::Published));
            assert_eq!(state.leased(class), count(JobState::Leased));
            assert_eq!(state.ready(class), count(JobState::Ready));
        }
    }

    /// What was published for the first time was next.
    fn check_order(&self, who: usize, fresh: &[(usize, usize)]) {
        let Coordinator { oracle, state, .. } = &self.coordinators[who];
        let ready = |job: &usize| self.state_of(who, *job) == Some(JobState::Ready);
        let rank = |job: usize| (self.universe.jobs[job].shape.tier, Reverse(self.universe.level(job)), job);
        for &(sweep, job) in fresh {
            let (class, track) = oracle.place(job);
            let Settings { window_per_slot, window_spare, most_extra_per_slot, .. } = settings();
            let window = (window_per_slot + most_extra_per_slot) * self.slots[class as usize] + window_spare;
            assert!(state.in_queue(class) <= window, "the window is full");
            assert!(oracle.lets(sweep, job), "job {job} is beyond a limit of sweep {sweep}");
            let left = || (0..self.universe.jobs.len()).filter(ready).filter(|other| oracle.place(*other).0 == class);
            if track == Track::Exploratory {
                assert!(left().all(|other| oracle.place(other).1 == Track::Exploratory), "core work was left");
            }
            let own = left().filter(|other| self.universe.sweeps[sweep].jobs.contains(other));
            let own = own.filter(|other| oracle.place(*other).1 == track);
            let own = own.filter(|other| !oracle.shut(sweep, *other) && !oracle.is_limited(sweep, *other));
            assert!(own.into_iter().all(|other| rank(job) < rank(other)), "a better one was left");
            // Fair share, where there is nobody else to share with.
            let others: Vec<usize> = oracle.sweeps.keys().copied().filter(|other| *other != sweep).collect();
            if let [other] = others[..]
                && !oracle.sweeps[&other].cancelled
            {
                let waits = left().filter(|job| oracle.place(*job).1 == track);
                let mut waits = waits.filter(|job| self.universe.sweeps[other].jobs.contains(job));
                let under_way = |sweep: usize| {
                    let jobs = self.universe.sweeps[sweep].jobs.iter().filter(|job| oracle.place(**job).0 == class);
                    jobs.filter(|job| matches!(self.state_of(who, **job), Some(JobState::Published | JobState::Leased)))
                        .count()
                };
                if waits.any(|job| !oracle.shut(other, job) && !oracle.is_limited(other, job)) {
                    assert!(under_way(sweep) <= under_way(other) + 1, "the other had a right to it");
                }
            }
        }
    }
}

/// The workers.
impl World<'_> {
    /// Ends on record for attempts that nobody keeps a lease for.
    fn close(&mut self, job: usize) {
        for tried in self.store.attempts[job].clone() {
            if tried.ending.is_none() && self.ledger.leases[job].as_ref() != Some(&tried.attempt) {
                let (nonce, generation) = (tried.attempt, tried.generation);
                let vanished = Attempt { job, nonce, generation, read: Vec::new() };
                self.store.end(&vanished, Ending::Infrastructure("the worker vanished".to_owned()), 0);
            }
        }
    }

    fn work(&mut self, ticket: usize) {
        let job = self.tickets.remove(ticket);
        let Some(generation) = self.ledger.offers[job].filter(|_| self.ledger.leases[job].is_none()) else { return };
        self.attempts += 1;
        let nonce = Nonce(format!("{:032x}", self.attempts));
        let mut attempt = Attempt { job, nonce: nonce.clone(), generation, read: Vec::new() };
        if self.store.current(job).is_some() {
            self.ledger.offers[job] = None;
            self.tell(self.store.look(job));
            return;
        }
        self.store.start(&attempt, self.attempts);
        self.ledger.leases[job] = Some(nonce.clone());
        self.tell(Some(Event::Claimed { key: job_key(job), attempt: nonce }));
        for input in self.universe.inputs(job) {
            let Some(outcome) = self.store.current(input) else {
                self.tell(self.store.look(input));
                self.over(&attempt, Ending::Infrastructure("an input is lost".to_owned()), (0, true));
                return;
            };
            attempt.read.push(outcome.artifact);
        }
        self.alive.push(attempt);
    }

    /// The attempt puts its end on record and gives up its lease.
    fn over(&mut self, attempt: &Attempt, ending: Ending, (checkpoints_made, told): (u64, bool)) {
        self.store.end(attempt, ending, checkpoints_made);
        if self.ledger.leases[attempt.job].as_ref() == Some(&attempt.nonce) {
            (self.ledger.leases[attempt.job], self.ledger.offers[attempt.job]) = (None, None);
        }
        if told {
            self.tell(Some(self.store.recall(attempt.job)));
        }
    }

    fn succeed(&mut self, attempt: Attempt, told: bool) {
        if self.universe.jobs[attempt.job].doomed {
            let ending = Ending::Error { code: "doomed".to_owned(), message: "always".to_owned() };
            self.over(&attempt, ending, (0, told));
        } else {
            self.commit(&attempt, told);
            self.over(&attempt, Ending::Settled, (0, told));
        }
    }

    /// Put-if-absent, the only commit.
    fn commit(&mut self, attempt: &Attempt, told: bool) {
        let job = attempt.job;
        let next = self.store.next_generation(job);
        assert!(attempt.generation <= next, "a generation was left out");
        if attempt.generation < next {
            return;
        }
        assert!(self.store.current(job).is_none(), "the one before still counts");
        let salt = if self.universe.jobs[job].unsteady { attempt.generation } else { 0 };
        let artifact = Digest::of(format!("{job} {:?} {salt}", attempt.read).as_bytes());
        self.store.outcomes[job].push(Outcome {
            artifact,
            read: attempt.read.clone(),
            attempt: attempt.nonce.clone(),
            spend: attempt.spend(),
            revoked: false,
        });
        if told {
            self.tell(self.store.look(job));
        }
    }

    /// A heartbeat takes a lost lease again; who is not wanted stops.
    fn beat(&mut self, i: usize) {
        let Attempt { job, nonce, .. } = self.alive[i].clone();
        match &self.ledger.leases[job] {
            Some(holder) if *holder != nonce => {
                let lost = self.alive.remove(i);
                self.late.push(lost);
                return;
            }
            Some(_) if self.ledger.offers[job].is_none() => {
                let attempt = self.alive.remove(i);
                self.over(&attempt, Ending::Preempted, (0, true));
                return;
            }
            Some(_) => {}
            None => self.ledger.leases[job] = Some(nonce.clone()),
        }
        // What the ledger forgot is offered again by whoever rebuilds it.
        self.tell(Some(Event::Claimed { key: job_key(job), attempt: nonce }));
    }
}

/// What happens.
impl World<'_> {
    pub(crate) fn act(&mut self, act: Act) {
        let pick = |i: u16, len: usize| (len > 0).then(|| usize::from(i) % len);
        let sweep = |i: u8| usize::from(i) % self.universe.sweeps.len();
        match act {
            Act::Hear(who, i) => {
                if let Some(i) = pick(i, self.coordinators[who].inbox.len()) {
                    let event = self.coordinators[who].inbox.remove(i);
                    self.hear(who, event);
                }
            }
            Act::HearAndKeep(who, i) => {
                if let Some(i) = pick(i, self.coordinators[who].inbox.len()) {
                    let event = self.coordinators[who].inbox[i].clone();
                    self.hear(who, event);
                }
            }
            Act::Lose(who, i) => {
                if let Some(i) = pick(i, self.coordinators[who].inbox.len()) {
                    self.coordinators[who].inbox.remove(i);
                }
            }
            Act::Work(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.work(i);
                }
            }
            Act::LoseTicket(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.tickets.remove(i);
                }
            }
            Act::DoubleTicket(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.tickets.push(self.tickets[i]);
                }
            }
            Act::Succeed(i, told) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    let attempt = self.alive.remove(i);
                    self.succeed(attempt, told);
                }
            }
            Act::End(i, how) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    let attempt = self.alive.remove(i);
                    let away = Ending::Infrastructure("store away".to_owned());
                    match how % 4 {
                        0 => self.over(&attempt, Ending::Preempted, (0, true)),
                        1 => self.over(&attempt, away, (1, true)),
                        2 => self.over(&attempt, away, (0, true)),
                        _ => self.over(&attempt, away, (0, false)),
                    }
                }
            }
            Act::Expire(i, heard) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    let attempt = self.alive.remove(i);
                    if self.ledger.leases[attempt.job].as_ref() == Some(&attempt.nonce) {
                        (self.ledger.leases[attempt.job], self.ledger.offers[attempt.job]) = (None, None);
                    }
                    if heard {
                        self.close(attempt.job);
                        self.tell(Some(self.store.recall(attempt.job)));
                    }
                    self.late.push(attempt);
                }
            }
            Act::Beat(i) => {
                if let Some(i) = pick(i, self.alive.len()) {
                    self.beat(i);
                }
            }
            Act::CommitLate(i) => {
                if let Some(i) = pick(i, self.late.len()) {
                    let attempt = self.late.remove(i);
                    self.commit(&attempt, true); // Of a doomed job too, after it was given up.
                }
            }
            act => self.act_on_all(act, &sweep),
        }
    }

    fn act_on_all(&mut self, act: Act, sweep: &dyn Fn(u8) -> usize) {
        match act {
            Act::LoseOutcome(i) => {
                let job = usize::from(i) % self.universe.jobs.len();
                if let Some(outcome) = self.store.outcomes[job].iter_mut().rfind(|outcome| !outcome.revoked) {
                    outcome.revoked = true;
                    self.tell(self.store.look(job));
                }
            }
            Act::SaveLedger => self.saved = self.ledger.clone(),
            Act::RollLedgerBack => {
                self.ledger = self.saved.clone();
                self.tell(Some(Event::LedgerLost));
            }
            Act::WipeLedger => {
                self.ledger = Ledger::new(self.universe.jobs.len());
                self.tell(Some(Event::LedgerLost));
            }
            Act::WipeQueue => self.tickets.clear(),
            Act::Restart(who) => self.restart(who),
            Act::Submit(i) => self.submit(sweep(i)),
            Act::Cancel(i) => self.decide(sweep(i), Action::Cancel),
            Act::Resume(i) => self.decide(sweep(i), Action::Resume),
            Act::Retry(i) => {
                let jobs = self.universe.sweeps[sweep(i)].jobs.iter();
                let ended = jobs.flat_map(|job| &self.store.attempts[*job]).filter(|tried| tried.ending.is_some());
                let forgiven = ended.map(|tried| tried.attempt.clone()).collect();
                self.decide(sweep(i), Action::Retry { forgiven });
            }
            Act::Limit(i, more, budget) => {
                let given = self.universe.sweeps[sweep(i)].plan.budgets.len();
                let index = if more { given } else { 0 };
                self.decide(sweep(i), Action::Budget { index: u32::try_from(index).unwrap(), budget });
            }
            Act::Report(i) => self.decide(sweep(i), Action::Reported),
            Act::Forget(i) => {
                let sweep = sweep(i);
                self.store.controls[sweep] = None;
                for who in [0, 1] {
                    self.hear(who, Event::Forget { sweep: sweep_id(sweep) });
                }
            }
            Act::Pass(ms) => {
                self.now += u64::from(ms);
                for who in [0, 1] {
                    self.hear(who, Event::Tick);
                }
            }
            Act::Slots(gpu, live) => {
                let class = if gpu { Class::Gpu } else { Class::Cpu };
                self.slots[class as usize] = usize::from(live % 4);
                for who in [0, 1] {
                    self.hear(who, Event::Slots { class, live: self.slots[class as usize] });
                }
            }
            _ => unreachable!("handled before"),
        }
    }

    /// The first coordinator is asked; the second hears of it, if it does, as a reader of the store.
    fn submit(&mut self, sweep: usize) {
        self.store.controls[sweep].get_or_insert_default();
        let event = self.submission(sweep);
        self.hear(0, event.clone());
        self.coordinators[1].inbox.push(event);
    }

    fn submission(&self, sweep: usize) -> Event {
        let plan = self.universe.sweeps[sweep].plan.clone();
        let facts = self.store.facts(&self.universe.sweeps[sweep].jobs);
        let controls = self.store.controls[sweep].clone().unwrap();
        Event::Submitted { sweep: sweep_id(sweep), plan, facts, controls }
    }

    fn decide(&mut self, sweep: usize, action: Action) {
        let Some(controls) = &mut self.store.controls[sweep] else { return };
        controls.push(action.clone());
        let event = Event::Controlled { sweep: sweep_id(sweep), action };
        self.hear(0, event.clone());
        self.coordinators[1].inbox.push(event);
    }

    /// A coordinator dies, and another begins with what the store says. What that counts is what the records say.
    fn restart(&mut self, who: usize) {
        let state = State::new(settings());
        self.coordinators[who] = Coordinator { state, oracle: Oracle::new(self.universe), inbox: Vec::new() };
        for class in [Class::Gpu, Class::Cpu] {
            self.hear(who, Event::Slots { class, live: self.slots[class as usize] });
        }
        for sweep in 0..self.universe.sweeps.len() {
            if self.store.controls[sweep].is_some() {
                let event = self.submission(sweep);
                self.hear(who, event);
            }
        }
    }

    /// Nothing gets lost any more, nobody decides anything, and every attempt that can succeed does.
    pub(crate) fn settle(&mut self) {
        self.late.clear();
        self.restart(1);
        self.coordinators[0].inbox.clear();
        for _ in 0..200 {
            for job in 0..self.universe.jobs.len() {
                if self.alive.iter().all(|attempt| attempt.job != job) {
                    self.ledger.leases[job] = None; // It has run out.
                }
                self.close(job);
            }
            for who in [0, 1] {
                for sweep in 0..self.universe.sweeps.len() {
                    if self.store.controls[sweep].is_some() {
                        let event = self.submission(sweep);
                        self.hear(who, event);
                    }
                }
            }
            self.quiesce();
            let active = |who| (0..self.universe.jobs.len()).any(|job| self.is_active(who, job));
            if !active(0) && !active(1) {
                return;
            }
            // Longer than every pause, lease and ticket.
            self.now += 400_000;
            for who in [0, 1] {
                self.hear(who, Event::Tick);
            }
        }
        panic!("it never ends");
    }

    /// Goes on until nobody has anything to do but wait.
    fn quiesce(&mut self) {
        for _ in 0..10_000 {
            if let Some(who) = [0, 1].into_iter().find(|who| !self.coordinators[*who].inbox.is_empty()) {
                let event = self.coordinators[who].inbox.remove(0);
                self.hear(who, event);
            } else if let Some(attempt) = self.alive.pop() {
                self.succeed(attempt, true);
            } else if !self.tickets.is_empty() {
                self.work(0);
            } else {
                return;
            }
        }
        panic!("it never rests");
    }

    pub(crate) fn check_end(&mut self) {
        for who in [0, 1] {
            for job in 0..self.universe.jobs.len() {
                self.check_job_at_end(who, job);
            }
        }
        // What a new coordinator counts is what those that went through all of it have counted.
        let spent = |world: &Self| -> Vec<_> {
            let oracle = &world.coordinators[0].oracle;
            oracle.sweeps.keys().map(|sweep| world.coordinators[0].state.spent(&sweep_id(*sweep))).collect()
        };
        let states = |world: &Self, who| -> Vec<_> {
            (0..world.universe.jobs.len()).map(|job| world.state_of(who, job)).collect()
        };
        let (before, stood) = (spent(self), states(self, 0));
        for (job, (one, other)) in stood.iter().zip(states(self, 1)).enumerate() {
            let decided =
                |state| [Some(JobState::Done), Some(JobState::Failed), Some(JobState::Cancelled)].contains(state);
            if decided(one) || decided(&other) {
                assert_eq!(*one, other, "the coordinators differ about job {job}");
            }
        }
        self.restart(0);
        assert_eq!(before, spent(self));
    }

    fn check_job_at_end(&self, who: usize, job: usize) {
        let Some(state) = self.state_of(who, job) else { return };
        let oracle = &self.coordinators[who].oracle;
        let inputs = self.universe.inputs(job);
        let held: Option<Vec<Digest>> =
            inputs.iter().map(|input| self.store.current(*input).map(|outcome| outcome.artifact)).collect();
        if let Some(outcome) = self.store.current(job) {
            assert_eq!(state, JobState::Done, "job {job}");
            if let Some(held) = held {
                assert_eq!(outcome.read, held, "job {job} was made from what its inputs hold");
            }
            return;
        }
        match state {
            JobState::Failed => {
                assert!(self.universe.jobs[job].doomed || held.is_none(), "job {job} could have run");
            }
            JobState::Cancelled => assert_eq!(oracle.live(job).next(), None),
            JobState::Blocked => assert_eq!(held, None),
            JobState::Held if oracle.put_aside(job) => {}
            JobState::Held => {
                assert!(oracle.live(job).all(|sweep| !oracle.lets(sweep, job)), "job {job} is held for nothing");
            }
            other => panic!("job {job} is {other:?}"),
        }
    }
}
