//! Tokens, addresses, and who leads.

use bitsweep_backends::conformance::samples;
use bitsweep_coordinator::Role;
use bitsweep_coordinator::api::{Limits, Server, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Bench, Place, assert_problem, json_of};

fn settings(place: &Place, listen: &str) -> Settings {
    Settings {
        listen: listen.parse().unwrap(),
        token_file: None,
        spool: place.folder.path().join("spool"),
        profiles: samples::profiles(),
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn without_a_token_file_only_this_machine_is_served() {
    let place = Place::new().await;
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = Server::bind(settings(&place, open)).await.err().unwrap().to_string();
        assert!(error.contains("--token-file") && error.contains("127.0.0.1"), "{error}");
    }
    let short = place.folder.path().join("short");
    std::fs::write(&short, "secret\n").unwrap();
    let with = Settings { token_file: Some(short), ..settings(&place, "0.0.0.0:0") };
    let error = Server::bind(with).await.err().unwrap().to_string();
    assert!(error.contains("shorter than") && !error.contains("secret"), "{error}");
    let first = Server::bind(settings(&place, "127.0.0.1:0")).await.unwrap();
    let taken = first.address().to_string();
    let error = Server::bind(settings(&place, &taken)).await.err().unwrap().to_string();
    assert!(error.contains(&taken) && error.contains("--listen"), "{error}");
}

#[tokio::test]
async fn without_tokens_web_pages_and_other_names_are_kept_out() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let server = Server::bind(settings(&place, "127.0.0.1:0")).await.unwrap();
    let address = server.address();
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(server.serve(bench.desk.clone(), stopping));
    let url = format!("http://{address}/api/v1/sweeps");
    assert_eq!(bench.http.get(&url).send().await.unwrap().status(), 200);
    let page = bench.http.get(&url).header("origin", "http://evil.example").send().await.unwrap();
    assert_problem(403, &json_of(page, 403).await, "forbidden");
    let rebound = bench.http.get(&url).header("host", "evil.example").send().await.unwrap();
    assert_problem(403, &json_of(rebound, 403).await, "forbidden");
    stop.send_replace(true);
    serving.await.unwrap();
    bench.stop().await;
}

#[tokio::test]
async fn tokens_change_while_it_runs() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let with = |token: &str| bench.ask_without(Method::GET, "/api/v1/sweeps").bearer_auth(token).send();
    let other = "another-token-0123456789";
    assert_eq!(with(other).await.unwrap().status(), 401);
    std::fs::write(&bench.token_file, format!("{other}\n")).unwrap();
    assert_eq!(with(other).await.unwrap().status(), 200);
    assert_eq!(with(crate::support::TOKEN).await.unwrap().status(), 401);
    std::fs::remove_file(&bench.token_file).unwrap();
    assert_eq!(with(other).await.unwrap().status(), 401, "nobody is let in where nobody knows who may");
    bench.stop().await;
}

