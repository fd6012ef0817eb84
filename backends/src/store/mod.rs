//! The store: the only durable truth.
//!
//! Owns: the layout below, put-if-absent, checksums, the lock, and what is garbage. Does not own: what an outcome means
//! (`bitsweep_plan`), or when to write one (`bitsweep_worker`).
//!
//! ```text
//! format.json                                          the version of this layout
//! store.json                                           the store's id, see [`Store::id`]
//! lock                                                 who has the store for himself, see [`StoreLock`] (folders only)
//! blobs/<first two digits>/<sha256>                    raw bytes, named by their hash
//! plans/<sweep id>.json                                frozen plans
//! submissions/<milliseconds>-<sweep id>.json           the last one names the newest plan
//! controls/<sweep id>/<number>.json                    what was decided about a sweep: cancel, resume, retry, budget
//! outcomes/<first two digits>/<key>.<generation>.json  the commits
//! revoked/<first two digits>/<key>.<generation>.json   outcomes that no longer count
//! checkpoints/<key>/<name>.json                        which blob holds a checkpoint; the name percent-encoded
//! attempts/<key>/<nonce>.start.json, <nonce>.end.json
//! logs/<key>/<nonce>/<part>.txt                        what an attempt wrote for a person to read, as it is
//! index/                                               disposable, see [`Store::index`] (folders only)
//! ```
//! Everything but blobs and logs is a **record** of two lines: `{"sha256":"…"}`, the hash of the second line, and the
//! record itself, JSON with a `version`. So a record that was cut or changed is noticed like a blob is.
//!
//! **Nothing is ever half there.** An object is written under another name and then linked or renamed to its own; what a
//! killed process leaves (`<name>#<number>`) is never listed, and removed by [`Store::gc`]. **What was put survives a
//! power cut:** a folder's file, and the folders that lead to it, are flushed to the disk before a put returns (the index
//! and the caches are not). That is what a put costs most: 2 flushes, and 4 more where a folder of its own is made first,
//! which the system joins with those of others that put at the same time.
//!
//! **Put-if-absent** makes records: of many writers of one name exactly one wins and all others learn of it. Blobs need
//! none, for whoever writes the same name writes the same bytes. [`Store::open`] refuses a store that ignores it. A put
//! whose answer was lost is repeated and may meet what itself has put: outcomes and controls compare what is there with
//! what they put, the start and the end of an attempt are named by its nonce, a checkpoint's loser adopts what is there,
//! and of all else any one is as good as another.
//!
//! There is no interface to change or list arbitrary objects: every name is made in one file (`layout`), and only
//! [`Store::gc`], [`Store::forget`], dropped checkpoints and lost blobs delete anything.

mod attempts;
mod blobs;
mod cache;
mod checkpoints;
mod controls;
mod failure;
pub mod faults;
mod gc;
mod identity;
mod index;
mod layout;
mod lock;
mod logs;
mod objects;
mod open;
mod outcomes;
mod place;
mod record;
mod remote;
mod sweeps;
mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::OnceCell;

pub use attempts::Attempts;
pub use cache::LocalBlob;
pub use gc::{GcOptions, GcReport, SHARED_MIN_AGE};
pub use index::{Change, Index, Moment};
pub use lock::StoreLock;
pub use outcomes::{Known, Put};

use cache::Cache;
use objects::Objects;
use record::Record;

use crate::error::BackendError;

/// A handle on a store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Objects,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The folder, where the store is one.
    folder: Option<PathBuf>,
    id: String,
    /// Whether somebody in this process has the lock of a store that is not a folder.
    locked: AtomicBool,
    /// Copies of blobs, where the store is not a folder.
    cache: OnceCell<Arc<Cache>>,
}

impl Store {
    /// The folder that the store is, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        self.shared.folder.as_deref()
    }

    /// 16 hexadecimal digits, random, the same for all who open this store: what belongs to it in other services has them
    /// in its name.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// What messages call it: the folder, or the address without secrets.
    pub fn name(&self) -> &str {
        self.objects.name()
    }

    /// Put-if-absent of a record that an [index](Store::index) would have to know of.
    async fn create_noted<R: Record>(
        &self,
        change: Change,
        at: &object_store::path::Path,
        record: &R,
    ) -> Result<bool, BackendError> {
        self.note(change);
        let created = self.objects.create_record(at, record).await;
        self.note(change);
        created
    }
}

