//! Requests that mean harm, or nothing at all.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::Store;
use bitsweep_backends::store::faults::{Fault, Faulty};
use bitsweep_coordinator::Role;
use bitsweep_coordinator::api::Limits;
use object_store::memory::InMemory;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{MANIFEST, Place, assert_problem, json_of, submission};

/// The status of an answer as it came, and its body.
fn parts(answer: &str) -> (u16, &str) {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body))
}

#[tokio::test]
async fn no_path_leads_out() {
    let place = Place::new().await;
    std::fs::write(place.folder.path().join("secret"), "not for you").unwrap();
    let bench = place.coordinator(Limits::default()).await;
    let names = [
        "..",
        "../..",
        "../secret",
        "..%2f..%2fsecret",
        "%2e%2e/%2e%2e/secret",
        "..%5c..%5csecret",
        "%00",
        "%ff",
        "%c0%ae%c0%ae",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "....//....//secret",
        "a",
        "%20",
        "*",
        "ab%00ab",
        "~",
        "C:%5c",
        "%252e%252e%252fsecret",
        "+0000000000000000000000000000000000000000000000000000000000000000",
        "0x00",
        "é",
    ];
    let long = "a".repeat(7000);
    for name in names.into_iter().chain([long.as_str()]) {
        for path in [
            format!("/api/v1/blobs/{name}"),
            format!("/api/v1/sweeps/{name}"),
            format!("/api/v1/sweeps/{name}/plan"),
            format!("/api/v1/jobs/{name}/attempts"),
            format!("/api/v1/jobs/{}/attempts/{name}/log", "0".repeat(64)),
            format!("/{name}"),
        ] {
            for method in ["GET", "HEAD", "PUT", "POST"] {
                let request = format!("{}Content-Length: 0\r\n\r\n", bench.head(&format!("{method} {path}")));
                let answer = bench.raw(request.as_bytes()).await;
                let (status, body) = parts(&answer);
                assert!((400..500).contains(&status), "{method} {path:.100}: {answer:.300}");
                assert!(
                    !body.contains("not for you") && !body.contains(&*place.folder.path().to_string_lossy()),
                    "{answer}"
                );
            }
        }
    }
    bench.stop().await;
}

