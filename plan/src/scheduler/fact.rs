//! What the scheduler has to know of outcomes, in a few bytes each.

use std::collections::{BTreeSet, HashMap};

use bitsweep_proto::outcome::Cost;
use bitsweep_proto::{Digest, JobKey, Nonce, Outcome};

use super::spend::Spend;
use crate::retry::History;

/// A fingerprint of a set of named blobs: the sum, modulo 2^128, of the first 16 bytes of SHA-256 over `item`, a line
/// break and the blob's hash, for each of them.
///
/// It is a sum so that fingerprints add up: what a job has read is what its inputs hold if and only if its fingerprint
/// is the sum of theirs (but for accidents of one in 2^128). So no list of items is kept for any job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The fingerprint of `(item, blob)` pairs. A pair that stands twice counts twice.
    pub fn of<'a>(items: impl IntoIterator<Item = (&'a str, Digest)>) -> Self {
        items.into_iter().fold(Self::default(), |sum, (item, blob)| {
            let digest = Digest::of(format!("{item}\n{blob}").as_bytes());
            let first = digest.0.first_chunk::<16>().expect("a SHA-256 has 32 bytes");
            sum.and(Self(u128::from_be_bytes(*first)))
        })
    }

    /// The fingerprint of both sets together.
    pub fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

/// What matters of a committed outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fact {
    /// Its generation.
    pub generation: u32,
    /// What it holds.
    pub artifact: Fingerprint,
    /// What its attempt read of the artifacts of other jobs.
    pub read: Fingerprint,
    /// The attempt that committed it: the same attempt in a [`History`] is the same cost.
    pub attempt: Mark,
    /// What that attempt took, and the bytes that the outcome holds.
    pub spend: Spend,
    /// What that attempt took of its machine: shown, and charged to nobody.
    pub took: Took,
    /// Seconds since 1970 at the commit.
    pub committed_at: u64,
}

/// What an attempt took of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Took {
    /// Wall seconds from claim to commit.
    pub seconds: f64,
    /// CPU seconds of the child process.
    pub cpu_seconds: f64,
    /// Peak resident memory of the child process.
    pub peak_memory_bytes: u64,
}

impl Took {
    /// The part of a cost that is no charge.
    pub fn of(cost: &Cost) -> Self {
        let Cost { seconds, cpu_seconds, peak_memory_bytes, .. } = *cost;
        Self { seconds, cpu_seconds, peak_memory_bytes }
    }
}

/// The name of an attempt in eight bytes: the first of the SHA-256 of its nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u64);

impl Mark {
    /// The mark of an attempt.
    pub fn of(attempt: &Nonce) -> Self {
        let digest = Digest::of(attempt.0.as_bytes());
        Self(u64::from_be_bytes(*digest.0.first_chunk::<8>().expect("a SHA-256 has 32 bytes")))
    }
}

impl Fact {
    /// The fact of an outcome. Its fields say which inputs were made by jobs.
    pub fn of(outcome: &Outcome) -> Self {
        let made = |(name, value): (&'_ str, &str)| match (name.strip_prefix("input."), value.starts_with("job:")) {
            (Some(name), true) => Some(name.to_owned()),
            _ => None,
        };
        let made: BTreeSet<String> = outcome.fields.iter().filter_map(made).collect();
        let read = outcome.inputs.iter().filter(|input| made.contains(&input.name));
        let held = &outcome.produced.artifact;
        let bytes = held.iter().map(|item| item.bytes).fold(0, u64::saturating_add);
        Self {
            generation: outcome.generation,
            artifact: Fingerprint::of(held.iter().map(|item| (item.name.as_str(), item.blob))),
            read: Fingerprint::of(read.map(|input| (input.item.as_str(), input.blob))),
            attempt: Mark::of(&outcome.attempt),
            spend: Spend { bytes, ..Spend::of(&outcome.cost) },
            took: Took::of(&outcome.cost),
            committed_at: outcome.provenance.committed_at,
        }
    }
}

/// What is known of a sweep's jobs when it is submitted. Jobs that are in no map have never run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The newest outcomes that are not revoked.
    pub outcomes: HashMap<JobKey, Fact>,
    /// The next generation of jobs whose outcomes are all revoked.
    pub generations: HashMap<JobKey, u32>,
    /// What is on record about attempts on jobs that were tried. Empty for a run that reopens failed jobs.
    pub histories: HashMap<JobKey, History>,
    /// When the sweep was submitted first, in seconds since 1970. What was made before costs it nothing; 0 charges it all
    /// that is on record.
    pub since: u64,
}
