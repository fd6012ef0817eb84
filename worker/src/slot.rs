//! A slot: takes tickets one after the other and makes an attempt of each that it can claim.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bitsweep_backends::{BackendError, Claim, Delivery, Ended};
use bitsweep_proto::Nonce;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::job::Kind;
use bitsweep_proto::outcome::Rates;
use bitsweep_proto::profile::Profiles;
use bitsweep_proto::work::Work;
use bitsweep_proto::worker::Offer;

use crate::attempt::Running;
use crate::busy::AtWork;
use crate::commits::Commits;
use crate::deadline::Stop;
use crate::device::Device;
use crate::error::WorkerError;
use crate::machine;
use crate::process::Child;
use crate::scratch::Folders;
use crate::worker::{Shared, WorkerReport};

/// Pause before a service that could not be reached is tried again, and while the ledger is rebuilt.
const PAUSE: Duration = Duration::from_secs(1);

/// A claim whose answer was lost is made again so often before the ticket is given back: it may have been granted.
const CLAIMS: u32 = 2;

/// Where attempts of a slot are made.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: Stop,
    pub(crate) device: Device,
    pub(crate) rates: Rates,
    pub(crate) folders: Arc<Folders>,
}

/// One of a worker's slots.
pub(crate) struct Slot {
    place: Place,
    /// Attempts whose job is done, on their way into the store beside the one that runs.
    commits: Commits,
    /// That the slot is at work, for as long as an attempt of it is.
    at_work: Weak<AtWork>,
}

impl Slot {
    pub(crate) fn new(number: usize, shared: Arc<Shared>, stop: Stop) -> Self {
        let (device, rates) = (shared.settings.device(number), shared.settings.slot_rates(number));
        let place = Place { shared, stop, device, rates, folders: Arc::default() };
        Self { place, commits: Commits::default(), at_work: Weak::new() }
    }

    /// Works until the deadline, or until an error that no retry mends, which ends the other slots too.
    pub(crate) async fn run(mut self) -> (WorkerReport, Result<(), WorkerError>) {
        let result = self.take_tickets().await;
        if result.is_err() {
            self.place.shared.raise.raise();
        }
        let (report, commits) = self.commits.finish().await;
        (report, result.and(commits))
    }

    async fn take_tickets(&mut self) -> Result<(), WorkerError> {
        let shared = Arc::clone(&self.place.shared);
        let starting = self.work();
        let Some((mut child, profiles)) = self.start_child().await? else { return Ok(()) };
        drop(starting);
        let offer = self.offer(profiles);
        shared.offer.send_if_modified(|first| first.is_none() && first.replace(offer.clone()).is_none());
        while let Some(delivery) = self.receive(&mut child).await? {
            let at_work = self.work();
            let Some((work, nonce)) = self.claim(delivery, &offer).await? else { continue };
            let (finished, free) = Running::new(self.place.clone(), child, work, nonce).run().await;
            self.commits.begin(finished, at_work);
            child = match free {
                Some(child) => child,
                None => match self.start_child().await? {
                    Some((child, _)) => child,
                    None => return Ok(()),
                },
            };
        }
        child.end().await;
        Ok(())
    }

    /// The slot is at work until all that was given out is dropped.
    fn work(&mut self) -> Arc<AtWork> {
        self.at_work.upgrade().unwrap_or_else(|| {
            let at_work = Arc::new(self.place.shared.busy.work());
            self.at_work = Arc::downgrade(&at_work);
            at_work
        })
    }

    /// Starts a child; `None` at the deadline.
    async fn start_child(&self) -> Result<Option<(Child, Profiles)>, WorkerError> {
        if self.place.stop.is_raised() {
            return Ok(None);
        }
        self.place.shared.metrics.child_started();
        let starting = async {
            // Its self-tests compute.
            let _turn = self.place.shared.turns.beside().await;
            Child::start(&self.place.shared.settings.child, &self.place.device).await
        };
        self.place.stop.or(starting).await.transpose()
    }

    fn offer(&self, profiles: Profiles) -> Offer {
        let classes = &self.place.shared.settings.classes;
        let kinds = Kind::ALL.into_iter().filter(|kind| classes.contains(&kind.class()));
        Offer {
            kinds: kinds.map(|kind| (kind, kind.code_version())).collect(),
            profiles,
            device: self.place.device.name().to_owned(),
            device_memory_bytes: self.place.device.memory_bytes,
        }
    }

