//! Blobs: immutable bytes named by their SHA-256, checked on every read.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use bitsweep_proto::Digest;
use bitsweep_proto::digest::Hasher;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{GetResult, GetResultPayload, MultipartUpload};
use tempfile::{NamedTempFile, TempDir};
use tokio::io::AsyncReadExt;

use super::{Store, failure, in_background, layout};
use crate::error::BackendError;

/// Larger blobs go up in parts of this size. Every store takes parts of this size.
const PART_BYTES: u64 = 8 << 20;

/// What a read found: where it lies, what it hashes to, how long it is.
struct Found<T> {
    content: T,
    digest: Digest,
    bytes: u64,
}

impl Store {
    /// Keeps `bytes` and says how they are called. Idempotent.
    pub async fn put_blob(&self, bytes: Bytes) -> Result<Digest, BackendError> {
        let length = bytes.len() as u64;
        let (bytes, digest) = hash_bytes(bytes).await;
        if !self.holds(&digest, length).await? {
            self.objects.replace(&layout::blob(&digest), bytes).await?;
        }
        Ok(digest)
    }

    /// Keeps a copy of the file at `path`; gives its name and size. It may be larger than memory. Idempotent.
    pub async fn put_blob_file(&self, path: &Path) -> Result<(Digest, u64), BackendError> {
        let owned = path.to_owned();
        let hashed = in_background(move || File::open(&owned).and_then(|mut file| hash(&mut file))).await;
        let (digest, bytes) = hashed.map_err(|error| cannot_read(path, error))?;
        if !self.holds(&digest, bytes).await? {
            self.upload(path, &digest, bytes).await?;
        }
        Ok((digest, bytes))
    }