#[tokio::test]
async fn what_is_not_http_is_no_harm() {
    let limits = Limits { header_time: Duration::from_millis(100), ..Limits::default() };
    let bench = Place::new().await.coordinator(limits).await;
    let endless_head = format!("GET / HTTP/1.1\r\n{}", "x: y\r\n".repeat(100_000));
    for bytes in [
        &b""[..],
        b"\0\0\0\0",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        endless_head.as_bytes(),
    ] {
        let answer = bench.raw(bytes).await;
        let (status, _) = parts(&answer);
        assert!(status == 0 || (400..500).contains(&status), "{answer:.200}");
    }
    assert_eq!(bench.ask(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    bench.stop().await;
}

#[tokio::test]
async fn bodies_are_limited_and_typed() {
    let limits = Limits { body_bytes: 2000, ..Limits::default() };
    let bench = Place::new().await.coordinator(limits).await;
    let send = |media: &str, body: Vec<u8>| {
        bench.ask(Method::POST, "/api/v1/sweeps").header("content-type", media).body(body).send()
    };
    let large = serde_json::to_vec(&json!({ "manifest": "x".repeat(3000), "lock": {} })).unwrap();
    assert_problem(413, &json_of(send("application/json", large.clone()).await.unwrap(), 413).await, "too-large");
    let mut chunked = format!(
        "{}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        bench.head("POST /api/v1/sweeps")
    )
    .into_bytes();
    chunked.extend(format!("{:x}\r\n", large.len()).bytes());
    chunked.extend(&large);
    chunked.extend(b"\r\n0\r\n\r\n");
    let answer = bench.raw(&chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_problem(415, &json_of(send("text/plain", b"{}".to_vec()).await.unwrap(), 415).await, "media-type");
    assert_problem(415, &json_of(send("", Vec::new()).await.unwrap(), 415).await, "media-type");
    let deep = format!("{}{}", "[".repeat(900), "]".repeat(900)).into_bytes();
    for (body, status) in [
        (&b""[..], 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"{}", 422),
        (b"null", 422),
        (b"{\"manifest\": 1, \"lock\": {}}", 422),
        (b"{\"manifest\": \"\", \"lock\": {}, \"more\": 1}", 422),
        (&deep, 422),
    ] {
        let response = send("application/json; charset=utf-8", body.to_vec()).await.unwrap();
        let found = response.status().as_u16();
        assert_eq!(found, status, "{}", String::from_utf8_lossy(body));
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().starts_with("the body"), "{problem}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn locks_that_no_resolution_made_are_refused() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let mut hostile: Vec<(Value, &str)> = Vec::new();
    for name in
        ["../../.ssh/authorized_keys", "/etc/passwd", "a//b", "", ".", "a/../b", "a\\b", "a\u{0}b", &"n".repeat(2000)]
    {
        let mut body = submission(MANIFEST);
        body["lock"]["models"]["m"]["files"][0]["name"] = json!(name);
        hostile.push((body, "not the name of a file"));
    }
    for (pointer, value, words) in [
        ("/lock/version", json!(99), "version 99"),
        ("/lock/datasets/d/counts/documents", json!(u64::MAX), "a count is"),
        ("/lock/datasets/d/counts/documents", json!(1u64 << 46), "inputs"),
        ("/lock/datasets/d/counts/queries", json!(u64::MAX - 5), "a count is"),
        ("/lock/datasets/d/corpus/bytes", json!(u64::MAX), "bytes"),
        ("/lock/models/m/facts/dim", json!(u32::MAX), "dim is"),
        ("/lock/models/m/facts/dim", json!(0), "dim is"),
        ("/lock/models/m/files/0/sha256", json!("../x"), "SHA-256"),
        ("/lock/models/m/facts/architecture", json!("x\ny"), "supported: bert"),
        ("/lock/datasets/d/split", json!("train"), "split"),
        ("/lock/models", json!({}), "not in the lock"),
        ("/manifest", json!("sweep: x\n".to_owned() + &"- a\n".repeat(2000)), "manifest"),
        ("/manifest", json!("sweep: ../../x\n"), "manifest"),
        ("/manifest", json!(""), "empty"),
        ("/manifest", json!("\u{0}"), "manifest"),
        ("/manifest", json!(format!("{MANIFEST}seed: &a [*a]\n")), "manifest"),
    ] {
        let mut body = submission(MANIFEST);
        *body.pointer_mut(pointer).unwrap() = value;
        hostile.push((body, words));
    }
    let many = MANIFEST.replace("int8]", "int8, binary: { bits: [8, 16, 24, 32, 40, 48, 56, 64], seeds: 10000 }]");
    hostile.push((submission(&many.replace("measures", "datasets2: {}\nmeasures")), "datasets2"));
    let mut large = submission(
        &MANIFEST.replace("[float32, int8]", "[float32, { binary: { bits: [8, 16, 24, 32], seeds: 10000 } }]"),
    );
    large["lock"]["datasets"]["d"]["counts"]["documents"] = json!(100_000_000);
    hostile.push((large, "inputs"));
    // Each axis by itself is of a modest size.
    let seeds = MANIFEST.replace("int8]", "{ binary: { bits: 8, seeds: 10000 } }]");
    let numbers: Vec<u32> = (1..=100).collect();
    let bits: Vec<u32> = numbers.iter().take(34).map(|number| 8 * number).collect();
    for text in [
        seeds.replace("'file:m'", &format!("'file:m', mrl: true, dims: {numbers:?}")),
        format!("{seeds}rescore: {numbers:?}\n"),
        format!("{}codes: true\nspeed: {{}}\n", seeds.replace("bits: 8", &format!("bits: {bits:?}"))),
    ] {
        hostile.push((submission(&text), "cells, allowed are"));
    }
    for (body, words) in hostile {
        let (status, answer) = bench.post("/api/v1/sweeps", &body).await;
        assert_eq!(status, 422, "{answer}");
        assert_problem(422, &answer, "unprocessable");
        assert!(answer.to_string().contains(words), "{words}: {answer}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn more_at_once_than_allowed_is_put_off() {
    let limits = Limits { requests: 0, transfers: 0, listeners: 0, ..Limits::default() };
    let bench = Place::new().await.coordinator(limits).await;
    let digest = "0".repeat(64);
    for (method, path) in [
        (Method::GET, "/api/v1/sweeps".to_owned()),
        (Method::GET, "/api/v1/events".to_owned()),
        (Method::GET, format!("/api/v1/blobs/{digest}")),
        (Method::PUT, format!("/api/v1/blobs/{digest}")),
    ] {
        let response = bench.ask(method, &path).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "1");
        assert_problem(429, &json_of(response, 429).await, "too-many-requests");
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_503_and_nothing_else() {
    let place = Place::new().await;
    let faulty = Faulty::new(Arc::new(InMemory::new()), Vec::new());
    let store = Store::with_objects(Arc::new(faulty.clone()), None).await.unwrap();
    let bench = place.coordinator_on(store, Limits::default()).await;
    bench.until(Role::Leader).await;
    faulty.set(Fault::parse_list("at=before:any:*:error:").unwrap());
    let id = "0".repeat(64);
    for path in [
        "/api/v1/sweeps".to_owned(),
        format!("/api/v1/sweeps/{id}"),
        format!("/api/v1/sweeps/{id}/plan"),
        format!("/api/v1/jobs/{id}"),
        format!("/api/v1/blobs/{id}"),
        "/api/v1/outcomes".to_owned(),
    ] {
        let response = bench.ask(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.headers().get("retry-after").map(|value| value.to_str().unwrap()), Some("5"), "{path}");
        assert_problem(503, &json_of(response, 503).await, "unavailable");
    }
    faulty.set(Vec::new());
    assert_eq!(bench.ask(Method::GET, "/api/v1/sweeps").send().await.unwrap().status(), 200);
    bench.stop().await;
}
