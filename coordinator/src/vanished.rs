//! Attempts that vanished: their ends are put on record on their behalf.
//!
//! The lease of an attempt ran out, or it has a start on record and nobody keeps a lease for it. Its end is put with
//! put-if-absent: if the worker did it after all, or another coordinator, theirs stays. So every attempt ends once on
//! record, whoever says it, and the accounts and budgets that are added up from the records come out the same.
//!
//! It is charged from its start to now, at the rates of its start record: that is the most it can have taken, for nobody
//! knows when the machine went. An attempt that left not even a start was a short one when it went: it gets one too,
//! without rates and with no checkpoints of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use bitsweep_backends::store::Attempts;
use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::JobKey;
use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Nonce, Verdict};
use bitsweep_proto::outcome::{Cost, Rates};

/// What the record says.
const MESSAGE: &str = "the worker vanished";

/// Puts the end of a vanished attempt on record. False where it has one already, or needs none.
pub(crate) async fn close(
    store: &Store,
    key: JobKey,
    (attempt, heard_at): (&Nonce, u64),
) -> Result<bool, BackendError> {
    let attempts = store.attempts(key).await?;
    if attempts.ends.iter().any(|end| end.attempt == *attempt) {
        return Ok(false);
    }
    let known = attempts.starts.iter().find(|start| start.attempt == *attempt);
    let generation = match known {
        Some(start) => start.generation,
        // It was short: it made the outcome, or came too late for it, or found it there.
        None if store.outcome_or_revoke(key).await?.is_some() => return Ok(false),
        None => store.generation_of(key).await?,
    };
    // An attempt that commits puts no end on record: its outcome names it, and says what it took.
    match store.outcome_at(key, generation).await {
        Ok(Some(outcome)) if outcome.attempt == *attempt => return Ok(false),
        // Nobody can tell any more who made it.
        Ok(_) | Err(BackendError::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    let by_now = match known.and_then(|start| checkpoints_after(&attempts, start)) {
        Some(checkpoints) => checkpoints,
        None => store.checkpoints(key).await?.len() as u64,
    };
    let start = known.cloned().unwrap_or_else(|| unknown_start((key, generation), (attempt, heard_at), by_now));
    if known.is_none() {
        store.put_attempt_start(&start).await?;
    }
    store.put_attempt_end(&end(&start, by_now, now())).await?;
    Ok(true)
}

/// Checkpoints that the next attempt found; `None` where there is no next one.
fn checkpoints_after(attempts: &Attempts, start: &AttemptStart) -> Option<u64> {
    let after = |other: &&AttemptStart| (other.started_at, &other.attempt) > (start.started_at, &start.attempt);
    attempts.starts.iter().find(after).map(|next| next.checkpoints_found)
}

fn unknown_start(
    (key, generation): (JobKey, u32),
    (attempt, heard_at): (&Nonce, u64),
    checkpoints_found: u64,
) -> AttemptStart {
    AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: attempt.clone(),
        key,
        generation,
        host: "unknown".to_owned(),
        process: 0,
        started_at: heard_at,
        checkpoints_found,
        device: String::new(),
        rates: Rates::default(),
    }
}

/// The end of `start`, which vanished by `now` and after which there were `checkpoints`.
fn end(start: &AttemptStart, checkpoints: u64, now: u64) -> AttemptEnd {
    let seconds = now.saturating_sub(start.started_at);
    AttemptEnd {
        version: ATTEMPT_VERSION,
        attempt: start.attempt.clone(),
        key: start.key,
        ended_at: now,
        checkpoints_made: checkpoints.saturating_sub(start.checkpoints_found),
        verdict: Verdict::Infrastructure { message: MESSAGE.to_owned() },
        cost: Cost { seconds: seconds as f64, ..Cost::default() }.at(start.rates),
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bitsweep_backends::conformance::samples;
    use object_store::memory::InMemory;

    use super::*;

    /// It left nothing but its outcome, which may be lost by now.
    #[tokio::test]
    async fn a_short_attempt_that_committed_did_not_vanish() {
        let store = Store::with_objects(Arc::new(InMemory::new()), None).await.unwrap();
        let key = JobKey(samples::digest(0));
        for generation in 0..2 {
            let outcome = samples::outcome(key, generation, u64::from(generation), samples::digest(1));
            store.put_outcome(&outcome).await.unwrap();
            store.revoke(key, generation, "lost").await.unwrap();
        }
        for number in 0..2 {
            assert!(!close(&store, key, (&samples::nonce(number), 7)).await.unwrap());
        }
        // They have the records that whoever revoked their outcomes put.
        let committed = store.attempts(key).await.unwrap();
        assert!(committed.ends.iter().all(|end| end.verdict == Verdict::Committed), "{committed:?}");
        for _ in 0..2 {
            close(&store, key, (&samples::nonce(2), 7)).await.unwrap();
        }
        let attempts = store.attempts(key).await.unwrap();
        assert_eq!((attempts.starts.len(), attempts.ends.len()), (3, 3));
        let vanished = attempts.starts.iter().find(|start| start.attempt == samples::nonce(2)).unwrap();
        assert_eq!((vanished.generation, vanished.started_at), (2, 7));
    }
}
