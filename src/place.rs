//! Where a reading command reads: a store, or a coordinator that has one. What comes out is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bitsweep_backends::store::LocalBlob;
use bitsweep_backends::{BackendError, Store};
use bitsweep_coordinator::api;
use bitsweep_coordinator::api::types::{AttemptOfJob, AttemptsOfJob, Failures, Job, Outcomes, OutcomesWanted, Page};
use bitsweep_proto::{Digest, JobKey, Nonce, Outcome, Plan, SweepId};

use crate::exit::Failure;
use crate::remote::{Client, PAGE};
use crate::results;

/// A store, or a coordinator.
#[derive(Clone)]
pub(crate) enum Place {
    /// A store that this process reads itself.
    Store(Store),
    /// A coordinator.
    Api(Client),
}

impl Place {
    /// The plan of a sweep.
    pub(crate) async fn plan(&self, sweep: &SweepId) -> Result<Plan, Failure> {
        match self {
            Self::Store(store) => Ok(store.plan(sweep).await?),
            Self::Api(client) => {
                let plan: Plan = client.get(&format!("/api/v1/sweeps/{sweep}/plan"), &()).await?;
                let whole = plan.cells.iter().all(|planned| (planned.job as usize) < plan.jobs.len());
                if whole && plan.id() == *sweep {
                    return Ok(plan);
                }
                Err(Failure::wrong(format!("{} answers with the plan of another sweep", client.name())))
            }
        }
    }

    /// The committed outcomes of the jobs of `plan`: all, or those that the table is made of.
    pub(crate) async fn outcomes(
        &self,
        (sweep, plan): (&SweepId, &Plan),
        which: Which,
    ) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
        match (self, which) {
            (Self::Store(store), Which::All) => results::outcomes(store, plan, |_| true).await,
            (Self::Store(store), Which::Measured) => results::measured(store, plan).await,
            (Self::Api(client), Which::All) => pages(client, &format!("/api/v1/sweeps/{sweep}/outcomes"), None).await,
            (Self::Api(client), Which::Measured) => {
                let jobs: BTreeSet<u32> = plan.cells.iter().map(|planned| planned.job).collect();
                let jobs = jobs.iter().map(|job| &plan.jobs[*job as usize]);
                let (keys, kinds): (BTreeSet<_>, BTreeSet<_>) = jobs.map(|job| (job.key, job.spec.kind())).unzip();
                let kind = kinds.first().copied().filter(|_| kinds.len() == 1);
                let mut outcomes = pages(client, &format!("/api/v1/sweeps/{sweep}/outcomes"), kind).await?;
                outcomes.retain(|key, _| keys.contains(key));
                Ok(outcomes)
            }
        }
    }

    /// Every outcome in the store that counts, of whatever sweep.
    pub(crate) async fn all_outcomes(&self) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
        match self {
            Self::Store(store) => results::all(store).await,
            Self::Api(client) => pages(client, "/api/v1/outcomes", None).await,
        }
    }

    /// The outcome of a job, and how many attempts it took.
    pub(crate) async fn job(&self, key: JobKey) -> Result<(Option<Outcome>, usize), Failure> {
        match self {
            Self::Store(store) => {
                let outcome = results::sound(store, key).await?;
                Ok((outcome, api::attempts_of(store, key).await?.len()))
            }
            Self::Api(client) => {
                let job: Option<Job> = client.find(&format!("/api/v1/jobs/{key}")).await?;
                Ok(job.map_or((None, 0), |job| (job.outcome, job.attempts as usize)))
            }
        }
    }

    /// The jobs of `plan` without an outcome whose last attempt said that they cannot be done, with what it said.
    pub(crate) async fn failures(&self, (sweep, plan): (&SweepId, &Plan)) -> Result<BTreeMap<JobKey, String>, Failure> {
        let client = match self {
            Self::Store(store) => {
                let failed = api::failed(store, plan).await?;
                return Ok(failed.into_iter().map(|failed| (failed.key, failed.reason)).collect());
            }
            Self::Api(client) => client,
        };
        let (mut found, mut after) = (BTreeMap::new(), None);
        loop {
            let page = Page { after, limit: Some(PAGE) };
            let page: Failures = client.get(&format!("/api/v1/sweeps/{sweep}/failures"), &page).await?;
            found.extend(page.items.into_iter().map(|failed| (failed.key, failed.reason)));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The attempts on a job, in the order of their starts.
    pub(crate) async fn attempts(&self, key: JobKey) -> Result<Vec<AttemptOfJob>, Failure> {
        let client = match self {
            Self::Store(store) => return Ok(api::attempts_of(store, key).await?),
            Self::Api(client) => client,
        };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = Page { after, limit: Some(PAGE) };
            let page: AttemptsOfJob = client.get(&format!("/api/v1/jobs/{key}/attempts"), &page).await?;
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// What an attempt said; `None` where nothing is on record.
    pub(crate) async fn log(&self, key: JobKey, attempt: &Nonce) -> Result<Option<String>, Failure> {
        match self {
            Self::Store(store) => {
                let log = store.log(key, attempt).await?;
                Ok((!log.is_empty()).then(|| String::from_utf8_lossy(&log).into_owned()))
            }
            Self::Api(client) => client.text(&format!("/api/v1/jobs/{key}/attempts/{attempt}/log")).await,
        }
    }

    /// A file with the blob's content, just now checked against its name; to be read only.
    pub(crate) async fn blob(&self, digest: &Digest) -> Result<Blob, Failure> {
        match self {
            Self::Store(store) => store.fetch_blob(digest).await.map(Blob::Stored).map_err(|error| match error {
                BackendError::Damaged { .. } | BackendError::Missing { .. } => {
                    Failure::wrong(format!("{error}; `bitsweep run MANIFEST --verify` makes it again"))
                }
                error => error.into(),
            }),
            Self::Api(client) => client.blob(digest).await.map(Blob::Copied),
        }
    }
}

/// A file with a blob's content. It is there for as long as this and the [`Place`] it came from live.
pub(crate) enum Blob {
    /// The store's own, or in its cache.
    Stored(LocalBlob),
    /// A copy of what a coordinator sent.
    Copied(PathBuf),
}

impl std::ops::Deref for Blob {
    type Target = Path;
    fn deref(&self) -> &Path {
        match self {
            Self::Stored(blob) => blob,
            Self::Copied(path) => path,
        }
    }
}

/// Which outcomes of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All.
    All,
    /// Those of the measuring jobs.
    Measured,
}

/// All pages of outcomes. What is damaged is said.
async fn pages(
    client: &Client,
    path: &str,
    kind: Option<bitsweep_proto::Kind>,
) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
    let (mut found, mut after) = (BTreeMap::new(), None);
    loop {
        let wanted = OutcomesWanted { after, limit: Some(PAGE), kind };
        let page: Outcomes = client.get(path, &wanted).await?;
        for damaged in page.damaged {
            eprintln!("note: {damaged}; it is made again when a job needs it");
        }
        found.extend(page.items.into_iter().map(|outcome| (outcome.key, outcome)));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
