//! Splits, small files read whole, and the canonical lines that are made of them: what datasets of pairs and of labelled texts
//! share.

use std::fs;

use bitsweep_proto::Digest;
use bitsweep_proto::lock::LockedFile;
use serde::Serialize;

use crate::error::Problem;
use crate::origin::Origin;
use crate::session::Session;

/// The splits that are read.
pub(crate) struct Splits<'a> {
    /// That is measured.
    pub(crate) measured: &'a str,
    /// That codecs are fitted on.
    pub(crate) fit: &'a str,
}

/// A text file of a source.
pub(crate) struct TextFile {
    /// As it was read.
    pub(crate) raw: LockedFile,
    /// Its text, without a byte order mark.
    pub(crate) text: String,
}

impl TextFile {
    /// Reads the file `name` whole. What is not UTF-8 is told with its line.
    pub(crate) fn read(origin: &mut Origin, name: &str, session: &mut Session<'_>) -> Result<Self, Problem> {
        let path = origin.get(name, session)?;
        let bytes = fs::read(&path).map_err(Problem::local("reading", &path))?;
        let raw = LockedFile { name: name.to_owned(), bytes: bytes.len() as u64, sha256: Digest::of(&bytes) };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let at = error.valid_up_to();
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            wrong(name, line, &format!("byte 0x{:02X} is not UTF-8; convert the file to UTF-8", bytes[at]))
        })?;
        Ok(Self { raw, text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned() })
    }
}

/// What is wrong on a line of a file.
pub(crate) fn wrong(name: &str, line: u64, what: &str) -> Problem {
    Problem::Broken(format!("{name}, line {line}: {what}"))
}

/// A field as it is shown.
pub(crate) fn cut(field: &str) -> String {
    field.chars().take(40).collect()
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(rename = "_id")]
    id: String,
    text: &'a str,
}

/// The canonical lines of texts, numbered from 1.
pub(crate) fn rows<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    (1..).zip(texts).map(|(number, text): (u64, &str)| json(&Row { id: number.to_string(), text }) + "\n").collect()
}

/// A value as JSON: a text, a finite number, or a record of these.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and finite numbers are always JSON")
}

/// Imports a canonical file.
pub(crate) fn put(name: &str, text: String, session: &Session<'_>) -> Result<LockedFile, Problem> {
    let sha256 = session.content.put_bytes(text.as_bytes())?;
    Ok(LockedFile { name: name.to_owned(), bytes: text.len() as u64, sha256 })
}
