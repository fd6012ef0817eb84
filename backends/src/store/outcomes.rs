//! Outcomes, and the revocations of those that are lost.

use std::collections::HashMap;
use std::io;

use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Verdict};
use bitsweep_proto::outcome::Rates;
use bitsweep_proto::{JobKey, Outcome};
use futures::TryStreamExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::layout::{self, OUTCOMES, REVOKED};
use super::record::{self, Record};
use super::{Store, failure, in_background};
use crate::error::BackendError;

/// Version of the stored revocation.
const REVOCATION_VERSION: u32 = 1;

/// Says that an outcome no longer counts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    version: u32,
    key: JobKey,
    generation: u32,
    reason: String,
}

impl Record for Revocation {
    const WHAT: &'static str = "revocation";
    const VERSION: u32 = REVOCATION_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

/// What came of putting an outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum Put {
    /// It is the committed one.
    Created,
    /// This one of another attempt was there first.
    Existing(Box<Outcome>),
}

/// Which jobs are done, by the names of their records alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Jobs that have an outcome that counts, with its generation.
    pub outcomes: HashMap<JobKey, u32>,
    /// Jobs whose outcomes are all revoked, with the generation to make next.
    pub generations: HashMap<JobKey, u32>,
}

/// Generations of one job: the next after the highest outcome, and the next after the highest revocation.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    outcomes: u32,
    revoked: u32,
}

impl Seen {
    /// The generation that counts. Only the newest can, for each was made because the one before it was lost.
    fn counts(self) -> Option<u32> {
        (self.outcomes > self.revoked).then(|| self.outcomes - 1)
    }

    fn next(self) -> u32 {
        self.outcomes.max(self.revoked)
    }
}

impl Store {
    /// **The commit.** Of all outcomes put for one job and generation exactly one is created. A put that is tried again
    /// after its answer was lost meets its own outcome, and that too is [`Put::Created`].
    pub async fn put_outcome(&self, outcome: &Outcome) -> Result<Put, BackendError> {
        let at = layout::generation(OUTCOMES, outcome.key, outcome.generation);
        // JSON has no NaN: such an outcome would be committed and then never be read.
        let unfit = |how: String| {
            BackendError::store_damaged(format!("the outcome of job {} that was to be put: {how}", outcome.key))
        };
        let bytes = record::encode(outcome).map_err(unfit)?;
        record::decode::<Outcome>(&bytes).map_err(|how| unfit(format!("{how:?}")))?;
        self.note_change();
        let created = self.objects.create(&at, bytes).await;
        self.note_change();
        if created? {
            return Ok(Put::Created);
        }
        let existing = self.outcome_at(outcome.key, outcome.generation).await?;
        let existing = existing.ok_or_else(|| BackendError::Unavailable {
            service: crate::Service::Store,
            message: format!("{at} was there and is gone; it is put again"),
            source: None,
        })?;
        Ok(if existing.attempt == outcome.attempt { Put::Created } else { Put::Existing(Box::new(existing)) })
    }

    /// The outcome of the job that counts: the newest, unless it is revoked.
    pub async fn outcome(&self, key: JobKey) -> Result<Option<Outcome>, BackendError> {
        match self.seen(key).await?.counts() {
            Some(generation) => self.outcome_at(key, generation).await,
            None => Ok(None),
        }
    }

    /// As [`Store::outcome`], for whoever can have the job run again: an outcome whose record is damaged is revoked, and
    /// so is none.
    pub async fn outcome_or_revoke(&self, key: JobKey) -> Result<Option<Outcome>, BackendError> {
        let Some(generation) = self.seen(key).await?.counts() else { return Ok(None) };
        match self.outcome_at(key, generation).await {
            Err(error @ BackendError::Damaged { .. }) => {
                self.revoke(key, generation, &error.to_string()).await?;
                Ok(None)
            }
            read => read,
        }
    }

    /// The outcome of this generation, revoked or not.
    pub async fn outcome_at(&self, key: JobKey, generation: u32) -> Result<Option<Outcome>, BackendError> {
        let at = layout::generation(OUTCOMES, key, generation);
        let Some(outcome) = self.objects.get_record::<Outcome>(&at).await? else { return Ok(None) };
        if (outcome.key, outcome.generation) == (key, generation) {
            return Ok(Some(outcome));
        }
        Err(BackendError::store_damaged(format!(
            "outcome {at} is the one of job {} generation {}",
            outcome.key, outcome.generation
        )))
    }

    /// The generation of the outcome to make next: 0 at first.
    pub async fn next_generation(&self, key: JobKey) -> Result<u32, BackendError> {
        Ok(self.seen(key).await?.next())
    }