    /// Whether the blob is there whole. One that was cut or damaged is put again: whoever has the good bytes must not
    /// name a blob that has others.
    async fn holds(&self, digest: &Digest, bytes: u64) -> Result<bool, BackendError> {
        if self.objects.size(&layout::blob(digest)).await? != Some(bytes) {
            return Ok(false);
        }
        match self.fetch(digest).await {
            Ok(found) => Ok(found.digest == *digest),
            Err(BackendError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn upload(&self, path: &Path, digest: &Digest, bytes: u64) -> Result<(), BackendError> {
        let mut file = tokio::fs::File::open(path).await.map_err(|error| cannot_read(path, error))?;
        let at = layout::blob(digest);
        if bytes <= PART_BYTES {
            let part = next_part(&mut file).await.map_err(|error| cannot_read(path, error))?;
            let (part, found) = hash_bytes(part).await;
            return if found == *digest { self.objects.replace(&at, part).await } else { Err(changed(path)) };
        }
        let mut upload = self.objects.upload(&at).await?;
        let error = match self.send(&mut file, path, upload.as_mut()).await {
            Ok(found) if found == *digest => return self.objects.complete(upload).await,
            Ok(_) => changed(path),
            Err(error) => error,
        };
        if let Err(left) = upload.abort().await {
            tracing::debug!("what was put of {at} is left to gc: {left}");
        }
        Err(error)
    }

    /// Sends the whole file in parts; gives its digest.
    async fn send(
        &self,
        file: &mut tokio::fs::File,
        path: &Path,
        upload: &mut dyn MultipartUpload,
    ) -> Result<Digest, BackendError> {
        let mut hasher = Hasher::new();
        loop {
            let part = next_part(file).await.map_err(|error| cannot_read(path, error))?;
            if part.is_empty() {
                return Ok(hasher.finish());
            }
            hasher.update(&part);
            upload.put_part(part.into()).await.map_err(|error| self.objects.failed(error))?;
        }
    }

    /// Whether there is a blob of this name. Its content is not read.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, BackendError> {
        Ok(self.objects.size(&layout::blob(digest)).await?.is_some())
    }

    /// A file with the blob's content, just now checked against its name; to be read only. In a folder it is the store's
    /// own file, else a copy that lives as long as this handle. Reading is tried twice before it is called damaged.
    pub async fn fetch_blob(&self, digest: &Digest) -> Result<PathBuf, BackendError> {
        let first = self.fetch(digest).await?;
        let found = if first.digest == *digest { first } else { self.fetch(digest).await? };
        self.sound(digest, found)
    }

    /// The blob's content, just now checked against its name. Reading is tried twice before it is called damaged.
    pub async fn read_blob(&self, digest: &Digest) -> Result<Bytes, BackendError> {
        let first = self.read(digest).await?;
        let found = if first.digest == *digest { first } else { self.read(digest).await? };
        self.sound(digest, found)
    }

    /// Deletes the blob, if it is there. For blobs that proved damaged; all else is [`Store::gc`]'s.
    pub async fn delete_blob(&self, digest: &Digest) -> Result<(), BackendError> {
        self.objects.delete(&layout::blob(digest)).await
    }

    async fn fetch(&self, digest: &Digest) -> Result<Found<PathBuf>, BackendError> {
        let object = self.open_blob(digest).await?;
        match object.payload {
            GetResultPayload::File(mut file, path) => {
                let hashed = in_background(move || hash(&mut file)).await;
                let (digest, bytes) = hashed.map_err(|error| failure::of_file(&path, error))?;
                Ok(Found { content: path, digest, bytes })
            }
            GetResultPayload::Stream(mut stream) => {
                let folder = self.copies().await?.to_owned();
                let failed = |error| failure::of_file(&folder, error);
                let (mut copy, mut hasher, mut bytes) =
                    (NamedTempFile::new_in(&folder).map_err(failed)?, Hasher::new(), 0);
                while let Some(part) = stream.try_next().await.map_err(|error| self.objects.failed(error))? {
                    hasher.update(&part);
                    copy.write_all(&part).map_err(failed)?;
                    bytes += part.len() as u64;
                }
                let found = hasher.finish();
                let content = folder.join(found.to_string());
                copy.persist(&content).map_err(|error| failed(error.error))?;
                Ok(Found { content, digest: found, bytes })
            }
        }
    }

    async fn read(&self, digest: &Digest) -> Result<Found<Bytes>, BackendError> {
        let object = self.open_blob(digest).await?;
        let content = object.bytes().await.map_err(|error| self.objects.failed(error))?;
        let (content, digest) = hash_bytes(content).await;
        Ok(Found { bytes: content.len() as u64, content, digest })
    }

    async fn open_blob(&self, digest: &Digest) -> Result<GetResult, BackendError> {
        let object = self.objects.open(&layout::blob(digest)).await?;
        object.ok_or_else(|| BackendError::store_lacks(format!("blob {digest} in {}", self.objects.name())))
    }

    fn sound<T>(&self, digest: &Digest, found: Found<T>) -> Result<T, BackendError> {
        if found.digest == *digest {
            return Ok(found.content);
        }
        Err(BackendError::store_damaged(format!(
            "blob {digest} in {}: its {} bytes have the checksum {}",
            self.objects.name(),
            found.bytes,
            found.digest
        )))
    }

    /// The folder for copies of blobs.
    async fn copies(&self) -> Result<&Path, BackendError> {
        let made = self.shared.copies.get_or_try_init(async || TempDir::with_prefix("bitsweep-"));
        Ok(made.await.map_err(|error| failure::of_file(&std::env::temp_dir(), error))?.path())
    }
}

/// The next [`PART_BYTES`] of a file, fewer at its end.
async fn next_part(file: &mut tokio::fs::File) -> io::Result<Bytes> {
    let mut part = Vec::new();
    file.take(PART_BYTES).read_to_end(&mut part).await?;
    Ok(part.into())
}

/// Digest and size of all of `from`.
fn hash(from: &mut impl Read) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut buffer, mut bytes) = (Hasher::new(), vec![0; 1 << 18], 0);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), bytes)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

async fn hash_bytes(bytes: Bytes) -> (Bytes, Digest) {
    in_background(move || {
        let digest = Digest::of(&bytes);
        (bytes, digest)
    })
    .await
}

fn changed(path: &Path) -> BackendError {
    BackendError::store_refuses(format!("{} changed while it was read: leave it alone and run again", path.display()))
}

fn cannot_read(path: &Path, error: io::Error) -> BackendError {
    BackendError::Refused {
        service: crate::Service::Store,
        message: format!("{} cannot be read to be kept", path.display()),
        source: Some(Box::new(error)),
    }
}
