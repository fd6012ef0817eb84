//! The scheduler in a world where tickets and notices get lost, come twice and come late, attempts vanish, commit after
//! their lease, and outcomes get lost.
//!
//! The oracle has no states and no counters. It keeps the highest generation heard of as committed and as revoked, and
//! decides by table: done if the first is higher; failed if not done and given up, or an input is failed; blocked if an
//! input is not done; else runnable.

use std::cmp::Reverse;

use bitsweep_plan::retry::Limits;
use bitsweep_plan::scheduler::{Effect, Event, Fact, Facts, Fingerprint, JobState, Settings, State, step};
use bitsweep_proto::job::Class;
use bitsweep_proto::plan::From;
use bitsweep_proto::{Digest, Plan, Verdict};
use proptest::prelude::*;

use crate::fixture::{Shape, graph, key};

#[derive(Clone, Debug)]
struct Job {
    shape: Shape,
    /// Holds other bytes each time it is made.
    unsteady: bool,
    /// Fails, but for attempts that were thought lost.
    doomed: bool,
}

#[derive(Clone, Debug)]
enum Action {
    Hear(u16),
    HearAndKeep(u16),
    Lose(u16),
    Work(u16),
    LoseTicket(u16),
    Succeed(u16),
    End(u16, u8),
    CommitLate(u16),
    LoseOutcome(u16),
    Pass(u32),
    Slots(bool, u8),
}

/// An outcome in the store: `outcomes/<key>/<generation>`.
struct Record {
    generation: u32,
    artifact: Digest,
    read: Vec<Digest>,
    revoked: bool,
}

#[derive(Clone)]
struct Attempt {
    job: u32,
    generation: u32,
    read: Vec<Digest>,
}

struct World {
    plan: Plan,
    jobs: Vec<Job>,
    state: State,
    now: u64,
    slots: [usize; 2],
    // The truth.
    store: Vec<Vec<Record>>,
    offers: Vec<Option<u32>>,
    leases: Vec<Attempt>,
    late: Vec<Attempt>,
    tickets: Vec<u32>,
    inbox: Vec<Event>,
    // What the scheduler has heard.
    committed: Vec<Option<u32>>,
    revoked: Vec<Option<u32>>,
    given_up: Vec<bool>,
}

fn index(key: &bitsweep_proto::JobKey, jobs: usize) -> usize {
    (0..jobs).find(|job| crate::fixture::key(u32::try_from(*job).unwrap()) == *key).unwrap()
}

fn content(digest: &Digest) -> Fingerprint {
    Fingerprint::of([("out", *digest)])
}

impl World {
    fn new(jobs: Vec<Job>) -> Self {
        let shapes: Vec<Shape> = jobs.iter().map(|job| job.shape.clone()).collect();
        let plan = graph(&shapes);
        let limits = Limits { infrastructure: u32::MAX, ..Limits::default() };
        let settings = Settings { limits, generations: u32::MAX, ..Settings::default() };
        let state = State::new(&plan, Facts::default(), settings);
        let n = jobs.len();
        let mut world = Self {
            plan,
            jobs,
            state,
            now: 0,
            slots: [0, 0],
            store: (0..n).map(|_| Vec::new()).collect(),
            offers: vec![None; n],
            leases: Vec::new(),
            late: Vec::new(),
            tickets: Vec::new(),
            inbox: Vec::new(),
            committed: vec![None; n],
            revoked: vec![None; n],
            given_up: vec![false; n],
        };
        world.hear(Event::Start);
        world
    }

    fn inputs(&self, job: usize) -> Vec<usize> {
        self.jobs[job].shape.inputs.iter().map(|input| *input as usize).collect()
    }

    fn current(&self, job: usize) -> Option<&Record> {
        self.store[job].iter().rfind(|record| !record.revoked)
    }

    fn fact(&self, job: usize) -> Option<Event> {
        let key = key(u32::try_from(job).unwrap());
        if let Some(record) = self.current(job) {
            let read = record.read.iter().fold(Fingerprint::default(), |sum, digest| sum.and(content(digest)));
            let fact = Fact { generation: record.generation, artifact: content(&record.artifact), read };
            return Some(Event::Committed { key, fact });
        }
        self.store[job].last().map(|record| Event::Revoked { key, generation: record.generation })
    }

