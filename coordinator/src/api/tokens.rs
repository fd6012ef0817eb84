//! Who may ask: bearer tokens from a file, one a line.
//!
//! The file is looked at again whenever it changes, so tokens come and go without a restart. Only their hashes are kept.
//! Without a file nobody is asked for a token, and then only this machine may connect (see [`super::Settings`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use bitsweep_proto::Digest;

use super::ApiError;

/// Shorter tokens can be guessed.
const SHORTEST: usize = 16;

/// The tokens that are good now.
pub(super) struct Tokens {
    path: PathBuf,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    stamp: Option<Stamp>,
    hashes: Vec<Digest>,
}

/// What changes when the file does; a secret of Kubernetes is a link to another file then.
type Stamp = (SystemTime, u64, u64);

impl Tokens {
    /// The tokens in the file at `path`: at least one, each of at least 16 visible characters. Empty lines and lines that
    /// begin with `#` are left out.
    pub(super) fn read(path: &Path) -> Result<Self, ApiError> {
        let wrong = |why: String| ApiError::TokenFile { path: path.to_owned(), why };
        let hashes = hashes(path).map_err(wrong)?;
        let loaded = Loaded { stamp: stamp(path), hashes };
        Ok(Self { path: path.to_owned(), loaded: Mutex::new(loaded) })
    }

    /// Whether `token` is one of them. Takes the same time for every wrong one: hashes are compared, all of them, whole.
    pub(super) fn accept(&self, token: &str) -> bool {
        let mut loaded = self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = stamp(&self.path);
        if now.is_none() || now != loaded.stamp {
            // A file that cannot be used lets nobody in: it may have been emptied on purpose.
            let hashes = hashes(&self.path).unwrap_or_else(|why| {
                tracing::error!("nobody is let in: the token file {}: {why}", self.path.display());
                Vec::new()
            });
            *loaded = Loaded { stamp: now, hashes };
        }
        let asked = Digest::of(token.as_bytes());
        loaded.hashes.iter().fold(false, |found, hash| found | same(hash, &asked))
    }
}

/// Without a branch on the content.
fn same(a: &Digest, b: &Digest) -> bool {
    std::hint::black_box(a.0.iter().zip(&b.0).fold(0, |differs, (a, b)| differs | (a ^ b))) == 0
}

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}

fn hashes(path: &Path) -> Result<Vec<Digest>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut hashes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let token = line.trim();
        if token.is_empty() || token.starts_with('#') {
            continue;
        }
        if !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!(
                "line {number} is not a token: visible ASCII characters without spaces, one token a line"
            ));
        }
        if token.len() < SHORTEST {
            return Err(format!(
                "the token in line {number} is shorter than {SHORTEST} characters: make one with `openssl rand -hex 32`"
            ));
        }
        hashes.push(Digest::of(token.as_bytes()));
    }
    if hashes.is_empty() {
        return Err("it holds no token: write one a line, such as `openssl rand -hex 32` makes".to_owned());
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_and_go_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let (one, two) = ("one-0123456789abcdef", "two-0123456789abcdef");
        fs::write(&path, format!("# ours\n{one}\n\n")).unwrap();
        let tokens = Tokens::read(&path).unwrap();
        assert!(tokens.accept(one) && !tokens.accept(two) && !tokens.accept("") && !tokens.accept("# ours"));
        // As Kubernetes does it: another file in its place.
        fs::write(folder.path().join("new"), format!("{two}\n{one}")).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(tokens.accept(one) && tokens.accept(two));
        fs::write(&path, format!("{two}\n")).unwrap();
        assert!(!tokens.accept(one) && tokens.accept(two));
        fs::remove_file(&path).unwrap();
        assert!(!tokens.accept(two));
    }

    #[test]
    fn files_that_would_let_anybody_in_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        for (text, words) in [
            ("", "no token"),
            ("# only this\n", "no token"),
            ("short\n", "line 1 is shorter"),
            ("0123456789abcdef0\nwith a space in it\n", "line 2"),
            ("0123456789abcdéf0\n", "line 1"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Tokens::read(&path).err().unwrap().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
            assert!(!error.contains("with a space") && !error.contains("abcd"), "a token is never told: {error}");
        }
        assert!(Tokens::read(&folder.path().join("none")).is_err());
    }
}
