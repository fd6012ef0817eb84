//! Signs of life: which attempts are heard of, and which have fallen silent.
//!
//! Owns: when an attempt without an end on record counts as vanished although no lease of it ran out: the ledger may have
//! been emptied while its worker died. Does not own: leases (the ledger's own word comes first).

use std::collections::HashMap;
use std::time::Duration;

use bitsweep_proto::{JobKey, Nonce};
use tokio::time::Instant;

use crate::vanished;

/// Attempts that have begun and are not known to have ended.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    open: HashMap<JobKey, Vec<Sign>>,
    /// Outcomes on record that came too late, of jobs that have any.
    discarded: HashMap<JobKey, usize>,
}

/// What is known of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Sign {
    pub(crate) attempt: Nonce,
    /// When it was last heard of.
    pub(crate) last: Instant,
    /// When it was first heard of, in seconds since 1970.
    pub(crate) first_at: u64,
    /// Units done, and in all.
    pub(crate) units: (u64, u64),
    /// When its progress was last told to those who watch.
    pub(crate) told: Option<Instant>,
}

impl Sign {
    fn new(attempt: Nonce, now: Instant) -> Self {
        Self { attempt, last: now, first_at: vanished::now(), units: (0, 0), told: None }
    }
}

impl Signs {
    /// An attempt was heard of.
    pub(crate) fn heard(&mut self, key: JobKey, attempt: &Nonce, now: Instant) -> &mut Sign {
        let signs = self.open.entry(key).or_default();
        let place = signs.iter().position(|sign| sign.attempt == *attempt).unwrap_or_else(|| {
            signs.push(Sign::new(attempt.clone(), now));
            signs.len() - 1
        });
        signs[place].last = now;
        &mut signs[place]
    }

    /// The records of a job were read: these attempts have no end, and these have one. An attempt that is in neither has
    /// left no record yet.
    pub(crate) fn on_record<'a>(
        &mut self,
        key: JobKey,
        open: impl Iterator<Item = Nonce>,
        ended: impl Iterator<Item = &'a Nonce>,
    ) {
        let now = Instant::now();
        let signs = self.open.entry(key).or_default();
        for attempt in open {
            if !signs.iter().any(|sign| sign.attempt == attempt) {
                signs.push(Sign::new(attempt, now));
            }
        }
        for attempt in ended {
            signs.retain(|sign| sign.attempt != *attempt);
        }
        if signs.is_empty() {
            self.open.remove(&key);
        }
    }

    /// These attempts are over, whether or not a record of theirs says so.
    pub(crate) fn over(&mut self, key: JobKey, by: impl Fn(&Nonce) -> bool) {
        if let Some(signs) = self.open.get_mut(&key) {
            signs.retain(|sign| !by(&sign.attempt));
            if signs.is_empty() {
                self.open.remove(&key);
            }
        }
    }

    /// The records of a job tell of `count` outcomes that came too late: gives how many of them are news.
    pub(crate) fn count_discarded(&mut self, key: JobKey, count: usize) -> u64 {
        if count == 0 {
            return 0;
        }
        let before = self.discarded.insert(key, count).unwrap_or(0);
        count.saturating_sub(before) as u64
    }

    /// What is known of an attempt on a job; of the one that was heard last, where it is not named.
    pub(crate) fn of(&self, key: &JobKey, attempt: Option<&Nonce>) -> Option<&Sign> {
        let signs = self.open.get(key)?;
        match attempt {
            Some(attempt) => signs.iter().find(|sign| sign.attempt == *attempt),
            None => signs.iter().max_by_key(|sign| sign.last),
        }
    }

    /// The jobs with attempts.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &JobKey> {
        self.open.keys()
    }

    /// The attempts that were not heard of for `patience`; each counts as heard of now, so it comes again only after as
    /// long.
    pub(crate) fn silent(&mut self, now: Instant, patience: Duration) -> Vec<(JobKey, Sign)> {
        let mut silent = Vec::new();
        for (key, signs) in &mut self.open {
            for sign in signs.iter_mut().filter(|sign| now.saturating_duration_since(sign.last) > patience) {
                sign.last = now;
                silent.push((*key, sign.clone()));
            }
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use bitsweep_proto::Digest;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn silence_is_noticed_once_per_patience() {
        let (mut signs, start) = (Signs::default(), Instant::now());
        let (key, a, b) = (JobKey(Digest::of(b"a")), Nonce("a".to_owned()), Nonce("b".to_owned()));
        signs.heard(key, &a, start);
        signs.heard(key, &b, start).units = (1, 2);
        assert!(signs.silent(start + PATIENCE, PATIENCE).is_empty());
        signs.heard(key, &b, start + PATIENCE);
        let silent = signs.silent(start + 2 * PATIENCE, PATIENCE);
        assert_eq!(silent.iter().map(|(_, sign)| &sign.attempt).collect::<Vec<_>>(), [&a]);
        assert!(signs.silent(start + 2 * PATIENCE, PATIENCE).is_empty());
        assert_eq!(signs.of(&key, Some(&b)).unwrap().units, (1, 2));
        signs.on_record(key, std::iter::empty(), [&a].into_iter());
        signs.over(key, |attempt| *attempt == b);
        assert_eq!(signs.jobs().count(), 0);
    }
}
