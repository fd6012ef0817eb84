//! From a request to values: paths, parameters and bodies, each with a limit and an error that says what is allowed.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use bitsweep_proto::{Digest, JobKey, Nonce, SweepId};
use serde::de::DeserializeOwned;

use super::App;
use super::problem::{Answer, Problem, Sort};

/// Items of a page where nothing is said, and at most.
const PAGE: u32 = 100;
pub(super) const LARGEST_PAGE: u32 = 1000;

/// The variable parts of a path.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Answer<Self> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::new(Sort::BadRequest, format!("the path: {}", error.body_text()))),
        }
    }
}

/// The parameters behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Answer<Self> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::new(Sort::BadRequest, format!("the parameters: {}", error.body_text()))),
        }
    }
}

/// A JSON body.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &App) -> Answer<Self> {
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = media.and_then(|value| value.split(';').next()).unwrap_or_default().trim().to_owned();
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(Sort::MediaType, "the body must be JSON: send `Content-Type: application/json`"));
        }
        let limit = state.settings.limits.body_bytes;
        let body = read(request, limit).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let sort = if error.is_data() { Sort::Unprocessable } else { Sort::BadRequest };
            Problem::new(sort, format!("the body: {error}"))
        })
    }
}

/// The whole body, if it is not longer than `limit`.
async fn read(request: Request, limit: usize) -> Answer<axum::body::Bytes> {
    let too_large = || Problem::new(Sort::TooLarge, format!("the body is larger than {limit} bytes"));
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large());
    }
    let read = axum::body::to_bytes(request.into_body(), limit).await;
    read.map_err(|error| {
        // The only two things that can happen: it goes on behind the limit, or the client goes away.
        let limited = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("limit"));
        if limited { too_large() } else { Problem::new(Sort::BadRequest, "the body was cut off") }
    })
}

fn digest(what: &str, text: &str) -> Answer<Digest> {
    text.parse()
        .map_err(|_| Problem::new(Sort::BadRequest, format!("this is not {what}: it has 64 hexadecimal digits")))
}

/// A sweep's id.
pub(super) fn sweep(text: &str) -> Answer<SweepId> {
    digest("a sweep's id", text).map(SweepId)
}

/// A job's key.
pub(super) fn job(text: &str) -> Answer<JobKey> {
    digest("a job's key", text).map(JobKey)
}

/// A blob's name, or another hash.
pub(super) fn sha256(text: &str) -> Answer<Digest> {
    digest("a SHA-256 checksum", text)
}

/// An attempt's name.
pub(super) fn nonce(text: &str) -> Answer<Nonce> {
    let fits = text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if fits {
        return Ok(Nonce(text.to_owned()));
    }
    Err(Problem::new(Sort::BadRequest, "this is not an attempt's name: it has 32 lowercase hexadecimal digits"))
}

/// How many items a page has.
pub(super) fn limit(asked: Option<u32>) -> Answer<usize> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=LARGEST_PAGE => Ok(limit as usize),
        other => Err(Problem::new(Sort::BadRequest, format!("limit is {other}, allowed are 1 to {LARGEST_PAGE}"))),
    }
}

/// Where a page begins, of a list whose places are numbers.
pub(super) fn place(after: Option<&str>) -> Answer<usize> {
    let Some(text) = after else { return Ok(0) };
    let number = text.parse().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()));
    number.ok_or_else(|| Problem::new(Sort::BadRequest, "`after` is not the `next` of another page"))
}
