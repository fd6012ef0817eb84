//! The ledger: who works on what right now. A hint that can be rebuilt; the store alone is true.

use std::time::Duration;

use async_trait::async_trait;
use bitsweep_proto::attempt::{Nonce, Verdict};
use bitsweep_proto::job::Kind;
use bitsweep_proto::key::JobKey;
use bitsweep_proto::outcome::Outcome;
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::{Offer, WorkerCard};

use crate::error::BackendError;

mod fit;
mod in_process;
mod open;
mod redis;

pub use self::redis::RedisLedger;
pub use fit::unfit;
pub use in_process::InProcessLedger;
pub use open::open;

/// Claims, leases and notices. Every call is atomic, and idempotent for one attempt nonce: a call whose answer was lost
/// is made again and changes nothing.
///
/// A job is offered → leased → done, and idle in between: an attempt that ends or expires leaves it so until the
/// scheduler offers it again, so a doubled ticket cannot get round the wait that the scheduler decides on. Of each job
/// the ledger knows one generation, the newest that any call has named: what is said of older ones changes nothing.
///
/// **A ledger may be emptied or rolled back at any moment.** It begins closed, and serves claims only while it is open:
/// whoever leads opens it ([`Ledger::open`]) after what the store knows has been offered again, and learns from
/// [`Ledger::pulse`] when it is no longer the ledger that was opened. Leases are held by random nonces and not by numbers, so nothing that is counted
/// starts again at one: an attempt of before a wipe is told from every other, and its heartbeat takes the lease again if
/// nobody else holds it.
#[expect(clippy::too_many_arguments, reason = "a claim is four words; a struct would only rename them")]
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Takes or keeps the leadership of `leader` for `lease`, and says how the ledger stands; what must be rebuilt is
    /// closed. To be called several times a lease. Leadership saves work, nothing more: two leaders do everything twice,
    /// and no harm.
    async fn pulse(&self, leader: &Nonce, lease: Duration) -> Result<Pulse, BackendError>;

    /// Stops serving claims: what follows rebuilds the ledger. Running leases stay. Nothing happens while another leads.
    async fn close(&self, leader: &Nonce) -> Result<(), BackendError>;

    /// Serves claims from now on, under a new incarnation: the last step of a rebuild. Nothing happens while another
    /// leads; the next [`Ledger::pulse`] tells.
    async fn open(&self, leader: &Nonce) -> Result<(), BackendError>;

    /// Gives the leadership up, so that another need not wait for the end of the lease. The ledger stays open.
    async fn step_down(&self, leader: &Nonce) -> Result<(), BackendError>;

    /// Makes work claimable. A running lease stays; a newer generation replaces an older one.
    async fn offer(&self, works: Vec<Work>) -> Result<(), BackendError>;

    /// Nobody wants these jobs any more: they cannot be claimed, and whoever runs one hears it at the next heartbeat. An
    /// offer takes it back: an attempt that has not heard it yet goes on.
    async fn withdraw(&self, keys: &[JobKey]) -> Result<(), BackendError>;

    /// Takes the job for `attempt`, for `lease`, if it is offered, nobody holds it and the offer fits. An attempt that
    /// has ended gets nothing.
    async fn claim(&self, key: JobKey, attempt: &Nonce, offer: &Offer, lease: Duration) -> Result<Claim, BackendError>;

    /// Keeps the lease and says whether the work is still wanted. Where the ledger does not know the attempt (it was
    /// emptied, rolled back, or the lease expired) and nobody else holds the job, the attempt takes the lease again; but
    /// not once it has ended.
    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<Beat, BackendError>;

    /// The outcome is committed, by whichever attempt: the job is done. Needs no lease. The first adoption of each
    /// generation puts one entry into the stream of results.
    async fn adopt(&self, outcome: &Outcome) -> Result<(), BackendError>;

    /// The attempt is over without an outcome: the lease ends and the scheduler hears of it. Of an attempt that does not
    /// hold the lease only the scheduler hears, once.
    async fn end(&self, ended: &Ended) -> Result<(), BackendError>;

    /// An input of some job turned out to be lost: `generation` of the job that made it is revoked in the store.
    async fn revoked(&self, key: JobKey, generation: u32) -> Result<(), BackendError>;

    /// Ends the leases that have expired; each becomes a notice.
    async fn reap(&self) -> Result<usize, BackendError>;

    /// Waits for the next notices, oldest first. One reader: the scheduler of whoever leads. A new reader begins with
    /// what no reader was handed; where nobody reads for long the oldest are dropped. Cancel-safe.
    async fn notices(&self) -> Result<Vec<Notice>, BackendError>;

    /// The entries of the stream of results behind the one called `after` (empty: from the oldest that is kept), at most
    /// `most`. Does not wait.
    async fn results(&self, after: &str, most: usize) -> Result<Vec<ResultEntry>, BackendError>;

    /// A worker says that it lives, for the next `lease`; a `lease` of zero says goodbye.
    async fn announce(&self, card: &WorkerCard, lease: Duration) -> Result<(), BackendError>;

    /// The workers that live, by id.
    async fn workers(&self) -> Result<Vec<WorkerCard>, BackendError>;
}

/// How the ledger stands for one who would lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// You lead, and it is the ledger that you opened.
    Leads,
    /// You lead, and it must be rebuilt: it was never opened, was emptied or rolled back, or another led it meanwhile.
    Rebuild,
    /// Another leads.
    StandBy,
}

/// A sign of life of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The job.
    pub key: JobKey,
    /// The attempt.
    pub attempt: Nonce,
    /// The generation that it works towards.
    pub generation: u32,
    /// For how long the lease is to hold from now on.
    pub lease: Duration,
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
}

/// An attempt that is over without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub key: JobKey,
    /// The attempt.
    pub attempt: Nonce,
    /// How it ended.
    pub verdict: Verdict,
    /// Checkpoints that it added.
    pub checkpoints_made: u64,
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
    /// The ledger is being rebuilt: wait. The ticket is still good.
    Closed,
}

/// Answer to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Held,
    /// Another attempt holds the job. Finish or stop; an outcome may still be adopted.
    Lost,
    /// Nobody wants this job any more: it is done, revoked or withdrawn.
    Unwanted,
}

/// One adopted outcome in the stream of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultEntry {
    /// Name of the entry; names grow.
    pub id: String,
    /// The job.
    pub key: JobKey,
    /// Its kind.
    pub kind: Kind,
    /// The generation of the outcome.
    pub generation: u32,
}

/// A hint to the scheduler. Facts are read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A job was claimed, or an attempt took its lease again.
    Claimed {
        /// The job.
        key: JobKey,
        /// The attempt that holds it.
        attempt: Nonce,
    },
    /// A heartbeat's progress.
    Progress {
        /// The job.
        key: JobKey,
        /// The attempt that holds it.
        attempt: Nonce,
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
    /// An attempt ended without an outcome; how is on record in the store.
    Ended(Ended),
    /// A lease expired.
    Expired {
        /// The job.
        key: JobKey,
        /// The attempt that held it.
        attempt: Nonce,
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