#[tokio::test]
async fn one_that_stands_by_reads_and_sends_changes_elsewhere() {
    let place = Place::new().await;
    let leader = place.coordinator(Limits::default()).await;
    let sweep = leader.submit(crate::support::MANIFEST).await["sweep"].as_str().unwrap().to_owned();
    let other = place.coordinator_on(place.store.clone(), Limits::default()).await;
    other.until(Role::Standby).await;
    let ready = other.ask_without(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(
        (ready.status().as_u16(), ready.json::<Value>().await.unwrap()["role"].clone()),
        (503, json!("standby"))
    );
    assert_eq!(other.ask_without(Method::GET, "/healthz").send().await.unwrap().status(), 200);
    // Reading works: the store says it.
    assert_eq!(other.get("/api/v1/sweeps").await["items"][0]["id"], sweep);
    assert_eq!(other.get(&format!("/api/v1/sweeps/{sweep}")).await["line"]["cells"], 2);
    for (path, body) in changes(&sweep) {
        let (status, answer) = other.post(&path, &body).await;
        assert_problem(status, &answer, "standby");
        assert_eq!(status, 503, "{path}");
    }
    // The leader goes; the other takes over.
    leader.stop().await;
    other.until(Role::Leader).await;
    assert_eq!(other.ask_without(Method::GET, "/readyz").send().await.unwrap().status(), 200);
    assert_eq!(other.post(&format!("/api/v1/sweeps/{sweep}/cancel"), &json!({})).await.0, 200);
    other.stop().await;
}

fn changes(sweep: &str) -> Vec<(String, Value)> {
    let of = |what: &str| format!("/api/v1/sweeps/{sweep}/{what}");
    vec![
        ("/api/v1/sweeps".to_owned(), crate::support::submission(crate::support::MANIFEST)),
        (of("cancel"), json!({})),
        (of("resume"), json!({})),
        (of("retry"), json!({})),
        (of("reported"), json!({})),
        (of("budgets"), json!({ "index": 0, "budget": { "usd": 1 } })),
        ("/api/v1/gc".to_owned(), json!({})),
    ]
}

#[tokio::test]
async fn decisions_are_taken_and_checked() {
    let place = Place::new().await;
    let bench: Bench = place.coordinator(Limits::default()).await;
    let sweep = bench.submit(crate::support::MANIFEST).await["sweep"].as_str().unwrap().to_owned();
    let path = |what: &str| format!("/api/v1/sweeps/{sweep}{what}");
    for (what, state) in [("/cancel", "cancelled"), ("/resume", "waiting")] {
        let (status, decided) = bench.post(&path(what), &json!({})).await;
        assert_eq!((status, &decided["sweep"]), (200, &json!(sweep)), "{decided}");
        assert_eq!(bench.get(&path("")).await["line"]["state"], state);
    }
    let (status, decided) = bench.post(&path("/retry"), &json!({})).await;
    assert_eq!((status, &decided["forgiven"]), (200, &json!(0)));
    for (body, status, words) in [
        (json!({ "index": 0, "budget": { "gpu_hours": 1.5 } }), 200, ""),
        (json!({ "index": 7, "budget": { "usd": 1 } }), 422, "budgets[7]"),
        (json!({ "index": 0, "budget": {} }), 422, "name a limit"),
        (json!({ "index": 0, "budget": { "usd": -1 } }), 422, "0 or more"),
        (json!({ "index": 0, "budget": { "usd": 1, "tier": 0 } }), 422, "from 1 to 1000"),
        (json!({ "index": 0, "budget": { "euro": 1 } }), 422, "unknown field"),
        (json!({ "index": -1, "budget": { "usd": 1 } }), 422, "expected u32"),
        (json!([]), 422, "length"),
    ] {
        let (found, answer) = bench.post(&path("/budgets"), &body).await;
        assert_eq!(found, status, "{body}: {answer}");
        assert!(answer.to_string().contains(words), "{answer}");
    }
    assert_eq!(bench.get(&path("")).await["budgets"][0]["limit"]["gpu_hours"], 1.5);
    let (status, answer) = bench.post(&format!("/api/v1/sweeps/{}/cancel", "0".repeat(64)), &json!({})).await;
    assert_problem(status, &answer, "not-found");
    assert_eq!(status, 404);
    bench.stop().await;
}

#[tokio::test]
async fn what_nobody_needs_is_collected_and_what_runs_is_kept() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let sweep = bench.submit(crate::support::MANIFEST).await["sweep"].as_str().unwrap().to_owned();
    bench.put(b"nobody needs this").await;
    let (status, answer) = bench.post("/api/v1/gc", &json!({ "forget": [sweep] })).await;
    assert_problem(status, &answer, "conflict");
    assert_eq!(status, 409, "it runs");
    let (status, answer) = bench.post("/api/v1/gc", &json!({ "dry_run": true })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["removed"], &answer["young"]), (&json!(0), &json!(1)), "it is too young: {answer}");
    bench.post(&format!("/api/v1/sweeps/{sweep}/cancel"), &json!({})).await;
    let (status, answer) = bench.post("/api/v1/gc", &json!({ "forget": [sweep] })).await;
    assert_eq!(status, 200, "{answer}");
    assert!(place.store.sweeps().await.unwrap().is_empty());
    let (status, _) = bench.post("/api/v1/gc", &json!({ "forget": ["../../etc"] })).await;
    assert_eq!(status, 422);
    bench.stop().await;
}
