//! Decisions as they go on record: checked, and completed with what the store knows.

use std::collections::HashSet;

use bitsweep_backends::Store;
use bitsweep_plan::retry::{Accounts, Ending, History, Limits, Ruling};
use bitsweep_proto::{Action, Nonce, Plan, SweepId};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::desk::DeskError;

/// Reads at a time.
const READS: usize = 32;

/// The action as it goes on record. A retry names the attempts that it forgives; a budget has a place.
pub(crate) async fn complete(
    (store, limits): (&Store, &Limits),
    plan: &Plan,
    (sweep, action): (SweepId, Action),
) -> Result<Action, DeskError> {
    match action {
        Action::Retry { forgiven } if forgiven.is_empty() => {
            let before: HashSet<Nonce> = store
                .controls(&sweep)
                .await?
                .into_iter()
                .flat_map(|control| if let Action::Retry { forgiven } = control.action { forgiven } else { Vec::new() })
                .collect();
            Ok(Action::Retry { forgiven: to_forgive((store, limits), plan, &before).await? })
        }
        Action::Budget { index, budget } => {
            let mut places = plan.budgets.len() as u64;
            for control in store.controls(&sweep).await? {
                if let Action::Budget { index, .. } = control.action {
                    places = places.max(u64::from(index) + 1);
                }
            }
            if u64::from(index) > places {
                return Err(DeskError::NotPossible {
                    message: format!(
                        "there are {places} budgets: change one of budgets[0] …, or add budgets[{places}]"
                    ),
                });
            }
            Ok(Action::Budget { index, budget })
        }
        Action::Cancel | Action::Resume | Action::Retry { .. } | Action::Reported => Ok(action),
    }
}

/// The attempts on jobs of the plan that were given up or put aside, by their own records.
async fn to_forgive(
    (store, limits): (&Store, &Limits),
    plan: &Plan,
    before: &HashSet<Nonce>,
) -> Result<Vec<Nonce>, DeskError> {
    let (known, tried) = (store.known().await?, store.tried().await?);
    let open =
        plan.jobs.iter().map(|job| job.key).filter(|key| !known.outcomes.contains_key(key) && tried.contains(key));
    let reads = stream::iter(open.collect::<Vec<_>>()).map(|key| store.attempts(key)).buffered(READS);
    let attempts: Vec<_> = reads.try_collect().await?;
    let mut forgiven = Vec::new();
    for found in attempts {
        let history = History::of(&found.starts, &found.ends);
        let accounts = Accounts::of_history(&history, before, limits);
        if matches!(accounts.ruling(), Some(Ruling::Failed { .. } | Ruling::Held { .. })) {
            let charged = history.attempts.into_iter().filter(|tried| {
                matches!(tried.ending, Some(Ending::Infrastructure(_) | Ending::Broke(_) | Ending::Error { .. }))
            });
            forgiven.extend(charged.map(|tried| tried.attempt).filter(|attempt| !before.contains(attempt)));
        }
    }
    Ok(forgiven)
}
