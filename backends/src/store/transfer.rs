//! Large things on their way: in parts, a few at once, hashed as they pass.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bitsweep_proto::Digest;
use bitsweep_proto::digest::Hasher;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{GetResult, GetResultPayload, MultipartUpload, path};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::objects::Objects;
use super::{failure, in_background};
use crate::error::BackendError;

/// Larger blobs travel in parts of this size, or larger ones where there would be too many. Every store takes this size.
pub(super) const PART_BYTES: u64 = 8 << 20;

/// S3 takes 10,000.
const MOST_PARTS: u64 = 9_000;

/// Parts under way at a time.
const PARTS_AT_A_TIME: usize = 4;

/// What was read: what it hashes to, how long it is.
pub(super) type Hashed = (Digest, u64);

impl Objects {
    /// Reads the whole object, and writes it to `to` where that is given. Says what was read.
    pub(super) async fn read_all(
        &self,
        at: &path::Path,
        object: GetResult,
        to: Option<(File, &Path)>,
    ) -> Result<Hashed, BackendError> {
        let bytes = object.meta.size;
        let (mut file, place) = to.map_or((None, Path::new("")), |(file, place)| (Some(file), place));
        let mut parts = match object.payload {
            GetResultPayload::Stream(stream) if bytes <= PART_BYTES => {
                stream.map_err(|error| self.failed(error)).boxed()
            }
            // Each part is a request of its own, with its own patience; what is left of this one is not read.
            _ => {
                let starts = (0..bytes).step_by(PART_BYTES as usize);
                let reads = starts.map(|start| self.get_range(at, start..(start + PART_BYTES).min(bytes)));
                stream::iter(reads).buffered(PARTS_AT_A_TIME).boxed()
            }
        };
        let (mut hasher, mut length) = (Hasher::new(), 0);
        while let Some(part) = parts.try_next().await? {
            length += part.len() as u64;
            (hasher, file) = in_background(move || {
                hasher.update(&part);
                if let Some(file) = &mut file {
                    file.write_all(&part)?;
                }
                Ok((hasher, file))
            })
            .await
            .map_err(|error| failure::of_file(place, error))?;
        }
        Ok((hasher.finish(), length))
    }

    /// Puts the file in parts, if its content still is `digest`.
    pub(super) async fn upload_file(
        &self,
        at: &path::Path,
        (path, digest, bytes): (&Path, &Digest, u64),
    ) -> Result<(), BackendError> {
        let mut file = tokio::fs::File::open(path).await.map_err(|error| cannot_read(path, error))?;
        let mut upload = self.upload(at).await?;
        let mut under_way = JoinSet::new();
        let sent = self.send(upload.as_mut(), &mut under_way, (&mut file, path, part_bytes(bytes))).await;
        let error = match sent {
            Ok(found) if found == *digest => match self.complete(upload.as_mut()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Ok(_) => changed(path),
            Err(error) => error,
        };
        // Nothing may be written after it was given up.
        under_way.shutdown().await;
        if let Err(left) = upload.abort().await {
            tracing::debug!("what was put of {at} is left: {left}");
        }
        Err(error)
    }

    /// Sends the whole file; gives its digest.
    async fn send(
        &self,
        upload: &mut dyn MultipartUpload,
        under_way: &mut JoinSet<object_store::Result<()>>,
        (file, path, part_bytes): (&mut tokio::fs::File, &Path, u64),
    ) -> Result<Digest, BackendError> {
        let mut hasher = Hasher::new();
        loop {
            let part = next_part(file, part_bytes).await.map_err(|error| cannot_read(path, error))?;
            let last = part.is_empty();
            if !last {
                let hashed = part.clone();
                hasher = in_background(move || {
                    hasher.update(&hashed);
                    hasher
                })
                .await;
                under_way.spawn(upload.put_part(part.into()));
            }
            while under_way.len() >= if last { 1 } else { PARTS_AT_A_TIME } {
                let done = under_way.join_next().await.expect("one is under way");
                done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
                    .map_err(|error| self.failed(error))?;
            }
            if last {
                return Ok(hasher.finish());
            }
        }
    }
}

/// The size of the parts of a file.
fn part_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(MOST_PARTS).next_multiple_of(1 << 20).max(PART_BYTES)
}

/// The next part of a file; shorter at its end.
pub(super) async fn next_part(file: &mut tokio::fs::File, bytes: u64) -> io::Result<Bytes> {
    let mut part = Vec::new();
    file.take(bytes).read_to_end(&mut part).await?;
    Ok(part.into())
}

/// Digest and size of all of `from`.
pub(super) fn hash_file(from: &mut impl Read) -> io::Result<Hashed> {
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

pub(super) async fn hash_bytes(bytes: Bytes) -> (Bytes, Digest) {
    in_background(move || {
        let digest = Digest::of(&bytes);
        (bytes, digest)
    })
    .await
}

pub(super) fn changed(path: &Path) -> BackendError {
    BackendError::store_refuses(format!("{} changed while it was read: leave it alone and run again", path.display()))
}

pub(super) fn cannot_read(path: &Path, error: io::Error) -> BackendError {
    BackendError::Refused {
        service: crate::Service::Store,
        message: format!("{} cannot be read to be kept", path.display()),
        source: Some(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_neither_too_small_nor_too_many() {
        for bytes in [PART_BYTES + 1, 70 << 30, 80 << 30, 4 << 40] {
            let part = part_bytes(bytes);
            assert!(part >= PART_BYTES && bytes.div_ceil(part) <= 10_000, "{bytes}");
        }
        assert_eq!(part_bytes(1 << 30), PART_BYTES);
    }
}
