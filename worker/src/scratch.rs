//! Folders for running jobs, and the removal of those that dead workers left.
//!
//! Each attempt has a folder for itself until what its job wrote is in the store; emptied, it is the next one's. A fresh
//! one for each would cost more than a small job: a file system that never gives a number out again at once (ext4 waits
//! five seconds) has to look past all those that were freed just before, for every file that anybody makes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::{Builder, TempDir};

use crate::error::WorkerError;
use crate::machine;

/// A folder of this worker's own. Removed when dropped; after a `kill -9`, by the next worker of this host.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// Makes one inside `folder`.
    pub(crate) fn make(folder: &Path) -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::Scratch { folder: folder.display().to_string(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let host = machine::host();
        remove_dead(folder, &host);
        let prefix = format!("worker-{host}-{}-", std::process::id());
        Builder::new().prefix(&prefix).tempdir_in(folder).map(Self).map_err(failed)
    }

    fn folder(&self) -> io::Result<TempDir> {
        Builder::new().prefix("slot-").tempdir_in(self.0.path())
    }
}

/// The folders of a slot that no attempt has.
#[derive(Default)]
pub(crate) struct Folders(Mutex<Vec<TempDir>>);

/// The folder of one attempt. Dropped, it is removed.
pub(crate) struct Folder {
    folder: TempDir,
    free: Arc<Folders>,
}

impl Folders {
    /// An empty one. Made inside `scratch` where none is free.
    pub(crate) fn take(self: &Arc<Self>, scratch: &Scratch) -> io::Result<Folder> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let folder = free.map_or_else(|| scratch.folder(), Ok)?;
        Ok(Folder { folder, free: Arc::clone(self) })
    }

    fn keep(&self, folder: TempDir) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(folder);
    }
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets another attempt have it, without what was left in it. Where that cannot be removed, it goes.
    pub(crate) async fn give_back(self) {
        let Self { folder, free } = self;
        if fs::read_dir(folder.path()).is_ok_and(|mut entries| entries.next().is_none()) {
            return free.keep(folder);
        }
        // Large files take long to remove.
        if let Ok(Ok(folder)) = tokio::task::spawn_blocking(move || remove_entries(folder)).await {
            free.keep(folder);
        }
    }

    /// Removes it: the job may be writing still.
    pub(crate) async fn remove(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

fn remove_entries(folder: TempDir) -> io::Result<TempDir> {
    for entry in fs::read_dir(folder.path())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(folder)
}

/// Removes the folders of workers of this host whose process is gone. Best effort: what cannot be removed stays.
fn remove_dead(folder: &Path, host: &str) {
    if !Path::new("/proc/self").exists() {
        return; // Nothing tells here who is alive.
    }
    let prefix = format!("worker-{host}-");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let host = machine::host();
        let dead = folder.path().join(format!("worker-{host}-{}-x", u32::MAX));
        let others = folder.path().join(format!("worker-another-host-{}-x", u32::MAX));
        for path in [&dead, &others] {
            fs::create_dir_all(path.join("slot-1")).unwrap();
        }
        let living = Scratch::make(folder.path()).unwrap();
        let second = Scratch::make(folder.path()).unwrap();
        assert!(!dead.exists() && others.exists());
        assert!(living.0.path().exists() && second.folder().unwrap().path().exists());
    }

    #[tokio::test]
    async fn a_folder_is_used_again_by_one_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let (scratch, folders) = (Scratch::make(place.path()).unwrap(), Arc::<Folders>::default());
        let (first, second) = (folders.take(&scratch).unwrap(), folders.take(&scratch).unwrap());
        let (path, other) = (first.path().to_owned(), second.path().to_owned());
        assert_ne!(path, other);
        fs::write(path.join("file"), "x").unwrap();
        fs::create_dir_all(path.join("folder/folder")).unwrap();
        first.give_back().await;
        let first = folders.take(&scratch).unwrap();
        assert_eq!(first.path(), path);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        first.remove().await;
        assert!(!path.exists() && other.exists());
        assert_ne!(folders.take(&scratch).unwrap().path(), other);
    }
}
