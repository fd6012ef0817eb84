//! Store, ledger and queue, as far as the scheduler's promises stand on them.

use bitsweep_plan::retry::{Ending, History, Tried};
use bitsweep_plan::scheduler::{Event, Fact, Facts, Fingerprint, Mark, Spend};
use bitsweep_proto::{Action, Digest, Nonce};

use crate::fixture::key;

/// An outcome: `outcomes/<key>/<generation>`.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) artifact: Digest,
    pub(super) read: Vec<Digest>,
    pub(super) attempt: Nonce,
    pub(super) spend: Spend,
    pub(super) revoked: bool,
}

/// What is durable and true.
pub(super) struct Store {
    /// By job, then generation.
    pub(super) outcomes: Vec<Vec<Outcome>>,
    pub(super) attempts: Vec<Vec<Tried>>,
    /// By sweep; `None` where it is not submitted.
    pub(super) controls: Vec<Option<Vec<Action>>>,
}

impl Store {
    pub(super) fn new(jobs: usize, sweeps: usize) -> Self {
        Self { outcomes: vec![Vec::new(); jobs], attempts: vec![Vec::new(); jobs], controls: vec![None; sweeps] }
    }

    pub(super) fn current(&self, job: usize) -> Option<&Outcome> {
        self.outcomes[job].iter().rfind(|outcome| !outcome.revoked)
    }

    /// Of the outcome to commit next, where none is there.
    pub(super) fn next_generation(&self, job: usize) -> u32 {
        u32::try_from(self.outcomes[job].len()).unwrap()
    }

    fn fact(&self, job: usize) -> Option<Fact> {
        let generation = self.outcomes[job].iter().rposition(|outcome| !outcome.revoked)?;
        let outcome = &self.outcomes[job][generation];
        let content = |digest: &Digest| Fingerprint::of([("out", *digest)]);
        Some(Fact {
            generation: u32::try_from(generation).unwrap(),
            artifact: content(&outcome.artifact),
            read: outcome.read.iter().fold(Fingerprint::default(), |sum, digest| sum.and(content(digest))),
            attempt: Mark::of(&outcome.attempt),
            spend: outcome.spend,
            committed_at: 1,
            ..Fact::default()
        })
    }

    /// What a look for the outcome finds.
    pub(super) fn look(&self, job: usize) -> Option<Event> {
        let key = key(u32::try_from(job).unwrap());
        match self.fact(job) {
            Some(fact) => Some(Event::Committed { key, fact }),
            None => {
                let generation = self.next_generation(job).checked_sub(1)?;
                Some(Event::Revoked { key, generation })
            }
        }
    }

    /// What a look for the attempts finds.
    pub(super) fn recall(&self, job: usize) -> Event {
        Event::History { key: key(u32::try_from(job).unwrap()), history: self.history(job) }
    }

    fn history(&self, job: usize) -> History {
        History { attempts: self.attempts[job].clone() }
    }

    /// All that is known of these jobs.
    pub(super) fn facts(&self, jobs: &[usize]) -> Facts {
        let mut facts = Facts::default();
        for &job in jobs {
            let name = key(u32::try_from(job).unwrap());
            if let Some(fact) = self.fact(job) {
                facts.outcomes.insert(name, fact);
            } else if self.next_generation(job) > 0 {
                facts.generations.insert(name, self.next_generation(job));
            }
            if !self.attempts[job].is_empty() {
                facts.histories.insert(name, self.history(job));
            }
        }
        facts
    }

    pub(super) fn start(&mut self, attempt: &Attempt, at: u64) {
        self.attempts[attempt.job].push(Tried {
            attempt: attempt.nonce.clone(),
            generation: attempt.generation,
            started_at: at,
            ending: None,
            checkpoints_made: 0,
            spend: Spend::default(),
        });
    }

    /// Put-if-absent: the first end that is put stays.
    pub(super) fn end(&mut self, attempt: &Attempt, ending: Ending, checkpoints_made: u64) {
        let tried = self.attempts[attempt.job].iter_mut().find(|tried| tried.attempt == attempt.nonce).unwrap();
        if tried.ending.is_none() {
            (tried.ending, tried.checkpoints_made) = (Some(ending), checkpoints_made);
            tried.spend = Spend { bytes: 0, ..attempt.spend() };
        }
    }
}

/// One that works on a job, whether the ledger knows it or not.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) job: usize,
    pub(super) nonce: Nonce,
    pub(super) generation: u32,
    pub(super) read: Vec<Digest>,
}

impl Attempt {
    /// What it takes, whoever says so: quarters, which floats add exactly.
    pub(super) fn spend(&self) -> Spend {
        let digest = Digest::of(self.nonce.0.as_bytes()).0;
        Spend {
            gpu_hours: f64::from(digest[0] % 4) / 4.0,
            usd: f64::from(digest[1] % 4) / 4.0,
            bytes: u64::from(digest[2]),
        }
    }
}

/// Offers and leases: hints that may be emptied and rolled back.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) offers: Vec<Option<u32>>,
    pub(super) leases: Vec<Option<Nonce>>,
}

impl Ledger {
    pub(super) fn new(jobs: usize) -> Self {
        Self { offers: vec![None; jobs], leases: vec![None; jobs] }
    }
}
