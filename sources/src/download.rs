//! Downloads of files: resumed after a cut-off, in this process or the next, and checked for length.
//!
//! A partial file is resumed only under a strong `ETag` (`If-Range`), so that two versions of a file are never mixed;
//! without one it begins anew.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bitsweep_proto::Digest;
use ureq::http::HeaderMap;

use crate::error::Problem;
use crate::http::{Answer, Get, Patience, Token, Trouble, number, text};
use crate::session::Session;

/// With so much new, a cut-off does not count against a download.
const PROGRESS_BYTES: u64 = 1 << 20;
const BUFFER_BYTES: usize = 1 << 16;
/// Bytes between two reports.
const REPORT_BYTES: u64 = 1 << 20;

/// A file to download.
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a str,
    /// What it is called in reports.
    pub(crate) name: &'a str,
    pub(crate) token: Option<&'a Token>,
}

impl Ask<'_> {
    /// Downloads to `to`, a path in the scratch folder. Returns the checksum that the server names, if it does.
    pub(crate) fn download(&self, to: &Path, session: &mut Session<'_>) -> Result<Option<Digest>, Trouble> {
        let partial = Partial::of(self.url, &session.downloads()?);
        let mut patience = Patience::new();
        loop {
            let before = partial.bytes();
            match self.attempt(&partial, session) {
                Ok(checksum) => {
                    partial.finish(to)?;
                    return Ok(checksum);
                }
                Err(Trouble::Again { why, after }) => {
                    if partial.bytes() >= before + PROGRESS_BYTES {
                        patience = Patience::new();
                    }
                    patience.wait(why, after, session.report)?;
                }
                Err(other) => return Err(other),
            }
        }
    }

    fn attempt(&self, partial: &Partial, session: &mut Session<'_>) -> Result<Option<Digest>, Trouble> {
        let resumed = partial.resumable();
        let mut headers = Vec::new();
        if let Some((bytes, etag)) = &resumed {
            headers = vec![("range", format!("bytes={bytes}-")), ("if-range", etag.clone())];
        }
        let answer = session.http.get(&Get { url: self.url, token: self.token, headers })?;
        let first = match (answer.response.status().as_u16(), &resumed) {
            (200, _) => 0,
            (206, Some((bytes, etag))) if continues(answer.response.headers(), *bytes, etag) => *bytes,
            _ => {
                partial.discard()?;
                let why = format!("{} answered with a range that does not continue ours", self.url);
                return Err(Trouble::Again { why, after: None });
            }
        };
        let checksum = answer.linked_etag.as_deref().and_then(|etag| etag.trim_matches('"').parse().ok());
        let file = if first == 0 { partial.begin(answer.response.headers())? } else { partial.append()? };
        self.store(answer, Begun { partial, file, first }, session)?;
        Ok(checksum)
    }

    /// Appends the body to the partial file and compares the length.
    fn store(&self, answer: Answer, begun: Begun<'_>, session: &mut Session<'_>) -> Result<(), Trouble> {
        let Begun { partial, mut file, first } = begun;
        let length = number(answer.response.headers(), "content-length").map(|bytes| first + bytes);
        let total = length.or(answer.linked_bytes);
        let mut body = answer.response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        let (mut bytes, mut reported) = (first, first);
        session.report.progress(self.name, bytes, total);
        let cut = |bytes: u64, why: &str| {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            Trouble::Again { why: format!("{} was cut off after {bytes}{of} bytes{why}", self.url), after: None }
        };
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(cut(bytes, &format!(" ({error})"))),
            };
            file.write_all(&buffer[..read]).map_err(Problem::local("writing", &partial.path))?;
            bytes += read as u64;
            if bytes >= reported + REPORT_BYTES {
                reported = bytes;
                session.report.progress(self.name, bytes, total);
            }
        }
        session.report.progress(self.name, bytes, total);
        match (total, answer.linked_bytes) {
            (Some(total), _) if bytes < total => Err(cut(bytes, "")),
            (_, Some(linked)) if bytes != linked => {
                partial.discard()?;
                Err(Trouble::Broken(format!("{} has {bytes} bytes, the server announced {linked}", self.url)))
            }
            _ => Ok(()),
        }
    }
}

/// A partial file to which a body is appended from byte `first` on.
struct Begun<'a> {
    partial: &'a Partial,
    file: File,
    first: u64,
}

/// Whether an answer with status 206 continues our file of `bytes` bytes and tag `etag`.
fn continues(headers: &HeaderMap, bytes: u64, etag: &str) -> bool {
    let range = text(headers, "content-range").unwrap_or_default();
    let same = text(headers, "etag").is_none_or(|found| found == etag);
    same && range.strip_prefix("bytes ").is_some_and(|range| range.starts_with(&format!("{bytes}-")))
}

/// A file that is not complete, and beside it the `ETag` under which it may be continued.
struct Partial {
    path: PathBuf,
    etag: PathBuf,
}

impl Partial {
    fn of(url: &str, folder: &Path) -> Self {
        let name = Digest::of(url.as_bytes()).short();
        Self { path: folder.join(format!("{name}.part")), etag: folder.join(format!("{name}.etag")) }
    }

    fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    fn resumable(&self) -> Option<(u64, String)> {
        let bytes = self.bytes();
        let etag = fs::read_to_string(&self.etag).ok()?;
        (bytes > 0 && !etag.is_empty()).then_some((bytes, etag))
    }

    fn begin(&self, headers: &HeaderMap) -> Result<File, Problem> {
        self.discard()?;
        let file = File::create(&self.path).map_err(Problem::local("creating", &self.path))?;
        // A weak tag does not promise the same bytes.
        if let Some(etag) = text(headers, "etag").filter(|etag| !etag.starts_with("W/")) {
            fs::write(&self.etag, etag).map_err(Problem::local("writing", &self.etag))?;
        }
        Ok(file)
    }

    fn append(&self) -> Result<File, Problem> {
        OpenOptions::new().append(true).open(&self.path).map_err(Problem::local("opening", &self.path))
    }

    fn discard(&self) -> Result<(), Problem> {
        for path in [&self.etag, &self.path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Problem::local("removing", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn finish(&self, to: &Path) -> Result<(), Problem> {
        fs::rename(&self.path, to).map_err(Problem::local("renaming", &self.path))?;
        self.discard()
    }
}
