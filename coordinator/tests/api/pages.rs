//! Lists come in pages, and pages are bounded.

use std::collections::BTreeSet;

use bitsweep_backends::conformance::samples;
use bitsweep_coordinator::api::{Limits, manifest_digest};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::{Kind, Outcome};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Bench, MANIFEST, Place, assert_problem, json_of, plan};

/// All items of a list, asked for in pages.
async fn all(bench: &Bench, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), None::<String>);
    loop {
        let request = bench.ask(Method::GET, path).query(&[("limit", limit)]);
        let request = if let Some(after) = &after { request.query(&[("after", after)]) } else { request };
        let page = json_of(request.send().await.unwrap(), 200).await;
        let found = page["items"].as_array().unwrap();
        assert!(found.len() <= limit);
        items.extend(found.iter().cloned());
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return items;
        }
    }
}

#[tokio::test]
async fn sweeps_are_listed_newest_first_and_found() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let manifest = MANIFEST.replace("pocket", &format!("pocket-{number}"));
        ids.push(bench.submit(&manifest).await["sweep"].as_str().unwrap().to_owned());
    }
    ids.reverse();
    for limit in [1, 2, 5, 1000] {
        let found = all(&bench, "/api/v1/sweeps", limit).await;
        assert_eq!(found.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    }
    let named = bench.get("/api/v1/sweeps?named=pocket-3").await;
    assert_eq!((named["items"].as_array().unwrap().len(), &named["items"][0]["id"]), (1, &json!(ids[1])));
    let prefix = bench.get(&format!("/api/v1/sweeps?named={}", &ids[2][..12])).await;
    assert_eq!((prefix["items"].as_array().unwrap().len(), &prefix["items"][0]["id"]), (1, &json!(ids[2])));
    assert_eq!(bench.get("/api/v1/sweeps?named=pocket").await["items"], json!([]));
    // A manifest is found whatever its comments are.
    let text = format!("# said otherwise\n{}", MANIFEST.replace("pocket", "pocket-1"));
    let digest = manifest_digest(&bitsweep_proto::manifest::read(&text, "").unwrap());
    let found = bench.get(&format!("/api/v1/sweeps?manifest={digest}")).await;
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["id"]), (1, &json!(ids[3])));
    bench.stop().await;
}

#[tokio::test]
async fn pages_that_make_no_sense_are_refused() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let sweep = bench.submit(MANIFEST).await["sweep"].as_str().unwrap().to_owned();
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=",
        "after=x",
        "after=-1",
        "after=+1",
        "page=2",
        "limit=1&limit=2",
    ] {
        for path in [format!("/api/v1/sweeps/{sweep}/outcomes"), format!("/api/v1/sweeps/{sweep}/failures")] {
            let response = bench.ask(Method::GET, &format!("{path}?{query}")).send().await.unwrap();
            assert_problem(400, &json_of(response, 400).await, "bad-request");
        }
    }
    let response = bench.ask(Method::GET, &format!("/api/v1/sweeps/{sweep}/outcomes?kind=dance")).send().await.unwrap();
    assert_problem(400, &json_of(response, 400).await, "bad-request");
    // Behind the end there is nothing, and that is no mistake.
    let last = bench.get(&format!("/api/v1/sweeps/{sweep}/outcomes?after=18446744073709551615")).await;
    assert_eq!(last, json!({ "items": [], "damaged": [], "next": null }));
    bench.stop().await;
}

#[tokio::test]
async fn outcomes_attempts_and_failures_come_as_they_are_stored() {
    let place = Place::new().await;
    let bench = place.coordinator(Limits::default()).await;
    let sweep = bench.submit(MANIFEST).await["sweep"].as_str().unwrap().to_owned();
    let plan = plan(MANIFEST);
    assert_eq!(plan.id().to_string(), sweep);
    assert_eq!(bench.get(&format!("/api/v1/sweeps/{sweep}/plan")).await, json!(plan));
    let embeds: Vec<_> = plan.jobs.iter().filter(|job| job.spec.kind() == Kind::Embed).collect();
    let mut made: Vec<Outcome> = Vec::new();
    for (number, job) in (0..).zip(&embeds) {
        let outcome = Outcome { kind: Kind::Embed, ..samples::outcome(job.key, 0, number, samples::digest(number)) };
        place.store.put_outcome(&outcome).await.unwrap();
        made.push(outcome);
    }
    for limit in [1, 2, 1000] {
        let found = all(&bench, &format!("/api/v1/sweeps/{sweep}/outcomes"), limit).await;
        assert_eq!(Value::from(found), json!(made));
        let found = all(&bench, &format!("/api/v1/sweeps/{sweep}/outcomes?kind=measure"), limit).await;
        assert!(found.is_empty());
        let found = all(&bench, "/api/v1/outcomes", limit).await;
        let keys: BTreeSet<&str> = found.iter().map(|outcome| outcome["key"].as_str().unwrap()).collect();
        assert_eq!((found.len(), keys.len()), (made.len(), made.len()));
    }
    // All that was put down of their attempts is that they made them.
    let Outcome { key, attempt, .. } = &made[0];
    let attempts = all(&bench, &format!("/api/v1/jobs/{key}/attempts"), 2).await;
    let expected = json!([{ "attempt": attempt, "start": null, "end": null, "committed": true }]);
    assert_eq!(Value::from(attempts), expected);
    assert_eq!(bench.get(&format!("/api/v1/jobs/{key}")).await["attempts"], 1);
    failures(&place, &bench, &sweep).await;
    bench.stop().await;
}

async fn failures(place: &Place, bench: &Bench, sweep: &str) {
    let plan = plan(MANIFEST);
    let job = plan.jobs.iter().find(|job| job.spec.kind() == Kind::Compress).unwrap();
    for number in 0..3 {
        let start = bitsweep_proto::AttemptStart { key: job.key, started_at: number, ..samples::start(0, number) };
        place.store.put_attempt_start(&start).await.unwrap();
        let verdict = Verdict::Failed { code: "x".to_owned(), message: "it cannot be".to_owned() };
        let end = bitsweep_proto::AttemptEnd { key: job.key, ended_at: number, ..samples::end(0, number, verdict) };
        place.store.put_attempt_end(&end).await.unwrap();
    }
    let attempts = all(bench, &format!("/api/v1/jobs/{}/attempts", job.key), 2).await;
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt["start"]["attempt"] == attempt["attempt"]));
    let failed = all(bench, &format!("/api/v1/sweeps/{sweep}/failures"), 1).await;
    assert_eq!(Value::from(failed), json!([{ "key": job.key, "reason": "x: it cannot be" }]));
    let whole = bench.get(&format!("/api/v1/jobs/{}", job.key)).await;
    assert_eq!((&whole["attempts"], &whole["outcome"]), (&json!(3), &Value::Null));
    let log = format!("/api/v1/jobs/{}/attempts/{}/log", job.key, samples::nonce(1));
    let none = bench.ask(Method::GET, &log).send().await.unwrap();
    assert_problem(404, &json_of(none, 404).await, "not-found");
    for (part, text) in ["it began\n", "it \u{fffd} ended\n"].into_iter().enumerate() {
        let part = u32::try_from(part).unwrap();
        place.store.put_log(job.key, (&samples::nonce(1), part), text.as_bytes().into()).await.unwrap();
    }
    let said = bench.ask(Method::GET, &log).send().await.unwrap();
    assert_eq!(said.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(said.text().await.unwrap(), "it began\nit \u{fffd} ended\n");
}
