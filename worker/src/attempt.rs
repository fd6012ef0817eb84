//! One attempt, from claim to commit.
//!
//! It has two parts. [`Running`] needs the slot and its child: the look for the outcome, the inputs, the job itself.
//! [`Finished`] needs the store alone: what the job made, the outcome, the ledger. So the slot takes its next ticket while
//! the store is still flushing to its disk, and the attempt keeps its lease and its folder until it is over.
//!
//! **The order of its writes** is what makes it safe to be killed anywhere: start record, checkpoints, blobs, outcome (the
//! only commit) or end record; then the ledger hears of it, and only after the commit are checkpoints dropped.
//!
//! **Which attempt has a start record.** One that has lasted [`SHORT`], one that may leave checkpoints, and one that has an
//! end record. A shorter one that commits has its outcome alone, which says who made it, when and at what cost. What that
//! risks: where a machine vanishes within that time, the attempt is known to the ledger only. When its lease runs out the
//! coordinator puts start and end on its behalf; only if the ledger is lost at the same time too, so much of its cost and
//! one count against its job are never put down.
//!
//! **Which attempt has an end record.** An attempt that the outcome of its generation names is committed, *whatever else
//! is on record of it*, and its cost is the outcome's: it may have been killed right behind the commit, or a reaper may
//! have put that it vanished before it came back and won. So whoever counts attempts goes by the outcome first, and a
//! committed attempt puts no end record, which would say nothing more. Any other attempt with an end record ended as
//! that says; one without runs, or vanished with its machine.
//!
//! What is not needed is not done: kinds without checkpoints have none looked for or dropped, and a short attempt that
//! has nothing to tell leaves no log. Such an attempt costs two operations of the store: one read (is it done?) and its
//! outcome.

mod checkpoints;
mod finished;
mod running;
mod start;
mod supervise;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::BackendError;
use bitsweep_proto::Nonce;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptStart, Verdict};
use bitsweep_proto::outcome::{Cost, Item};
use bitsweep_proto::work::Work;
use tokio::time::Instant;
use tracing::Span;

use crate::lease::Lease;
use crate::log::{Carrier, Log};
use crate::machine;
use crate::scratch::Folder;
use crate::slot::Place;
use crate::turns::Turn;

use start::Start;

pub(crate) use finished::Finished;
pub(crate) use running::Running;

/// An attempt that is over and committed by then leaves no start record. Long enough for the small jobs of a sweep, of
/// which there may be very many; short enough that what it leaves uncounted at worst is less than any clock here shows.
const SHORT: Duration = Duration::from_millis(250);

/// What an attempt has in both of its parts.
struct Attempt {
    place: Place,
    span: Span,
    work: Work,
    nonce: Nonce,
    lease: Lease,
    log: Log,
    carrier: Carrier,
    /// When it began: when it had its turn, before it looked for the outcome. Until it has, when it was claimed.
    began: Instant,
    /// The same in seconds since 1970.
    began_at: u64,
    /// Its start record, once there is something to run.
    start: Option<Start>,
    /// Where its job writes, once it runs.
    folder: Option<Folder>,
    /// Its turn to compute, until it is over; of a job that computes alone, until its child is done.
    turn: Option<Turn>,
    /// Checkpoints that are kept, found or made, by name.
    kept: BTreeMap<String, Item>,
    checkpoints_made: u64,
    cost: Cost,
}

/// How an attempt ended.
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// The error of a service that refuses, after which the worker must not go on.
    pub(crate) refused: Option<BackendError>,
}

/// What became of a claim.
pub(crate) enum Ending {
    /// An attempt was made, and this came of it.
    Verdict(Verdict),
    /// The job is done already.
    Adopted,
    /// The generation to make is revoked already.
    NotNeeded,
}

impl Attempt {
    /// An attempt on claimed `work`; the lease is kept from now on.
    fn new(place: Place, work: Work, nonce: Nonce) -> Self {
        let (began, began_at) = (Instant::now(), machine::now());
        let shared = &place.shared;
        let (key, kind, traceparent) = (work.key, work.spec.kind().name(), work.traceparent.as_str());
        let span = tracing::info_span!("attempt", %key, kind, attempt = %nonce, traceparent);
        let lease = Lease::keep(Arc::clone(shared), &work, nonce.clone());
        let logs = shared.settings.logs;
        let log = Log::new(logs);
        let carrier = Carrier::start(shared.store.clone(), (key, nonce.clone()), log.clone(), logs);
        Self {
            place,
            span,
            work,
            nonce,
            lease,
            log,
            carrier,
            began,
            began_at,
            start: None,
            folder: None,
            turn: None,
            kept: BTreeMap::new(),
            checkpoints_made: 0,
            cost: Cost::default(),
        }
    }

    /// Its start record. What it says of checkpoints is what is known when it is first asked for.
    fn start(&mut self) -> &mut Start {
        self.start.get_or_insert_with(|| {
            let place = &self.place;
            let start = AttemptStart {
                version: ATTEMPT_VERSION,
                attempt: self.nonce.clone(),
                key: self.work.key,
                generation: self.work.generation,
                host: place.shared.provenance.host.clone(),
                process: std::process::id(),
                started_at: self.began_at,
                checkpoints_found: self.kept.len() as u64,
                device: place.device.name().to_owned(),
                rates: place.rates,
            };
            Start::new(place.shared.store.clone(), start)
        })
    }

    /// What it has taken by now.
    fn cost_now(&self) -> Cost {
        Cost { seconds: self.began.elapsed().as_secs_f64(), ..self.cost }.at(self.place.rates)
    }
}

/// What the ledger is told is a hint: if it does not get through, the scheduler finds the fact in the store.
fn hint(told: Result<(), BackendError>) {
    if let Err(error) = told {
        tracing::warn!("{error}");
    }
}
