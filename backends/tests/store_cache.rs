//! What a machine keeps of a store elsewhere.

use std::path::Path;
use std::sync::Arc;

use bitsweep_backends::Store;
use bitsweep_backends::conformance::s3::S3Server;
use bitsweep_proto::Digest;
use bytes::Bytes;
use tempfile::TempDir;

struct Bench {
    server: S3Server,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { server: S3Server::start(), folder: tempfile::tempdir().unwrap() }
    }

    /// A process of this machine, as it were.
    async fn store(&self, bytes: u64) -> Store {
        self.server.open("x").await.with_cache(self.folder.path(), bytes).await.unwrap()
    }

    fn kept(&self) -> Vec<String> {
        names(&self.folder.path().join("blobs"))
    }

    /// Reads of blobs since this was last asked.
    fn reads(&self) -> usize {
        self.server.take_requests().iter().filter(|request| request.starts_with("GET /bucket/x/blobs/")).count()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn content(number: u8) -> Bytes {
    Bytes::from(vec![number; 1_000])
}

async fn put(store: &Store, numbers: std::ops::Range<u8>) -> Vec<Digest> {
    let mut blobs = Vec::new();
    for number in numbers {
        blobs.push(store.put_blob(content(number)).await.unwrap());
    }
    blobs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_want_one_blob_download_it_once() {
    let bench = Bench::new();
    let store = bench.store(u64::MAX).await;
    let (small, large) = (content(1), Bytes::from(vec![7; 20_000_000]));
    for (content, parts) in [(small, 1), (large, 1 + 3)] {
        let blob = store.put_blob(content.clone()).await.unwrap();
        bench.reads();
        let slots: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.fetch_blob(&blob).await.unwrap() })
            })
            .collect();
        for slot in slots {
            assert_eq!(std::fs::read(slot.await.unwrap()).unwrap(), content);
        }
        assert_eq!(bench.reads(), parts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_outlives_its_process_and_is_shared() {
    let bench = Bench::new();
    let first = bench.store(1 << 20).await;
    let blobs = put(&first, 0..3).await;
    for blob in &blobs {
        first.fetch_blob(blob).await.unwrap();
    }
    let second = bench.store(1 << 20).await;
    bench.reads();
    for blob in &blobs {
        second.fetch_blob(blob).await.unwrap();
    }
    drop((first, second));
    let third = bench.store(1 << 20).await;
    for blob in &blobs {
        third.fetch_blob(blob).await.unwrap();
    }
    assert_eq!(bench.reads(), 0);
    assert_eq!(names(&bench.folder.path().join("held")).len(), 1, "each takes its names with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_unused_goes_first_and_what_is_in_use_stays() {
    let bench = Bench::new();
    let store = bench.store(3_500).await;
    let blobs = put(&store, 0..6).await;
    let held = store.fetch_blob(&blobs[0]).await.unwrap();
    for blob in &blobs[1..3] {
        store.fetch_blob(blob).await.unwrap();
    }
    assert_eq!(bench.kept().len(), 3);
    store.fetch_blob(&blobs[1]).await.unwrap();
    store.fetch_blob(&blobs[3]).await.unwrap();
    assert!(!bench.kept().contains(&blobs[2].to_string()), "of 1 and 2, 2 was unused for longer");
    for blob in &blobs[4..6] {
        store.fetch_blob(blob).await.unwrap();
    }
    let mut expected: Vec<String> = [0, 4, 5].iter().map(|index: &usize| blobs[*index].to_string()).collect();
    expected.sort();
    assert_eq!(bench.kept(), expected);
    assert_eq!(std::fs::read(&held).unwrap(), content(0));
    // Another process has none of it in use, and room for less; it leaves alone what the first one uses.
    let other = bench.store(1_500).await;
    other.fetch_blob(&blobs[2]).await.unwrap();
    assert!(bench.kept().contains(&blobs[0].to_string()), "{:?}", bench.kept());
    assert_eq!(std::fs::read(&held).unwrap(), content(0));
    drop(held);
    other.fetch_blob(&blobs[3]).await.unwrap();
    assert_eq!(bench.kept(), [blobs[3].to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_larger_than_the_cache_is_read_all_the_same() {
    let bench = Bench::new();
    let store = bench.store(10).await;
    let blobs = put(&store, 0..2).await;
    let (first, second) = (store.fetch_blob(&blobs[0]).await.unwrap(), store.fetch_blob(&blobs[1]).await.unwrap());
    assert_eq!(
        (std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap()),
        (content(0).into(), content(1).into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_copy_is_noticed_and_fetched_again() {
    let bench = Bench::new();
    let store = bench.store(1 << 20).await;
    let blob = put(&store, 0..1).await[0];
    let in_use = store.fetch_blob(&blob).await.unwrap();
    for damage in ["", "short", "a thousand other bytes"] {
        std::fs::write(bench.folder.path().join("blobs").join(blob.to_string()), damage).unwrap();
        bench.reads();
        assert_eq!(std::fs::read(store.fetch_blob(&blob).await.unwrap()).unwrap(), content(0));
        assert_eq!(bench.reads(), 1);
    }
    assert_eq!(std::fs::read(in_use).unwrap(), content(0), "whoever has it in use has the good one too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_left_is_removed() {
    let bench = Bench::new();
    let blob = {
        let store = bench.store(1 << 20).await;
        let blob = put(&store, 0..1).await[0];
        store.fetch_blob(&blob).await.unwrap();
        blob
    };
    // As kill -9 leaves it: names, and nobody who locks them.
    let dead = bench.folder.path().join("held/0123456789abcdef");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::hard_link(bench.folder.path().join("blobs").join(blob.to_string()), dead.join(blob.to_string())).unwrap();
    std::fs::write(dead.join("new-1"), "half").unwrap();
    let store = bench.store(10).await;
    assert!(!dead.exists());
    // And what it had in use can go.
    let other = put(&store, 1..2).await[0];
    store.fetch_blob(&other).await.unwrap();
    assert_eq!(bench.kept(), [other.to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slots_in_a_small_cache() {
    let bench = Bench::new();
    let store = Arc::new(bench.store(4_000).await);
    let blobs = Arc::new(put(&store, 0..12).await);
    let slots: Vec<_> = (0..8)
        .map(|slot: usize| {
            let (store, blobs) = (Arc::clone(&store), Arc::clone(&blobs));
            tokio::spawn(async move {
                for turn in 0..20 {
                    let index = (slot * 5 + turn * 7) % blobs.len();
                    let blob = store.fetch_blob(&blobs[index]).await.unwrap();
                    assert_eq!(std::fs::read(&blob).unwrap(), content(index as u8));
                }
            })
        })
        .collect();
    for slot in slots {
        slot.await.unwrap();
    }
}
