//! What a sweep has so far, read from the store.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::{JobKey, Outcome, Plan};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::exit::Failure;

/// Reads at a time: enough to hide the latency of a remote store.
const READS_AT_A_TIME: usize = 32;

/// The committed outcomes of the jobs of `plan` that `wanted` chooses.
pub(crate) async fn outcomes(
    store: &Store,
    plan: &Plan,
    wanted: impl Fn(usize) -> bool,
) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
    read(store, (0..plan.jobs.len()).filter(|index| wanted(*index)).map(|index| plan.jobs[index].key)).await
}

/// The outcomes that the table is made of: those of the measuring jobs.
pub(crate) async fn measured(store: &Store, plan: &Plan) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
    let measuring: BTreeSet<usize> = plan.cells.iter().map(|planned| planned.job as usize).collect();
    outcomes(store, plan, |index| measuring.contains(&index)).await
}

/// Every outcome in the store that is not revoked, of whatever sweep.
pub(crate) async fn all(store: &Store) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
    read(store, store.known().await?.outcomes.into_keys()).await
}

async fn read(store: &Store, keys: impl Iterator<Item = JobKey>) -> Result<BTreeMap<JobKey, Outcome>, Failure> {
    let keys: BTreeSet<JobKey> = keys.collect();
    let read = stream::iter(keys)
        .map(|key| async move { Ok::<_, Failure>((key, sound(store, key).await?)) })
        .buffer_unordered(READS_AT_A_TIME);
    let found: Vec<_> = read.try_collect().await?;
    Ok(found.into_iter().filter_map(|(key, outcome)| Some((key, outcome?))).collect())
}

/// A job's outcome; none where its record is damaged, which is said.
pub(crate) async fn sound(store: &Store, key: JobKey) -> Result<Option<Outcome>, Failure> {
    match store.outcome(key).await {
        Err(error @ BackendError::Damaged { .. }) => {
            eprintln!("note: {error}; `bitsweep run` makes it again");
            Ok(None)
        }
        outcome => Ok(outcome?),
    }
}

/// Reads every record and blob of the sweep's outcomes. What is damaged or lost is revoked, so that the run makes it
/// again.
pub(crate) async fn verify(store: &Store, plan: &Plan) -> Result<(), Failure> {
    let known = store.known().await?;
    for job in plan.jobs.iter().filter(|job| known.outcomes.contains_key(&job.key)) {
        let key = job.key;
        let Some(outcome) = store.outcome_or_revoke(key).await? else {
            eprintln!("{}: its record was damaged; it is made again", key.0.short());
            continue;
        };
        let mut lost = None;
        for item in &outcome.produced.artifact {
            match store.fetch_blob(&item.blob).await {
                Ok(_) => {}
                Err(error @ (BackendError::Damaged { .. } | BackendError::Missing { .. })) => {
                    store.delete_blob(&item.blob).await?;
                    lost.get_or_insert(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(error) = lost {
            eprintln!("{}: {error}; it is made again", key.0.short());
            store.revoke(key, outcome.generation, &error.to_string()).await?;
        }
    }
    Ok(())
}
