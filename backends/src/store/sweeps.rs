//! Plans, and which of them is the newest.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use bitsweep_proto::{Plan, SweepId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::layout::{self, PLANS, SUBMISSIONS};
use super::record::Record;
use super::{Change, Store, StoreLock};
use crate::error::BackendError;

/// Version of the stored submission.
const SUBMISSION_VERSION: u32 = 1;

/// Says that a plan was submitted. Its name says all of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    version: u32,
    sweep: SweepId,
    submitted_at_ms: u64,
}

impl Record for Submission {
    const WHAT: &'static str = "submission";
    const VERSION: u32 = SUBMISSION_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// Keeps a plan and makes it the newest. Submitting twice is one sweep; the plan that was there first stays.
    pub async fn put_plan(&self, plan: &Plan) -> Result<SweepId, BackendError> {
        let sweep = plan.id();
        let at = layout::plan(&sweep);
        if !self.objects.create_record(&at, plan).await? {
            // The id stands for the content, so one that proves damaged can be put right.
            if let Err(BackendError::Damaged { .. }) = self.plan(&sweep).await {
                self.objects.replace_record(&at, plan).await?;
            }
        }
        let last = self.submissions().await?.pop();
        if last.is_some_and(|(_, newest)| newest == sweep) {
            return Ok(sweep);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut at_ms = u64::try_from(now).unwrap_or(u64::MAX);
        // A clock that went back does not make an older plan the newest.
        at_ms = at_ms.max(last.map_or(0, |(before, _)| before.saturating_add(1)));
        let record = Submission { version: SUBMISSION_VERSION, sweep, submitted_at_ms: at_ms };
        self.objects.create_record(&layout::submission(at_ms, &sweep), &record).await?;
        Ok(sweep)
    }

    /// The plan of a sweep.
    pub async fn plan(&self, sweep: &SweepId) -> Result<Plan, BackendError> {
        let at = layout::plan(sweep);
        let plan = self.objects.get_record::<Plan>(&at).await?;
        let plan =
            plan.ok_or_else(|| BackendError::store_lacks(format!("sweep {sweep} in {}", self.objects.name())))?;
        // A job of a cell that points past the end would make the id panic.
        let whole = plan.cells.iter().all(|planned| (planned.job as usize) < plan.jobs.len());
        if whole && plan.id() == *sweep {
            return Ok(plan);
        }
        Err(BackendError::store_damaged(format!("plan {at} in {} is the one of another sweep", self.objects.name())))
    }

    /// The ids of all sweeps, in the order of their digits.
    pub async fn sweeps(&self) -> Result<BTreeSet<SweepId>, BackendError> {
        let names = self.objects.names(&Path::from(PLANS)).await?;
        Ok(names.iter().filter_map(layout::read_plan).collect())
    }

    /// The ids of all sweeps, the last submitted first.
    pub async fn sweeps_newest_first(&self) -> Result<Vec<SweepId>, BackendError> {
        let mut left = self.sweeps().await?;
        let submissions = self.submissions().await?;
        let mut sweeps: Vec<SweepId> =
            submissions.iter().rev().map(|(_, sweep)| *sweep).filter(|sweep| left.remove(sweep)).collect();
        // Whoever was killed between plan and submission left these.
        sweeps.extend(left);
        Ok(sweeps)
    }

    /// The sweep that was submitted last; `None` in a store without any.
    pub async fn newest_sweep(&self) -> Result<Option<SweepId>, BackendError> {
        Ok(self.sweeps_newest_first().await?.first().copied())
    }

    /// The one sweep whose id begins with `prefix`.
    pub async fn find_sweep(&self, prefix: &str) -> Result<SweepId, BackendError> {
        let wanted = prefix.to_ascii_lowercase();
        let found: Vec<SweepId> =
            self.sweeps().await?.into_iter().filter(|sweep| sweep.to_string().starts_with(&wanted)).collect();
        match found.as_slice() {
            [sweep] => Ok(*sweep),
            [] => Err(BackendError::store_lacks(format!(
                "sweep whose id begins with \"{prefix}\" in {}",
                self.objects.name()
            ))),
            several => {
                let ids: Vec<String> = several.iter().take(5).map(|sweep| sweep.0.short()).collect();
                let dots = if several.len() > ids.len() { ", …" } else { "" };
                Err(BackendError::store_refuses(format!(
                    "{} sweeps begin with \"{prefix}\": {}{dots}; give more digits",
                    several.len(),
                    ids.join(", ")
                )))
            }
        }
    }

    /// Takes a sweep out of the store. What only it needed goes with the next [`Store::gc`].
    pub async fn forget(&self, _lock: &StoreLock, sweep: &SweepId) -> Result<(), BackendError> {
        // The plan goes last: until then a forgetting that was cut short can be asked for again.
        for (at_ms, submitted) in self.submissions().await? {
            if submitted == *sweep {
                self.objects.delete(&layout::submission(at_ms, sweep)).await?;
            }
        }
        self.note(Change::Loss);
        self.drop_index(sweep);
        self.objects.delete(&layout::plan(sweep)).await
    }

    /// All submissions, the last one last: when, in milliseconds since 1970, and of what.
    pub async fn submissions(&self) -> Result<Vec<(u64, SweepId)>, BackendError> {
        let names = self.objects.names(&Path::from(SUBMISSIONS)).await?;
        let mut submissions: Vec<(u64, SweepId)> = names.iter().filter_map(layout::read_submission).collect();
        submissions.sort_unstable();
        Ok(submissions)
    }
}
