//! A coordinator over HTTP, as the commands with `--to` see it.
//!
//! Owns: the connection, the token, and what a person is told when something is in the way. Does not own: what the answers
//! mean (each command), or their types (`bitsweep_coordinator::api`).

mod address;
mod blobs;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bitsweep_coordinator::api::types::{Sweeps, SweepsWanted};
use bitsweep_coordinator::api::{Problem, Sort};
use bitsweep_proto::SweepId;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::exit::{Failure, chain};

use address::{address, first_token, is_this_machine};

/// A connection is there or is not.
const CONNECT: Duration = Duration::from_secs(10);

/// Nothing at all came for so long.
const SILENCE: Duration = Duration::from_secs(90);

/// How often what may pass is tried, and the pause between.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// Items asked for at once.
pub(crate) const PAGE: u32 = 1000;

/// A coordinator. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Arc<str>>,
    /// Copies of blobs; gone with the last clone.
    copies: Arc<OnceCell<TempDir>>,
}

impl Client {
    /// The coordinator at `to`. Nothing is asked yet. The token is the one in `token_file`, or else in `BITSWEEP_TOKEN`.
    pub(crate) fn new(to: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let base = address(to)?;
        let token = match token_file {
            Some(path) => Some(first_token(path)?),
            None => std::env::var("BITSWEEP_TOKEN").ok().map(|token| token.trim().to_owned()).filter(|t| !t.is_empty()),
        };
        // Whoever was first is right: there is one provider in this program.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("bitsweep/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if is_this_machine(&base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Failure::wrong(chain(&error)))?;
        Ok(Self { http, base, token: token.map(Into::into), copies: Arc::default() })
    }

    /// The address, without secrets.
    pub(crate) fn name(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, Failure> {
        let response = self.send(|| self.request(Method::GET, path).query(query)).await?;
        self.json(response).await
    }

    /// Posts `body`. Every post of the API may be made twice.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let response = self.send(|| self.request(Method::POST, path).json(body)).await?;
        self.json(response).await
    }

