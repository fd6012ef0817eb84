//! Blobs of a store elsewhere, kept on this machine.
//!
//! ```text
//! lock                        held for the moment in which a process comes
//! blobs/<sha256>              what is kept; its time is that of its last use
//! held/<process>/lock         held for as long as the process lives
//! held/<process>/<sha256>     a second name of a blob that this process uses now
//! held/<process>/new-<number> what is being fetched
//! ```
//! Any number of processes of one machine share a folder. What one of them **holds** has a second name there, so nobody
//! else's eviction can take it from under its hands, and what has one name only can go. A process that was killed leaves
//! names that the next one to come removes.
//!
//! A blob that several slots want is fetched once, and each checks what it was given: nothing is believed for having been
//! checked before.

use std::collections::HashMap;
use std::fs::{File, FileTimes, Metadata, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use bitsweep_proto::Digest;
use tempfile::TempDir;

use super::transfer::hash_file;
use super::{failure, identity, in_background};
use crate::error::BackendError;

/// A local file with a blob's content, to be read only. It stays there for as long as this lives.
#[derive(Clone, Debug)]
pub struct LocalBlob {
    path: PathBuf,
    _hold: Option<Arc<Hold>>,
}

impl LocalBlob {
    /// A file that nobody evicts.
    pub(super) fn of_file(path: PathBuf) -> Self {
        Self { path, _hold: None }
    }
}

impl Deref for LocalBlob {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for LocalBlob {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// Keeps a blob from being evicted.
#[derive(Debug)]
struct Hold {
    cache: Arc<Cache>,
    digest: Digest,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.cache.state();
        let left = state.holds.get_mut(&self.digest).map_or(0, |holds| {
            *holds -= 1;
            *holds
        });
        if left == 0 {
            state.holds.remove(&self.digest);
            // Where it fails the next process to come removes it.
            let _ = std::fs::remove_file(self.cache.held_name(&self.digest));
        }
    }
}

/// A folder of blobs. See the module.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// This process's names.
    mine: PathBuf,
    limit: u64,
    state: Mutex<State>,
    /// One eviction at a time.
    evicting: tokio::sync::Mutex<()>,
    _alive: File,
    /// Where nobody named a folder.
    _temporary: Option<TempDir>,
}

#[derive(Debug, Default)]
struct State {
    /// How many hold a blob.
    holds: HashMap<Digest, usize>,
    /// Who fetches a blob now.
    flights: HashMap<Digest, Weak<tokio::sync::Mutex<()>>>,
    /// Bytes that were there when it was last looked, and that came since.
    seen: Option<u64>,
    came: u64,
}

/// A file that is being fetched. Gone when dropped.
#[derive(Debug)]
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A file to write to, empty.
    pub(super) fn file(&self) -> Result<File, BackendError> {
        File::create(&self.0).map_err(|error| failure::of_file(&self.0, error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Cache {
    /// The cache in `folder`, made where there is none, of at most `limit` bytes besides what is held.
    pub(super) fn open(folder: &Path, limit: u64) -> Result<Self, BackendError> {
        Self::make(folder, limit, None).map_err(|error| failure::of_file(folder, error))
    }

    /// A cache that is gone with this process.
    pub(super) fn temporary() -> Result<Self, BackendError> {
        let folder = TempDir::with_prefix("bitsweep-");
        let folder = folder.map_err(|error| failure::of_file(&std::env::temp_dir(), error))?;
        let path = folder.path().to_owned();
        Self::make(&path, u64::MAX, Some(folder)).map_err(|error| failure::of_file(&path, error))
    }

    fn make(folder: &Path, limit: u64, temporary: Option<TempDir>) -> io::Result<Self> {
        let mine = folder.join("held").join(identity::random());
        std::fs::create_dir_all(folder.join("blobs"))?;
        std::fs::create_dir_all(&mine)?;
        let coming = open_lock(&folder.join("lock"))?;
        coming.lock()?;
        let alive = open_lock(&mine.join("lock"))?;
        alive.lock()?;
        remove_dead(&folder.join("held"))?;
        drop(coming);
        let (folder, state) = (folder.to_owned(), Mutex::default());
        Ok(Self { folder, mine, limit, state, evicting: Default::default(), _alive: alive, _temporary: temporary })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(digest.to_string())
    }

    fn held_name(&self, digest: &Digest) -> PathBuf {
        self.mine.join(digest.to_string())
    }

    fn failed(&self, error: io::Error) -> BackendError {
        failure::of_file(&self.folder, error)
    }

    /// Whoever holds what this gives is the only one in this process who fetches the blob.
    pub(super) fn flight(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut state = self.state();
        if let Some(flight) = state.flights.get(digest).and_then(Weak::upgrade) {
            return flight;
        }
        state.flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        state.flights.insert(*digest, Arc::downgrade(&flight));
        flight
    }

    /// What is kept of the blob, just now checked. What proves damaged is dropped.
    pub(super) async fn get(self: &Arc<Self>, digest: &Digest) -> Result<Option<LocalBlob>, BackendError> {
        let Some(blob) = self.hold(digest).map_err(|error| self.failed(error))? else { return Ok(None) };
        let path = blob.path.clone();
        let hashed = in_background(move || {
            let mut file = File::open(path)?;
            // The time of its last use; whoever may read but not own it keeps it a little shorter.
            let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
            hash_file(&mut file)
        });
        match hashed.await {
            Ok((found, _)) if found == *digest => Ok(Some(blob)),
            Ok(_) => {
                tracing::warn!("blob {digest} was damaged in the cache {} and is fetched again", self.folder.display());
                drop(blob);
                self.drop_name(digest)?;
                Ok(None)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn drop_name(&self, digest: &Digest) -> Result<(), BackendError> {
        match std::fs::remove_file(self.name(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Gives the blob its second name, if it is kept.
    fn hold(self: &Arc<Self>, digest: &Digest) -> io::Result<Option<LocalBlob>> {
        let path = self.held_name(digest);
        let mut state = self.state();
        if !state.holds.contains_key(digest) {
            match std::fs::hard_link(self.name(digest), &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                // Left by a hold that could not remove it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked?,
            }
        }
        *state.holds.entry(*digest).or_default() += 1;
        drop(state);
        let hold = Hold { cache: Arc::clone(self), digest: *digest };
        Ok(Some(LocalBlob { path, _hold: Some(Arc::new(hold)) }))
    }

    /// A file for what is fetched now; room for `bytes` is made.
    pub(super) async fn begin(self: &Arc<Self>, bytes: u64) -> Result<Unfinished, BackendError> {
        self.make_room(bytes).await?;
        Ok(Unfinished(self.mine.join(format!("new-{}", identity::random()))))
    }

    /// Keeps what was fetched and checked.
    pub(super) fn keep(self: &Arc<Self>, digest: &Digest, unfinished: Unfinished) -> Result<LocalBlob, BackendError> {
        let failed = |error| self.failed(error);
        let bytes = std::fs::metadata(&unfinished.0).map_err(failed)?.len();
        let (path, name) = (self.held_name(digest), self.name(digest));
        let mut state = self.state();
        std::fs::rename(&unfinished.0, &path).map_err(failed)?;
        match std::fs::hard_link(&path, &name) {
            // Another process has fetched it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => {
                linked.map_err(failed)?;
                state.came += bytes;
            }
        }
        *state.holds.entry(*digest).or_default() += 1;
        drop(state);
        let hold = Hold { cache: Arc::clone(self), digest: *digest };
        Ok(LocalBlob { path, _hold: Some(Arc::new(hold)) })
    }

    /// Evicts what nobody holds, the longest unused first, until `bytes` more fit. What other processes brought is seen
    /// when a twentieth of the limit has come from this one.
    async fn make_room(self: &Arc<Self>, bytes: u64) -> Result<(), BackendError> {
        if self.limit == u64::MAX {
            return Ok(());
        }
        let _one = self.evicting.lock().await;
        let fits = |seen: u64, came: u64| seen.saturating_add(came).saturating_add(bytes) <= self.limit;
        {
            let state = self.state();
            if state.came <= self.limit / 20 && state.seen.is_some_and(|seen| fits(seen, state.came)) {
                return Ok(());
            }
        }
        self.evict(self.limit.saturating_sub(bytes)).await
    }

    /// Evicts until no more than `limit` bytes are left, if so much can go.
    pub(super) async fn evict(self: &Arc<Self>, limit: u64) -> Result<(), BackendError> {
        self.state().came = 0;
        let folder = self.folder.join("blobs");
        let left = in_background(move || evict(&folder, limit)).await.map_err(|error| self.failed(error))?;
        self.state().seen = Some(left);
        Ok(())
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.mine);
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Removes the names of processes that are gone.
fn remove_dead(held: &Path) -> io::Result<()> {
    for process in std::fs::read_dir(held)? {
        let process = process?.path();
        match open_lock(&process.join("lock")) {
            Ok(lock) => match lock.try_lock() {
                Ok(()) => std::fs::remove_dir_all(&process)?,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            },
            // It is just going.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the longest unused until no more than `limit` bytes are left; says how many are.
fn evict(folder: &Path, limit: u64) -> io::Result<u64> {
    let (mut total, mut free): (u64, Vec<(SystemTime, PathBuf, Metadata)>) = (0, Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(meta) = entry.metadata() else { continue };
        // Only what has the name of a blob is ours to delete.
        if entry.file_name().to_str().is_none_or(|name| name.parse::<Digest>().is_err()) {
            continue;
        }
        total += meta.len();
        if meta.nlink() == 1 {
            free.push((meta.modified()?, entry.path(), meta));
        }
    }
    free.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    for (_, path, meta) in free {
        if total <= limit {
            break;
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => total -= meta.len(),
        }
    }
    Ok(total)
}
