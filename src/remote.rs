//! A coordinator over HTTP, as the commands with `--to` see it.
//!
//! Owns: the connection, the token, and what a person is told when something is in the way. Does not own: what the answers
//! mean (each command), or their types (`bitsweep_coordinator::api`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitsweep_coordinator::api::types::{Sweeps, SweepsWanted};
use bitsweep_coordinator::api::{Problem, Sort};
use bitsweep_proto::{Digest, SweepId};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use crate::exit::{Exit, Failure, chain};

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

    /// Whether the store behind it has a blob.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool, Failure> {
        let asked = self.send_or_problem(|| self.request(Method::HEAD, &blob(digest))).await?;
        match asked {
            Ok(_) => Ok(true),
            Err(problem) if problem.status == StatusCode::NOT_FOUND.as_u16() => Ok(false),
            Err(problem) => Err(self.refused(&problem)),
        }
    }

    /// Sends a blob of so many bytes. `body` makes them, once for each try.
    pub(crate) async fn put_blob<F>(&self, (digest, bytes): (&Digest, u64), body: F) -> Result<(), Failure>
    where
        F: AsyncFn() -> Result<reqwest::Body, Failure>,
    {
        let mut tried = 0;
        loop {
            tried += 1;
            let request = self.request(Method::PUT, &blob(digest)).body(body().await?);
            let request = request.header(header::CONTENT_TYPE, "application/octet-stream");
            let sent = request.header(header::CONTENT_LENGTH, bytes).send().await;
            let again = match sent {
                Ok(response) => match self.checked(response).await? {
                    Ok(_) => return Ok(()),
                    // Damaged on the way.
                    Err(problem) if problem.is(Sort::Unprocessable) && tried < TRIES => self.refused(&problem),
                    Err(problem) if passes(&problem) && tried < TRIES => self.refused(&problem),
                    Err(problem) => return Err(self.refused(&problem)),
                },
                Err(error) if tried < TRIES && !error.is_builder() => self.broke(&error),
                Err(error) => return Err(self.broke(&error)),
            };
            tracing::debug!("sending blob {digest} again: {}", again.message);
            tokio::time::sleep(PAUSE * tried).await;
        }
    }

    /// A file with the blob's content, checked against its name. It lives as long as this client.
    pub(crate) async fn blob(&self, digest: &Digest) -> Result<PathBuf, Failure> {
        let folder = self.copies.get_or_try_init(async || TempDir::with_prefix("bitsweep-")).await?.path().to_owned();
        let path = folder.join(digest.to_string());
        if path.exists() {
            return Ok(path);
        }
        let mut tried = 0;
        loop {
            tried += 1;
            let found = self.fetch(digest, &folder.join("part")).await;
            match found {
                Ok(found) if found == *digest => break,
                Ok(found) if tried == TRIES => {
                    let message =
                        format!("blob {digest} came with the checksum {found} {tried} times: it is damaged on the way");
                    return Err(Failure::unreachable(message));
                }
                Err(error) if tried == TRIES || error.exit != Exit::Unreachable => return Err(error),
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE * tried).await,
            }
        }
        tokio::fs::rename(folder.join("part"), &path).await?;
        Ok(path)
    }

    async fn fetch(&self, digest: &Digest, to: &Path) -> Result<Digest, Failure> {
        let mut response = self.send(|| self.request(Method::GET, &blob(digest))).await?;
        let mut file = tokio::fs::File::create(to).await?;
        let mut hasher = bitsweep_proto::digest::Hasher::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broke(&error))? {
            hasher.update(&piece);
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        Ok(hasher.finish())
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

fn blob(digest: &Digest) -> String {
    format!("/api/v1/blobs/{digest}")
}

/// `http://host:port`, with nothing behind it.
fn address(to: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        Failure::wrong(format!(
            "--to (or BITSWEEP_TO) is not the address of a coordinator: {why}; write http://HOST:PORT"
        ))
    };
    let mut url = Url::parse(to).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!("its scheme is {}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user or a password, and tokens go into BITSWEEP_TOKEN"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has something behind the path"));
    }
    // The address of the API is that of the coordinator too.
    let path = url.path().trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
    url.set_path(&path);
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The first token of a file as a coordinator has it.
fn first_token(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::wrong(format!("the token file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let token = first.ok_or_else(|| failed("it holds no token".to_owned()))?;
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(failed("its first line is not a token: visible ASCII characters without spaces".to_owned()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_coordinators() {
        for (text, name) in [
            ("http://127.0.0.1:8700", "http://127.0.0.1:8700"),
            ("http://127.0.0.1:8700/", "http://127.0.0.1:8700"),
            ("https://sweeps.example.org/bitsweep/api/v1/", "https://sweeps.example.org/bitsweep"),
        ] {
            assert_eq!(Client::new(text, None).ok().unwrap().name(), name);
        }
        for (text, words) in [
            ("127.0.0.1:8700", "not the address"),
            ("sweeps", "not the address"),
            ("ftp://x/", "its scheme is ftp"),
            ("http://me:secret@x/", "BITSWEEP_TOKEN"),
            ("http://x/?token=secret", "behind the path"),
        ] {
            let message = Client::new(text, None).err().unwrap().message;
            assert!(message.contains(words) && !message.contains("secret"), "{text}: {message}");
        }
    }
}
