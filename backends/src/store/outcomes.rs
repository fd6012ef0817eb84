//! Outcomes, and the revocations of those that are lost.

use std::collections::{BTreeSet, HashMap};
use std::io;

use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Verdict};
use bitsweep_proto::outcome::Rates;
use bitsweep_proto::{JobKey, Outcome};
use futures::TryStreamExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::layout::{self, OUTCOMES, REVOKED};
use super::record::{self, Record};
use super::{Change, Store, failure, in_background};
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

/// Generations that no longer count.
#[derive(Debug, Default)]
struct Revoked(HashMap<JobKey, BTreeSet<u32>>);

impl Revoked {
    /// The first that is not revoked.
    fn next(&self, key: &JobKey) -> u32 {
        let revoked = self.0.get(key);
        (0..).find(|generation| revoked.is_none_or(|revoked| !revoked.contains(generation))).unwrap_or(u32::MAX)
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
        self.note(Change::Any);
        let created = self.objects.create(&at, bytes).await;
        self.note(Change::Any);
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

    /// The outcome of the job that counts: the one of the first generation that is not revoked, for each was made because
    /// the one before it was lost.
    pub async fn outcome(&self, key: JobKey) -> Result<Option<Outcome>, BackendError> {
        self.newest(key).await?.1
    }

    /// As [`Store::outcome`], for whoever can have the job run again: an outcome whose record is damaged is revoked, and
    /// so is none.
    pub async fn outcome_or_revoke(&self, key: JobKey) -> Result<Option<Outcome>, BackendError> {
        let (generation, outcome) = self.newest(key).await?;
        match outcome {
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

    /// The first generation that is not revoked: the one to make next, or the one that counts. 0 at first.
    pub async fn generation_of(&self, key: JobKey) -> Result<u32, BackendError> {
        Ok(self.newest(key).await?.0)
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
        self.create_noted(Change::Loss, &layout::generation(REVOKED, key, generation), &record).await.map(|_| ())
    }

    /// Why this outcome was revoked; `None` where it was not.
    pub async fn revocation(&self, key: JobKey, generation: u32) -> Result<Option<String>, BackendError> {
        let read = self.objects.get_record::<Revocation>(&layout::generation(REVOKED, key, generation)).await?;
        Ok(read.map(|revocation| revocation.reason))
    }

    /// Lists all outcomes at once; none is read.
    pub async fn known(&self) -> Result<Known, BackendError> {
        // Outcomes first: one that is committed and revoked meanwhile is then not taken for one that counts.
        let outcomes = self.generations(OUTCOMES).await?;
        let mut revoked = Revoked::default();
        for (key, generation) in self.generations(REVOKED).await? {
            revoked.0.entry(key).or_default().insert(generation);
        }
        let counts = |(key, generation): &(JobKey, u32)| *generation == revoked.next(key);
        let outcomes: HashMap<JobKey, u32> = outcomes.into_iter().filter(counts).collect();
        let lost = revoked.0.keys().filter(|key| !outcomes.contains_key(key));
        let generations = lost.map(|key| (*key, revoked.next(key))).filter(|(_, next)| *next > 0).collect();
        Ok(Known { outcomes, generations })
    }

    /// The first generation of a job that is not revoked, and what reading its outcome comes to. Two requests at once where
    /// none is revoked.
    async fn newest(&self, key: JobKey) -> Result<(u32, Result<Option<Outcome>, BackendError>), BackendError> {
        let mut generation = 0;
        loop {
            let revoked = layout::generation(REVOKED, key, generation);
            let (outcome, revoked) = futures::join!(self.outcome_at(key, generation), self.objects.head(&revoked));
            if revoked?.is_none() {
                return Ok((generation, outcome));
            }
            generation += 1;
        }
    }

    /// All generations in `folder`. The object store looks four times at every file of a folder, which makes a start with
    /// many outcomes slow: a folder is read here, by names alone.
    async fn generations(&self, folder: &'static str) -> Result<Vec<(JobKey, u32)>, BackendError> {
        let Some(root) = self.shared.folder.clone() else {
            let listed = self.objects.list(&Path::from(folder));
            return listed.try_filter_map(async |meta| Ok(layout::read_generation(&meta.location))).try_collect().await;
        };
        in_background(move || {
            let mut seen = Vec::new();
            walk(&root.join(folder), 1, &mut |path| {
                let name = path.strip_prefix(&root).ok().and_then(|name| name.to_str()).unwrap_or_default();
                seen.extend(Path::parse(name).ok().as_ref().and_then(layout::read_generation));
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
