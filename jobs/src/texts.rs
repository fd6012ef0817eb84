//! Canonical datasets as jobs read them: JSON lines of documents, queries and sentences, lists of ids, judgements, scores, labels.
//!
//! The formats are those of `bitsweep_proto::lock::LockedDataset`, `LockedSimilarity` and `LockedClassification`. Lines are read one
//! by one, whatever their length; an error names the file's role and the line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::JobError;

/// One document or query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: String,
    /// The title; empty for queries.
    #[serde(default)]
    pub title: String,
    /// The text.
    pub text: String,
}

impl Row {
    /// What is given to an encoder for a document: `title + " " + text`, trimmed.
    pub fn document(&self) -> String {
        format!("{} {}", self.title, self.text).trim().to_owned()
    }
}

/// One judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Id of the query.
    pub query: String,
    /// Id of the document, which the corpus may lack.
    pub document: String,
    /// Grade; relevant from 1.
    pub score: i32,
}

/// Reads rows of a canonical file one after the other, from some row on.
pub struct Rows {
    lines: Lines,
}

impl Rows {
    /// Opens `path` at row `first` (0 is the first); the rows before it are skipped without being parsed.
    pub fn open(path: &Path, first: u64) -> Result<Self, JobError> {
        let mut lines = Lines::open(path)?;
        for _ in 0..first {
            if lines.next_line()?.is_none() {
                return Err(JobError::damaged(format!(
                    "the texts end at row {}, row {first} was asked for",
                    lines.number
                )));
            }
        }
        Ok(Self { lines })
    }

    /// The next `count` rows; fewer are an error.
    pub fn take(&mut self, count: u64) -> Result<Vec<Row>, JobError> {
        let mut rows = Vec::new();
        for _ in 0..count {
            match self.lines.next_row()? {
                Some(row) => rows.push(row),
                None => {
                    let message = format!("the texts end after {} rows, more were asked for", self.lines.number);
                    return Err(JobError::damaged(message));
                }
            }
        }
        Ok(rows)
    }
}

/// The rows at `wanted` (0 is the first) of a canonical file; the others are passed over without being parsed.
pub fn rows_at(path: &Path, wanted: &BTreeSet<u64>) -> Result<BTreeMap<u64, Row>, JobError> {
    let mut lines = Lines::open(path)?;
    let mut rows = BTreeMap::new();
    while rows.len() < wanted.len() {
        let Some((number, line)) = lines.next_line()? else {
            return Err(JobError::damaged(format!("the texts end after {} rows, more were asked for", lines.number)));
        };
        if wanted.contains(&(number - 1)) {
            let row = serde_json::from_slice(line).map_err(|error| wrong_line("texts", number, &error))?;
            rows.insert(number - 1, row);
        }
    }
    Ok(rows)
}

/// The ids of a canonical file of queries or documents, in file order.
pub fn row_ids(path: &Path) -> Result<Vec<String>, JobError> {
    let mut lines = Lines::open(path)?;
    let mut ids = Vec::new();
    while let Some(row) = lines.next_row()? {
        ids.push(row.id);
    }
    Ok(ids)
}

/// A list of ids: one JSON string a line.
pub fn ids(path: &Path) -> Result<Vec<String>, JobError> {
    values(path, "ids")
}

/// Labels: one JSON string a line.
pub fn labels(path: &Path) -> Result<Vec<String>, JobError> {
    values(path, "labels")
}

/// Scores of people: one JSON number a line.
pub fn scores(path: &Path) -> Result<Vec<f64>, JobError> {
    values(path, "scores")
}

/// One JSON value a line; `what` they are, for messages.
fn values<T: DeserializeOwned>(path: &Path, what: &str) -> Result<Vec<T>, JobError> {
    let mut lines = Lines::open(path)?;
    let mut values = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        values.push(serde_json::from_slice(line).map_err(|error| wrong_line(what, number, &error))?);
    }
    Ok(values)
}

