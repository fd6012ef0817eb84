//! The store: the only durable truth.
//!
//! Owns: the layout below, put-if-absent, checksums, the lock, and what is garbage. Does not own: what an outcome means
//! (`bitsweep_plan`), or when to write one (`bitsweep_worker`).
//!
//! ```text
//! format.json                                          the version of this layout
//! lock                                                 who has the store for himself, see [`StoreLock`] (folders only)
//! blobs/<first two digits>/<sha256>                    raw bytes, named by their hash
//! plans/<sweep id>.json                                frozen plans
//! submissions/<milliseconds>-<sweep id>.json           the last one names the newest plan
//! outcomes/<first two digits>/<key>/<generation>.json  the commits
//! revoked/<first two digits>/<key>/<generation>.json   outcomes that no longer count
//! checkpoints/<key>/<name>.json                        which blob holds a checkpoint; the name percent-encoded
//! attempts/<key>/<nonce>.start.json, <nonce>.end.json
//! ```
//! Everything but blobs is a **record** of two lines: `{"sha256":"…"}`, the hash of the second line, and the record
//! itself, JSON with a `version`. So a record that was cut or changed is noticed like a blob is.
//!
//! **Nothing is ever half there.** An object is written under another name and then linked or renamed to its own; what a
//! killed process leaves (`<name>#<number>`) is never listed, and removed by [`Store::gc`]. Nothing is flushed to the
//! disk: a power cut may lose or cut what was written last, which the checksums show.
//!
//! **Put-if-absent** makes records: of many writers of one name exactly one wins and all others learn of it. Blobs need
//! none, for whoever writes the same name writes the same bytes. [`Store::open`] refuses a store that ignores it.
//!
//! There is no interface to change or list arbitrary objects: every name is made in one file (`layout`), and only
//! [`Store::gc`], [`Store::forget`], dropped checkpoints and lost blobs delete anything.

mod attempts;
mod blobs;
mod checkpoints;
mod failure;
pub mod faults;
mod gc;
mod layout;
mod lock;
mod objects;
mod open;
mod outcomes;
mod record;
mod sweeps;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;
use tokio::sync::OnceCell;

pub use attempts::Attempts;
pub use gc::GcReport;
pub use lock::StoreLock;
pub use outcomes::{Known, Put};

use objects::Objects;

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
    /// Whether somebody in this process has the lock of a store that is not a folder.
    locked: AtomicBool,
    /// Copies of blobs, where the store is not a folder; gone with the last handle.
    copies: OnceCell<TempDir>,
}

impl Store {
    /// The folder that the store is, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        self.shared.folder.as_deref()
    }
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

    use bitsweep_proto::outcome::Item;
    use bitsweep_proto::{Digest, JobKey};
    use bytes::Bytes;
    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use tempfile::TempDir;

    use super::faults::{Fault, Faulty};
    use super::{Store, record};
    use crate::BackendError;
    use crate::conformance::samples;

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
        let _lock = store.lock().unwrap();
        let mut names = files(&folder);
        let submission = names.iter().position(|name| name.starts_with("submissions/")).unwrap();
        assert!(names.remove(submission).ends_with(&format!("-{sweep}.json")));
        let (k, b) = (key.to_string(), blob.to_string());
        let expected = [
            format!("attempts/{k}/{attempt}.start.json"),
            format!("blobs/{}/{b}", &b[..2]),
            format!("checkpoints/{k}/chunk%2F0.json"),
            "format.json".to_owned(),
            "lock".to_owned(),
            format!("outcomes/{}/{k}/0.json", &k[..2]),
            format!("plans/{sweep}.json"),
            format!("revoked/{}/{k}/0.json", &k[..2]),
        ];
        assert_eq!(names, expected);
        // The store's own record formats, version 1: what is written today must be read for ever.
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let second_line = |name: &str| read(name).lines().nth(1).unwrap().to_owned();
        assert_eq!(read("format.json").lines().last(), Some("{\"version\":1}"));
        assert_eq!(
            second_line(&expected[2]),
            format!("{{\"version\":1,\"name\":\"chunk/0\",\"blob\":\"{b}\",\"bytes\":3}}")
        );
        assert_eq!(
            second_line(&expected[7]),
            format!("{{\"version\":1,\"key\":\"{k}\",\"generation\":0,\"reason\":\"lost\"}}")
        );
    }

    #[tokio::test]
    async fn places_that_are_no_stores_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.tex"), "").unwrap();
        let path = folder.path().display().to_string();
        for (place, words) in [
            ("s3://bucket/sweeps", "s3 address"),
            ("file://host/x", "not the URL of a folder"),
            (&path, "holds thesis.tex"),
            (&format!("{path}/thesis.tex"), "in the place of"),
            (&format!("{path}/thesis.tex/x"), "in the place of"),
        ] {
            let error = Store::open(place).await.unwrap_err();
            assert!(matches!(error, BackendError::Refused { .. }), "{place}: {error}");
            assert!(error.to_string().contains(words), "{place}: {error}");
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
        let line = "{\"version\":2}\n";
        let text = format!("{{\"sha256\":\"{}\"}}\n{line}", Digest::of(line.as_bytes()));
        std::fs::write(folder.path().join("format.json"), text).unwrap();
        let error = Store::open(&folder.path().display().to_string()).await.unwrap_err();
        assert!(error.to_string().contains("of version 2, this program reads 1"), "{error}");
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
        let key_folder = folder.path().join(format!("outcomes/{}/{key}", &key.to_string()[..2]));
        std::fs::create_dir_all(&key_folder).unwrap();
        std::fs::write(key_folder.join("0.json#1"), &bytes[..bytes.len() / 2]).unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/ab")).unwrap();
        std::fs::write(folder.path().join(format!("blobs/ab/{}#7", samples::digest(3))), "half").unwrap();
        std::fs::write(folder.path().join("format.json#1"), "").unwrap();
        let store = open(&folder).await;
        assert_eq!(store.outcome(key).await.unwrap(), None);
        assert!(store.known().await.unwrap().outcomes.is_empty());
        assert_eq!(store.put_outcome(&kept).await.unwrap(), super::Put::Created);
        let report = store.gc(&store.lock().unwrap(), &[], false).await.unwrap();
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
        assert_eq!(files(&inner), ["format.json"]);
    }

    #[tokio::test]
    async fn a_damaged_plan_stops_the_collection() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
        let sweep = store.put_plan(&samples::plan("a", blob)).await.unwrap();
        std::fs::write(folder.path().join(format!("plans/{sweep}.json")), "?").unwrap();
        let error = store.gc(&store.lock().unwrap(), &[], false).await.unwrap_err();
        assert!(matches!(error, BackendError::Damaged { .. }), "{error}");
        assert!(store.has_blob(&blob).await.unwrap());
        // To submit it again puts it right.
        store.put_plan(&samples::plan("a", blob)).await.unwrap();
        store.gc(&store.lock().unwrap(), &[], false).await.unwrap();
    }

    /// `cargo test -p bitsweep-backends -- --ignored --nocapture lists`
    #[tokio::test]
    #[ignore = "a measurement, not a test"]
    async fn lists_100_000_outcomes() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        for number in 0..100_000 {
            let key = JobKey(samples::digest(number)).to_string();
            let place = folder.path().join(format!("outcomes/{}/{key}", &key[..2]));
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("0.json"), "").unwrap();
        }
        for _ in 0..3 {
            let start = std::time::Instant::now();
            assert_eq!(store.known().await.unwrap().outcomes.len(), 100_000);
            println!("listed in {:?}", start.elapsed());
        }
    }
}
