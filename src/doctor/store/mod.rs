//! What is looked at in the store: the operations that bitsweep uses, on names of our own, each told from the others.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::Store;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::time::timeout;

use super::check::Verdict;

pub(crate) mod clock;
pub(crate) mod delete;
mod failure;
pub(crate) mod flush;
pub(crate) mod format;
pub(crate) mod latency;
pub(crate) mod list;
mod place;
pub(crate) mod put_if_absent;
pub(crate) mod reach;
pub(crate) mod read;
pub(crate) mod space;
pub(crate) mod write;

/// Objects that answer.
pub(crate) struct StoreSide {
    objects: Arc<dyn ObjectStore>,
    /// As it is shown: without secrets.
    pub(crate) name: String,
    /// Where it is, if it is a folder.
    pub(crate) folder: Option<PathBuf>,
    /// The store; `None` where none is there yet, or it cannot be opened.
    pub(crate) store: Option<Store>,
    /// What is to be said of it.
    format: Verdict,
    /// Something that is there and was put by us, if we could.
    probe: Result<Path, Error>,
}

/// How names of our own begin: as the mark of a store does, for [`Store::open`] overlooks such names in a folder that is
/// not a store yet.
const OWN_PREFIX: &str = "format.json.doctor.";

/// What a trial object holds.
const TEXT: &[u8] = b"bitsweep doctor\n";

impl StoreSide {
    /// Opens the place and puts a trial object, or says why it cannot be reached at all.
    pub(crate) async fn open(place: &str, limit: Duration) -> Result<Self, Verdict> {
        let place::Place { objects, name, folder } = place::open(place, limit)?;
        let at = own_name();
        let put = timeout(limit, put_first(objects.as_ref(), &at)).await;
        let put = put.map_err(|_| reach::slow(&name, limit))?;
        let probe = match put {
            Ok(_) => Ok(at),
            Err(error) => match failure::unreachable(&name, &error) {
                Some(verdict) => return Err(verdict),
                None => Err(error),
            },
        };
        let opened = timeout(limit, format::open(place, objects.as_ref())).await;
        let (store, format) = opened.map_err(|_| reach::slow(&name, limit))?;
        Ok(Self { objects, name, folder, store, format, probe })
    }

    /// Puts something under a name of our own.
    pub(crate) async fn put(&self, at: &Path, mode: PutMode) -> Result<(), Error> {
        self.objects.put_opts(at, Bytes::from_static(TEXT).into(), PutOptions::from(mode)).await.map(|_| ())
    }

    /// The trial object, or why it could not be put.
    pub(crate) fn probe(&self) -> Result<&Path, &Error> {
        self.probe.as_ref()
    }

    /// The objects themselves.
    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        self.objects.as_ref()
    }

    /// Removes an object; it is no harm where that cannot be: the check `store-delete` says it.
    pub(crate) async fn remove(&self, at: &Path) {
        let _ = self.objects.delete(at).await;
    }
}

/// Puts the trial object as results are put; where the store does not know that way, as others are.
async fn put_first(objects: &dyn ObjectStore, at: &Path) -> Result<(), Error> {
    match objects.put_opts(at, TEXT.into(), PutOptions::from(PutMode::Create)).await {
        Err(error) if failure::cause(&error) == failure::Cause::Unknown => {
            objects.put(at, TEXT.into()).await.map(|_| ())
        }
        put => put.map(|_| ()),
    }
}

/// A name that nobody else uses.
pub(crate) fn own_name() -> Path {
    Path::from(format!("{OWN_PREFIX}{:016x}", super::patient::random()))
}
