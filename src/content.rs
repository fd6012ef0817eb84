//! Where imported sources go: a store, or a coordinator's.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::Digest;
use bitsweep_proto::digest::Hasher;
use bitsweep_sources::{Content, ContentError};
use tokio::runtime::Handle;

use crate::exit::Failure;
use crate::print;
use crate::remote::Client;

/// Larger blobs are worth a line while they go up.
const LARGE_BYTES: u64 = 8 << 20;

/// The store, for the synchronous code of `bitsweep_sources`. To be used outside the runtime's own threads.
pub(crate) struct StoreContent {
    store: Store,
    runtime: Handle,
}

impl StoreContent {
    /// `store`, driven by `runtime`.
    pub(crate) fn new(store: Store, runtime: Handle) -> Self {
        Self { store, runtime }
    }
}

fn failed(error: BackendError) -> ContentError {
    ContentError::caused_by("the store failed", error)
}

impl Content for StoreContent {
    /// Reads it: what is damaged is deleted and counts as absent, so that its source is asked again before a job trips
    /// over it.
    fn has(&self, digest: &Digest) -> Result<bool, ContentError> {
        let found = self.runtime.block_on(async {
            match self.store.fetch_blob(digest).await {
                Ok(_) => Ok(true),
                Err(BackendError::Missing { .. }) => Ok(false),
                Err(BackendError::Damaged { .. }) => self.store.delete_blob(digest).await.map(|()| false),
                Err(error) => Err(error),
            }
        });
        found.map_err(failed)
    }

    fn put_file(&self, path: &Path) -> Result<(Digest, u64), ContentError> {
        self.runtime.block_on(self.store.put_blob_file(path)).map_err(failed)
    }

    fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, ContentError> {
        self.runtime.block_on(self.store.put_blob(bytes.to_vec().into())).map_err(failed)
    }
}

/// The store of a coordinator: only what it lacks goes up, once. To be used outside the runtime's own threads.
pub(crate) struct RemoteContent {
    client: Client,
    runtime: Handle,
    /// What is known to be there.
    there: Mutex<HashSet<Digest>>,
}

impl RemoteContent {
    /// The store behind `client`, driven by `runtime`.
    pub(crate) fn new(client: Client, runtime: Handle) -> Self {
        Self { client, runtime, there: Mutex::default() }
    }

    /// Sends what `body` makes, unless it is there.
    fn put<F>(&self, digest: &Digest, bytes: u64, body: F) -> Result<(), ContentError>
    where
        F: AsyncFn() -> Result<reqwest::Body, Failure>,
    {
        if self.has(digest)? {
            return Ok(());
        }
        if bytes >= LARGE_BYTES {
            eprintln!("sending {} to {}", print::bytes(bytes), self.client.name());
        }
        self.runtime.block_on(self.client.put_blob((digest, bytes), body)).map_err(not_sent)?;
        self.there.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest);
        Ok(())
    }
}

fn not_sent(failure: Failure) -> ContentError {
    ContentError::new(failure.message)
}

impl Content for RemoteContent {
    fn has(&self, digest: &Digest) -> Result<bool, ContentError> {
        if self.there.lock().unwrap_or_else(PoisonError::into_inner).contains(digest) {
            return Ok(true);
        }
        let has = self.runtime.block_on(self.client.has_blob(digest)).map_err(not_sent)?;
        if has {
            self.there.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest);
        }
        Ok(has)
    }

    fn put_file(&self, path: &Path) -> Result<(Digest, u64), ContentError> {
        let failed = |error: io::Error| ContentError::caused_by(format!("{} cannot be read", path.display()), error);
        let mut hasher = Hasher::new();
        let bytes = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher)).map_err(failed)?;
        let digest = hasher.finish();
        self.put(&digest, bytes, async || Ok(tokio::fs::File::open(path).await?.into()))?;
        Ok((digest, bytes))
    }

    fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, ContentError> {
        let digest = Digest::of(bytes);
        self.put(&digest, bytes.len() as u64, async || Ok(bytes.to_vec().into()))?;
        Ok(digest)
    }
}