    /// As [`Client::post`], without a body.
    pub(crate) async fn tell<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let response = self.send(|| self.request(Method::POST, path)).await?;
        self.json(response).await
    }

    /// A text; `None` where there is none.
    pub(crate) async fn text(&self, path: &str) -> Result<Option<String>, Failure> {
        match self.send_or_problem(|| self.request(Method::GET, path)).await? {
            Ok(response) => Ok(Some(response.text().await.map_err(|error| self.broke(&error))?)),
            Err(problem) if problem.is(Sort::NotFound) => Ok(None),
            Err(problem) => Err(self.refused(&problem)),
        }
    }

    /// As [`Client::get`]; `None` where it is not there.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        match self.send_or_problem(|| self.request(Method::GET, path)).await? {
            Ok(response) => self.json(response).await.map(Some),
            Err(problem) if problem.is(Sort::NotFound) => Ok(None),
            Err(problem) => Err(self.refused(&problem)),
        }
    }

    /// As [`Client::post`], for whoever knows what to do about a problem.
    pub(crate) async fn try_post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Result<T, Problem>, Failure> {
        match self.send_or_problem(|| self.request(Method::POST, path).json(body)).await? {
            Ok(response) => self.json(response).await.map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// A stream of events that goes on behind the one called `last`.
    pub(crate) async fn events(&self, sweep: &SweepId, last: Option<&str>) -> Result<Response, Failure> {
        let path = format!("/api/v1/events?sweep={sweep}");
        self.send(|| {
            let request = self.request(Method::GET, &path);
            match last {
                Some(last) => request.header("Last-Event-ID", last),
                None => request,
            }
        })
        .await
    }

    /// The sweeps that fit, the last submitted first: one page.
    pub(crate) async fn sweeps(&self, wanted: &SweepsWanted) -> Result<Sweeps, Failure> {
        self.get("/api/v1/sweeps", wanted).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.name());
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Failure> {
        self.send_or_problem(request).await?.map_err(|problem| self.refused(&problem))
    }

    /// Sends; tries again what may pass soon. A coordinator that cannot be connected to at all is said at once.
    async fn send_or_problem(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Result<Response, Problem>, Failure> {
        let mut tried = 0;
        loop {
            tried += 1;
            match request().send().await {
                Ok(response) => match self.checked(response).await? {
                    Err(problem) if passes(&problem) && tried < TRIES => {}
                    answered => return Ok(answered),
                },
                // A connection that was kept open may have been closed just now.
                Err(error) if tried < TRIES && !error.is_connect() && !error.is_timeout() && !error.is_builder() => {}
                Err(error) => return Err(self.broke(&error)),
            }
            tokio::time::sleep(PAUSE * tried).await;
        }
    }

    /// Tells an answer from a problem, and from what is no coordinator.
    async fn checked(&self, response: Response) -> Result<Result<Response, Problem>, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let media = response.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
        let is_problem = media.is_some_and(|media| media.starts_with("application/problem+json"));
        if let Some(problem) = is_problem.then_some(response) {
            // A HEAD has no body; its status says enough.
            let body = problem.bytes().await.map_err(|error| self.broke(&error))?;
            let read = serde_json::from_slice(&body).ok();
            return Ok(Err(read.unwrap_or_else(|| of_status(status))));
        }
        let name = self.name();
        Err(if status.is_redirection() {
            Failure::wrong(format!(
                "{name} sends us elsewhere ({status}): give the coordinator's own address with --to"
            ))
        } else if status.is_server_error() {
            Failure::unreachable(format!("{name} answers {status}: something before the coordinator cannot reach it"))
        } else {
            Failure::wrong(format!(
                "{name} answers {status}, but not as a bitsweep coordinator does: correct --to (scheme, host and port, \
                 nothing behind)"
            ))
        })
    }

    async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let body = response.bytes().await.map_err(|error| self.broke(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::wrong(format!(
                "{} answers what this version of bitsweep does not read ({error}): is it a coordinator, and of version {}?",
                self.name(),
                env!("CARGO_PKG_VERSION")
            ))
        })
    }

    /// What to do about a connection that failed.
    pub(crate) fn broke(&self, error: &reqwest::Error) -> Failure {
        let (name, why) = (self.name(), chain(&ShownWithoutUrl(error)));
        if error.is_connect() {
            return Failure::unreachable(format!(
                "no coordinator answers at {name} ({why}): start one with `bitsweep coordinator`, or correct --to"
            ));
        }
        if error.is_timeout() {
            return Failure::unreachable(format!("{name} does not answer in time ({why}): run again later"));
        }
        Failure::unreachable(format!("the connection to {name} broke ({why}): run again"))
    }

    /// What to do about a problem.
    pub(crate) fn refused(&self, problem: &Problem) -> Failure {
        let name = self.name();
        if problem.is(Sort::Unauthorized) {
            let what = match self.token {
                None => "wants a token",
                Some(_) => "does not know this token",
            };
            return Failure::wrong(format!(
                "{name} {what}: put the one that its keeper gave you into BITSWEEP_TOKEN, or into a file and give \
                 --token-file FILE"
            ));
        }
        let message = format!("{name}: {}", problem.detail);
        match problem.status {
            408 | 429 | 500..=599 => Failure::unreachable(message),
            _ => Failure::wrong(message),
        }
    }
}

/// An error of the connection, for a person: the address is told besides, and may hold a query.
#[derive(Debug)]
struct ShownWithoutUrl<'e>(&'e reqwest::Error);

impl std::fmt::Display for ShownWithoutUrl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its causes say it; the error itself only that there was one, and the address.
        let mut deepest: &dyn std::error::Error = self.0;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        if std::ptr::addr_eq(deepest, self.0) { f.write_str("no reason is given") } else { write!(f, "{deepest}") }
    }
}

impl std::error::Error for ShownWithoutUrl<'_> {}

/// Whether a problem may be gone in a moment.
fn passes(problem: &Problem) -> bool {
    problem.is(Sort::TooMany)
}

fn of_status(status: StatusCode) -> Problem {
    let sort = match status {
        StatusCode::UNAUTHORIZED => Sort::Unauthorized,
        StatusCode::NOT_FOUND => Sort::NotFound,
        StatusCode::TOO_MANY_REQUESTS => Sort::TooMany,
        status if status.is_server_error() => Sort::Unavailable,
        _ => Sort::BadRequest,
    };
    Problem::new(sort, format!("it answers {status}"))
}