    /// Puts on record that this outcome no longer counts, for what it names is lost. Idempotent: the first reason stays.
    ///
    /// What its attempt took was on record by this outcome alone. It was taken all the same: so the attempt's end is put
    /// first, and its start where it was too short to have one, and whoever adds up costs from the records comes to the
    /// same sum as before.
    pub async fn revoke(&self, key: JobKey, generation: u32, reason: &str) -> Result<(), BackendError> {
        match self.outcome_at(key, generation).await {
            Ok(Some(outcome)) => {
                self.put_attempt_start(&start_of(&outcome)).await?;
                self.put_attempt_end(&end_of(outcome)).await?;
            }
            Ok(None) | Err(BackendError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let record = Revocation { version: REVOCATION_VERSION, key, generation, reason: reason.to_owned() };
        self.create_noted(&layout::generation(REVOKED, key, generation), &record).await.map(|_| ())
    }

    /// Why this outcome was revoked; `None` where it was not.
    pub async fn revocation(&self, key: JobKey, generation: u32) -> Result<Option<String>, BackendError> {
        let read = self.objects.get_record::<Revocation>(&layout::generation(REVOKED, key, generation)).await?;
        Ok(read.map(|revocation| revocation.reason))
    }

    /// Lists all outcomes at once; none is read.
    pub async fn known(&self) -> Result<Known, BackendError> {
        let mut seen: HashMap<JobKey, Seen> = HashMap::new();
        // Outcomes first: one that is committed and revoked meanwhile is then not taken for one that counts.
        for (key, next) in self.see_all(OUTCOMES).await? {
            let job = seen.entry(key).or_default();
            job.outcomes = job.outcomes.max(next);
        }
        for (key, next) in self.see_all(REVOKED).await? {
            let job = seen.entry(key).or_default();
            job.revoked = job.revoked.max(next);
        }
        let mut known = Known::default();
        for (key, job) in seen {
            match job.counts() {
                Some(generation) => known.outcomes.insert(key, generation),
                None => known.generations.insert(key, job.next()),
            };
        }
        Ok(known)
    }

    async fn seen(&self, key: JobKey) -> Result<Seen, BackendError> {
        let highest = |seen: Vec<(JobKey, u32)>| seen.into_iter().map(|(_, next)| next).max().unwrap_or(0);
        let outcomes = highest(self.see(&layout::generations(OUTCOMES, key)).await?);
        let revoked = highest(self.see(&layout::generations(REVOKED, key)).await?);
        Ok(Seen { outcomes, revoked })
    }

    /// The job and the generation after it, for each record below `folder`.
    async fn see(&self, folder: &Path) -> Result<Vec<(JobKey, u32)>, BackendError> {
        let listed = self.objects.list(folder);
        listed.try_filter_map(async |meta| Ok(next_generation(&meta.location))).try_collect().await
    }

    /// As [`Store::see`] for all jobs. The object store looks four times at every file of a folder, which makes a start
    /// with many outcomes slow: a folder is read here, by names alone.
    async fn see_all(&self, folder: &'static str) -> Result<Vec<(JobKey, u32)>, BackendError> {
        let Some(root) = self.shared.folder.clone() else { return self.see(&Path::from(folder)).await };
        in_background(move || {
            let mut seen = Vec::new();
            walk(&root.join(folder), 2, &mut |path| {
                let name = path.strip_prefix(&root).ok().and_then(|name| name.to_str()).unwrap_or_default();
                seen.extend(Path::parse(name).ok().as_ref().and_then(next_generation));
            })
            .map_err(|error| failure::of_file(&root, error))?;
            Ok(seen)
        })
        .await
    }
}

/// The start of the attempt that committed this outcome, as far as that tells.
fn start_of(outcome: &Outcome) -> AttemptStart {
    AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: outcome.attempt.clone(),
        key: outcome.key,
        generation: outcome.generation,
        host: outcome.provenance.host.clone(),
        process: 0,
        started_at: outcome.provenance.committed_at.saturating_sub(outcome.cost.seconds as u64),
        checkpoints_found: 0,
        device: String::new(),
        rates: Rates::default(),
    }
}

/// The end of the attempt that committed this outcome.
fn end_of(outcome: Outcome) -> AttemptEnd {
    AttemptEnd {
        version: ATTEMPT_VERSION,
        attempt: outcome.attempt,
        key: outcome.key,
        ended_at: outcome.provenance.committed_at,
        checkpoints_made: 0,
        verdict: Verdict::Committed,
        cost: outcome.cost,
    }
}

fn next_generation(at: &Path) -> Option<(JobKey, u32)> {
    layout::read_generation(at).map(|(key, generation)| (key, generation.saturating_add(1)))
}

/// Tells the paths of all that lies `depth` folders below `folder`.
fn walk(folder: &std::path::Path, depth: usize, tell: &mut impl FnMut(&std::path::Path)) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        // Not made yet, or removed meanwhile; or a file that somebody put there.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if depth == 0 { tell(&path) } else { walk(&path, depth - 1, tell)? }
    }
    Ok(())
}
