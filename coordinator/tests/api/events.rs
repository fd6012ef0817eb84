//! News that can be resumed.

use bitsweep_coordinator::api::Limits;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Bench, MANIFEST, Place};

/// The lines of the next event, comments left out.
async fn next(response: &mut Response, rest: &mut String) -> (Option<String>, String, Value) {
    loop {
        while let Some((event, behind)) = rest.split_once("\n\n") {
            let (event, behind) = (event.to_owned(), behind.to_owned());
            *rest = behind;
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            if let Some(data) = field("data") {
                return (field("id"), field("event").unwrap(), serde_json::from_str(&data).unwrap());
            }
        }
        let chunk = response.chunk().await.unwrap().expect("the stream does not end");
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

async fn listen(bench: &Bench, query: &str, last: Option<&str>) -> Response {
    let request = bench.ask(Method::GET, &format!("/api/v1/events{query}"));
    let request = if let Some(last) = last { request.header("last-event-id", last) } else { request };
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response
}

#[tokio::test]
async fn a_listener_hears_and_goes_on_where_it_was() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let (mut stream, mut rest) = (listen(&bench, "", None).await, String::new());
    let one = bench.submit(MANIFEST).await["sweep"].clone();
    let (id, name, news) = next(&mut stream, &mut rest).await;
    assert_eq!((name.as_str(), &news["sweeps"][0], &news["what"]["event"]), ("news", &one, &json!("submitted")));
    drop(stream);
    // What happens while nobody listens is heard afterwards.
    let path = format!("/api/v1/sweeps/{}/cancel", one.as_str().unwrap());
    assert_eq!(bench.post(&path, &json!({})).await.0, 200);
    let two = bench.submit(&MANIFEST.replace("pocket", "other")).await["sweep"].clone();
    let (mut stream, mut rest) = (listen(&bench, "", id.as_deref()).await, String::new());
    let mut heard = Vec::new();
    while heard.last() != Some(&(two.clone(), json!("submitted"))) {
        let (_, name, news) = next(&mut stream, &mut rest).await;
        assert_eq!(name, "news");
        heard.push((news["sweeps"][0].clone(), news["what"]["event"].clone()));
    }
    assert!(heard.contains(&(one.clone(), json!("cancelled"))), "{heard:?}");
    // Of one sweep alone.
    let query = format!("?sweep={}", two.as_str().unwrap());
    let (mut stream, mut rest) = (listen(&bench, &query, id.as_deref()).await, String::new());
    let (_, _, news) = next(&mut stream, &mut rest).await;
    assert_eq!(news["sweeps"], json!([two]));
    drop(stream);
    // Of another coordinator: it must look anew.
    let (mut stream, mut rest) = (listen(&bench, "", Some("another-17")).await, String::new());
    assert_eq!(next(&mut stream, &mut rest).await.1, "reset");
    let refused = bench.ask(Method::GET, "/api/v1/events?sweep=x").send().await.unwrap();
    assert_eq!(refused.status(), 400);
    bench.stop().await;
}

#[tokio::test]
async fn a_coordinator_that_stops_lets_its_listeners_go() {
    let bench = Place::new().await.coordinator(Limits::default()).await;
    let mut stream = listen(&bench, "", None).await;
    let stopping = tokio::time::Instant::now();
    bench.stop().await;
    while stream.chunk().await.unwrap().is_some() {}
    assert!(stopping.elapsed() < std::time::Duration::from_secs(4), "it does not wait for listeners");
}
