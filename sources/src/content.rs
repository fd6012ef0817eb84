//! Where imported content goes.

use std::error::Error;
use std::path::Path;

use bitsweep_proto::Digest;

/// Where imported content goes: blobs named by the hash of their bytes. Putting the same bytes twice is one blob.
pub trait Content {
    /// Whether the blob is there.
    fn has(&self, digest: &Digest) -> Result<bool, ContentError>;
    /// Puts the bytes of a file, which stays where it is. Returns their hash and their number.
    fn put_file(&self, path: &Path) -> Result<(Digest, u64), ContentError>;
    /// Puts `bytes` and returns their hash.
    fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, ContentError>;
}

/// The place for content failed: it is full, read-only, unreachable …
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ContentError {
    message: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ContentError {
    /// An error of which only a text is known.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// An error with its cause.
    pub fn caused_by(message: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }
}