    // The oracle.
    fn done(&self, job: usize) -> bool {
        self.committed[job].is_some() && self.committed[job] > self.revoked[job]
    }

    fn failed(&self, job: usize) -> bool {
        !self.done(job) && (self.given_up[job] || self.inputs(job).into_iter().any(|input| self.failed(input)))
    }

    fn level(&self, job: usize) -> usize {
        self.inputs(job).into_iter().map(|input| self.level(input) + 1).max().unwrap_or(0)
    }

    fn rank(&self, job: usize) -> (u32, Reverse<usize>, usize) {
        (self.jobs[job].shape.tier, Reverse(self.level(job)), job)
    }

    fn class(&self, job: usize) -> Class {
        self.plan.jobs[job].spec.kind().class()
    }

    /// Delivers an event, carries the effects out, and checks all that must hold.
    fn hear(&mut self, event: Event) {
        let n = self.jobs.len();
        match &event {
            Event::Committed { key, fact } => {
                let job = index(key, n);
                self.committed[job] = self.committed[job].max(Some(fact.generation));
                self.given_up[job] &= !self.done(job);
            }
            Event::Revoked { key, generation } => {
                let job = index(key, n);
                self.revoked[job] = self.revoked[job].max(Some(*generation));
            }
            _ => {}
        }
        let before: Vec<JobState> = (0..n).map(|job| self.job_state(job)).collect();
        let effects = step(&mut self.state, event, self.now);
        let mut fresh = Vec::new();
        for effect in effects {
            match effect {
                Effect::Publish { job, key: published, generation } => {
                    let at = job as usize;
                    assert_eq!(published, key(job));
                    assert!(!self.done(at) && !self.failed(at), "published though done or failed");
                    assert!(self.inputs(at).into_iter().all(|input| self.done(input)), "published before its inputs");
                    assert_eq!(generation, self.revoked[at].map_or(0, |generation| generation + 1));
                    if before[at] != JobState::Published {
                        fresh.push(at);
                    }
                    self.offers[at] = Some(generation);
                    self.tickets.push(job);
                }
                Effect::CheckStore { key } => self.inbox.extend(self.fact(index(&key, n))),
                Effect::Revoke { key, generation, .. } => {
                    let job = index(&key, n);
                    assert!(self.done(job));
                    self.revoked[job] = self.revoked[job].max(Some(generation));
                    for record in self.store[job].iter_mut().filter(|record| record.generation == generation) {
                        record.revoked = true;
                    }
                }
                Effect::JobFailed { key, .. } => {
                    let job = index(&key, n);
                    assert!(self.jobs[job].doomed, "only what cannot succeed is given up");
                    self.given_up[job] = true;
                }
                Effect::DependantsFailed { .. } => {}
                Effect::JobHeld { .. } => panic!("nothing is held under these limits"),
                Effect::Finished { done, failed, held } => {
                    assert_eq!((done + failed, held), (n, 0));
                    assert_eq!(done, (0..n).filter(|job| self.done(*job)).count());
                }
            }
        }
        self.check(&fresh);
    }

    fn job_state(&self, job: usize) -> JobState {
        self.state.job_state(&key(u32::try_from(job).unwrap())).unwrap()
    }

    fn check(&self, fresh: &[usize]) {
        for job in 0..self.jobs.len() {
            let blocked = !self.inputs(job).into_iter().all(|input| self.done(input));
            let state = self.job_state(job);
            let expected = match (self.done(job), self.failed(job), blocked) {
                (true, _, _) => state == JobState::Done,
                (_, true, _) => state == JobState::Failed,
                (_, _, true) => state == JobState::Blocked,
                _ => matches!(state, JobState::Ready | JobState::Waiting | JobState::Published | JobState::Leased),
            };
            assert!(expected, "job {job} is {state:?}");
        }
        for job in fresh {
            let class = self.class(*job);
            let of_class = (0..self.jobs.len()).filter(|other| self.class(*other) == class);
            let (mut published, mut first_left) = (0, None);
            for other in of_class {
                published += usize::from(self.job_state(other) == JobState::Published);
                if self.job_state(other) == JobState::Ready {
                    first_left = first_left.min(Some(self.rank(other))).or(Some(self.rank(other)));
                }
            }
            assert!(published <= 2 * self.slots[class as usize] + 2, "the window is full");
            assert!(first_left.is_none_or(|left| self.rank(*job) < left), "a better one was left");
        }
    }

