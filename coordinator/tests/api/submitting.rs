//! From a manifest with its lock to a sweep.

use bitsweep_backends::conformance::samples;
use bitsweep_coordinator::api::Limits;
use bitsweep_proto::{Class, Digest, Profile, WorkerCard};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{Bench, MANIFEST, Place, assert_problem, plan, submission};

#[tokio::test]
async fn blobs_first_then_the_sweep_and_twice_is_once() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let (status, answer) = bench.post("/api/v1/sweeps", &submission(MANIFEST)).await;
    assert_problem(status, &answer, "missing-blobs");
    assert_eq!(status, 409);
    let mut missing: Vec<&str> = answer["missing"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    missing.sort_unstable();
    let mut expected =
        [b"weights".as_slice(), b"corpus", b"ids", b"queries", b"qrels"].map(|it| Digest::of(it).to_string());
    expected.sort();
    assert_eq!(missing, expected);
    assert!(place.store.sweeps().await.unwrap().is_empty(), "nothing is on record");
    let first = bench.submit(MANIFEST).await;
    assert_eq!((&first["name"], &first["cells"]), (&json!("pocket"), &json!(2)));
    assert_eq!(first["sweep"], plan(MANIFEST).id().to_string());
    let kinds: Vec<&Value> = first["jobs"].as_array().unwrap().iter().map(|count| &count["kind"]).collect();
    assert_eq!(kinds, ["embed", "compress", "retrieve", "measure"]);
    assert_eq!(bench.submit(MANIFEST).await, first);
    assert_eq!(place.store.sweeps().await.unwrap().len(), 1);
    let status = bench.get(&format!("/api/v1/sweeps/{}", first["sweep"].as_str().unwrap())).await;
    assert_eq!((&status["line"]["state"], &status["line"]["cells_done"]), (&json!("waiting"), &json!(0)));
    bench.stop().await;
}

#[tokio::test]
async fn all_mistakes_are_told_at_once() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let text = MANIFEST.replace("int8", "int88").replace("nDCG@10", "ndcg@10");
    let (status, answer) = bench.post("/api/v1/sweeps", &submission(&text)).await;
    assert_problem(status, &answer, "unprocessable");
    let mistakes = answer["mistakes"].as_array().unwrap();
    assert_eq!((status, mistakes.len()), (422, 2), "{answer}");
    assert!(mistakes[0].as_str().unwrap().starts_with("manifest:4:"), "{answer}");
    let text = MANIFEST.replace("int8", "pq: { bytes: [3, 5] }");
    let (status, answer) = bench.post("/api/v1/sweeps", &submission(&text)).await;
    assert_eq!((status, answer["mistakes"].as_array().unwrap().len()), (422, 2), "{answer}");
    bench.stop().await;
}

#[tokio::test]
async fn a_sweep_is_planned_for_those_who_will_run_it() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    assert_eq!(profiles(&bench, "a").await, [json!("encoder-1"), json!("search-1")], "its own");
    let worker = |number: u64, slots: u32, class: Class| {
        let mut card = WorkerCard { slots, classes: vec![class], ..samples::worker(number) };
        let kernels = |profile: &mut Profile| profile.kernels = format!("kernels-{number}");
        kernels(&mut card.offer.profiles.encoder);
        kernels(&mut card.offer.profiles.search);
        card
    };
    for card in [worker(1, 4, Class::Gpu), worker(2, 8, Class::Cpu), worker(3, 2, Class::Cpu), worker(4, 2, Class::Gpu)]
    {
        place.ledger.announce(&card, Duration::from_secs(60)).await.unwrap();
    }
    assert_eq!(profiles(&bench, "b").await, [json!("kernels-1"), json!("kernels-2")], "those with the most slots");
    for number in 1..=4 {
        place.ledger.announce(&worker(number, 0, Class::Cpu), Duration::ZERO).await.unwrap();
    }
    assert_eq!(profiles(&bench, "c").await, [json!("kernels-1"), json!("kernels-2")], "those of the newest plan");
    let workers = bench.get("/api/v1/workers").await;
    assert_eq!(workers, json!({ "items": [] }));
    bench.stop().await;
}

/// The kernels that a new sweep of this name is planned for.
async fn profiles(bench: &Bench, name: &str) -> [Value; 2] {
    let sweep = bench.submit(&MANIFEST.replace("pocket", name)).await["sweep"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sweeps/{sweep}/plan");
    let plan: Value = bench.ask(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    ["encoder", "search"].map(|which| plan["profiles"][which]["kernels"].clone())
}
