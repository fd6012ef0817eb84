//! The description is checked in, and true: what it lists is there, and closed to strangers.

use bitsweep_coordinator::api::Limits;
use bitsweep_proto::Kind;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Bench, Place};

/// The operations of the description, with values for what is variable in their paths.
fn operations() -> Vec<(Method, String)> {
    let description = description();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let path = path.replace("{sha256}", &"ab".repeat(32)).replace("{sweep}", &"cd".repeat(32));
        let path = path.replace("{job}", &"ef".repeat(32)).replace("{attempt}", &"01".repeat(16));
        assert!(!path.contains('{'), "{path}: a value is missing here");
        for method in item.as_object().unwrap().keys() {
            operations.push((Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path.clone()));
        }
    }
    operations
}

fn description() -> Value {
    serde_json::from_str(&bitsweep_coordinator::api::description().to_json().unwrap()).unwrap()
}

fn is_open(path: &str) -> bool {
    ["/healthz", "/readyz"].contains(&path)
}

/// `BITSWEEP_UPDATE=1 cargo test -p bitsweep-coordinator --test api` writes it anew.
#[test]
fn the_description_is_checked_in() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = bitsweep_coordinator::api::description().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("BITSWEEP_UPDATE").is_some() {
        std::fs::write(file, &now).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept == now, "openapi.json is old: set BITSWEEP_UPDATE=1, run this test, and read the difference");
}

#[test]
fn every_kind_is_described() {
    let description = description();
    let names = &description["components"]["schemas"]["KindName"]["enum"];
    assert_eq!(*names, serde_json::json!(Kind::ALL.map(Kind::name)));
}

#[test]
fn every_operation_has_a_name_of_its_own_and_words() {
    let description = description();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
            assert!(operation["summary"].as_str().is_some_and(|words| words.len() > 10), "{method} {path}");
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            let open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(open, is_open(path), "{method} {path}");
        }
    }
    assert!(names.len() >= 24);
}

#[tokio::test]
async fn without_a_token_everything_is_closed_but_health() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let others = ["/", "/api", "/api/v1/nothing", "/metrics/", "/healthz/", "/readyz/x", "//healthz", "/healthz%2f"];
    let others = others.into_iter().map(|path| (Method::GET, path.to_owned()));
    for (method, path) in operations().into_iter().chain(others) {
        if is_open(&path) {
            continue;
        }
        for token in [None, Some("Bearer wrong"), Some("Bearer "), Some("Basic YTpi"), Some("Bearer"), Some("")] {
            let request = bench.ask_without(method.clone(), &path);
            let request = match token {
                Some(token) => request.header("authorization", token),
                None => request,
            };
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{method} {path} {token:?}");
            assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(bench.ask_without(Method::GET, path).send().await.unwrap().status(), 200, "{path}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn everything_that_is_described_is_there() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    for (method, path) in operations() {
        let mut response = bench.ask(method.clone(), &path).send().await.unwrap();
        let status = response.status();
        assert!(status != 401 && status != 405 && !status.is_server_error(), "{method} {path}: {status}");
        if status.is_client_error() && method != Method::HEAD {
            // An endless stream is not one of these.
            let body = response.chunk().await.unwrap().unwrap();
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_ne!(problem["type"], "urn:bitsweep:problem:no-such-path", "{method} {path}");
        }
    }
    nothing_else(&bench).await;
    bench.stop().await;
}

async fn nothing_else(bench: &Bench) {
    let nowhere = bench.ask(Method::GET, "/api/v1/nothing").send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
    let problem: Value = nowhere.json().await.unwrap();
    crate::support::assert_problem(404, &problem, "no-such-path");
    let other = bench.ask(Method::DELETE, "/api/v1/sweeps").send().await.unwrap();
    assert_eq!(other.status(), 405);
    let problem: Value = other.json().await.unwrap();
    crate::support::assert_problem(405, &problem, "no-such-method");
}

#[tokio::test]
async fn it_describes_itself() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    assert_eq!(bench.get("/api/v1/openapi.json").await, description());
    let health = bench.get("/healthz").await;
    assert_eq!(health["role"], "leader");
    let metrics = bench.ask(Method::GET, "/metrics").send().await.unwrap();
    assert!(metrics.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert!(metrics.text().await.unwrap().contains("bitsweep_"));
    bench.stop().await;
}
