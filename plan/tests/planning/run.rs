//! A scheduler under test, with a clock that stands still unless told and attempts that leave records.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitsweep_plan::retry::{Ending, History, Tried};
use bitsweep_plan::scheduler::{
    Effect, Event, Fact, Facts, Fingerprint, JobState, Settings, Spend, State, Tally, step,
};
use bitsweep_proto::{Action, Digest, Nonce, Plan, SweepId};

use crate::fixture::{Shape, graph, key};

/// The fingerprint of an artifact.
pub(crate) fn print_of(text: &str) -> Fingerprint {
    Fingerprint::of([("out", Digest::of(text.as_bytes()))])
}

/// An outcome that holds `artifact`, was made from `read`, and cost nothing.
pub(crate) fn fact(generation: u32, artifact: &str, read: &[&str]) -> Fact {
    let read = read.iter().fold(Fingerprint::default(), |sum, text| sum.and(print_of(text)));
    Fact { generation, artifact: print_of(artifact), read, ..Fact::default() }
}

pub(crate) fn committed(job: u32, fact: Fact) -> Event {
    Event::Committed { key: key(job), fact }
}

pub(crate) fn failed() -> Ending {
    Ending::Error { code: "bad".to_owned(), message: "no".to_owned() }
}

pub(crate) fn away() -> Ending {
    Ending::Infrastructure("store away".to_owned())
}

pub(crate) fn gpu_hours(gpu_hours: f64) -> Spend {
    Spend { gpu_hours, ..Spend::default() }
}

pub(crate) fn sweep(number: u32) -> SweepId {
    SweepId(Digest::of(format!("sweep {number}").as_bytes()))
}

/// What sweep 0 publishes.
pub(crate) fn publish(job: u32, generation: u32) -> Effect {
    publish_for(0, job, generation)
}

pub(crate) fn publish_for(number: u32, job: u32, generation: u32) -> Effect {
    Effect::Publish { sweep: sweep(number), job, key: key(job), generation }
}

pub(crate) fn finished(done: usize, failed: usize, held: usize) -> Effect {
    finished_of(0, (done, failed, held))
}

pub(crate) fn finished_of(number: u32, (done, failed, held): (usize, usize, usize)) -> Effect {
    Effect::Finished { sweep: sweep(number), done, failed, held }
}

/// An attempt on record.
pub(crate) fn tried(number: usize, ending: Option<Ending>) -> Tried {
    Tried {
        attempt: Nonce(format!("attempt {number}")),
        generation: 0,
        started_at: number as u64,
        ending,
        checkpoints_made: 0,
        spend: Spend::default(),
    }
}

/// The attempts of a job that ended like this, one after the other.
pub(crate) fn history(endings: impl IntoIterator<Item = Ending>) -> History {
    History { attempts: endings.into_iter().enumerate().map(|(i, ending)| tried(i, Some(ending))).collect() }
}

/// A state with one sweep or more.
pub(crate) struct Run {
    pub(crate) state: State,
    pub(crate) now: u64,
    /// What is on record.
    pub(crate) histories: BTreeMap<u32, History>,
    /// Of the next attempts, where it is not the first.
    generations: BTreeMap<u32, u32>,
}

impl Run {
    pub(crate) fn empty() -> Self {
        Self {
            state: State::new(Settings::default()),
            now: 0,
            histories: BTreeMap::new(),
            generations: BTreeMap::new(),
        }
    }

    /// One sweep with these jobs, and what its submission led to.
    pub(crate) fn new(shapes: &[Shape], facts: Facts) -> (Self, Vec<Effect>) {
        let mut run = Self::empty();
        let effects = run.submit(0, graph(shapes), facts);
        (run, effects)
    }

    pub(crate) fn submit(&mut self, number: u32, plan: Plan, facts: Facts) -> Vec<Effect> {
        let (sweep, plan) = (sweep(number), Arc::new(plan));
        self.step(Event::Submitted { sweep, plan, facts, controls: Vec::new() })
    }

    pub(crate) fn control(&mut self, number: u32, action: Action) -> Vec<Effect> {
        self.step(Event::Controlled { sweep: sweep(number), action })
    }

    pub(crate) fn step(&mut self, event: Event) -> Vec<Effect> {
        step(&mut self.state, event, self.now)
    }

    /// The next attempt on the job claims it, and leaves a start on record.
    pub(crate) fn claim(&mut self, job: u32) -> Vec<Effect> {
        let generation = self.generations.get(&job).copied().unwrap_or(0);
        let attempts = &mut self.histories.entry(job).or_default().attempts;
        attempts.push(Tried { generation, ..tried(attempts.len(), None) });
        self.claim_again(job)
    }

    /// The outcome of a generation is lost.
    pub(crate) fn revoke(&mut self, job: u32, generation: u32) -> Vec<Effect> {
        self.generations.insert(job, generation + 1);
        self.step(Event::Revoked { key: key(job), generation })
    }

    /// A sign of life of the last attempt.
    pub(crate) fn claim_again(&mut self, job: u32) -> Vec<Effect> {
        let attempt = self.histories[&job].attempts.last().unwrap().attempt.clone();
        self.step(Event::Claimed { key: key(job), attempt })
    }

    /// The last attempt on the job ends; its end is on record and heard of.
    pub(crate) fn end(&mut self, job: u32, ending: Ending) -> Vec<Effect> {
        self.end_after(job, ending, Spend::default())
    }

    pub(crate) fn end_after(&mut self, job: u32, ending: Ending, spend: Spend) -> Vec<Effect> {
        let last = self.histories.get_mut(&job).unwrap().attempts.last_mut().unwrap();
        (last.ending, last.spend) = (Some(ending), spend);
        self.recall(job)
    }

    /// What is on record about the job is heard of.
    pub(crate) fn recall(&mut self, job: u32) -> Vec<Effect> {
        let history = self.histories[&job].clone();
        self.step(Event::History { key: key(job), history })
    }

    pub(crate) fn states(&self, jobs: u32) -> Vec<JobState> {
        (0..jobs).map(|job| self.state.job_state(&key(job)).unwrap()).collect()
    }

    pub(crate) fn tally(&self, number: u32) -> Tally {
        self.state.tally(&sweep(number)).unwrap()
    }
}