    // The workers.
    fn work(&mut self, ticket: usize) {
        let job = self.tickets.remove(ticket);
        let at = job as usize;
        let Some(generation) = self.offers[at].filter(|_| self.leases.iter().all(|lease| lease.job != job)) else {
            return;
        };
        if self.current(at).is_some() {
            self.inbox.extend(self.fact(at));
            return;
        }
        self.inbox.push(Event::Claimed { key: key(job) });
        let mut read = Vec::new();
        for input in self.inputs(at) {
            match self.current(input) {
                Some(record) => read.push(record.artifact),
                None => {
                    self.inbox.extend(self.fact(input));
                    self.end(job, Verdict::Infrastructure { message: "an input is lost".to_owned() });
                    return;
                }
            }
        }
        self.leases.push(Attempt { job, generation, read });
    }

    fn end(&mut self, job: u32, verdict: Verdict) {
        self.inbox.push(Event::Ended { key: key(job), verdict, checkpoints_made: 0 });
    }

    fn succeed(&mut self, attempt: Attempt) {
        if self.jobs[attempt.job as usize].doomed {
            self.end(attempt.job, Verdict::Failed { code: "doomed".to_owned(), message: "always".to_owned() });
        } else {
            self.commit(attempt);
        }
    }

    fn commit(&mut self, attempt: Attempt) {
        let at = attempt.job as usize;
        if self.store[at].iter().any(|record| record.generation == attempt.generation) {
            self.end(attempt.job, Verdict::Discarded);
        } else {
            let salt = if self.jobs[at].unsteady { attempt.generation } else { 0 };
            let artifact = Digest::of(format!("{at} {:?} {salt}", attempt.read).as_bytes());
            let (generation, read) = (attempt.generation, attempt.read);
            self.store[at].push(Record { generation, artifact, read, revoked: false });
            self.inbox.extend(self.fact(at));
        }
    }

    fn act(&mut self, action: Action) {
        let pick = |i: u16, len: usize| (len > 0).then(|| usize::from(i) % len);
        match action {
            Action::Hear(i) => {
                if let Some(i) = pick(i, self.inbox.len()) {
                    let event = self.inbox.remove(i);
                    self.hear(event);
                }
            }
            Action::HearAndKeep(i) => {
                if let Some(i) = pick(i, self.inbox.len()) {
                    let event = self.inbox[i].clone();
                    // An end heard twice can be charged twice if a claim comes between; then two would be the last.
                    if !matches!(&event, Event::Ended { verdict: Verdict::Failed { .. }, .. }) {
                        self.hear(event);
                    }
                }
            }
            Action::Lose(i) => {
                if let Some(i) = pick(i, self.inbox.len()) {
                    self.inbox.remove(i);
                }
            }
            Action::Work(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.work(i);
                }
            }
            Action::LoseTicket(i) => {
                if let Some(i) = pick(i, self.tickets.len()) {
                    self.tickets.remove(i);
                }
            }
            Action::Succeed(i) => {
                if let Some(i) = pick(i, self.leases.len()) {
                    let attempt = self.leases.remove(i);
                    self.succeed(attempt);
                }
            }
            Action::End(i, how) => {
                if let Some(i) = pick(i, self.leases.len()) {
                    let attempt = self.leases.remove(i);
                    let message = "test".to_owned();
                    match how % 3 {
                        0 => self.end(attempt.job, Verdict::Preempted),
                        1 => self.end(attempt.job, Verdict::Infrastructure { message }),
                        _ => {
                            self.inbox.push(Event::Expired { key: key(attempt.job), checkpoints_made: 0 });
                            self.late.push(attempt);
                        }
                    }
                }
            }
            Action::CommitLate(i) => {
                if let Some(i) = pick(i, self.late.len()) {
                    let attempt = self.late.remove(i);
                    self.commit(attempt); // Of a doomed job too, after it was given up.
                }
            }
            Action::LoseOutcome(i) => {
                let job = usize::from(i) % self.jobs.len();
                if let Some(record) = self.store[job].iter_mut().rfind(|record| !record.revoked) {
                    record.revoked = true;
                    self.inbox.extend(self.fact(job));
                }
            }
            Action::Pass(ms) => {
                self.now += u64::from(ms);
                self.hear(Event::Tick);
            }
            Action::Slots(gpu, live) => {
                let class = if gpu { Class::Gpu } else { Class::Cpu };
                self.slots[class as usize] = usize::from(live % 4);
                self.hear(Event::Slots { class, live: self.slots[class as usize] });
            }
        }
    }

    /// Nothing gets lost any more, and every attempt that can succeed does.
    fn settle(&mut self) {
        self.inbox = (0..self.jobs.len()).filter_map(|job| self.fact(job)).collect();
        self.late.clear();
        for _ in 0..100 {
            self.quiesce();
            if self.state.counts().active() == 0 {
                return;
            }
            // Longer than every pause, lease and ticket.
            self.now += 400_000;
            self.hear(Event::Tick);
        }
        panic!("it never ends");
    }

    /// Goes on until nobody has anything to do but wait.
    fn quiesce(&mut self) {
        for _ in 0..10_000 {
            if !self.inbox.is_empty() {
                let event = self.inbox.remove(0);
                self.hear(event);
            } else if let Some(attempt) = self.leases.pop() {
                self.succeed(attempt);
            } else if !self.tickets.is_empty() {
                self.work(0);
            } else {
                return;
            }
        }
        panic!("it never rests");
    }

    fn check_end(&self) {
        for job in 0..self.jobs.len() {
            let inputs: Option<Vec<Digest>> =
                self.inputs(job).into_iter().map(|input| self.current(input).map(|record| record.artifact)).collect();
            match (self.current(job), inputs) {
                (Some(record), inputs) => {
                    assert_eq!(self.job_state(job), JobState::Done, "job {job}");
                    if let Some(inputs) = inputs {
                        assert_eq!(record.read, inputs, "job {job} was made from what its inputs hold");
                    }
                }
                (None, inputs) => {
                    assert_eq!(self.job_state(job), JobState::Failed, "job {job}");
                    assert!(self.jobs[job].doomed || inputs.is_none(), "job {job} could have run");
                }
            }
        }
    }
}

