//! The world: services, attempts, and two coordinators that both believe they lead.

mod acts;
mod checks;
mod workers;

use bitsweep_plan::scheduler::{Effect, Event, JobState, Settings, State, step};
use bitsweep_proto::manifest::Budget;
use bitsweep_proto::{JobKey, SweepId};

use super::LIMITS;
use super::oracle::Oracle;
use super::services::{Attempt, Ledger, Store};
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
}
