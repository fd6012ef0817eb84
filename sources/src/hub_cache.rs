//! The hub's own files on this machine: its cache of downloads, its token, its variables.
//!
//! The layout is that of the hub's Python client: `models--org--name/refs/<revision>` holds a commit, and
//! `models--org--name/snapshots/<commit>/` links to blobs; a large blob is named by its SHA-256.

use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_proto::Digest;

use crate::checksum;
use crate::error::Problem;
use crate::http::Token;
use crate::options::Options;
use crate::origin::Want;

/// The cache of one repository.
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    pub(crate) fn of(repo: &str, want: Want, options: &Options) -> Self {
        let kind = match want {
            Want::Model => "models",
            Want::Dataset => "datasets",
        };
        let name = format!("{kind}--{}", repo.replace('/', "--"));
        let cache = options.variable("HF_HUB_CACHE").map(PathBuf::from);
        let cache = cache.or_else(|| Some(home(options)?.join("hub")));
        Self { folder: cache.map(|cache| cache.join(name)) }
    }

    /// The commit and folder of a revision, where the cache has it.
    pub(crate) fn find(&self, revision: &str) -> Option<(String, PathBuf)> {
        let folder = self.folder.as_ref()?;
        let reference = fs::read_to_string(folder.join("refs").join(revision)).ok();
        let commit = reference.map_or_else(|| revision.to_owned(), |commit| commit.trim().to_owned());
        let snapshot = self.snapshot(&commit)?;
        Some((commit, snapshot))
    }

    /// The folder of a commit, where the cache has it.
    pub(crate) fn snapshot(&self, commit: &str) -> Option<PathBuf> {
        let is_plain = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let snapshot = self.folder.as_ref()?.join("snapshots").join(commit);
        (is_plain && snapshot.is_dir()).then_some(snapshot)
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        self.folder
            .as_ref()
            .map_or_else(|| "no cache folder (HOME is not set)".to_owned(), |folder| folder.display().to_string())
    }
}

/// Compares a file of the cache with the checksum in its blob's name, where that is one.
pub(crate) fn verify(path: &Path) -> Result<(), Problem> {
    let blob = fs::canonicalize(path).map_err(Problem::local("reading", path))?;
    let named: Option<Digest> = blob.file_name().and_then(|name| name.to_str()?.parse().ok());
    let Some(named) = named else { return Ok(()) };
    let found = checksum::of_file(&blob)?;
    if found == named {
        return Ok(());
    }
    Err(Problem::Broken(format!(
        "{} in the hub's cache is damaged: expected sha256 {named}, found {found}; delete it to download it again",
        path.display()
    )))
}

/// `HF_HOME`, or its default.
fn home(options: &Options) -> Option<PathBuf> {
    let named = options.variable("HF_HOME").map(PathBuf::from);
    let cache = || options.variable("XDG_CACHE_HOME").map(|cache| Path::new(cache).join("huggingface"));
    let usual = || options.variable("HOME").map(|home| Path::new(home).join(".cache/huggingface"));
    named.or_else(cache).or_else(usual)
}

/// The token: `HF_TOKEN`, or the file that `HF_TOKEN_PATH` or the hub's home names.
pub(crate) fn token(options: &Options) -> Result<Option<Token>, Problem> {
    let path = options.variable("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home(options)?.join("token")));
    let written = || path.and_then(|path| fs::read_to_string(path).ok());
    let token = options.variable("HF_TOKEN").map(str::to_owned).or_else(written).unwrap_or_default();
    let token = token.trim();
    if token.is_empty() {
        return Ok(None);
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let fix = "set HF_TOKEN to the token alone";
        return Err(Problem::Broken(format!("the hub's token holds spaces or other signs that no token has; {fix}")));
    }
    Ok(Some(Token(token.to_owned())))
}

/// Whether the hub may not be asked.
pub(crate) fn is_offline(options: &Options) -> bool {
    let yes = |value: &str| matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE");
    options.offline || options.variable("HF_HUB_OFFLINE").is_some_and(yes)
}
