//! Clouds that take a machine away, played by servers of this process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bitsweep_backends::Notice;
use bitsweep_proto::Verdict;
use bitsweep_worker::{Cause, Cloud, NoticeSource, Settings, WorkerEnd};
use std::collections::BTreeMap;
use tokio::sync::watch;

use crate::site::{Site, child};

/// A metadata server.
#[derive(Clone)]
struct Server {
    /// Whether it says that the machine goes.
    goes: Arc<watch::Sender<bool>>,
    /// Questions that were asked as they have to be, and answered with no.
    asked: Arc<watch::Sender<u32>>,
}

impl Server {
    /// Starts one with this way to answer; says where it is.
    async fn start<H, T>(answer: H) -> (Self, String)
    where
        H: axum::handler::Handler<T, Self>,
        T: 'static,
    {
        let server = Self { goes: Arc::new(watch::Sender::new(false)), asked: Arc::new(watch::Sender::new(0)) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (server, base)
    }

    fn goes(&self) -> bool {
        *self.goes.borrow()
    }

    fn was_asked(&self) {
        self.asked.send_modify(|asked| *asked += 1);
    }
}

/// A worker is at work, the server is asked a few times, and then says that the machine goes.
async fn given_notice(cloud: Cloud, (server, base): (Server, String)) {
    let site = Site::new().await;
    let work = site.imported(3).await;
    let notices = vec![NoticeSource { base, every: Duration::from_millis(5), ..NoticeSource::of(cloud) }];
    let mut worker = site.worker_with(Settings { notices, ..site.settings(child(&["hangs", "1"])) });
    site.offer(&work).await;
    site.notice(|notice| matches!(notice, Notice::Progress { done: 1, .. }).then_some(())).await;
    tokio::select! {
        asked = async { server.asked.subscribe().wait_for(|asked| *asked > 3).await.map(|_| ()) } => asked.unwrap(),
        ended = worker.ended() => panic!("nobody said that it has to go: {ended:?}"),
    }
    server.goes.send_replace(true);
    let report = worker.ended().await.unwrap();
    assert_eq!(report.end, WorkerEnd::Deadline(Cause::Notice(cloud)));
    assert_eq!(site.ends(work.key).await[0].verdict, Verdict::Preempted);
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Tokens are good for two questions.
async fn aws(server: State<Server>, method: axum::http::Method, uri: Uri, headers: HeaderMap) -> Response {
    let tokens = *server.asked.borrow() / 2;
    match (method.as_str(), uri.path()) {
        ("PUT", "/latest/api/token") => {
            assert_eq!(header(&headers, "x-aws-ec2-metadata-token-ttl-seconds"), "21600");
            format!("token-{tokens}").into_response()
        }
        _ if header(&headers, "x-aws-ec2-metadata-token") != format!("token-{tokens}") => {
            StatusCode::UNAUTHORIZED.into_response()
        }
        ("GET", "/latest/meta-data/spot/instance-action") if server.goes() => {
            r#"{"action": "terminate", "time": "2026-01-01T00:00:00Z"}"#.into_response()
        }
        ("GET", "/latest/meta-data/spot/instance-action" | "/latest/meta-data/events/recommendations/rebalance") => {
            server.was_asked();
            StatusCode::NOT_FOUND.into_response()
        }
        other => panic!("nobody asks that: {other:?}"),
    }
}

/// Only the recommendation to go.
async fn rebalance(server: State<Server>, method: axum::http::Method, uri: Uri) -> Response {
    match (method.as_str(), uri.path()) {
        ("PUT", _) => "token".into_response(),
        ("GET", "/latest/meta-data/events/recommendations/rebalance") if server.goes() => {
            r#"{"noticeTime": "2026-01-01T00:00:00Z"}"#.into_response()
        }
        _ => {
            server.was_asked();
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

type Asked = Query<BTreeMap<String, String>>;

/// Answers at once where it is not asked to wait, else when the value changes.
async fn gcp(server: State<Server>, uri: Uri, query: Asked, headers: HeaderMap) -> Response {
    assert_eq!(header(&headers, "metadata-flavor"), "Google");
    let (no, yes) = match uri.path() {
        "/computeMetadata/v1/instance/preempted" => ("FALSE", "TRUE"),
        // The machine is moved, which is no reason to go.
        "/computeMetadata/v1/instance/maintenance-event" => ("NONE", "MIGRATE_ON_HOST_MAINTENANCE"),
        other => panic!("nobody asks that: {other}"),
    };
    if let Some(last) = query.get("last_etag") {
        assert_eq!(query.get("wait_for_change").map(String::as_str), Some("true"));
        // The first few times its patience is over at once.
        let patience = *server.asked.borrow() < 5;
        if !patience && last == no {
            server.goes.subscribe().wait_for(|goes| *goes).await.unwrap();
        }
    }
    server.was_asked();
    let value = if server.goes() { yes } else { no };
    // Values are their own etags here.
    ([("etag", value)], value).into_response()
}

async fn azure(server: State<Server>, uri: Uri, headers: HeaderMap) -> Response {
    assert_eq!(header(&headers, "metadata"), "true");
    if uri.path() == "/metadata/instance/compute/name" {
        return "spot-7".into_response();
    }
    assert_eq!(uri.path(), "/metadata/scheduledevents");
    let event = |kind: &str, machine: &str| {
        format!(
            r#"{{"EventId":"1","EventType":"{kind}","ResourceType":"VirtualMachine","Resources":["{machine}"],
                "EventStatus":"Scheduled","NotBefore":"Thu, 01 Jan 2026 00:00:00 GMT"}}"#
        )
    };
    // Of other machines, and of this one, but harmless.
    let mut events = vec![event("Preempt", "spot-8"), event("Freeze", "spot-7")];
    if server.goes() {
        events.push(event("Preempt", "spot-7"));
    }
    server.was_asked();
    format!(r#"{{"DocumentIncarnation":1,"Events":[{}]}}"#, events.join(",")).into_response()
}

#[tokio::test]
async fn aws_takes_a_spot_machine_away() {
    given_notice(Cloud::Aws, Server::start(aws).await).await;
}

#[tokio::test]
async fn aws_recommends_to_go() {
    given_notice(Cloud::Aws, Server::start(rebalance).await).await;
}

#[tokio::test]
async fn gcp_preempts() {
    given_notice(Cloud::Gcp, Server::start(gcp).await).await;
}

#[tokio::test]
async fn azure_preempts() {
    given_notice(Cloud::Azure, Server::start(azure).await).await;
}

/// A machine that is no cloud's: nobody answers, and nothing comes of it.
#[tokio::test]
async fn silence_is_no_notice() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let site = Site::new().await;
    let work = site.imported(3).await;
    let of = |cloud| NoticeSource { base: base.clone(), every: Duration::from_millis(1), ..NoticeSource::of(cloud) };
    let notices = vec![of(Cloud::Aws), of(Cloud::Gcp), of(Cloud::Azure)];
    let worker = site.worker_with(Settings { notices, ..site.settings(child(&["plays"])) });
    site.offer(&work).await;
    assert_eq!(site.ending(work.key).await, Notice::Adopted { key: work.key, generation: 0 });
    assert_eq!(worker.stop().await.unwrap().end, WorkerEnd::Deadline(Cause::Told));
}
