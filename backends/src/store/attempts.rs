//! Attempts on record: starts and ends, from which retries and costs are counted.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_proto::JobKey;
use bitsweep_proto::attempt::{AttemptEnd, AttemptStart};
use object_store::path::Path;

use super::layout::{self, ATTEMPTS};
use super::{Change, Store};
use crate::error::BackendError;

/// The attempts on one job, as far as they are on record apart from its outcomes. A start without an end is an attempt
/// that committed, runs, or vanished with its machine; a short one that committed is not among them: whoever counts
/// attempts goes by the outcomes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempts {
    /// Starts, sorted by time, then by nonce.
    pub starts: Vec<AttemptStart>,
    /// Ends, sorted by time, then by nonce.
    pub ends: Vec<AttemptEnd>,
}

impl Store {
    /// Puts the start of an attempt on record. Idempotent.
    pub async fn put_attempt_start(&self, start: &AttemptStart) -> Result<(), BackendError> {
        self.create_noted(Change::Any, &layout::attempt_start(start.key, &start.attempt), start).await.map(|_| ())
    }

    /// Puts the end of an attempt on record. Idempotent: the first that was put stays.
    pub async fn put_attempt_end(&self, end: &AttemptEnd) -> Result<(), BackendError> {
        self.create_noted(Change::Any, &layout::attempt_end(end.key, &end.attempt), end).await.map(|_| ())
    }

    /// The attempts on one job. Damaged records are left out with a warning: they count for retries and costs, and
    /// nothing else.
    pub async fn attempts(&self, key: JobKey) -> Result<Attempts, BackendError> {
        let names = self.objects.names(&layout::of_job(ATTEMPTS, key)).await?;
        Ok(self.read_attempts(names).await?.remove(&key).unwrap_or_default())
    }

    /// The attempts on all jobs; reads every record.
    pub async fn all_attempts(&self) -> Result<BTreeMap<JobKey, Attempts>, BackendError> {
        let names = self.objects.names(&Path::from(ATTEMPTS)).await?;
        self.read_attempts(names).await
    }

    /// The jobs with attempts on record, see [`Attempts`]; no record is read.
    pub async fn tried(&self) -> Result<BTreeSet<JobKey>, BackendError> {
        let folders = self.objects.folders(&Path::from(ATTEMPTS)).await?;
        Ok(folders.iter().filter_map(layout::read_job).collect())
    }

    async fn read_attempts(&self, names: Vec<Path>) -> Result<BTreeMap<JobKey, Attempts>, BackendError> {
        let (ends, starts): (Vec<Path>, Vec<Path>) = names.into_iter().partition(layout::is_attempt_end);
        let mut found: BTreeMap<JobKey, Attempts> = BTreeMap::new();
        for (_, start) in self.objects.get_sound_records::<AttemptStart>(starts).await? {
            found.entry(start.key).or_default().starts.push(start);
        }
        for (_, end) in self.objects.get_sound_records::<AttemptEnd>(ends).await? {
            found.entry(end.key).or_default().ends.push(end);
        }
        for attempts in found.values_mut() {
            attempts.starts.sort_by(|a, b| (a.started_at, &a.attempt).cmp(&(b.started_at, &b.attempt)));
            attempts.ends.sort_by(|a, b| (a.ended_at, &a.attempt).cmp(&(b.ended_at, &b.attempt)));
        }
        Ok(found)
    }
}
