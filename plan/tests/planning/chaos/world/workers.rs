//! The workers: they claim, run, commit or vanish.

use bitsweep_plan::retry::Ending;
use bitsweep_plan::scheduler::Event;
use bitsweep_proto::{Digest, Nonce};

use super::super::services::{Attempt, Outcome};
use super::{World, job_key};

impl World<'_> {
    /// Ends on record for attempts that nobody keeps a lease for.
    pub(super) fn close(&mut self, job: usize) {
        for tried in self.store.attempts[job].clone() {
            if tried.ending.is_none() && self.ledger.leases[job].as_ref() != Some(&tried.attempt) {
                let (nonce, generation) = (tried.attempt, tried.generation);
                let vanished = Attempt { job, nonce, generation, read: Vec::new() };
                self.store.end(&vanished, Ending::Infrastructure("the worker vanished".to_owned()), 0);
            }
        }
    }

    pub(super) fn work(&mut self, ticket: usize) {
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
    pub(super) fn over(&mut self, attempt: &Attempt, ending: Ending, (checkpoints_made, told): (u64, bool)) {
        self.store.end(attempt, ending, checkpoints_made);
        if self.ledger.leases[attempt.job].as_ref() == Some(&attempt.nonce) {
            (self.ledger.leases[attempt.job], self.ledger.offers[attempt.job]) = (None, None);
        }
        if told {
            self.tell(Some(self.store.recall(attempt.job)));
        }
    }

    pub(super) fn succeed(&mut self, attempt: Attempt, told: bool) {
        if self.universe.jobs[attempt.job].doomed {
            let ending = Ending::Error { code: "doomed".to_owned(), message: "always".to_owned() };
            self.over(&attempt, ending, (0, told));
        } else {
            self.commit(&attempt, told);
            self.over(&attempt, Ending::Settled, (0, told));
        }
    }

    /// Put-if-absent, the only commit.
    pub(super) fn commit(&mut self, attempt: &Attempt, told: bool) {
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
    pub(super) fn beat(&mut self, i: usize) {
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
