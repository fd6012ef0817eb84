//! Folders for running jobs, and the removal of those that dead workers left.
//!
//! A slot uses one folder for one job after the other, and empties it between two. A fresh one for each would cost more
//! than a small job: a file system that never gives a number out again at once (ext4 waits five seconds) has to look past
//! all those that were freed just before, for every file that anybody makes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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

/// The folder of a slot.
#[derive(Default)]
pub(crate) struct Folder(Mutex<Option<TempDir>>);

impl Folder {
    /// It, empty. Made inside `scratch` where there is none.
    pub(crate) fn empty(&self, scratch: &Scratch) -> io::Result<PathBuf> {
        let mut folder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if folder.is_none() {
            *folder = Some(scratch.folder()?);
        }
        Ok(folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default())
    }

    /// What a job left is removed. Where that fails, or where the job may be writing still (`busy`), the next one gets
    /// another folder.
    pub(crate) async fn clear(&self, busy: bool) {
        let Some(folder) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if !busy && fs::read_dir(folder.path()).is_ok_and(|mut entries| entries.next().is_none()) {
            return self.keep(folder);
        }
        // Large files take long to remove.
        // One that is dropped is removed whole.
        let cleared = tokio::task::spawn_blocking(move || if busy { None } else { remove_entries(folder).ok() });
        if let Ok(Some(folder)) = cleared.await {
            self.keep(folder);
        }
    }

    fn keep(&self, folder: TempDir) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
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
    async fn a_folder_is_used_again_unless_somebody_may_be_in_it() {
        let place = tempfile::tempdir().unwrap();
        let (scratch, folder) = (Scratch::make(place.path()).unwrap(), Folder::default());
        let first = folder.empty(&scratch).unwrap();
        fs::write(first.join("file"), "x").unwrap();
        fs::create_dir_all(first.join("folder/folder")).unwrap();
        folder.clear(false).await;
        assert_eq!(folder.empty(&scratch).unwrap(), first);
        assert_eq!(fs::read_dir(&first).unwrap().count(), 0);
        folder.clear(true).await;
        assert!(!first.exists());
        assert_ne!(folder.empty(&scratch).unwrap(), first);
    }
}
