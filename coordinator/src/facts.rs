//! What the store knows of a plan's jobs when a run begins.

use bitsweep_backends::{BackendError, Store};
use bitsweep_plan::scheduler::{Fact, Facts};
use bitsweep_proto::{JobKey, Plan};
use futures::stream::{self, StreamExt, TryStreamExt};

/// Reads at a time: enough to hide the latency of a remote store.
const READS_AT_A_TIME: usize = 32;

/// The outcomes of `plan`'s jobs, and the next generation of those whose outcomes are revoked. Accounts stay empty: a
/// run begins with fresh ones, which reopens failed jobs.
pub async fn facts(store: &Store, plan: &Plan) -> Result<Facts, BackendError> {
    let mut known = store.known().await?;
    let mut facts = Facts::default();
    let mut done = Vec::new();
    for job in &plan.jobs {
        if known.outcomes.contains_key(&job.key) {
            done.push(job.key);
        } else if let Some(next) = known.generations.remove(&job.key) {
            facts.generations.insert(job.key, next);
        }
    }
    let read = |key: JobKey| async move { Ok::<_, BackendError>((key, store.outcome_or_revoke(key).await?)) };
    let mut outcomes = stream::iter(done).map(read).buffer_unordered(READS_AT_A_TIME);
    while let Some((key, outcome)) = outcomes.try_next().await? {
        match outcome {
            Some(outcome) => drop(facts.outcomes.insert(key, Fact::of(&outcome))),
            // Its record was damaged, and is revoked now.
            None => drop(facts.generations.insert(key, store.next_generation(key).await?)),
        }
    }
    Ok(facts)
}
