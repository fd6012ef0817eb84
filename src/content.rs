//! Where imported sources go: the store.

use std::path::Path;

use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::Digest;
use bitsweep_sources::{Content, ContentError};
use tokio::runtime::Handle;

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
