//! From a path or a URL to a store that can be trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};

use super::record::Record;
use super::{Objects, Shared, Store, failure, layout};
use crate::error::BackendError;

/// Version of the layout.
const FORMAT_VERSION: u32 = 1;

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
    /// Opens the store at `place`, a path of a folder or a `file://` URL, and makes it where there is none. A store that
    /// cannot be written is opened too; writes to it are then refused.
    ///
    /// In builds with debug assertions the environment variable `BITSWEEP_FAULTS` makes it fail on purpose, for tests:
    /// see [`faults`](super::faults).
    pub async fn open(place: &str) -> Result<Self, BackendError> {
        let folder = folder_of(place)?;
        make_folder(&folder)?;
        let local = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| failure::of(&folder.display().to_string(), error))?;
        let folder = folder.canonicalize().map_err(|error| failure::of_file(&folder, error))?;
        let objects: Arc<dyn ObjectStore> = Arc::new(local.with_automatic_cleanup(true));
        #[cfg(debug_assertions)]
        let objects = super::faults::from_environment(objects)?;
        Self::with_objects(objects, Some(folder)).await
    }

    /// A store on any `objects`. `folder` says where they are plain files, if they are: it is what can be locked, and
    /// where what killed processes left can be found.
    pub async fn with_objects(objects: Arc<dyn ObjectStore>, folder: Option<PathBuf>) -> Result<Self, BackendError> {
        let name = folder.as_ref().map_or_else(|| objects.to_string(), |folder| folder.display().to_string());
        let shared = Shared { folder, locked: false.into(), copies: Default::default() };
        let store = Self { objects: Objects::new(objects, name), shared: Arc::new(shared) };
        store.check_format().await?;
        Ok(store)
    }

    /// Reads the format or writes it; and puts it once more, which an honest store refuses.
    async fn check_format(&self) -> Result<(), BackendError> {
        let at = layout::format();
        if self.objects.get_record::<Format>(&at).await?.is_none() {
            self.objects.create_record(&at, &Format { version: FORMAT_VERSION }).await?;
            // Whoever was first, it must be a version that we know.
            self.objects.get_record::<Format>(&at).await?.ok_or_else(|| {
                BackendError::store_damaged(format!("what was written to {} is not there", self.objects.name()))
            })?;
        }
        match self.objects.create_record(&at, &Format { version: FORMAT_VERSION }).await {
            Ok(true) => Err(BackendError::store_refuses(format!(
                "{} overwrites what is there although it was told not to (put-if-absent): two workers could both commit \
                 a job. Use a store that honours it",
                self.objects.name()
            ))),
            Ok(false) => Ok(()),
            Err(error) => {
                // It can be read, and that may be all that is wanted. Writes will say what is wrong.
                tracing::debug!("the store cannot be written: {error}");
                Ok(())
            }
        }
    }
}

/// The folder that `place` names.
fn folder_of(place: &str) -> Result<PathBuf, BackendError> {
    let Some((scheme, rest)) = place.split_once("://") else { return Ok(PathBuf::from(place)) };
    if scheme != "file" {
        return Err(BackendError::store_refuses(format!(
            "\"{place}\" is a {scheme} address: this version keeps stores in folders only, give a path or a file:// URL"
        )));
    }
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let decoded = path.starts_with('/').then(|| object_store::path::Path::from_url_path(path).ok()).flatten();
    let decoded = decoded.ok_or_else(|| {
        BackendError::store_refuses(format!("\"{place}\" is not the URL of a folder: write file:///absolute/path"))
    })?;
    Ok(Path::new("/").join(decoded.as_ref()))
}

/// Makes the folder where there is none. One that holds other things is not made a store, for `gc` deletes in it.
fn make_folder(folder: &Path) -> Result<(), BackendError> {
    let failed = |error| failure::of_file(folder, error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    if folder.join("format.json").exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // What somebody left who was killed just here, or is here now.
        if !name.to_string_lossy().starts_with("format.json") {
            return Err(BackendError::store_refuses(format!(
                "the folder {} is not a store and not empty (it holds {}): name another one, or the store in it",
                folder.display(),
                name.display()
            )));
        }
    }
    Ok(())
}