    /// The next ticket, once there is room for what it leads to and others may compute; `None` at the deadline. Where a job
    /// is alone, or waits to be, tickets are left to other workers. A child that ends while it has nothing to do is replaced:
    /// no job is to blame, and none should wait for the next one to start.
    async fn receive(&mut self, child: &mut Child) -> Result<Option<Delivery>, WorkerError> {
        let shared = Arc::clone(&self.place.shared);
        let stop = self.place.stop.clone();
        stop.or(self.commits.room()).await;
        loop {
            let next = async {
                drop(shared.turns.beside().await);
                shared.queue.receive(&shared.settings.classes).await
            };
            let received = tokio::select! {
                biased;
                _ = stop.raised() => return Ok(None),
                _ = child.next() => {
                    tracing::warn!("a child with nothing to do ended: {}", child.how_it_ended().await);
                    let Some((fresh, _)) = self.start_child().await? else { return Ok(None) };
                    *child = fresh;
                    continue;
                }
                received = next => received,
            };
            match received {
                Ok(delivery) if shared.turns.are_open() => return Ok(Some(delivery)),
                // A job that is to be alone came while this slot waited for a ticket.
                Ok(delivery) => self.give_back(delivery).await,
                Err(error) => {
                    shared.busy.stir();
                    self.wait_out(error).await?;
                }
            }
        }
    }

    /// Claims, *then* settles the ticket: a delivery is never held while a job runs, and a ticket whose claim could
    /// not be made is not lost.
    async fn claim(&mut self, delivery: Delivery, offer: &Offer) -> Result<Option<(Work, Nonce)>, WorkerError> {
        let shared = Arc::clone(&self.place.shared);
        let key = delivery.ticket.key;
        let nonce = machine::fresh_nonce();
        let claim = match self.try_to_claim(key, &nonce, offer).await {
            Some(Ok(Claim::Closed)) | None => {
                self.give_back(delivery).await;
                self.pause().await;
                return Ok(None);
            }
            Some(Err(error)) => {
                self.give_back(delivery).await;
                return self.wait_out(error).await.map(|()| None);
            }
            Some(Ok(claim)) => claim,
        };
        let limit = shared.settings.stop_limit;
        if let Some(Err(error)) = self.place.stop.or_past(limit, shared.queue.ack(delivery)).await {
            tracing::warn!(%key, "ticket could not be settled, it will be stale when it comes again: {error}");
        }
        match claim {
            Claim::Granted(work) if self.place.stop.is_raised() => {
                self.release(*work, nonce).await;
                Ok(None)
            }
            Claim::Granted(work) => Ok(Some((*work, nonce))),
            Claim::Held | Claim::NotOffered | Claim::Closed => Ok(None),
            Claim::Unfit(reason) => {
                tracing::warn!(%key, "cannot run this job: {reason}");
                Ok(None)
            }
        }
    }

    /// `None` at the deadline: no new claims.
    async fn try_to_claim(
        &self,
        key: bitsweep_proto::JobKey,
        nonce: &Nonce,
        offer: &Offer,
    ) -> Option<Result<Claim, BackendError>> {
        let (shared, stop) = (&self.place.shared, &self.place.stop);
        let mut tries = 1;
        loop {
            if stop.is_raised() {
                return None;
            }
            let claim = shared.ledger.claim(key, nonce, offer, shared.settings.lease);
            match stop.or_past(shared.settings.stop_limit, claim).await? {
                Err(error) if error.is_retryable() && tries < CLAIMS => tries += 1,
                claimed => return Some(claimed),
            }
        }
    }

    async fn give_back(&self, delivery: Delivery) {
        let (shared, key) = (&self.place.shared, delivery.ticket.key);
        let limit = shared.settings.stop_limit;
        if let Some(Err(error)) = self.place.stop.or_past(limit, shared.queue.requeue(delivery)).await {
            tracing::warn!(%key, "ticket could not be given back: {error}");
        }
    }

    /// Gives up a claim of which nothing was made.
    async fn release(&self, work: Work, attempt: Nonce) {
        let (shared, key) = (&self.place.shared, work.key);
        let ended = Ended { key, attempt, verdict: Verdict::Preempted, checkpoints_made: 0 };
        if let Some(Err(error)) = self.place.stop.or_past(shared.settings.stop_limit, shared.ledger.end(&ended)).await {
            tracing::warn!(%key, "a claim was not given up, it runs out: {error}");
        }
    }

    /// Waits a while after an error that a retry may mend; returns any other.
    async fn wait_out(&self, error: BackendError) -> Result<(), WorkerError> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        tracing::warn!("{error}");
        self.pause().await;
        Ok(())
    }

    async fn pause(&self) {
        self.place.stop.or(tokio::time::sleep(PAUSE)).await;
    }
}
