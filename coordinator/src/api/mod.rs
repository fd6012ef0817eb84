//! The coordinator over HTTP, under `/api/v1`; described by `/api/v1/openapi.json`, which is made from the code.
//!
//! Owns: who may ask (tokens), how much at once (limits), what goes in and out ([`types`], [`Problem`]). Does not own: any
//! decision about a sweep ([`crate::Desk`] has them), or how a client asks.
//!
//! **Nothing from outside becomes a path**: ids, keys and hashes are parsed to numbers before they name anything, and an
//! upload is kept under a name of its own until its bytes prove to be the blob that it is said to be. **No input makes it
//! fail** (5xx): 503 means that a service behind it cannot be reached, or that another coordinator leads.

mod blobs;
mod decide;
mod events;
mod extract;
mod guard;
mod health;
mod jobs;
mod listen;
mod openapi;
mod problem;
mod submit;
mod sweeps;
mod tokens;
pub mod types;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use bitsweep_proto::{Digest, Profiles, SweepId};
use tokio::sync::{Semaphore, watch};

use crate::desk::Desk;

pub use jobs::attempts_of;
pub use listen::Server;
pub use openapi::description;
pub use problem::{Problem, Sort};
pub use sweeps::{failed, manifest_digest};

/// How the API is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file with the tokens. Without one only addresses of this machine may be listened on.
    pub token_file: Option<PathBuf>,
    /// A folder for uploads on their way into the store; made where missing.
    pub spool: PathBuf,
    /// The coordinator's own profiles: a sweep is planned for them where no worker lives and the store has no plan.
    pub profiles: Profiles,
    /// How much of everything.
    pub limits: Limits,
}

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body of JSON.
    pub body_bytes: usize,
    /// Bytes of a blob.
    pub blob_bytes: u64,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Requests at once, transfers and listeners not counted.
    pub requests: usize,
    /// Blobs on their way at once.
    pub transfers: usize,
    /// Listeners to events at once.
    pub listeners: usize,
    /// Sweeps that are planned at once.
    pub planners: usize,
    /// Time until a request is answered, transfers and events not counted.
    pub time: Duration,
    /// Time in which some bytes of an upload must come.
    pub idle: Duration,
    /// Time for the head of a request, and until an idle connection is closed.
    pub header_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            blob_bytes: 64 << 30,
            connections: 512,
            requests: 64,
            transfers: 32,
            listeners: 256,
            planners: 2,
            time: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            header_time: Duration::from_secs(30),
        }
    }
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Everybody could ask.
    #[error(
        "without tokens the API is served on this machine only, and {listen} can be reached from others: give --token-file \
         FILE (a token a line, such as `openssl rand -hex 32` makes), or listen on 127.0.0.1"
    )]
    Open {
        /// Where it should listen.
        listen: SocketAddr,
    },
    /// The token file cannot be used.
    #[error("the token file {}: {why}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder for uploads cannot be made.
    #[error("the folder for uploads {} cannot be used: {source}", path.display())]
    Spool {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The address cannot be listened on.
    #[error("{listen} cannot be listened on: {source}; is another coordinator running? choose another with --listen")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// What handlers share.
#[derive(Clone)]
struct App {
    desk: Desk,
    settings: Arc<Settings>,
    tokens: Option<Arc<tokens::Tokens>>,
    journal: Arc<events::Journal>,
    description: Bytes,
    /// Digests of manifests by sweep; plans never change.
    manifests: Arc<Mutex<HashMap<SweepId, Option<Digest>>>>,
    requests: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    planners: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl App {
    fn new(desk: Desk, settings: Settings, (tokens, stop): (Option<tokens::Tokens>, watch::Receiver<bool>)) -> Self {
        let limits = settings.limits;
        let permits = |count| Arc::new(Semaphore::new(count));
        Self {
            desk,
            tokens: tokens.map(Arc::new),
            journal: Arc::new(events::Journal::new()),
            description: openapi::description().to_json().unwrap_or_default().into(),
            manifests: Arc::default(),
            requests: permits(limits.requests),
            transfers: permits(limits.transfers),
            listeners: permits(limits.listeners),
            planners: permits(limits.planners),
            settings: Arc::new(settings),
            stop,
        }
    }
}