/// Judgements: query id, document id, score, separated by tabs, the ids as JSON strings (so that none holds a raw tab).
pub fn judgements(path: &Path) -> Result<Vec<Judgement>, JobError> {
    let mut lines = Lines::open(path)?;
    let mut judgements = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        let [query, document, score] = fields.as_slice() else {
            let message = format!("judgements, line {number}: {} fields, expected 3", fields.len());
            return Err(JobError::damaged(message));
        };
        let wrong = |error: serde_json::Error| wrong_line("judgements", number, &error);
        judgements.push(Judgement {
            query: serde_json::from_slice(query).map_err(wrong)?,
            document: serde_json::from_slice(document).map_err(wrong)?,
            score: serde_json::from_slice(score).map_err(wrong)?,
        });
    }
    Ok(judgements)
}

fn wrong_line(what: &str, number: u64, error: &serde_json::Error) -> JobError {
    JobError::damaged(format!("{what}, line {number}: {error}"))
}

/// Lines of a file, counted.
struct Lines {
    file: BufReader<File>,
    path: PathBuf,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, JobError> {
        let file = File::open(path).map_err(JobError::machine("open", path))?;
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(Self { file, path: path.to_owned(), line: Vec::new(), number: 0 })
    }

    /// The next line, without its end, and its number from 1; `None` after the last.
    fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, JobError> {
        self.line.clear();
        let read = self.file.read_until(b'\n', &mut self.line);
        if read.map_err(JobError::machine("read", &self.path))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, self.line.strip_suffix(b"\n").unwrap_or(&self.line))))
    }

    fn next_row(&mut self) -> Result<Option<Row>, JobError> {
        let Some((number, line)) = self.next_line()? else { return Ok(None) };
        serde_json::from_slice(line).map(Some).map_err(|error| wrong_line("texts", number, &error))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn rows_are_read_from_any_row_on() {
        let texts = file(concat!(
            "{\"_id\":\"a\",\"title\":\"T\",\"text\":\"one\"}\n",
            "{\"_id\":\"b\",\"title\":\"\",\"text\":\" two \"}\n",
            "{\"_id\":\"c\",\"text\":\"\"}"
        ));
        let rows = Rows::open(texts.path(), 1).unwrap().take(2).unwrap();
        assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(rows.iter().map(Row::document).collect::<Vec<_>>(), ["two", ""]);
        assert_eq!(Rows::open(texts.path(), 0).unwrap().take(1).unwrap()[0].document(), "T one");
        assert_eq!(row_ids(texts.path()).unwrap(), ["a", "b", "c"]);
        let some = rows_at(texts.path(), &BTreeSet::from([0, 2])).unwrap();
        assert_eq!(some.iter().map(|(at, row)| (*at, row.id.as_str())).collect::<Vec<_>>(), [(0, "a"), (2, "c")]);
        assert!(rows_at(texts.path(), &BTreeSet::from([3])).is_err());
        let error = Rows::open(texts.path(), 2).unwrap().take(2).unwrap_err();
        assert_eq!(error.to_string(), "the texts end after 3 rows, more were asked for");
        assert!(Rows::open(texts.path(), 4).is_err());
    }

    #[test]
    fn ids_and_judgements_may_hold_anything() {
        let list = file("\"a\\tb\"\n\"\\u00e9\"\n\"\"\n");
        assert_eq!(ids(list.path()).unwrap(), ["a\tb", "é", ""]);
        let qrels = file("\"q\"\t\"a\\tb\"\t2\n\"q\"\t\"x\"\t-1\n");
        let found = judgements(qrels.path()).unwrap();
        assert_eq!(found[0], Judgement { query: "q".into(), document: "a\tb".into(), score: 2 });
        assert_eq!(found[1].score, -1);
        for (bad, says) in [("\"q\"\t\"d\"\n", "line 1: 2 fields"), ("\"q\"\t\"d\"\t1\n\"q\"\t\"d\"\tx\n", "line 2")] {
            let error = judgements(file(bad).path()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(scores(file("2.5\n-0.5\n3\n").path()).unwrap(), [2.5, -0.5, 3.0]);
        assert!(scores(file("2.5\nNaN\n").path()).unwrap_err().to_string().contains("scores, line 2"));
        assert!(ids(file("\"a\"\nb\n").path()).unwrap_err().to_string().contains("ids, line 2"));
    }
}
