//! Blobs over HTTP: up and down by content, never by a name that a client chose.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use bitsweep_proto::Digest;
use bitsweep_proto::digest::Hasher;
use futures::{StreamExt, stream};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedSemaphorePermit;

use super::App;
use super::extract::{At, sha256};
use super::problem::{Answer, Problem, Sort};
use super::types::{self, BlobPut};

/// Sent at a time.
const PIECE: usize = 256 << 10;

/// Whether the store has a blob.
#[utoipa::path(
    head, operation_id = "has_blob", path = "/api/v1/blobs/{sha256}", params(("sha256" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, description = "it is there"), (status = 404, description = "it is not"))
)]
pub(super) async fn has(State(app): State<App>, At(name): At<String>) -> Answer<Response> {
    let digest = sha256(&name)?;
    if app.desk.store().has_blob(&digest).await? {
        return Ok((StatusCode::OK, [(header::ETAG, format!("\"{digest}\""))]).into_response());
    }
    Err(absent(&digest))
}

/// The bytes of a blob, just now checked against their name.
#[utoipa::path(
    get, operation_id = "get_blob", path = "/api/v1/blobs/{sha256}", params(("sha256" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, description = "its bytes", content_type = "application/octet-stream", body = types::Bytes))
)]
pub(super) async fn get(State(app): State<App>, At(name): At<String>) -> Answer<Response> {
    let digest = sha256(&name)?;
    let permit = transfer(&app)?;
    let blob = app.desk.store().fetch_blob(&digest).await?;
    let failed = |error: std::io::Error| Problem::new(Sort::Unavailable, format!("blob {digest}: {error}"));
    let file = tokio::fs::File::open(&*blob).await.map_err(failed)?;
    let length = file.metadata().await.map_err(failed)?.len();
    let pieces = stream::try_unfold((file, blob, permit), |(mut file, blob, permit)| async move {
        let mut piece = Vec::with_capacity(PIECE);
        (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
        Ok::<_, std::io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), (file, blob, permit))))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::ETAG, HeaderValue::try_from(format!("\"{digest}\"")).expect("digits are a header"));
    // What a hash names never changes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, immutable, max-age=31536000"));
    Ok(response)
}

/// Keeps the bytes of the body, if they are what the path says. Idempotent.
#[utoipa::path(
    put, operation_id = "put_blob", path = "/api/v1/blobs/{sha256}", params(("sha256" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    request_body(content = types::Bytes, content_type = "application/octet-stream"),
    responses((status = 201, description = "it is kept", body = BlobPut))
)]
pub(super) async fn put(State(app): State<App>, At(name): At<String>, request: Request) -> Answer<Response> {
    let digest = sha256(&name)?;
    let _permit = transfer(&app)?;
    let limits = &app.settings.limits;
    check_length(request.headers(), limits.blob_bytes)?;
    let failed = |error: std::io::Error| {
        Problem::new(Sort::Unavailable, format!("the coordinator cannot keep an upload ({error}): see its --spool"))
    };
    let file = NamedTempFile::new_in(&app.settings.spool).map_err(failed)?;
    let body = request.into_body().into_data_stream();
    let (file, found, bytes) = receive(body, file, (limits.blob_bytes, limits.idle)).await?;
    if found != digest {
        let detail = format!(
            "the {bytes} bytes that came have the checksum {found}, not {digest}: they were damaged on the way, or the \
             file changed; send it again"
        );
        return Err(Problem::new(Sort::Unprocessable, detail));
    }
    let (_, bytes) = app.desk.store().put_blob_file(file.path()).await?;
    Ok((StatusCode::CREATED, Json(BlobPut { sha256: digest, bytes })).into_response())
}

/// Writes the body to `file` as it comes; gives its digest and length.
async fn receive(
    mut body: BodyDataStream,
    mut file: NamedTempFile,
    (most, idle): (u64, Duration),
) -> Answer<(NamedTempFile, Digest, u64)> {
    let (mut hasher, mut bytes) = (Hasher::new(), 0u64);
    loop {
        let piece = match tokio::time::timeout(idle, body.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => return Ok((file, hasher.finish(), bytes)),
            Ok(Some(Err(_))) => return Err(Problem::new(Sort::BadRequest, "the body was cut off: send it again")),
            Err(_) => {
                let detail = format!("nothing came for {} s: send it again", idle.as_secs());
                return Err(Problem::new(Sort::Timeout, detail));
            }
        };
        bytes += piece.len() as u64;
        if bytes > most {
            return Err(too_large(most));
        }
        // Hash and write on a thread where they keep nobody waiting.
        let done = tokio::task::spawn_blocking(move || {
            hasher.update(&piece);
            file.write_all(&piece).map(|()| (hasher, file))
        });
        let written = done.await.map_err(|error| std::io::Error::other(error.to_string())).and_then(|written| written);
        (hasher, file) = written.map_err(|error| {
            Problem::new(Sort::Unavailable, format!("the coordinator cannot keep an upload ({error}): see its --spool"))
        })?;
    }
}

fn check_length(headers: &HeaderMap, most: u64) -> Answer<()> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most) { Err(too_large(most)) } else { Ok(()) }
}

fn too_large(most: u64) -> Problem {
    let detail = format!("the blob is larger than {most} bytes, the most that this coordinator takes");
    Problem::new(Sort::TooLarge, detail)
}

fn transfer(app: &App) -> Answer<OwnedSemaphorePermit> {
    let permit = app.transfers.clone().try_acquire_owned();
    permit.map_err(|_| Problem::new(Sort::TooMany, "too many transfers at once: ask again in a second"))
}

fn absent(digest: &Digest) -> Problem {
    Problem::new(Sort::NotFound, format!("the store has no blob {digest}"))
}
