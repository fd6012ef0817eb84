//! Lines of a text file, counted and hashed as they are read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use bitsweep_proto::digest::Hasher;
use bitsweep_proto::lock::LockedFile;

use crate::error::Problem;

const BUFFER_BYTES: usize = 1 << 18;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A reader of lines: without their ends (`\n`, `\r\n`), a leading byte order mark and blank lines. A line may have
/// any length.
pub(super) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    name: String,
    hasher: Hasher,
    bytes: u64,
    number: u64,
    line: String,
}

impl Lines {
    /// Opens `path`; `name` is what the file is called in messages.
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, Problem> {
        let file = File::open(path).map_err(Problem::local("opening", path))?;
        Ok(Self {
            reader: BufReader::with_capacity(BUFFER_BYTES, file),
            path: path.to_owned(),
            name: name.to_owned(),
            hasher: Hasher::new(),
            bytes: 0,
            number: 0,
            line: String::new(),
        })
    }

    /// Goes to the next line that is not blank; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Problem> {
        loop {
            let mut bytes = std::mem::take(&mut self.line).into_bytes();
            bytes.clear();
            let read = self.reader.read_until(b'\n', &mut bytes).map_err(Problem::local("reading", &self.path))?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            self.bytes += read as u64;
            self.hasher.update(&bytes);
            self.line = String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                let byte = error.as_bytes()[at];
                self.wrong(&format!("byte {} (0x{byte:02X}) is not UTF-8; convert the file to UTF-8", at + 1))
            })?;
            while self.line.ends_with(['\n', '\r']) {
                self.line.pop();
            }
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len_utf8());
            }
            if !self.line.trim().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The line that [`Lines::advance`] went to.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Its number; the first is 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// An error on this line.
    pub(super) fn wrong(&self, what: &str) -> Problem {
        Problem::Broken(format!("{}, line {}: {what}", self.name, self.number))
    }

    /// The file as it was read; to be called at the end.
    pub(super) fn finish(self) -> LockedFile {
        LockedFile { name: self.name, bytes: self.bytes, sha256: self.hasher.finish() }
    }
}
