//! From a path or a URL to a store that can be trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};

use super::place::{self, Place};
use super::record::Record;
use super::remote::{self, Remote};
use super::{Objects, Shared, Store, failure, identity, layout};
use crate::address::Address;
use crate::error::BackendError;

/// Version of the layout.
const FORMAT_VERSION: u32 = 2;

/// `format.json`: the mark of a store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    version: u32,
}

impl Record for Format {
    const WHAT: &'static str = "the format of the store";
    const VERSION: u32 = FORMAT_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// Opens the store at `place` and makes it where there is none: a path of a folder, a `file://` URL, or the URL of an
    /// object store: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
    /// `abfss://container@account.dfs.core.windows.net/prefix`, or the `https://` form of S3 and Azure. The bucket must be
    /// there; credentials and endpoints come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` …). A store that
    /// cannot be written is opened too; writes to it are then refused.
    ///
    /// `BITSWEEP_FSYNC=0` in the environment leaves it to the system when a folder's files get to the disk: for measuring
    /// what durability costs, and for stores that need none. A power cut may then lose or cut what was put last, which the
    /// checksums show; a killed process loses nothing either way.
    ///
    /// In builds with debug assertions the environment variable `BITSWEEP_FAULTS` makes it fail on purpose, for tests:
    /// see [`faults`](super::faults).
    pub async fn open(place: &str) -> Result<Self, BackendError> {
        Self::open_with(place, &[]).await
    }

    /// As [`Store::open`], with settings that count before those of the environment, under the same names. A folder has
    /// none.
    pub async fn open_with(place: &str, settings: &[(String, String)]) -> Result<Self, BackendError> {
        match Place::read(place)? {
            Place::Folder(folder) => Self::open_folder(&folder).await,
            Place::Remote(address) => Self::open_remote(&address, settings).await,
        }
    }

    async fn open_folder(folder: &Path) -> Result<Self, BackendError> {
        place::make_folder(folder)?;
        let local = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| failure::of(&folder.display().to_string(), error))?;
        let folder = folder.canonicalize().map_err(|error| failure::of_file(folder, error))?;
        let objects: Arc<dyn ObjectStore> = Arc::new(local.with_automatic_cleanup(true).with_fsync(is_durable()?));
        #[cfg(debug_assertions)]
        let [objects] = super::faults::from_environment([objects])?;
        Self::with_objects(objects, Some(folder)).await
    }

    async fn open_remote(address: &Address, settings: &[(String, String)]) -> Result<Self, BackendError> {
        let Remote { objects, bulk, name } = remote::open(address, settings)?;
        #[cfg(debug_assertions)]
        let [objects, bulk] = super::faults::from_environment([objects, bulk])?;
        let opened = Self::check(Objects::new(objects, bulk, name.clone()), None).await;
        opened.map_err(|error| failure::at_first(&name, error))
    }

    /// A store on any `objects`. `folder` says where they are plain files, if they are: it is what can be locked, and
    /// where what killed processes left can be found.
    pub async fn with_objects(objects: Arc<dyn ObjectStore>, folder: Option<PathBuf>) -> Result<Self, BackendError> {
        let name = folder.as_ref().map_or_else(|| objects.to_string(), |folder| folder.display().to_string());
        Self::check(Objects::new(Arc::clone(&objects), objects, name), folder).await
    }

    async fn check(objects: Objects, folder: Option<PathBuf>) -> Result<Self, BackendError> {
        let writable = check_format(&objects).await?;
        let id = identity::of(&objects, writable).await?;
        let shared = Shared { folder, id, locked: false.into(), cache: Default::default() };
        Ok(Self { objects, shared: Arc::new(shared) })
    }
}

/// What `BITSWEEP_FSYNC` says.
fn is_durable() -> Result<bool, BackendError> {
    match std::env::var("BITSWEEP_FSYNC").as_deref() {
        Err(std::env::VarError::NotPresent) | Ok("" | "1") => Ok(true),
        Ok("0") => Ok(false),
        _ => Err(BackendError::store_refuses("BITSWEEP_FSYNC is neither 0 nor 1")),
    }
}

/// Reads the format or writes it; and puts it once more, which an honest store refuses. Says whether it can be written.
async fn check_format(objects: &Objects) -> Result<bool, BackendError> {
    let at = layout::format();
    let mut found = objects.get_record::<Format>(&at).await?;
    if found.is_none() {
        objects.create_record(&at, &Format { version: FORMAT_VERSION }).await?;
        // Whoever was first, it must be a version that we know.
        found = objects.get_record::<Format>(&at).await?;
    }
    let found = found
        .ok_or_else(|| BackendError::store_damaged(format!("what was written to {} is not there", objects.name())))?;
    if found.version < FORMAT_VERSION {
        return Err(BackendError::store_refuses(format!(
            "the layout of {} is of version {}, this program knows {FORMAT_VERSION} only: use the bitsweep that made it, \
             or a new store",
            objects.name(),
            found.version
        )));
    }
    match objects.create_record(&at, &Format { version: FORMAT_VERSION }).await {
        Ok(true) => Err(BackendError::store_refuses(format!(
            "{} overwrites what is there although it was told not to (put-if-absent): two workers could both commit a \
             job. Use a store that honours it",
            objects.name()
        ))),
        Ok(false) => Ok(true),
        Err(error @ BackendError::Refused { .. }) => {
            // It can be read, and that may be all that is wanted. Writes will say what is wrong.
            tracing::debug!("the store cannot be written: {error}");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
