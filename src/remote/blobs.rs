//! Blobs, up and down. What comes is checked against its name.

use std::path::{Path, PathBuf};

use bitsweep_coordinator::api::Sort;
use bitsweep_proto::Digest;
use bitsweep_proto::digest::Hasher;
use reqwest::{Method, StatusCode, header};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::{Client, PAUSE, TRIES, passes};
use crate::exit::{Exit, Failure};

impl Client {
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
        // A file of its own: several may be fetched at a time, and one of them twice.
        let part = tempfile::NamedTempFile::new_in(&folder)?.into_temp_path();
        let mut tried = 0;
        loop {
            tried += 1;
            let found = self.fetch(digest, &part).await;
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
        part.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }

    async fn fetch(&self, digest: &Digest, to: &Path) -> Result<Digest, Failure> {
        let mut response = self.send(|| self.request(Method::GET, &blob(digest))).await?;
        let mut file = tokio::fs::File::create(to).await?;
        let mut hasher = Hasher::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.broke(&error))? {
            hasher.update(&piece);
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        Ok(hasher.finish())
    }
}

fn blob(digest: &Digest) -> String {
    format!("/api/v1/blobs/{digest}")
}
