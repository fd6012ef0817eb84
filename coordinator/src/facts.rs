//! What the store knows of one sweep when `bitsweep run` begins.

use std::sync::Arc;

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::{Action, Nonce, Plan};

use crate::health::Health;
use crate::load::{Live, Reader};
use crate::metrics::Metrics;
use crate::settings::Settings;

/// What a run begins with: see [`facts`].
#[derive(Debug)]
pub struct Begin(pub(crate) Live);

/// Reads what is on record about the jobs of `plan`: outcomes, and attempts on what is open.
///
/// A run gives failed jobs a new chance: all attempts of before are forgiven, in this run alone. What they took still
/// counts for budgets. So does every change of a budget; that somebody cancelled the sweep does not keep a person who
/// says `run` from running it.
pub async fn facts(store: &Store, plan: &Arc<Plan>) -> Result<Begin, BackendError> {
    let settings = Settings::default();
    let (health, mut failed) =
        Health::impatient(Arc::new(Metrics::new()), (settings.first_pause, settings.longest_pause));
    let reader = Reader { store: store.clone(), health, reads: settings.reads };
    let mut shelf = tokio::select! {
        shelf = reader.shelf() => shelf,
        error = failed.recv() => return Err(error.expect("the reader can tell of errors")),
    };
    let reading = reader.live((plan.id(), Arc::clone(plan)), &mut shelf);
    let mut live = tokio::select! {
        live = reading => live?,
        error = failed.recv() => return Err(error.expect("the reader can tell of errors")),
    };
    live.actions.retain(|action| !matches!(action, Action::Cancel | Action::Resume));
    let attempts = live.facts.histories.values().flat_map(|history| &history.attempts);
    let forgiven: Vec<Nonce> = attempts.map(|tried| tried.attempt.clone()).collect();
    live.actions.push(Action::Retry { forgiven });
    Ok(Begin(live))
}
