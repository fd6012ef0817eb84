//! Inputs of a job: found, fetched, verified; and what happens when one is lost.

use std::sync::Arc;

use bitsweep_backends::store::LocalBlob;
use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::outcome::{InputDigest, Outcome};
use bitsweep_proto::wire::InputFile;
use bitsweep_proto::work::{Work, WorkInput, WorkSource};
use bitsweep_proto::{Digest, JobKey};
use futures::stream::{self, StreamExt, TryStreamExt};

/// Blobs fetched at a time: hides some of the latency of a remote store, and leaves it some bandwidth for other slots.
const FETCHES_AT_A_TIME: usize = 4;

/// Inputs on this machine, in the plan's order, artifacts expanded to their items. The files lie there for as long as
/// this is kept.
#[derive(Default)]
pub(crate) struct Inputs {
    /// For the child.
    pub(crate) files: Vec<InputFile>,
    /// For the outcome.
    pub(crate) digests: Vec<InputDigest>,
    /// Bytes of them all.
    pub(crate) bytes: u64,
    held: Vec<LocalBlob>,
}

/// One blob that is an input.
struct Wanted<'w> {
    input: &'w WorkInput,
    item: String,
    blob: Digest,
    /// The outcome that names it, if it was not imported.
    made_by: Option<Arc<Outcome>>,
}

/// Why inputs cannot be had.
#[derive(Debug)]
pub(crate) enum InputError {
    /// The store failed.
    Store(BackendError),
    /// The store does not hold them any more.
    Lost {
        /// What, and what to do.
        message: String,
        /// The outcome that was revoked for it, to be told to the ledger.
        revoked: Option<(JobKey, u32)>,
    },
}

impl From<BackendError> for InputError {
    fn from(error: BackendError) -> Self {
        Self::Store(error)
    }
}

/// Fetches all inputs of `work`. Each blob is checked against its name; the store reads a second time before it calls one
/// damaged. Where one is lost the outcome that made it is revoked: its job runs again.
pub(crate) async fn fetch(store: &Store, work: &Work) -> Result<Inputs, InputError> {
    let wanted = wanted(store, work).await?;
    let mut fetches = Vec::new();
    for wanted in &wanted {
        fetches.push(fetch_blob(store, wanted));
    }
    let held: Vec<LocalBlob> = stream::iter(fetches).buffered(FETCHES_AT_A_TIME).try_collect().await?;
    let mut inputs = Inputs::default();
    for (Wanted { input, item, blob, .. }, held) in wanted.into_iter().zip(held) {
        let name = input.name.clone();
        inputs.bytes += std::fs::metadata(&*held).map_or(0, |file| file.len());
        inputs.files.push(InputFile { name: name.clone(), item: item.clone(), path: held.to_path_buf() });
        inputs.digests.push(InputDigest { name, item, blob });
        inputs.held.push(held);
    }
    Ok(inputs)
}

/// All blobs that `work` names, in order.
async fn wanted<'w>(store: &Store, work: &'w Work) -> Result<Vec<Wanted<'w>>, InputError> {
    let mut wanted = Vec::new();
    for input in &work.inputs {
        match input.from {
            WorkSource::Blob(blob) => wanted.push(Wanted { input, item: input.item.clone(), blob, made_by: None }),
            WorkSource::Job(key) => {
                let Some(outcome) = store.outcome_or_revoke(key).await? else {
                    return Err(not_there(store, input, key).await?);
                };
                let outcome = Arc::new(outcome);
                let items = outcome.produced.artifact.iter();
                for item in items.filter(|item| input.item.is_empty() || input.item == item.name) {
                    let made_by = Some(Arc::clone(&outcome));
                    wanted.push(Wanted { input, item: item.name.clone(), blob: item.blob, made_by });
                }
            }
        }
    }
    Ok(wanted)
}

async fn fetch_blob(store: &Store, wanted: &Wanted<'_>) -> Result<LocalBlob, InputError> {
    match store.fetch_blob(&wanted.blob).await {
        Err(error @ (BackendError::Missing { .. } | BackendError::Damaged { .. })) => {
            let what = format!("\"{}\" of input \"{}\" ({error})", wanted.item, wanted.input.name);
            Err(lost(store, &what, wanted.blob, wanted.made_by.as_deref()).await?)
        }
        fetched => Ok(fetched?),
    }
}

/// The outcome of an input's job does not count any more.
async fn not_there(store: &Store, input: &WorkInput, key: JobKey) -> Result<InputError, BackendError> {
    let message = format!("input \"{}\" is not there: job {key} has to run again", input.name);
    let revoked = store.generation_of(key).await?.checked_sub(1).map(|generation| (key, generation));
    Ok(InputError::Lost { message, revoked })
}

/// Revokes the outcome that made the blob: its job runs again, and puts the blob anew where it is gone or damaged.
///
/// What is left of a damaged blob is not deleted: by the time that a slow worker does so the job may have run again, and
/// the same name may hold good bytes. Only imported content goes, so that it is not taken for there when it is imported
/// again.
async fn lost(store: &Store, what: &str, blob: Digest, made_by: Option<&Outcome>) -> Result<InputError, BackendError> {
    let Some(outcome) = made_by else {
        store.delete_blob(&blob).await?;
        let message = format!("imported content {what} is lost: run `bitsweep run` with the sources at hand again");
        return Ok(InputError::Lost { message, revoked: None });
    };
    let (key, generation) = (outcome.key, outcome.generation);
    store.revoke(key, generation, &format!("{what} is lost")).await?;
    let message = format!("{what} is lost: the {} job {key} that made it runs again", outcome.kind.name());
    Ok(InputError::Lost { message, revoked: Some((key, generation)) })
}
