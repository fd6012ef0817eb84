//! What can go wrong: one error for the caller, and one for a single source, which decides whether the next is tried.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bitsweep_proto::Digest;

use crate::content::ContentError;

/// Sources could not be resolved. `what` is the entry of the manifest: `model "m"`, `dataset "d"`.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// All sources of a list are unreachable or absent.
    #[error("no source of {what} can be used:{}", listed(.tried))]
    NoSource {
        /// The manifest's entry.
        what: String,
        /// Each source in order, and why not.
        tried: Vec<Tried>,
    },
    /// A source is there, but what it holds cannot be used.
    #[error("{what}, {origin}: {problem}")]
    Broken {
        /// The manifest's entry.
        what: String,
        /// The source.
        origin: String,
        /// File, line, what was found, what is expected.
        problem: String,
    },
    /// A source no longer has the content that the lock names.
    #[error("{what}, {origin}: {change}; put the locked content back, or accept this one with --update-lock")]
    Changed {
        /// The manifest's entry.
        what: String,
        /// The source.
        origin: String,
        /// The file that differs.
        change: Box<Change>,
    },
    /// A lock file cannot be read.
    #[error("{file}: {problem}")]
    Lock {
        /// The lock file.
        file: String,
        /// What is wrong, and the fix.
        problem: String,
    },
    /// The place for content failed.
    #[error("{what}: importing its content failed")]
    Content {
        /// The manifest's entry.
        what: String,
        /// Why.
        source: ContentError,
    },
    /// A local file or folder failed.
    #[error("{what}: {doing} {} failed", path.display())]
    Local {
        /// The manifest's entry.
        what: String,
        /// What was done with it.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SourceError {
    /// Whether trying again later may help: some source could not be reached.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::NoSource { tried, .. } => tried.iter().any(|tried| tried.unreachable),
            Self::Broken { .. } | Self::Changed { .. } | Self::Lock { .. } => false,
            Self::Content { .. } | Self::Local { .. } => false,
        }
    }
}

/// A source that was tried in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The source as in the manifest.
    pub origin: String,
    /// Why it could not be used.
    pub why: String,
    /// Whether it could not be reached (else it is not there, or may not be read).
    pub unreachable: bool,
}

fn listed(tried: &[Tried]) -> String {
    tried.iter().map(|tried| format!("\n  {}: {}", tried.origin, tried.why)).collect()
}

/// How the content of a file differs from the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub file: String,
    /// Its checksum in the lock; `None` where the lock has no such file.
    pub locked: Option<Digest>,
    /// Its checksum as found; `None` where it is gone.
    pub found: Option<Digest>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        match (self.locked, self.found) {
            (Some(locked), Some(found)) => write!(f, "{file} has changed: locked sha256 {locked}, found {found}"),
            (Some(locked), None) => write!(f, "{file} is gone: locked sha256 {locked}"),
            (None, Some(found)) => {
                write!(f, "{file} is new: it was not there when the lock was made, found sha256 {found}")
            }
            (None, None) => write!(f, "{file} has changed"),
        }
    }
}

/// Why one source cannot be used.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It is not there, or may not be read: the next one is tried.
    Absent(String),
    /// It cannot be reached now: the next one is tried.
    Unreachable(String),
    /// It is there and unusable: an error.
    Broken(String),
    /// The place for content failed: an error.
    Content(ContentError),
    /// A local file or folder failed: an error.
    Local { doing: &'static str, path: PathBuf, source: io::Error },
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl Problem {
    /// For `map_err` after a call on `path`.
    pub(crate) fn local(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Local { doing, path, source }
    }

    /// The caller's error, for a problem that ends the resolution; the others become [`Tried`].
    pub(crate) fn of(self, what: &str, origin: &str) -> Result<Tried, SourceError> {
        let what = what.to_owned();
        let tried = |why, unreachable| Tried { origin: origin.to_owned(), why, unreachable };
        match self {
            Self::Absent(why) => Ok(tried(why, false)),
            Self::Unreachable(why) => Ok(tried(why, true)),
            Self::Broken(problem) => Err(SourceError::Broken { what, origin: origin.to_owned(), problem }),
            Self::Content(source) => Err(SourceError::Content { what, source }),
            Self::Local { doing, path, source } => Err(SourceError::Local { what, doing, path, source }),
        }
    }
}
