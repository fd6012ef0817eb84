//! A coordinator with its API on a free port, its services in this process, and clients for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::conformance::samples;
use bitsweep_backends::{InProcessLedger, InProcessQueue, Ledger, Store};
use bitsweep_coordinator::api::{Limits, Server, Settings};
use bitsweep_coordinator::{Coordinator, Desk, Role, Services};
use bitsweep_proto::lock::{DatasetCounts, LOCK_VERSION, LockedDataset, LockedFile, LockedModel, ModelFacts, Pooling};
use bitsweep_proto::{Digest, Lock, Plan};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

pub(crate) const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// A manifest with two codecs: two cells.
pub(crate) const MANIFEST: &str = "\
sweep: pocket
models: { m: { source: 'file:m' } }
datasets: { d: { source: 'file:d' } }
codecs: [float32, int8]
measures: [nDCG@10]
";

/// The services of one or more coordinators.
pub(crate) struct Place {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) store: Store,
    pub(crate) ledger: Arc<dyn Ledger>,
    queue: Arc<InProcessQueue>,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::open(&folder.path().join("store").display().to_string()).await.unwrap();
        Self { folder, store, ledger: Arc::new(InProcessLedger::new()), queue: Arc::new(InProcessQueue::new()) }
    }

    /// A coordinator here that runs.
    pub(crate) async fn coordinator(&self, limits: Limits) -> Bench {
        let bench = self.coordinator_on(self.store.clone(), limits).await;
        bench.until(Role::Leader).await;
        bench
    }

    /// As [`Place::coordinator`], with this store, whatever role it takes.
    pub(crate) async fn coordinator_on(&self, store: Store, limits: Limits) -> Bench {
        let services = Services { store, queue: self.queue.clone(), ledger: self.ledger.clone() };
        let settings = bitsweep_coordinator::Settings::for_lease(Duration::from_secs(2));
        let (coordinator, desk) = Coordinator::new(services, settings);
        let token_file = self.folder.path().join("tokens");
        std::fs::write(&token_file, format!("# for tests\n{TOKEN}\n")).unwrap();
        let server = Server::bind(Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token_file: Some(token_file.clone()),
            spool: self.folder.path().join("spool"),
            profiles: samples::profiles(),
            limits,
        });
        let server = server.await.unwrap();
        let address = server.address();
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(coordinator.run(stopping.clone()));
        let serving = tokio::spawn(server.serve(desk.clone(), stopping));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Bench { desk, token_file, address, http, stop, _folder: self.folder.clone(), tasks: vec![running, serving] }
    }
}

/// A coordinator and a client of it.
pub(crate) struct Bench {
    pub(crate) desk: Desk,
    pub(crate) token_file: PathBuf,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) http: reqwest::Client,
    stop: watch::Sender<bool>,
    /// The services' folder lives as long as their coordinator.
    _folder: Arc<TempDir>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Bench {
    /// Until it has this role.
    pub(crate) async fn until(&self, role: Role) {
        while self.desk.role() != role {
            tokio::task::yield_now().await;
        }
    }

    /// A request with the token.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask_without(method, path).bearer_auth(TOKEN)
    }

    /// A request without a token.
    pub(crate) fn ask_without(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    /// A GET that is answered with JSON.
    pub(crate) async fn get(&self, path: &str) -> Value {
        json_of(self.ask(Method::GET, path).send().await.unwrap(), 200).await
    }

    /// A POST, its status and what it answers.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self.ask(Method::POST, path).json(body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    /// Keeps bytes as a blob.
    pub(crate) async fn put(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/api/v1/blobs/{digest}");
        let put = self.ask(Method::PUT, &path).body(bytes.to_vec()).send().await.unwrap();
        assert_eq!(put.status().as_u16(), 201);
        digest
    }

    /// Submits a manifest with content of its own; all blobs go up.
    pub(crate) async fn submit(&self, manifest: &str) -> Value {
        for bytes in CONTENT {
            self.put(bytes).await;
        }
        let (status, answer) = self.post("/api/v1/sweeps", &submission(manifest)).await;
        assert_eq!(status, 201, "{answer}");
        answer
    }

    /// Sends bytes as they are, and reads all that comes back until the connection is closed.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // It may answer, and close, before all was sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The head of a request with the token; the connection is closed behind it.
    pub(crate) fn head(&self, line: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n", self.address)
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// The body of a response that must have this status.
pub(crate) async fn json_of(response: Response, status: u16) -> Value {
    let found = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Checks that an answer is a problem of this sort.
pub(crate) fn assert_problem(status: u16, answer: &Value, sort: &str) {
    assert_eq!(answer["type"], format!("urn:bitsweep:problem:{sort}"), "{answer}");
    assert_eq!(answer["status"], status, "{answer}");
    assert!(answer["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{answer}");
}

/// What the lock names.
const CONTENT: [&[u8]; 5] = [b"weights", b"corpus", b"ids", b"queries", b"qrels"];

/// A lock as a resolution makes it.
pub(crate) fn lock() -> Lock {
    let file = |number: usize, name: &str| LockedFile {
        name: name.to_owned(),
        bytes: CONTENT[number].len() as u64,
        sha256: Digest::of(CONTENT[number]),
    };
    let facts = ModelFacts {
        architecture: "bert".to_owned(),
        dim: 8,
        layers: 1,
        max_tokens: 32,
        positions: 64,
        pooling: Pooling::Mean,
        normalize: true,
        query_prefix: String::new(),
        document_prefix: String::new(),
    };
    let model =
        LockedModel { source: "file:m".to_owned(), revision: None, files: vec![file(0, "model.safetensors")], facts };
    let dataset = LockedDataset {
        source: "file:d".to_owned(),
        files: Vec::new(),
        split: "test".to_owned(),
        ignore_identical_ids: false,
        corpus: file(1, "corpus"),
        document_ids: file(2, "document_ids"),
        queries: file(3, "queries"),
        qrels: file(4, "qrels"),
        counts: DatasetCounts { documents: 3000, queries: 10, queries_without_judgements: 0, judgements: 10 },
        warnings: Vec::new(),
        sample: None,
    };
    Lock {
        version: LOCK_VERSION,
        models: [("m".to_owned(), model)].into(),
        datasets: [("d".to_owned(), dataset)].into(),
        similarity: Default::default(),
        classification: Default::default(),
    }
}

/// What a client sends.
pub(crate) fn submission(manifest: &str) -> Value {
    json!({ "manifest": manifest, "lock": lock() })
}

/// The plan that the coordinator makes of it.
pub(crate) fn plan(manifest: &str) -> Plan {
    let read = bitsweep_proto::manifest::read(manifest, "manifest").unwrap();
    bitsweep_plan::plan(&read, manifest, &lock(), &samples::profiles()).unwrap()
}
