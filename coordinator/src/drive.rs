//! One sweep in one process: the loop of `bitsweep run`.
//!
//! The same loop as the service's, over an in-process queue and ledger that nobody else sees. What differs: the slots are
//! given, an observer sees every round, an error that no retry mends ends the run, and failed jobs get a new chance.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::{BackendError, Ledger, Queue, Store, StoreLock};
use bitsweep_plan::scheduler::JobState;
use bitsweep_proto::{JobKey, Plan, SweepId};
use tokio::sync::watch;

use crate::archive::Archive;
use crate::facts::Begin;
use crate::hands::Hands;
use crate::health::Health;
use crate::lead::{Lead, Mode};
use crate::load::Live;
use crate::metrics::Metrics;
use crate::nonce;
use crate::settings::{Services, Settings};
use crate::standing::{Observer, Standing};
use crate::view::What;

/// Why a sweep cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// A service refuses, or what it holds cannot be read. A person must act.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it was told to stop before everything was decided.
    pub interrupted: bool,
    /// Jobs given up of themselves, with the reason, in the plan's order.
    pub failed: Vec<(JobKey, String)>,
    /// Jobs put aside because services failed them, with the reason, in the plan's order.
    pub held: Vec<(JobKey, String)>,
    /// Gates that are shut and budgets that are used up: the place in the manifest, in words, and the jobs it holds.
    pub holds: Vec<(String, String, usize)>,
}

/// Drives one plan over the three services of one process.
pub struct Embedded {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// What is true.
    pub store: Store,
    /// Where tickets go.
    pub queue: Arc<dyn Queue>,
    /// Where work is offered and notices come from. Nobody else leads it.
    pub ledger: Arc<dyn Ledger>,
    /// The lock of the store, which keeps others from scheduling on it.
    pub lock: Arc<StoreLock>,
    /// Jobs that can run at once.
    pub slots: usize,
    /// True (or closed) once it has to stop.
    pub stop: watch::Receiver<bool>,
}

/// Workers of the same process do not vanish: their leases are long.
const LEASE: Duration = Duration::from_secs(60);

impl Embedded {
    /// Runs until nothing is left that could run, or until told to stop. `begin` is what the store knew at the start.
    pub async fn drive(mut self, begin: Begin, observer: &mut dyn Observer) -> Result<End, CoordinatorError> {
        let sweep = self.plan.id();
        let (me, settings) = (nonce::fresh(), Settings::for_lease(LEASE));
        let metrics = Arc::new(Metrics::new());
        let (health, mut refused) = Health::new(Arc::clone(&metrics), (settings.first_pause, settings.longest_pause));
        // Nobody else leads: this only says who we are.
        self.ledger.pulse(&me, settings.leadership).await?;
        let services = Services { store: self.store, queue: self.queue, ledger: self.ledger };
        let hands = Hands::new(services, settings, (health, metrics));
        let mut lead = Lead::new((me, Mode::Embedded { slots: self.slots }), hands, Arc::new(Archive::default()));
        lead.keep_index(self.lock);
        // Attempts of before are not watched: those who made them are gone, or none of ours.
        lead.begin_with(Live { open: Vec::new(), ..begin.0 });
        loop {
            tell(&mut lead, observer);
            observer.standing(&Standing::of(&lead, &sweep));
            if lead.sweeps.is_over(&sweep) {
                if let Some(put) = lead.index_last(&sweep) {
                    // An error says that it cannot be put.
                    let _ = put.await;
                }
                return Ok(end(&lead, &sweep, false));
            }
            tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return Ok(end(&lead, &sweep, true)),
                Some(error) = refused.recv() => return Err(error.into()),
                happening = lead.next() => lead.take(happening),
            }
        }
    }
}

/// Tells the observer what is worth a line.
fn tell(lead: &mut Lead, observer: &mut dyn Observer) {
    for news in lead.news.drain(..) {
        match news.what {
            What::JobFailed { name, reason, .. } => observer.note(&format!("{name} failed: {reason}")),
            What::JobHeld { name, reason, .. } => observer.note(&format!("{name} is put aside: {reason}")),
            What::MadeAgain { name, reason, .. } => observer.note(&format!("{name} is made again: {reason}")),
            What::GateOpened { place } => observer.note(&format!("{place} opens")),
            What::BudgetReached { place, words } => observer.note(&format!("{place} is used up: {words}")),
            What::Submitted
            | What::Cancelled
            | What::Committed { .. }
            | What::Finished { .. }
            | What::Progress { .. } => {}
        }
    }
}

fn end(lead: &Lead, sweep: &SweepId, interrupted: bool) -> End {
    let reasons = lead.state.reasons(sweep);
    let of = |wanted| {
        let of_state = reasons.iter().filter(|(_, state, _)| *state == wanted);
        of_state.map(|(key, _, reason)| (*key, reason.clone())).collect()
    };
    let holds = lead.state.holds(sweep).into_iter().map(|hold| (hold.place, hold.words, hold.jobs));
    End { interrupted, failed: of(JobState::Failed), held: of(JobState::Held), holds: holds.collect() }
}