fn jobs() -> impl Strategy<Value = Vec<Job>> {
    let job = (any::<u16>(), any::<u16>(), 1_u32..4, any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    prop::collection::vec(job, 1..12).prop_map(|jobs| {
        let mut made: Vec<Job> = Vec::new();
        for (mask, also, tier, gpu, unsteady, doomed) in jobs {
            let before = u32::try_from(made.len()).unwrap();
            let mut inputs: Vec<u32> = (0..before).filter(|input| mask & also & (1 << input) != 0).collect();
            if mask % 5 == 0 {
                inputs.extend(inputs.first().copied()); // Read twice, as the float32 run is.
            }
            made.push(Job { shape: Shape { inputs, tier, gpu }, unsteady, doomed });
        }
        made
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => any::<u16>().prop_map(Action::Hear),
        2 => any::<u16>().prop_map(Action::HearAndKeep),
        1 => any::<u16>().prop_map(Action::Lose),
        8 => any::<u16>().prop_map(Action::Work),
        1 => any::<u16>().prop_map(Action::LoseTicket),
        8 => any::<u16>().prop_map(Action::Succeed),
        2 => (any::<u16>(), any::<u8>()).prop_map(|(i, how)| Action::End(i, how)),
        1 => any::<u16>().prop_map(Action::CommitLate),
        2 => any::<u16>().prop_map(Action::LoseOutcome),
        2 => (0_u32..400_000).prop_map(Action::Pass),
        1 => (any::<bool>(), any::<u8>()).prop_map(|(gpu, live)| Action::Slots(gpu, live)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_everything_ends_as_it_must(jobs in jobs(), actions in prop::collection::vec(action(), 0..250)) {
        let mut world = World::new(jobs);
        for action in actions {
            world.act(action);
        }
        world.settle();
        world.check_end();
    }
}

#[test]
fn graphs_have_the_inputs_they_are_given() {
    let plan =
        graph(&[Shape { inputs: vec![], tier: 1, gpu: true }, Shape { inputs: vec![0, 0], tier: 1, gpu: false }]);
    assert_eq!(plan.jobs[1].inputs.iter().filter(|input| input.from == From::Job(0)).count(), 2);
}
