//! The index: what a run last knew of its sweep, so that `status` need not read a whole store. Beside the store, not of it:
//! it may be deleted at any time.
//!
//! Only folders have one. Whoever schedules, and so has the lock, writes it once a second and when it ends. **It is
//! believed in two cases only:**
//! - whoever wrote it has the lock still (the lock's file and the index hold the same random token): it is as old as its
//!   writer says, and that is all that can be known without asking him;
//! - it says that the run ended, and nothing happened since that could make it wrong, see [`Change`]. Every outcome,
//!   revocation, attempt, control and collection touches `index/changed` before and after, revocations and collections
//!   `index/lost` too; the index holds that file's time as it was *before its facts were gathered*.
//!
//! A run that was killed leaves an index that says neither, and readers look at the store itself.

use std::fs::{File, FileTimes, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bitsweep_proto::SweepId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::layout::INDEX;
use super::record::{self, Record};
use super::{Store, StoreLock, failure, in_background};
use crate::error::BackendError;

/// Version of the stored index.
const INDEX_VERSION: u32 = 2;

/// What can make it wrong how a sweep stood when its run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Whatever is put on record.
    Any,
    /// Only what takes something away: where all of it was done.
    Loss,
}

impl Change {
    /// The file whose time is that of the last one.
    fn file(self) -> &'static str {
        match self {
            Self::Any => "changed",
            Self::Loss => "lost",
        }
    }
}

/// A moment in the life of a store, told apart from all that come after the next change of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    before: Change,
    at: String,
}

/// What a run knew of its sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// What it knew; the coordinator's to define.
    pub summary: Value,
    /// When it was written, in milliseconds since 1970.
    pub written_at_ms: u64,
    /// Whether the run is over; else it runs now.
    pub ended: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u32,
    sweep: SweepId,
    written_at_ms: u64,
    /// The token of the lock that its writer had.
    holder: String,
    /// When the facts were gathered, where the run ended with them.
    ended: Option<Moment>,
    summary: Value,
}

impl Record for Entry {
    const WHAT: &'static str = "index";
    const VERSION: u32 = INDEX_VERSION;
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// This moment, which a change of that kind ends. Whoever writes a last index takes it before he gathers the facts, while nothing of his own is under
    /// way. `None` where the store is no folder, or cannot be written.
    pub fn moment(&self, before: Change) -> Option<Moment> {
        let folder = index_folder(self)?;
        let file = folder.join(before.file());
        if !file.exists() {
            let made = std::fs::create_dir_all(&folder).and_then(|()| touch(&file, true));
            made.map_err(|error| tracing::debug!("no index is kept: {error}")).ok()?;
        }
        moment_of(&folder, before)
    }

    /// Replaces the index of a sweep. `ended` is `None` while the run goes on, else the [moment](Store::moment) from which
    /// on `summary` was gathered. Does nothing where the store is no folder. Not flushed to the disk.
    pub async fn put_index(
        &self,
        lock: &StoreLock,
        sweep: &SweepId,
        (summary, ended): (&Value, Option<Moment>),
    ) -> Result<(), BackendError> {
        let (Some(folder), Some(holder)) = (index_folder(self), lock.token()) else { return Ok(()) };
        let entry = Entry {
            version: INDEX_VERSION,
            sweep: *sweep,
            written_at_ms: now_ms(),
            holder: holder.to_owned(),
            ended,
            summary: summary.clone(),
        };
        let unfit = |how| BackendError::store_damaged(format!("the index of sweep {sweep} that was to be put: {how}"));
        let (bytes, name) = (record::encode(&entry).map_err(unfit)?, file_name(sweep));
        in_background(move || replace(&folder, &name, &bytes).map_err(|error| failure::of_file(&folder, error))).await
    }

    /// The index of a sweep, where there is one that can be believed: see the module. Else the store itself must be read.
    pub async fn index(&self, sweep: &SweepId) -> Option<Index> {
        let (store, sweep) = (self.clone(), *sweep);
        in_background(move || store.believed(&sweep)).await
    }

