//! Faults of stores: folders, and an S3 server that is made up.

use bitsweep_backends::Store;

use crate::fakes::{self, FakeS3};
use crate::{Visit, visit};

async fn folder(place: &str, variables: &[(&str, &str)]) -> Visit {
    visit(&["--store", place], variables).await
}

#[tokio::test]
async fn faults_of_folders_are_told_apart() {
    let temporary = tempfile::tempdir().expect("a folder");
    let empty = temporary.path().display().to_string();
    folder(&empty, &[]).await.finds(&[]).says("store-format", "no store yet");
    assert_eq!(std::fs::read_dir(&empty).expect("a folder").count(), 0, "nothing is kept");
    for (fault, found) in [
        ("overwrite", "store-put-if-absent"),
        ("read-only", "store-write"),
        ("full-after=0", "store-write"),
        ("corrupt=format.json.doctor", "store-read"),
    ] {
        folder(&empty, &[("BITSWEEP_FAULTS", fault)]).await.finds(&[(found, "wrong")]);
    }
    let full = folder(&empty, &[("BITSWEEP_FAULTS", "full-after=0")]).await;
    full.says("store-write", "is full");
    let slow = folder(&empty, &[("BITSWEEP_FAULTS", "slow=1100")]).await;
    slow.finds(&[("store-latency", "warning")]);
    Store::open(&empty).await.expect("a store");
    folder(&empty, &[]).await.finds(&[]).says("store-format", "the store ");
    let format = temporary.path().join("format.json");
    std::fs::write(&format, "{").expect("a file");
    folder(&empty, &[]).await.finds(&[("store-format", "wrong")]);
}

#[tokio::test]
async fn places_that_are_none_are_told_apart() {
    let temporary = tempfile::tempdir().expect("a folder");
    std::fs::write(temporary.path().join("thesis.tex"), "").expect("a file");
    let place = temporary.path().display().to_string();
    folder(&place, &[]).await.finds(&[("store-format", "wrong")]).says("store-format", "thesis.tex");
    let absent = folder(&format!("{place}/absent"), &[]).await;
    absent.finds(&[("store-reach", "wrong")]).says("store-reach", "is not there");
    let odd = folder("ftp://user:secret@host/x", &[]).await;
    odd.finds(&[("store-reach", "wrong")]).hides("secret");
    let memory = tempfile::tempdir_in("/dev/shm").expect("Linux has a file system in memory");
    let memory = folder(&memory.path().display().to_string(), &[]).await;
    memory.finds(&[("store-flush", "warning")]).says("store-flush", "in memory");
}

#[tokio::test]
async fn faults_of_object_storage_are_told_apart() {
    for (fake, wanted) in [
        (FakeS3::default(), None),
        (FakeS3 { denied: "PUT", ..FakeS3::default() }, Some(("store-write", "wrong", "may not be written"))),
        (FakeS3 { denied: "GET", ..FakeS3::default() }, Some(("store-read", "wrong", "may not be read"))),
        (FakeS3 { denied: "LIST", ..FakeS3::default() }, Some(("store-list", "wrong", "may not be listed"))),
        (FakeS3 { denied: "DELETE", ..FakeS3::default() }, Some(("store-delete", "wrong", "may not be cleared"))),
        (FakeS3 { overwrites: true, ..FakeS3::default() }, Some(("store-put-if-absent", "wrong", "overwrites"))),
        (
            FakeS3 { code: "InvalidAccessKeyId", ..FakeS3::default() },
            Some(("store-reach", "wrong", "refuses the keys")),
        ),
        (FakeS3 { code: "NoSuchBucket", ..FakeS3::default() }, Some(("store-reach", "wrong", "is not there"))),
        (FakeS3 { code: "RequestTimeTooSkewed", ..FakeS3::default() }, Some(("store-reach", "wrong", "clock"))),
        (FakeS3 { behind: 60, ..FakeS3::default() }, Some(("store-clock", "warning", "behind"))),
    ] {
        let visit = s3(&fakes::s3(fake).await).await;
        match wanted {
            None => visit.finds(&[]),
            Some((check, level, words)) => visit.finds(&[(check, level)]).says(check, words),
        };
    }
    let nobody = s3(&format!("http://127.0.0.1:{}", fakes::closed_port())).await;
    nobody.finds(&[("store-reach", "unreachable")]).hides("the-secret-key");
}

/// A store that knows no conditional put says so to the first that is tried.
#[tokio::test]
async fn a_store_without_conditional_puts_is_told() {
    let visit = s3(&fakes::s3(FakeS3 { unknown: true, ..FakeS3::default() }).await).await;
    visit.finds(&[("store-put-if-absent", "wrong")]).says("store-put-if-absent", "does not know put-if-absent");
}

async fn s3(endpoint: &str) -> Visit {
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "the-secret-key"),
        ("AWS_REGION", "us-east-1"),
    ];
    visit(&["--store", "s3://bucket/sweeps"], &variables).await
}
