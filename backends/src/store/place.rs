//! What `--store` says: a folder or an address.

use std::path::{Path, PathBuf};

use super::failure;
use crate::address::Address;
use crate::error::BackendError;

/// Where a store is.
#[derive(Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Remote(Address),
}

impl Place {
    /// Reads a path, a `file://` URL, or the URL of an object store.
    pub(super) fn read(text: &str) -> Result<Self, BackendError> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Folder(PathBuf::from(text))) };
        if scheme != "file" {
            let address = text.parse().map_err(|error| BackendError::Refused {
                service: crate::Service::Store,
                message: "the address of the store cannot be read".to_owned(),
                source: Some(Box::new(error)),
            })?;
            return Ok(Self::Remote(address));
        }
        let path = rest.strip_prefix("localhost").unwrap_or(rest);
        let decoded = path.starts_with('/').then(|| object_store::path::Path::from_url_path(path).ok()).flatten();
        let decoded = decoded.ok_or_else(|| {
            BackendError::store_refuses(format!("\"{text}\" is not the URL of a folder: write file:///absolute/path"))
        })?;
        Ok(Self::Folder(Path::new("/").join(decoded.as_ref())))
    }
}

/// Makes the folder where there is none. One that holds other things is not made a store, for `gc` deletes in it.
pub(super) fn make_folder(folder: &Path) -> Result<(), BackendError> {
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