/// The object store at an address, for suites that wrap it.
#[cfg(any(test, feature = "conformance"))]
pub(crate) fn remote_objects(
    place: &str,
    settings: &[(String, String)],
) -> Result<Arc<dyn object_store::ObjectStore>, BackendError> {
    let address = place.parse().expect("a suite gives an address");
    remote::open(&address, settings).map(|remote| remote.objects)
}

/// Runs what takes long without an await on a thread where that does no harm.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use bitsweep_proto::control::Action;
    use bitsweep_proto::outcome::Item;
    use bitsweep_proto::{Digest, JobKey};
    use bytes::Bytes;
    use futures::StreamExt;
    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use tempfile::TempDir;

    use super::faults::{Fault, Faulty};
    use super::{GcOptions, Store, record};
    use crate::BackendError;
    use crate::conformance::samples;

    const NOW: GcOptions = GcOptions { dry_run: false, min_age: Duration::ZERO };

    async fn open(folder: &TempDir) -> Store {
        Store::open(&folder.path().display().to_string()).await.unwrap()
    }

    fn files(folder: &TempDir) -> Vec<String> {
        let (mut files, mut folders) = (Vec::new(), vec![folder.path().to_owned()]);
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
                if path.is_dir() { folders.push(path) } else { files.push(name) }
            }
        }
        files.sort();
        files
    }

    #[tokio::test]
    async fn memory_conforms() {
        crate::conformance::store(async || (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, None)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_folder_conforms() {
        let folders = std::sync::Mutex::new(Vec::<TempDir>::new());
        crate::conformance::store(async || {
            let folder = tempfile::tempdir().unwrap();
            let objects = LocalFileSystem::new_with_prefix(folder.path()).unwrap().with_automatic_cleanup(true);
            let path: PathBuf = folder.path().canonicalize().unwrap();
            folders.lock().unwrap().push(folder);
            (Arc::new(objects) as Arc<dyn ObjectStore>, Some(path))
        })
        .await;
    }

    #[tokio::test]
    async fn layout_is_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        let (key, attempt) = (JobKey(samples::digest(0)), samples::nonce(0));
        let sweep = store.put_plan(&samples::plan("a", blob)).await.unwrap();
        store.put_outcome(&samples::outcome(key, 0, 0, blob)).await.unwrap();
        store.revoke(key, 0, "lost").await.unwrap();
        let item = Item { name: "chunk/0".to_owned(), blob, bytes: 3 };
        store.put_checkpoint(key, &item).await.unwrap();
        store.put_attempt_start(&samples::start(0, 0)).await.unwrap();
        store.put_log(key, (&attempt, 3), Bytes::from_static(b"log")).await.unwrap();
        store.control(sweep, Action::Cancel).await.unwrap();
        let lock = store.lock().unwrap();
        store.put_index(&lock, &sweep, (&serde_json::json!(1), store.moment(super::Change::Any))).await.unwrap();
        let mut names = files(&folder);
        let submission = names.iter().position(|name| name.starts_with("submissions/")).unwrap();
        assert!(names.remove(submission).ends_with(&format!("-{sweep}.json")));
        let (k, b) = (key.to_string(), blob.to_string());
        let expected = [
            format!("attempts/{k}/{attempt}.end.json"),
            format!("attempts/{k}/{attempt}.start.json"),
            format!("blobs/{}/{b}", &b[..2]),
            format!("checkpoints/{k}/chunk%2F0.json"),
            format!("controls/{sweep}/0.json"),
            "format.json".to_owned(),
            format!("index/{sweep}.json"),
            "index/changed".to_owned(),
            "lock".to_owned(),
            format!("logs/{k}/{attempt}/3.txt"),
            format!("outcomes/{}/{k}.0.json", &k[..2]),
            format!("plans/{sweep}.json"),
            format!("revoked/{}/{k}.0.json", &k[..2]),
            "store.json".to_owned(),
        ];
        assert_eq!(names, expected);
        // The store's own record formats, version 1: what is written today must be read for ever.
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let second_line = |name: &str| read(name).lines().nth(1).unwrap().to_owned();
        assert_eq!(read("format.json").lines().last(), Some("{\"version\":2}"));
        assert_eq!(second_line("store.json"), format!("{{\"version\":1,\"id\":\"{}\"}}", store.id()));
        assert_eq!(read(&expected[9]), "log");
        assert_eq!(
            second_line(&expected[3]),
            format!("{{\"version\":1,\"name\":\"chunk/0\",\"blob\":\"{b}\",\"bytes\":3}}")
        );
        assert_eq!(
            second_line(&expected[12]),
            format!("{{\"version\":1,\"key\":\"{k}\",\"generation\":0,\"reason\":\"lost\"}}")
        );
    }

    #[tokio::test]
    async fn places_that_are_no_stores_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.tex"), "").unwrap();
        let path = folder.path().display().to_string();
        for (place, words) in [
            ("ftp://bucket/sweeps", "no store that bitsweep knows"),
            ("https://example.org/sweeps", "no store that bitsweep knows"),
            ("s3://key:secret@bucket/sweeps", "credentials belong in the environment"),
            ("az://container/x?sig=secret", "credentials belong in the environment"),
            ("gs://", "no store that bitsweep knows"),
            ("s3://a b/x", "cannot be read"),
            ("file://host/x", "not the URL of a folder"),
            (&path, "holds thesis.tex"),
            (&format!("{path}/thesis.tex"), "in the place of"),
            (&format!("{path}/thesis.tex/x"), "in the place of"),
        ] {
            let error = Store::open(place).await.unwrap_err();
            assert!(matches!(error, BackendError::Refused { .. }), "{place}: {error}");
            assert!(error.to_string().contains(words), "{place}: {error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{place}: {error}");
        }
        assert_eq!(files(&folder), ["thesis.tex"]);
    }

    #[tokio::test]
    async fn a_url_names_the_same_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my store");
        let store = Store::open(&path.display().to_string()).await.unwrap();
        let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        let url = format!("file://{}", path.display()).replace(' ', "%20");
        let same = Store::open(&url).await.unwrap();
        assert!(same.has_blob(&blob).await.unwrap());
        assert_eq!(same.folder(), Some(path.canonicalize().unwrap().as_path()));
    }

    #[tokio::test]
    async fn another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        open(&folder).await;
        for (version, says) in
            [(1, "is of version 1, this program knows 2 only"), (3, "of version 3, this program reads 2")]
        {
            let line = format!("{{\"version\":{version}}}\n");
            let text = format!("{{\"sha256\":\"{}\"}}\n{line}", Digest::of(line.as_bytes()));
            std::fs::write(folder.path().join("format.json"), text).unwrap();
            let error = Store::open(&folder.path().display().to_string()).await.unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        std::fs::write(folder.path().join("format.json"), "{}").unwrap();
        let error = Store::open(&folder.path().display().to_string()).await.unwrap_err();
        assert!(matches!(error, BackendError::Damaged { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let blob = open(&folder).await.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        let objects: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        for fault in [Fault::ReadOnly, Fault::FullAfter(0)] {
            let faulty = Arc::new(Faulty::new(Arc::clone(&objects), vec![fault]));
            let store = Store::with_objects(faulty, Some(folder.path().to_owned())).await.unwrap();
            assert_eq!(store.read_blob(&blob).await.unwrap(), &b"abc"[..]);
            assert!(store.fetch_blob(&blob).await.unwrap().starts_with(folder.path()));
        }
        let nothing: Arc<dyn ObjectStore> = Arc::new(Faulty::new(Arc::new(InMemory::new()), vec![Fault::ReadOnly]));
        assert!(matches!(Store::with_objects(nothing, None).await, Err(BackendError::Refused { .. })));
    }

    #[tokio::test]
    async fn blobs_changed_on_disk_are_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        let path = store.fetch_blob(&blob).await.unwrap();
        assert!(path.starts_with(folder.path().canonicalize().unwrap()), "no copy of what is a file already");
        std::fs::write(&path, "abd").unwrap();
        assert!(matches!(store.fetch_blob(&blob).await, Err(BackendError::Damaged { .. })));
        // What was cut, as by a power failure, is put again.
        std::fs::write(&path, "").unwrap();
        store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(std::fs::read(store.fetch_blob(&blob).await.unwrap()).unwrap(), b"abc");
    }

    #[tokio::test]
    async fn what_a_kill_leaves_is_never_seen_and_collected() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let key = JobKey(samples::digest(0));
        let kept = samples::outcome(key, 0, 0, samples::digest(1));
        store.put_plan(&samples::plan("a", samples::digest(2))).await.unwrap();
        // Half of an outcome and half of a blob, as the object store leaves them.
        let bytes = record::encode(&kept).unwrap();
        let outcomes = folder.path().join(format!("outcomes/{}", &key.to_string()[..2]));
        std::fs::create_dir_all(&outcomes).unwrap();
        std::fs::write(outcomes.join(format!("{key}.0.json#1")), &bytes[..bytes.len() / 2]).unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/ab")).unwrap();
        std::fs::write(folder.path().join(format!("blobs/ab/{}#7", samples::digest(3))), "half").unwrap();
        std::fs::write(folder.path().join("format.json#1"), "").unwrap();
        let store = open(&folder).await;
        assert_eq!(store.outcome(key).await.unwrap(), None);
        assert!(store.known().await.unwrap().outcomes.is_empty());
        assert_eq!(store.put_outcome(&kept).await.unwrap(), super::Put::Created);
        let report = store.gc(&store.lock().unwrap(), &[], NOW).await.unwrap();
        // The three left behind, and the outcome: its job is in no plan.
        assert_eq!(report.removed, 4);
        assert!(files(&folder).iter().all(|name| !name.contains('#')), "{:?}", files(&folder));
    }

    #[tokio::test]
    async fn failed_puts_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::write(&large, vec![1; 20_000_000]).unwrap();
        let inner = tempfile::tempdir().unwrap();
        let objects: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(inner.path()).unwrap());
        let faulty = Faulty::new(objects, Vec::new());
        let store = Store::with_objects(Arc::new(faulty.clone()), Some(inner.path().to_owned())).await.unwrap();
        faulty.set(vec![Fault::FullAfterBytes(10_000_000)]);
        let error = store.put_blob_file(&large).await.unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        assert_eq!(files(&inner), ["format.json", "store.json"]);
    }

    #[tokio::test]
    async fn a_damaged_plan_stops_the_collection() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        let sweep = store.put_plan(&samples::plan("a", blob)).await.unwrap();
        std::fs::write(folder.path().join(format!("plans/{sweep}.json")), "?").unwrap();
        let error = store.gc(&store.lock().unwrap(), &[], NOW).await.unwrap_err();
        assert!(matches!(error, BackendError::Damaged { .. }), "{error}");
        assert!(store.has_blob(&blob).await.unwrap());
        // To submit it again puts it right.
        store.put_plan(&samples::plan("a", blob)).await.unwrap();
        store.gc(&store.lock().unwrap(), &[], NOW).await.unwrap();
    }

    /// `cargo test -p bitsweep-backends -- --ignored --nocapture puts_per_second`
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "a measurement, not a test"]
    async fn puts_per_second() {
        for (fsync, at_a_time) in [(false, 1), (false, 16), (true, 1), (true, 4), (true, 16), (true, 64)] {
            let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
            let objects = LocalFileSystem::new_with_prefix(folder.path()).unwrap().with_fsync(fsync);
            let store = Store::with_objects(Arc::new(objects), Some(folder.path().to_owned())).await.unwrap();
            let puts = 2_000;
            let start = std::time::Instant::now();
            let commits = futures::stream::iter(0..puts).for_each_concurrent(at_a_time, |number| {
                let store = store.clone();
                async move {
                    let outcome = samples::outcome(JobKey(samples::digest(number)), 0, 0, samples::digest(number));
                    tokio::spawn(async move { store.put_outcome(&outcome).await.unwrap() }).await.unwrap();
                }
            });
            commits.await;
            let rate = puts as f64 / start.elapsed().as_secs_f64();
            println!("fsync {fsync}, {at_a_time} at a time: {rate:.0} outcomes a second");
        }
    }

    /// `cargo test -p bitsweep-backends -- --ignored --nocapture lists`
    #[tokio::test]
    #[ignore = "a measurement, not a test"]
    async fn lists_100_000_outcomes() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        for number in 0..100_000 {
            let key = JobKey(samples::digest(number)).to_string();
            let place = folder.path().join(format!("outcomes/{}", &key[..2]));
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join(format!("{key}.0.json")), "").unwrap();
        }
        for _ in 0..3 {
            let start = std::time::Instant::now();
            assert_eq!(store.known().await.unwrap().outcomes.len(), 100_000);
            println!("listed in {:?}", start.elapsed());
        }
    }
}
