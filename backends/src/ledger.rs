//! The ledger: who works on what right now. A hint that can be rebuilt; the store alone is true.

use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::attempt::{Nonce, Verdict};
use bitsweep_proto::job::Kind;
use bitsweep_proto::key::JobKey;
use bitsweep_proto::profile::Profiles;
use bitsweep_proto::work::Work;

use crate::error::BackendError;

mod in_process;

pub use in_process::InProcessLedger;

/// Claims, leases and notices. Every call is atomic and idempotent for one attempt nonce.
///
/// A job is offered → leased → done, and idle in between: an attempt that ends or expires leaves it so until the
/// scheduler offers it again, so a doubled ticket cannot get round the wait that the scheduler decides on.
#[expect(clippy::too_many_arguments, reason = "each is one word of the protocol; structs would only rename them")]
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Makes work claimable. Idempotent; a running lease stays; a newer generation replaces an older one.
    async fn offer(&self, work: Work) -> Result<(), BackendError>;

    /// Takes the job for `attempt`, for `lease`, if it is offered, nobody holds it and the offer fits.
    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError>;

    /// Keeps the lease for another `lease` and says whether the work is still wanted.
    async fn heartbeat(
        &self,
        key: JobKey,
        attempt: &Nonce,
        lease: Duration,
        done: u64,
        total: u64,
    ) -> Result<Beat, BackendError>;

    /// The outcome of `generation` is committed, by whichever attempt: the job is done. Needs no lease.
    async fn adopt(&self, key: JobKey, generation: u32) -> Result<(), BackendError>;

    /// The attempt is over without an outcome: the lease ends and the verdict goes to the scheduler. A verdict of an
    /// attempt that no longer holds the lease is dropped.
    async fn end(
        &self,
        key: JobKey,
        attempt: &Nonce,
        verdict: Verdict,
        checkpoints_made: u64,
    ) -> Result<(), BackendError>;

    /// An input of some job turned out to be lost: `generation` of the job that made it is revoked in the store.
    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError>;

    /// Ends the leases that have expired; each becomes a notice.
    async fn reap(&self) -> Result<usize, BackendError>;

    /// Waits for the next notices, oldest first. One reader: the scheduler.
    async fn notices(&self) -> Result<Vec<Notice>, BackendError>;
}

/// What a worker can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Kinds with the code version that the worker has.
    pub kinds: Vec<Kind>,
    /// Its numerics profiles.
    pub profiles: Profiles,
}

/// Answer to a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// It is yours.
    Granted(Box<Work>),
    /// Another attempt holds it.
    Held,
    /// It is done, cancelled or unknown: the ticket was stale.
    NotOffered,
    /// This worker cannot run it; the text says why.
    Unfit(String),
}

/// Answer to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Held,
    /// The lease is lost. Finish or stop; an outcome may still be adopted.
    Lost,
    /// Nobody wants this job any more.
    Unwanted,
}

/// A hint to the scheduler. Facts are read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A job was claimed.
    Claimed {
        /// The job.
        key: JobKey,
    },
    /// A heartbeat's progress.
    Progress {
        /// The job.
        key: JobKey,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// An outcome was adopted.
    Adopted {
        /// The job.
        key: JobKey,
        /// Its generation.
        generation: u32,
    },
    /// An attempt ended without an outcome.
    Ended {
        /// The job.
        key: JobKey,
        /// How.
        verdict: Verdict,
        /// Checkpoints that it added.
        checkpoints_made: u64,
    },
    /// A lease expired.
    Expired {
        /// The job.
        key: JobKey,
    },
    /// An outcome was revoked, for its artifact is lost.
    Revoked {
        /// The job that must run again.
        key: JobKey,
        /// The generation that is lost.
        generation: u32,
    },
    /// A worker refused a job that it cannot run.
    Refused {
        /// The job.
        key: JobKey,
        /// Why.
        reason: String,
    },
}
