//! The lock file `<manifest>.lock`: versioned JSON, the same bytes for the same lock.

use bitsweep_proto::Lock;
use bitsweep_proto::lock::{LOCK_VERSION, LOCK_VERSION_OF_TASKS};
use serde::Deserialize;

use crate::error::SourceError;

/// Only the version: read first, so that another format is named as such and not by its first unknown key.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
}

/// Reads the text of a lock file; `file` is its name in errors.
pub fn read_lock(text: &str, file: &str) -> Result<Lock, SourceError> {
    let wrong = |problem: String| SourceError::Lock { file: file.to_owned(), problem };
    let not_a_lock = |error: serde_json::Error| {
        wrong(format!("is not a lock file: {error}; restore it, or delete it to resolve the sources again"))
    };
    let versioned: Versioned = serde_json::from_str(text).map_err(not_a_lock)?;
    match versioned.version {
        Some(version) if [LOCK_VERSION, LOCK_VERSION_OF_TASKS].map(u64::from).contains(&version) => {
            serde_json::from_str(text).map_err(not_a_lock)
        }
        Some(version) => Err(wrong(format!(
            "has format version {version}, this bitsweep reads versions {LOCK_VERSION} and {LOCK_VERSION_OF_TASKS}: use the \
             bitsweep that wrote it, or delete the file to resolve the sources again"
        ))),
        None => Err(wrong(format!(
            "is not a lock file: it has no \"version\" (expected {LOCK_VERSION} or {LOCK_VERSION_OF_TASKS}); restore it, or \
             delete it to resolve the sources again"
        ))),
    }
}

/// The text of a lock file: indented JSON in a fixed order, with a newline at the end.
pub fn write_lock(lock: &Lock) -> String {
    let mut text = serde_json::to_string_pretty(lock).expect("a lock has string keys and plain values only");
    text.push('\n');
    text
}
