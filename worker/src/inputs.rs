//! Inputs of a job: found, fetched, verified; and what happens when one is lost.

use std::path::PathBuf;

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::outcome::{InputDigest, Outcome};
use bitsweep_proto::wire::InputFile;
use bitsweep_proto::work::{Work, WorkInput, WorkSource};
use bitsweep_proto::{Digest, JobKey};

/// Inputs on this machine, in the plan's order, artifacts expanded to their items.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// For the child.
    pub(crate) files: Vec<InputFile>,
    /// For the outcome.
    pub(crate) digests: Vec<InputDigest>,
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
/// damaged. One that is lost is deleted, and the outcome that made it is revoked: its job runs again.
pub(crate) async fn fetch(store: &Store, work: &Work) -> Result<Inputs, InputError> {
    let mut inputs = Inputs::default();
    for input in &work.inputs {
        match input.from {
            WorkSource::Blob(blob) => {
                let path = fetch_blob(store, input, (&input.item, blob), None).await?;
                inputs.add(input, (&input.item, blob), path);
            }
            WorkSource::Job(key) => {
                let Some(made_by) = store.outcome_or_revoke(key).await? else {
                    return Err(not_there(store, input, key).await?);
                };
                let items = made_by.produced.artifact.iter();
                for item in items.filter(|item| input.item.is_empty() || input.item == item.name) {
                    let path = fetch_blob(store, input, (&item.name, item.blob), Some(&made_by)).await?;
                    inputs.add(input, (&item.name, item.blob), path);
                }
            }
        }
    }
    Ok(inputs)
}

impl Inputs {
    fn add(&mut self, input: &WorkInput, (item, blob): (&str, Digest), path: PathBuf) {
        let (name, item) = (input.name.clone(), item.to_owned());
        self.digests.push(InputDigest { name: name.clone(), item: item.clone(), blob });
        self.files.push(InputFile { name, item, path });
    }
}

/// Fetches one blob, which `made_by` made if it was not imported.
async fn fetch_blob(
    store: &Store,
    input: &WorkInput,
    (item, blob): (&str, Digest),
    made_by: Option<&Outcome>,
) -> Result<PathBuf, InputError> {
    match store.fetch_blob(&blob).await {
        Err(error @ (BackendError::Missing { .. } | BackendError::Damaged { .. })) => {
            let what = format!("\"{item}\" of input \"{}\" ({error})", input.name);
            Err(lost(store, &what, blob, made_by).await?)
        }
        fetched => Ok(fetched?),
    }
}

/// The outcome of an input's job does not count any more.
async fn not_there(store: &Store, input: &WorkInput, key: JobKey) -> Result<InputError, BackendError> {
    let message = format!("input \"{}\" is not there: job {key} has to run again", input.name);
    let revoked = store.next_generation(key).await?.checked_sub(1).map(|generation| (key, generation));
    Ok(InputError::Lost { message, revoked })
}

/// Deletes what is left of a blob and revokes the outcome that made it.
async fn lost(store: &Store, what: &str, blob: Digest, made_by: Option<&Outcome>) -> Result<InputError, BackendError> {
    store.delete_blob(&blob).await?;
    let Some(outcome) = made_by else {
        let message = format!("imported content {what} is lost: run `bitsweep run` with the sources at hand again");
        return Ok(InputError::Lost { message, revoked: None });
    };
    let (key, generation) = (outcome.key, outcome.generation);
    store.revoke(key, generation, &format!("{what} is lost")).await?;
    let message = format!("{what} is lost: the {} job {key} that made it runs again", outcome.kind.name());
    Ok(InputError::Lost { message, revoked: Some((key, generation)) })
}
