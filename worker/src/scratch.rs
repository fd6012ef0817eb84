//! Folders for running jobs, and the removal of those that dead workers left.

use std::fs;
use std::path::{Path, PathBuf};

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

    /// An empty folder for one attempt.
    pub(crate) fn attempt(&self) -> std::io::Result<TempDir> {
        Builder::new().prefix("attempt-").tempdir_in(self.0.path())
    }
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
            fs::create_dir_all(path.join("attempt-1")).unwrap();
        }
        let living = Scratch::make(folder.path()).unwrap();
        let second = Scratch::make(folder.path()).unwrap();
        assert!(!dead.exists() && others.exists());
        assert!(living.0.path().exists() && second.attempt().unwrap().path().exists());
    }
}
