//! A slot: takes tickets one after the other and makes an attempt of each that it can claim.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{BackendError, Claim, Delivery, Offer, Store};
use bitsweep_proto::Nonce;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::job::Kind;
use bitsweep_proto::work::Work;
use tokio::sync::watch;

use crate::attempt::Attempt;
use crate::error::{WorkerError, with_causes};
use crate::machine;
use crate::process::Child;
use crate::worker::{Shared, WorkerReport, raised};

/// Pause before a service that could not be reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// One of a worker's slots.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    /// True once the worker has to go.
    stop: watch::Receiver<bool>,
    report: WorkerReport,
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        Self { shared, stop, report: WorkerReport::default() }
    }

    /// Works until told to stop, or until an error that no retry mends.
    pub(crate) async fn run(mut self) -> (WorkerReport, Result<(), WorkerError>) {
        let result = self.take_tickets().await;
        (self.report, result)
    }

    async fn take_tickets(&mut self) -> Result<(), WorkerError> {
        let program = &Arc::clone(&self.shared).settings.child;
        let (mut child, profiles) = Child::start(program).await?;
        let classes = &self.shared.settings.classes;
        let kinds = Kind::ALL.into_iter().filter(|kind| classes.contains(&kind.class())).collect();
        let offer = Offer { kinds, profiles };
        while let Some(delivery) = self.receive().await? {
            if child.is_gone() {
                // It ended while it had nothing to do: no job is to blame.
                child = Child::start(program).await?.0;
            }
            let Some((work, nonce)) = self.claim(delivery, &offer).await? else { continue };
            child = match self.attempt(work, nonce, child).await? {
                Some(child) => child,
                None => Child::start(program).await?.0,
            };
        }
        child.end().await;
        Ok(())
    }

    /// The next ticket; `None` at the deadline.
    async fn receive(&mut self) -> Result<Option<Delivery>, WorkerError> {
        loop {
            let received = tokio::select! {
                biased;
                () = raised(&mut self.stop) => return Ok(None),
                received = self.shared.queue.receive(&self.shared.settings.classes) => received,
            };
            match received {
                Ok(delivery) => return Ok(Some(delivery)),
                Err(error) => self.wait_out(error).await?,
            }
        }
    }

    /// Claims, *then* settles the ticket: a delivery is never held while a job runs, and a ticket whose claim could
    /// not be made is not lost.
    async fn claim(&mut self, delivery: Delivery, offer: &Offer) -> Result<Option<(Work, Nonce)>, WorkerError> {
        let shared = Arc::clone(&self.shared);
        let key = delivery.ticket.key;
        let nonce = machine::fresh_nonce();
        let claim = match shared.ledger.claim(key, &nonce, offer, shared.settings.lease).await {
            Ok(claim) => claim,
            Err(error) => {
                if let Err(error) = shared.queue.requeue(delivery).await {
                    tracing::warn!(%key, "ticket could not be given back: {error}");
                }
                return self.wait_out(error).await.map(|()| None);
            }
        };
        if let Err(error) = shared.queue.ack(delivery).await {
            tracing::warn!(%key, "ticket could not be settled, it will be stale when it comes again: {error}");
        }
        match claim {
            Claim::Granted(work) => Ok(Some((*work, nonce))),
            Claim::Held | Claim::NotOffered => Ok(None),
            Claim::Unfit(reason) => {
                tracing::warn!(%key, "cannot run this job: {reason}");
                Ok(None)
            }
        }
    }

    /// Makes an attempt; gives the child back where it is still of use.
    async fn attempt(&mut self, work: Work, nonce: Nonce, child: Child) -> Result<Option<Child>, WorkerError> {
        let key = work.key;
        let shared = Arc::clone(&self.shared);
        match standing(&shared.store, &work).await {
            Ok(Standing::Open) => {}
            Ok(Standing::Done { generation }) => {
                self.report.adopted += 1;
                return tell(shared.ledger.adopt(key, generation).await).map(|()| Some(child));
            }
            Ok(Standing::Revoked { generation }) => {
                return tell(shared.ledger.revoked(key, generation).await).map(|()| Some(child));
            }
            Err(error) => {
                let verdict = Verdict::Infrastructure { message: with_causes(&error) };
                self.report.count(&verdict);
                tell(shared.ledger.end(key, &nonce, verdict, 0).await)?;
                return tell(Err(error)).map(|()| Some(child));
            }
        }
        let ended = Attempt::new((shared, self.stop.clone()), child, work, nonce).run().await;
        self.report.count(&ended.verdict);
        match ended.refused {
            Some(error) => Err(error.into()),
            None => Ok(ended.child),
        }
    }

    /// Waits a while after an error that a retry may mend; returns any other.
    async fn wait_out(&mut self, error: BackendError) -> Result<(), WorkerError> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        tracing::warn!("{error}");
        tokio::select! {
            () = raised(&mut self.stop) => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
        Ok(())
    }
}

/// How the store sees a job that was just claimed.
enum Standing {
    /// There is no outcome of this generation or a later one.
    Open,
    /// It is done.
    Done { generation: u32 },
    /// The generation to make is revoked already: the work was offered before that was known.
    Revoked { generation: u32 },
}

/// The first thing after every claim: a finished job is never run again, whatever the ledger believes.
async fn standing(store: &Store, work: &Work) -> Result<Standing, BackendError> {
    if let Some(outcome) = store.outcome_or_revoke(work.key).await? {
        return Ok(Standing::Done { generation: outcome.generation });
    }
    match store.next_generation(work.key).await? {
        next if next > work.generation => Ok(Standing::Revoked { generation: next - 1 }),
        _ => Ok(Standing::Open),
    }
}

/// Lets pass what a retry may mend: the ledger is told hints.
fn tell(told: Result<(), BackendError>) -> Result<(), WorkerError> {
    match told {
        Err(error @ BackendError::Refused { .. }) => Err(error.into()),
        Err(error) => {
            tracing::warn!("{error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
