//! What the scheduler has to know of outcomes, in a few bytes each.

use std::collections::{BTreeSet, HashMap};

use bitsweep_proto::{Digest, JobKey, Outcome};

use crate::retry::Accounts;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its generation.
    pub generation: u32,
    /// What it holds.
    pub artifact: Fingerprint,
    /// What its attempt read of the artifacts of other jobs.
    pub read: Fingerprint,
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
        let held = outcome.produced.artifact.iter();
        Self {
            generation: outcome.generation,
            artifact: Fingerprint::of(held.map(|item| (item.name.as_str(), item.blob))),
            read: Fingerprint::of(read.map(|input| (input.item.as_str(), input.blob))),
        }
    }
}

/// What is known of a plan's jobs when a run begins. Jobs that are in no map have never run.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The newest outcomes that are not revoked.
    pub outcomes: HashMap<JobKey, Fact>,
    /// The next generation of jobs whose outcomes are all revoked.
    pub generations: HashMap<JobKey, u32>,
    /// The accounts of jobs that were tried. Empty for a run that reopens failed jobs.
    pub accounts: HashMap<JobKey, Accounts>,
}
