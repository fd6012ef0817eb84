//! A store behind a server that speaks S3, and what becomes of the store when the server gets into trouble.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bitsweep_backends::conformance::s3::{Kind, S3Server, Trouble};
use bitsweep_backends::conformance::samples::{digest, outcome};
use bitsweep_backends::store::Put;
use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::JobKey;
use bytes::Bytes;
use hyper::Method;
use object_store::ObjectStore;

fn key(number: u64) -> JobKey {
    JobKey(digest(number))
}

/// More than two parts of an upload.
fn large_file() -> (tempfile::NamedTempFile, Vec<u8>) {
    let content: Vec<u8> = (0..20_000_000_u32).map(|byte| (byte / 11) as u8).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&content).unwrap();
    (file, content)
}

fn trouble(kind: Kind, method: Method, name: &str, times: u64) -> Trouble {
    Trouble { kind, method: Some(method), name: name.to_owned(), times }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_conforms() {
    let server = S3Server::start();
    let number = AtomicU32::new(0);
    bitsweep_backends::conformance::store(async || {
        let prefix = format!("sweeps/{}", number.fetch_add(1, Ordering::Relaxed));
        (server.objects(&prefix), None::<PathBuf>) as (Arc<dyn ObjectStore>, _)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_names_one_store() {
    let server = S3Server::start();
    let store = server.open("a/b").await;
    let (same, other) = (server.open("a/b").await, server.open("a/c").await);
    assert_eq!(store.id(), same.id());
    assert_ne!(store.id(), other.id());
    assert_eq!(store.name(), "s3://bucket/a/b");
    for (name, value) in server.settings().iter().filter(|(name, _)| name.ends_with("KEY")) {
        assert!(!format!("{store:?}").contains(&format!("\"{value}\"")), "{name}");
    }
    let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
    assert!(same.has_blob(&blob).await.unwrap() && !other.has_blob(&blob).await.unwrap());
    assert!(server.bucket().join(format!("a/b/blobs/{}/{blob}", &blob.to_string()[..2])).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_unavailable_within_ten_seconds() {
    let mut server = S3Server::start();
    let store = server.open("x").await;
    let blob = store.put_blob(Bytes::from_static(b"abc")).await.unwrap();
    server.stop();
    let asked = [
        tokio::spawn({
            let store = store.clone();
            async move { store.put_outcome(&outcome(key(0), 0, 0, digest(0))).await.map(|_| ()) }
        }),
        tokio::spawn({
            let store = store.clone();
            async move { store.fetch_blob(&blob).await.map(|_| ()) }
        }),
        tokio::spawn({
            let store = store.clone();
            async move { store.known().await.map(|_| ()) }
        }),
        tokio::spawn({
            let (place, settings) = (server.place("x"), server.settings());
            async move { Store::open_with(&place, &settings).await.map(|_| ()) }
        }),
    ];
    let begin = Instant::now();
    for answer in asked {
        let error = answer.await.unwrap().unwrap_err();
        assert!(matches!(error, BackendError::Unavailable { .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
    server.start_again();
    assert_eq!(store.put_outcome(&outcome(key(0), 0, 0, digest(0))).await.unwrap(), Put::Created);
    assert_eq!(store.read_blob(&blob).await.unwrap(), &b"abc"[..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_unavailable_before_a_preemption_is_over() {
    let server = S3Server::start();
    let store = server.open("x").await;
    server.trouble(vec![Trouble::new(Kind::Silent, u64::MAX)]);
    let begin = Instant::now();
    let committed = outcome(key(0), 0, 0, digest(0));
    let (put, listed) = tokio::join!(store.put_outcome(&committed), store.known());
    assert!(put.unwrap_err().is_retryable() && listed.unwrap_err().is_retryable());
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_that_passes_is_not_noticed() {
    let server = S3Server::start();
    let store = server.open("x").await;
    let (file, content) = large_file();
    server.trouble(vec![Trouble::new(Kind::Overloaded, 3)]);
    assert_eq!(store.put_outcome(&outcome(key(0), 0, 0, digest(0))).await.unwrap(), Put::Created);
    server.trouble(vec![Trouble::new(Kind::Overloaded, 3), Trouble::new(Kind::Slow(Duration::from_millis(300)), 3)]);
    let (blob, _) = store.put_blob_file(file.path()).await.unwrap();
    server.trouble(vec![Trouble::new(Kind::Overloaded, 3)]);
    assert_eq!(std::fs::read(store.fetch_blob(&blob).await.unwrap()).unwrap(), content);
    server.trouble(vec![Trouble::new(Kind::Overloaded, u64::MAX)]);
    let error = store.outcome(key(0)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server.trouble(Vec::new());
    assert!(store.outcome(key(0)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_a_commit() {
    let server = S3Server::start();
    let store = server.open("x").await;
    for (number, kind) in [Kind::AnswerLost, Kind::CutOff].into_iter().enumerate() {
        let committed = outcome(key(number as u64), 0, 7, digest(0));
        server.trouble(vec![trouble(kind, Method::PUT, "outcomes", 2)]);
        assert_eq!(store.put_outcome(&committed).await.unwrap(), Put::Created);
        let late = store.put_outcome(&outcome(key(number as u64), 0, 8, digest(1))).await.unwrap();
        assert_eq!(late, Put::Existing(Box::new(committed)));
    }
    // "Conflict" is not yet "it is there".
    let committed = outcome(key(9), 0, 7, digest(0));
    server.trouble(vec![trouble(Kind::Conflict, Method::PUT, "outcomes", 2)]);
    assert_eq!(store.put_outcome(&committed).await.unwrap(), Put::Created);
    server.trouble(vec![trouble(Kind::Conflict, Method::PUT, "outcomes", u64::MAX)]);
    assert_eq!(store.put_outcome(&committed).await.unwrap(), Put::Created, "it is there, and its own");
    let error = store.put_outcome(&outcome(key(10), 0, 7, digest(0))).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server.trouble(vec![trouble(Kind::AnswerLost, Method::PUT, "controls", 1)]);
    let sweep = bitsweep_proto::SweepId(digest(0));
    let control = store.control(sweep, bitsweep_proto::control::Action::Cancel).await.unwrap();
    assert_eq!(store.controls(&sweep).await.unwrap(), [control], "it met itself, and knew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_break_off_are_read_on() {
    let server = S3Server::start();
    let store = server.open("x").await;
    let (file, content) = large_file();
    let (blob, _) = store.put_blob_file(file.path()).await.unwrap();
    store.put_outcome(&outcome(key(0), 0, 0, blob)).await.unwrap();
    server.trouble(vec![trouble(Kind::CutOff, Method::GET, "outcomes", 2)]);
    assert!(store.outcome(key(0)).await.unwrap().is_some());
    server.trouble(vec![trouble(Kind::CutOff, Method::GET, "blobs", 5)]);
    assert_eq!(std::fs::read(store.fetch_blob(&blob).await.unwrap()).unwrap(), content);
    server.trouble(vec![trouble(Kind::CutOff, Method::GET, "blobs", u64::MAX)]);
    let error = store.check_blob(&blob).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_fails_leaves_nothing() {
    let server = S3Server::start();
    let store = server.open("x").await;
    let (file, _) = large_file();
    server.trouble(vec![trouble(Kind::Overloaded, Method::PUT, "partNumber=2", u64::MAX)]);
    let error = store.put_blob_file(file.path()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let parts = |folder: PathBuf| {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".part-")).count()
    };
    assert_eq!(parts(server.bucket().join("..")), 0);
    server.trouble(Vec::new());
    let (blob, _) = store.put_blob_file(file.path()).await.unwrap();
    store.check_blob(&blob).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_told_without_showing_them() {
    let server = S3Server::start();
    let change = |name: &str, value: &str| {
        let mut settings = server.settings();
        settings.iter_mut().filter(|(key, _)| key == name).for_each(|(_, old)| *old = value.to_owned());
        settings
    };
    for settings in [change("AWS_SECRET_ACCESS_KEY", "PSST"), change("AWS_ACCESS_KEY_ID", "PSST")] {
        let error = Store::open_with(&server.place("x"), &settings).await.unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("does not accept the credentials"), "{error}");
        assert!(!format!("{error} {error:?}").contains("PSST"), "{error:?}");
    }
    let mut settings = server.settings();
    settings.push(("AWS_COLOUR".to_owned(), "PSST".to_owned()));
    let error = Store::open_with(&server.place("x"), &settings).await.unwrap_err();
    assert!(error.to_string().contains("a name that is not known"), "{error}");
    assert!(!format!("{error} {error:?}").contains("PSST"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_listing_has_pages() {
    let server = S3Server::start();
    let store = server.open("x").await;
    // More than S3 tells at once.
    for number in 0..2_500 {
        let key = key(number).to_string();
        let place = server.bucket().join(format!("x/outcomes/{}", &key[..2]));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(format!("{key}.0.json")), "").unwrap();
    }
    server.take_requests();
    assert_eq!(store.known().await.unwrap().outcomes.len(), 2_500);
    assert_eq!(server.take_requests().len(), 3 + 1, "three pages of outcomes, one of revocations");
}
