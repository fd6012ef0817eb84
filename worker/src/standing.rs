//! How the store sees a job that was just claimed.

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::Outcome;
use bitsweep_proto::work::Work;

/// How the store sees a job that was just claimed.
pub(crate) enum Standing {
    /// There is no outcome of this generation or a later one.
    Open,
    /// It is done.
    Done(Box<Outcome>),
    /// The generation to make is revoked already: the work was offered before that was known.
    Revoked {
        /// The last generation that is.
        generation: u32,
    },
}

/// The first thing after every claim: a finished job is never run again, whatever the ledger believes. One read where
/// there is no outcome, which is the rule: each generation is made because the one before it was lost, so where this
/// one is not there, no later one is.
pub(crate) async fn standing(store: &Store, work: &Work) -> Result<Standing, BackendError> {
    match store.outcome_at(work.key, work.generation).await {
        Ok(None) => {
            revoke_older(store, work).await?;
            return Ok(Standing::Open);
        }
        Ok(Some(_)) | Err(BackendError::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    if let Some(outcome) = store.outcome_or_revoke(work.key).await? {
        return Ok(Standing::Done(Box::new(outcome)));
    }
    match store.generation_of(work.key).await? {
        next if next > work.generation => Ok(Standing::Revoked { generation: next - 1 }),
        _ => Ok(Standing::Open),
    }
}

/// Work of a later generation is offered because the older ones are revoked. Whoever decided so may have been cut off
/// before it was on record (the leadership was lost, the store failed): then it is put here, so that no generation is
/// ever made beside one that still counts.
async fn revoke_older(store: &Store, work: &Work) -> Result<(), BackendError> {
    for generation in 0..work.generation {
        store.revoke(work.key, generation, "a later generation was offered").await?;
    }
    Ok(())
}