    fn believed(&self, sweep: &SweepId) -> Option<Index> {
        let folder = index_folder(self)?;
        let bytes = std::fs::read(folder.join(file_name(sweep))).ok()?;
        let entry = record::decode::<Entry>(&bytes)
            .map_err(|how| tracing::debug!("the index of sweep {sweep} is not used: {how:?}"))
            .ok()
            .filter(|entry| entry.sweep == *sweep)?;
        let ended = match &entry.ended {
            Some(then) if moment_of(&folder, then.before).as_ref() == Some(then) => true,
            _ if self.holder_token().as_deref() == Some(entry.holder.as_str()) => entry.ended.is_some(),
            _ => return None,
        };
        Some(Index { summary: entry.summary, written_at_ms: entry.written_at_ms, ended })
    }

    /// Says that something was put on record, or is about to be. Where nobody ever wrote an index there is nothing to do.
    pub(super) fn note(&self, change: Change) {
        let Some(folder) = index_folder(self) else { return };
        let changes = match change {
            Change::Any => &[Change::Any][..],
            Change::Loss => &[Change::Any, Change::Loss],
        };
        for change in changes {
            if let Err(error) = touch(&folder.join(change.file()), false)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::debug!("indexes may lag: {error}");
            }
        }
    }

    /// Deletes the index of a sweep.
    pub(super) fn drop_index(&self, sweep: &SweepId) {
        if let Some(folder) = index_folder(self) {
            // It does not matter: an index of a sweep that is not there is never asked for.
            let _ = std::fs::remove_file(folder.join(file_name(sweep)));
        }
    }
}

fn index_folder(store: &Store) -> Option<PathBuf> {
    store.folder().map(|folder| folder.join(INDEX))
}

fn file_name(sweep: &SweepId) -> String {
    format!("{sweep}.json")
}

/// Gives the file the time of this nanosecond, not that of the kernel's last tick.
fn touch(file: &Path, make: bool) -> io::Result<()> {
    let file = OpenOptions::new().append(true).create(make).open(file)?;
    file.set_times(FileTimes::new().set_modified(SystemTime::now()))
}

fn moment_of(folder: &Path, before: Change) -> Option<Moment> {
    let file = File::open(folder.join(before.file()));
    let modified = file.and_then(|file| file.metadata()).and_then(|meta| meta.modified()).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    Some(Moment { before, at: format!("{}.{:09}", since.as_secs(), since.subsec_nanos()) })
}

fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // One process has the lock, so no other writes here; what a kill leaves has a name that a collection removes.
    let unfinished = folder.join(format!("{name}#{}", std::process::id()));
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, folder.join(name))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bitsweep_proto::attempt::Verdict;
    use bitsweep_proto::control::Action;
    use bitsweep_proto::{Digest, JobKey};
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::conformance::samples;
    use crate::store::GcOptions;

    fn sweep() -> SweepId {
        SweepId(samples::digest(0))
    }

    async fn store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().display().to_string()).await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn it_is_believed_while_its_writer_lives() {
        let (_folder, store) = store().await;
        assert_eq!(store.index(&sweep()).await, None);
        let lock = store.lock().unwrap();
        for done in 0..3 {
            store.put_index(&lock, &sweep(), (&json!({ "done": done }), None)).await.unwrap();
            // What the run itself commits does not matter: it says so in a second.
            store
                .put_outcome(&samples::outcome(JobKey(samples::digest(done)), 0, 0, samples::digest(1)))
                .await
                .unwrap();
            let index = store.index(&sweep()).await.unwrap();
            assert_eq!((index.summary, index.ended), (json!({ "done": done }), false));
            assert!(index.written_at_ms.abs_diff(now_ms()) < 60_000);
        }
        assert_eq!(store.index(&SweepId(samples::digest(1))).await, None);
        // As if it were killed.
        drop(lock);
        assert_eq!(store.index(&sweep()).await, None);
        // Another run of another sweep does not vouch for it.
        let _other = store.lock().unwrap();
        assert_eq!(store.index(&sweep()).await, None);
    }

    #[tokio::test]
    async fn after_the_end_it_is_believed_until_something_is_put_on_record() {
        let (folder, store) = store().await;
        let key = JobKey(samples::digest(0));
        let summary = json!({ "done": 1 });
        for (change, before) in (0..8).flat_map(|change| [(change, Change::Any), (change, Change::Loss)]) {
            let blob = store.put_blob("x".into()).await.unwrap();
            let lock = store.lock().unwrap();
            let moment = store.moment(before);
            assert!(moment.is_some());
            store.put_index(&lock, &sweep(), (&summary, moment)).await.unwrap();
            assert!(store.index(&sweep()).await.unwrap().ended);
            drop(lock);
            let reader = Store::open(&folder.path().display().to_string()).await.unwrap();
            assert_eq!(reader.index(&sweep()).await.unwrap().summary, summary);
            // What a reader or a slow worker does that changes no status.
            store.check_blob(&blob).await.unwrap();
            store.put_log(key, (&samples::nonce(0), 0), "text".into()).await.unwrap();
            assert!(reader.index(&sweep()).await.is_some());
            match change {
                0 => drop(reader.put_outcome(&samples::outcome(key, 0, 0, blob)).await.unwrap()),
                1 => reader.revoke(key, 0, "lost").await.unwrap(),
                2 => reader.put_attempt_start(&samples::start(0, 0)).await.unwrap(),
                3 => reader.put_attempt_end(&samples::end(0, 0, Verdict::Preempted)).await.unwrap(),
                4 => drop(reader.control(sweep(), Action::Cancel).await.unwrap()),
                5 => {
                    let now = GcOptions { dry_run: false, min_age: std::time::Duration::ZERO };
                    let _ = reader.gc(&reader.lock().unwrap(), &[], now).await.unwrap();
                }
                6 => reader.forget(&reader.lock().unwrap(), &sweep()).await.unwrap(),
                _ => std::fs::remove_file(folder.path().join("index").join(before.file())).unwrap(),
            }
            let is_wrong = before == Change::Any || matches!(change, 1 | 5 | 6 | 7);
            assert_eq!(store.index(&sweep()).await.is_none(), is_wrong, "{change}, {before:?}");
        }
    }

    #[tokio::test]
    async fn what_came_before_the_facts_were_gathered_is_not_missed() {
        let (_folder, store) = store().await;
        let lock = store.lock().unwrap();
        let moment = store.moment(Change::Any);
        // Put while the facts were gathered: perhaps they hold it, perhaps not.
        store.put_outcome(&samples::outcome(JobKey(samples::digest(0)), 0, 0, samples::digest(1))).await.unwrap();
        store.put_index(&lock, &sweep(), (&json!(0), moment)).await.unwrap();
        drop(lock);
        assert_eq!(store.index(&sweep()).await, None);
    }

    #[tokio::test]
    async fn one_that_is_damaged_or_of_another_version_is_none() {
        let (folder, store) = store().await;
        let lock = store.lock().unwrap();
        store.put_index(&lock, &sweep(), (&json!(0), None)).await.unwrap();
        let path = folder.path().join("index").join(file_name(&sweep()));
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().nth(1).unwrap().replace("\"version\":2", "\"version\":9");
        let newer = format!("{{\"sha256\":\"{}\"}}\n{line}\n", Digest::of(format!("{line}\n").as_bytes()));
        for text in [newer, text.replace("\"summary\":0", "\"summary\":1"), text[..text.len() / 2].to_owned()] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(store.index(&sweep()).await, None);
        }
    }

    #[tokio::test]
    async fn elsewhere_there_is_none() {
        let objects = std::sync::Arc::new(object_store::memory::InMemory::new());
        let store = Store::with_objects(objects, None).await.unwrap();
        let lock = store.lock().unwrap();
        store.put_index(&lock, &sweep(), (&json!(0), store.moment(Change::Any))).await.unwrap();
        assert_eq!(store.index(&sweep()).await, None);
    }
}
