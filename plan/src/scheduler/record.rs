//! What is on record about attempts, for the jobs that have any.
//!
//! A record of an attempt is put once and never changed, so what was heard is kept and what comes is added: an older
//! reading that comes late changes nothing.

use std::collections::{BTreeMap, HashMap};

use bitsweep_proto::Nonce;

use super::fact::{Fact, Mark};
use super::spend::{Amount, Spend};
use crate::retry::{Ending, History, Tried};

/// The records of all jobs that have any.
#[derive(Debug, Default)]
pub(super) struct Records(HashMap<u32, Record>);

#[derive(Debug, Default)]
struct Record {
    /// In the order of their starts.
    attempts: Vec<(Mark, Tried)>,
    /// What the attempts took whose outcomes are lost, where it is not on record otherwise.
    lost: Vec<Lost>,
}

#[derive(Debug)]
struct Lost {
    attempt: Mark,
    took: Amount,
    committed_at: u64,
}

impl Records {
    /// Adds what was read. Gives the ending of the last attempt towards `generation` that has ended and was not known to.
    pub(super) fn add(&mut self, job: u32, history: History, generation: u32) -> Option<Ending> {
        let record = self.0.entry(job).or_default();
        let place = |tried: &Tried| (tried.started_at, tried.attempt.clone());
        let known =
            std::mem::take(&mut record.attempts).into_iter().map(|(mark, tried)| (place(&tried), (mark, tried)));
        let mut known: BTreeMap<(u64, Nonce), (Mark, Tried)> = known.collect();
        let mut news = None;
        for tried in history.attempts {
            let before = known.get(&place(&tried));
            if before.is_some_and(|(_, before)| before.ending.is_some() || tried.ending.is_none()) {
                continue;
            }
            if tried.generation == generation && tried.ending.is_some() {
                news.clone_from(&tried.ending);
            }
            let mark = before.map_or_else(|| Mark::of(&tried.attempt), |(mark, _)| *mark);
            known.insert(place(&tried), (mark, tried));
        }
        record.attempts = known.into_values().collect();
        news
    }

    /// Keeps what an outcome took that is lost. True where that is anything.
    pub(super) fn keep_lost(&mut self, job: u32, fact: &Fact) -> bool {
        // The bytes are gone with it.
        let took = Amount::from(Spend { bytes: 0, ..fact.spend });
        if took == Amount::default() {
            return false;
        }
        let lost = &mut self.0.entry(job).or_default().lost;
        if lost.iter().all(|lost| lost.attempt != fact.attempt) {
            lost.push(Lost { attempt: fact.attempt, took, committed_at: fact.committed_at });
        }
        true
    }

    /// The attempts towards a generation, in the order of their starts.
    pub(super) fn attempts(&self, job: u32, generation: u32) -> impl Iterator<Item = &Tried> {
        let attempts = self.0.get(&job).map(|record| record.attempts.as_slice()).unwrap_or_default();
        attempts.iter().map(|(_, tried)| tried).filter(move |tried| tried.generation == generation)
    }

    /// How an attempt ended; `None` where it is open or not on record.
    pub(super) fn ending(&self, job: u32, attempt: &Nonce) -> Option<&Ending> {
        let attempts = &self.0.get(&job)?.attempts;
        attempts.iter().find(|(_, tried)| tried.attempt == *attempt)?.1.ending.as_ref()
    }

    /// What the attempts on a job took that began since then, but for the one that made its outcome: that is charged by the
    /// outcome.
    pub(super) fn charge(&self, job: u32, outcome: Option<&Fact>, since: u64) -> Amount {
        let mut sum = Amount::default();
        let Some(record) = self.0.get(&job) else { return sum };
        let is_outcome = |mark: Mark| outcome.is_some_and(|fact| fact.attempt == mark);
        for (mark, tried) in &record.attempts {
            if tried.ending.is_some() && tried.started_at >= since && !is_outcome(*mark) {
                sum += Spend { bytes: 0, ..tried.spend }.into();
            }
        }
        for lost in &record.lost {
            let on_record = record.attempts.iter().any(|(mark, tried)| *mark == lost.attempt && tried.ending.is_some());
            if !on_record && lost.committed_at >= since && !is_outcome(lost.attempt) {
                sum += lost.took;
            }
        }
        sum
    }

    pub(super) fn forget(&mut self, job: u32) {
        self.0.remove(&job);
    }
}
