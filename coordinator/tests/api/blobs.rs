//! Blobs go up and down by content, whole or not at all.

use bitsweep_coordinator::api::Limits;
use bitsweep_proto::Digest;
use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Place, assert_problem, json_of};

fn path(digest: &Digest) -> String {
    format!("/api/v1/blobs/{digest}")
}

#[tokio::test]
async fn a_blob_goes_up_once_and_comes_down_the_same() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let digest = Digest::of(&bytes);
    assert_eq!(bench.ask(Method::HEAD, &path(&digest)).send().await.unwrap().status(), 404);
    assert_problem(404, &json_of(bench.ask(Method::GET, &path(&digest)).send().await.unwrap(), 404).await, "not-found");
    for _ in 0..2 {
        assert_eq!(bench.put(&bytes).await, digest);
    }
    let upper = format!("/api/v1/blobs/{}", digest.to_string().to_uppercase());
    assert_eq!(bench.ask(Method::HEAD, &upper).send().await.unwrap().status(), 200);
    let got = bench.ask(Method::GET, &path(&digest)).send().await.unwrap();
    assert_eq!(got.headers()["content-length"], bytes.len().to_string().as_str());
    assert_eq!(got.headers()["etag"], format!("\"{digest}\"").as_str());
    assert!(got.bytes().await.unwrap() == bytes);
    bench.put(b"").await;
    bench.stop().await;
    assert_eq!(std::fs::read_dir(place.folder.path().join("spool")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_damaged_or_cut_on_its_way_is_not_kept() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let digest = Digest::of(b"what was meant");
    let put = bench.ask(Method::PUT, &path(&digest)).body("what was m3ant").send().await.unwrap();
    let problem = json_of(put, 422).await;
    assert_problem(422, &problem, "unprocessable");
    assert!(problem["detail"].as_str().unwrap().contains("damaged on the way"), "{problem}");
    // Cut off: fewer bytes than were promised.
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let head = bench.head(&format!("PUT {}", path(&digest)));
    stream.write_all(format!("{head}Content-Length: 14\r\n\r\nwhat was").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
    assert!(!place.store.has_blob(&digest).await.unwrap());
    assert!(!place.store.has_blob(&Digest::of(b"what was m3ant")).await.unwrap(), "nor under its own name");
    bench.stop().await;
    assert_eq!(std::fs::read_dir(place.folder.path().join("spool")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_that_is_damaged_in_the_store_is_not_sent_and_can_be_put_again() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let digest = bench.put(b"precious").await;
    let file = place.store.fetch_blob(&digest).await.unwrap().to_path_buf();
    std::fs::write(&file, b"precioux").unwrap();
    let got = bench.ask(Method::GET, &path(&digest)).send().await.unwrap();
    assert_problem(404, &json_of(got, 404).await, "damaged");
    bench.put(b"precious").await;
    let got = bench.ask(Method::GET, &path(&digest)).send().await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), &b"precious"[..]);
    bench.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_and_while_it_comes() {
    let limits = Limits { blob_bytes: 1000, ..Limits::default() };
    let bench = Place::new().await.coordinator(limits).await;
    let large = vec![7; 1001];
    let digest = Digest::of(&large);
    let put = bench.ask(Method::PUT, &path(&digest)).body(large.clone()).send().await.unwrap();
    assert_problem(413, &json_of(put, 413).await, "too-large");
    // Without a length it is found out on the way.
    let head = bench.head(&format!("PUT {}", path(&digest)));
    let mut request = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in large.chunks(100) {
        request.extend(format!("{:x}\r\n", piece.len()).bytes());
        request.extend(piece);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    let answer = bench.raw(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(bench.put(&large[..1000]).await, Digest::of(&large[..1000]));
    bench.stop().await;
}

#[tokio::test]
async fn an_upload_that_stops_moving_is_given_up() {
    let limits = Limits { idle: std::time::Duration::from_millis(50), transfers: 1, ..Limits::default() };
    let bench = Place::new().await.coordinator(limits).await;
    let digest = Digest::of(b"slow");
    let head = bench.head(&format!("PUT {}", path(&digest)));
    let answer = bench.raw(format!("{head}Content-Length: 4\r\n\r\nsl").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    bench.put(b"the one place for a transfer is free again").await;
    bench.stop().await;
}
