//! Errors as clients see them: `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bitsweep_backends::BackendError;
use bitsweep_proto::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::DeskError;

/// Why a request was not done, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Which sort, for programs: `urn:bitsweep:problem:…`, see [`Sort`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Which sort, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here, and what to do.
    pub detail: String,
    /// Every mistake of a manifest or a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<String>,
    /// Blobs that have to be put first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub missing: Vec<Digest>,
}

/// The sorts of problems. Closed: a client can tell them apart by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The request cannot be read: an id, a parameter, a body.
    BadRequest,
    /// No token, or one that is not known.
    Unauthorized,
    /// A browser, or a host name that is not this machine's, where no tokens are asked for.
    Forbidden,
    /// There is no such path.
    NoSuchPath,
    /// The path has no such method.
    NoSuchMethod,
    /// What was asked for is not there.
    NotFound,
    /// It is on record and cannot be read.
    Damaged,
    /// The request took too long.
    Timeout,
    /// Blobs have to be put first.
    MissingBlobs,
    /// It cannot be done in the state that things are in.
    Conflict,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is of another media type.
    MediaType,
    /// A manifest, a lock or a blob that is wrong.
    Unprocessable,
    /// Too many requests at once.
    TooMany,
    /// Another coordinator leads, or this one has just started.
    StandBy,
    /// A service behind the coordinator cannot be reached, or refuses.
    Unavailable,
    /// The coordinator itself made a mistake.
    Broke,
}

impl Sort {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not from here"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path", "There is no such path"),
            Self::NoSuchMethod => (StatusCode::METHOD_NOT_ALLOWED, "no-such-method", "The path has no such method"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "It is not there"),
            Self::Damaged => (StatusCode::NOT_FOUND, "damaged", "It is damaged"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long"),
            Self::MissingBlobs => (StatusCode::CONFLICT, "missing-blobs", "Blobs have to be put first"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "It cannot be done now"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body is of another type"),
            Self::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "What was sent is wrong"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests at once"),
            Self::StandBy => (StatusCode::SERVICE_UNAVAILABLE, "standby", "This coordinator does not lead"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "A service is unavailable"),
            Self::Broke => (StatusCode::INTERNAL_SERVER_ERROR, "broke", "The coordinator made a mistake"),
        }
    }

    /// The `type` of its problems.
    pub fn name(self) -> String {
        format!("urn:bitsweep:problem:{}", self.parts().1)
    }
}

impl Problem {
    /// A problem of this sort; `detail` says what happened and what to do.
    pub fn new(sort: Sort, detail: impl Into<String>) -> Self {
        let (status, _, title) = sort.parts();
        Self {
            kind: sort.name(),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            mistakes: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Whether it is of this sort.
    pub fn is(&self, sort: Sort) -> bool {
        self.kind == sort.name()
    }
}

/// What handlers return.
pub(super) type Answer<T> = Result<T, Problem>;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bitsweep\""));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let sort = match &error {
            BackendError::Unavailable { .. } | BackendError::Refused { .. } => Sort::Unavailable,
            BackendError::Missing { .. } => Sort::NotFound,
            BackendError::Damaged { .. } => Sort::Damaged,
        };
        Self::new(sort, chain(&error))
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NoSweep { .. } => Self::new(Sort::NotFound, error.to_string()),
            DeskError::NotPossible { message } => Self::new(Sort::Conflict, message),
            DeskError::Backend(error) => error.into(),
        }
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
