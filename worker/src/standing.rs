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
        Ok(None) => return Ok(Standing::Open),
        Ok(Some(_)) | Err(BackendError::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    if let Some(outcome) = store.outcome_or_revoke(work.key).await? {
        return Ok(Standing::Done(Box::new(outcome)));
    }
    match store.next_generation(work.key).await? {
        next if next > work.generation => Ok(Standing::Revoked { generation: next - 1 }),
        _ => Ok(Standing::Open),
    }
}
