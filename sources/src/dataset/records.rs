//! Documents and queries: one JSON object a line.

use std::collections::HashMap;
use std::path::Path;

use bitsweep_proto::lock::LockedFile;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lines::Lines;
use crate::error::Problem;

/// A document or query.
pub(super) struct Record {
    pub(super) id: String,
    /// Empty where there is none.
    pub(super) title: String,
    pub(super) text: String,
}

/// The keys that are read; others are skipped. Values of any type, so that a wrong one can be named.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "_id")]
    id: Option<Value>,
    title: Option<Value>,
    text: Option<Value>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    title: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Query<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    text: &'a str,
}

/// The canonical line of a document.
pub(super) fn canonical_document(record: &Record) -> String {
    let Record { id, title, text } = record;
    serde_json::to_string(&Document { id, title, text }).expect("texts are always JSON")
}

/// The canonical line of a query.
pub(super) fn canonical_query(record: &Record) -> String {
    let Record { id, text, .. } = record;
    serde_json::to_string(&Query { id, text }).expect("texts are always JSON")
}

/// The canonical form of an id.
pub(super) fn canonical_id(id: &str) -> String {
    serde_json::to_string(id).expect("a text is always JSON")
}

/// A reader of records with unique ids.
pub(super) struct Records {
    lines: Lines,
    /// What a record is called in messages.
    what: &'static str,
    /// The line of every id so far.
    seen: HashMap<Box<str>, u64>,
}

impl Records {
    pub(super) fn open(path: &Path, name: &str, what: &'static str) -> Result<Self, Problem> {
        Ok(Self { lines: Lines::open(path, name)?, what, seen: HashMap::new() })
    }

    /// The next record; `None` at the end.
    pub(super) fn next_record(&mut self) -> Result<Option<Record>, Problem> {
        if !self.lines.advance()? {
            return Ok(None);
        }
        let record = parse(self.lines.line()).map_err(|what| self.lines.wrong(&what))?;
        let line = self.lines.number();
        if let Some(first) = self.seen.insert(record.id.as_str().into(), line) {
            let (what, id) = (self.what, &record.id);
            return Err(self
                .lines
                .wrong(&format!("{what} \"{id}\" is there twice, first on line {first}; ids must be unique")));
        }
        Ok(Some(record))
    }

    /// Records so far.
    pub(super) fn rows(&self) -> u64 {
        self.seen.len() as u64
    }

    pub(super) fn finish(self) -> LockedFile {
        self.lines.finish()
    }
}

fn parse(line: &str) -> Result<Record, String> {
    const EXPECTED: &str = "expected one object {\"_id\": …, \"text\": …} a line";
    if !line.trim_start().starts_with('{') {
        let start: String = line.trim_start().chars().take(20).collect();
        return Err(format!("starts with `{start}`, {EXPECTED}"));
    }
    let raw: Raw = serde_json::from_str(line).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        format!("broken JSON at column {}: {message}; {EXPECTED}", error.column())
    })?;
    Ok(Record {
        id: id(raw.id)?,
        title: raw.title.map_or_else(|| Ok(String::new()), |title| text("title", title))?,
        text: raw.text.map_or_else(
            || Err("`text` is missing or null, expected a text (it may be empty)".into()),
            |found| text("text", found),
        )?,
    })
}

/// An id: a text, or a whole number as some datasets write it.
fn id(found: Option<Value>) -> Result<String, String> {
    match found {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        Some(Value::Number(id)) if id.is_u64() || id.is_i64() => Ok(id.to_string()),
        Some(other) => Err(format!("`_id` is {}, expected a text or a whole number", shown(&other))),
        None => Err("`_id` is missing or null, expected a text or a whole number".into()),
    }
}

fn text(field: &str, found: Value) -> Result<String, String> {
    match found {
        Value::String(text) => Ok(text),
        other => Err(format!("`{field}` is {}, expected a text", shown(&other))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("the truth value {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(_) => "an empty text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
