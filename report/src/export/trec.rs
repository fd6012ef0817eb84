//! TREC run files (`query Q0 document rank score tag`) and qrels (`query 0 document grade`), as trec_eval reads them.

use std::cmp::Ordering;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bitsweep_proto::{Axis, Cell, Digest};

use crate::ReportError;

/// Longest file name that is not cut: every common file system takes 255 bytes.
const LONGEST: usize = 200;

/// The name of a cell's run file, without its ending: `model+dataset+binary-256+seed-0`. No two cells share one: names
/// are percent-encoded but for letters, digits, `.`, `-` and `_`, and long ones end in a hash of the cell's name.
pub fn trec_file_name(cell: &Cell) -> String {
    let mut parts = Vec::new();
    for (axis, value) in cell.axes() {
        parts.push(match axis {
            Axis::Model | Axis::Dataset | Axis::Study => encoded(value),
            Axis::Codec => encoded(&value.replace('/', "-")),
            Axis::Seed => format!("seed-{}", encoded(value)),
            Axis::Dims => format!("dims-{}", encoded(value)),
            Axis::Rescore => format!("rescore-{}", encoded(&value.replace('/', "-"))),
        });
    }
    cut(parts.join("+"), &cell.to_string())
}

/// Letters, digits, `.`, `-` and `_` as they are, every other byte as `%` and two hexadecimal digits.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn cut(mut name: String, whole: &str) -> String {
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        name = format!("{name}+{}", Digest::of(whole.as_bytes()).short());
    }
    name
}

/// Writes a cell's run to `folder` and returns its path. `queries` are the queries in order, each with its documents
/// and scores in any order; lines come out as trec_eval reads them: score descending, ties by document id descending.
/// Scores are written so that equal ones stay equal and different ones stay different, whether read as float or double.
pub fn trec_run<'a>(
    folder: &Path,
    cell: &Cell,
    queries: impl IntoIterator<Item = (&'a str, Vec<(&'a str, f32)>)>,
) -> Result<PathBuf, ReportError> {
    let seed = cell.get(Axis::Seed).map(|seed| format!("/{seed}")).unwrap_or_default();
    let tag = format!("{}{seed}", cell.get(Axis::Codec).unwrap_or("run"));
    let mut file = TrecFile::create(folder.join(format!("{}.run", trec_file_name(cell))))?;
    for (query, mut hits) in queries {
        id("query", query)?;
        hits.sort_by(|a, b| trec_order(*a, *b));
        for (at, (document, score)) in hits.iter().enumerate() {
            id("document", document)?;
            file.line(format_args!("{query} Q0 {document} {} {score} {tag}", at + 1))?;
        }
    }
    file.finish()
}

/// The order of the lines of one query: score descending, ties by document id descending.
pub fn trec_order((a, score_a): (&str, f32), (b, score_b): (&str, f32)) -> Ordering {
    score_b.partial_cmp(&score_a).unwrap_or(Ordering::Equal).then_with(|| b.cmp(a))
}

/// Writes a dataset's judgements to `folder` and returns the path. Rows are (query, document, grade).
pub fn trec_qrels<'a>(
    folder: &Path,
    dataset: &str,
    judgements: impl IntoIterator<Item = (&'a str, &'a str, i64)>,
) -> Result<PathBuf, ReportError> {
    let mut file = TrecFile::create(folder.join(format!("{}.qrels", cut(encoded(dataset), dataset))))?;
    for (query, document, grade) in judgements {
        file.line(format_args!("{} 0 {} {grade}", id("query", query)?, id("document", document)?))?;
    }
    file.finish()
}

/// Writes the ids of a dataset's documents to `folder`, one a line in the order of the corpus, and returns the path.
pub fn trec_ids(folder: &Path, dataset: &str, documents: &[String]) -> Result<PathBuf, ReportError> {
    let mut file = TrecFile::create(folder.join(format!("{}.ids", cut(encoded(dataset), dataset))))?;
    for document in documents {
        file.line(format_args!("{}", id("document", document)?))?;
    }
    file.finish()
}

fn id<'a>(what: &'static str, id: &'a str) -> Result<&'a str, ReportError> {
    let is_one_field = !id.is_empty() && !id.contains(char::is_whitespace);
    if is_one_field { Ok(id) } else { Err(ReportError::TrecId { what, id: id.to_owned() }) }
}

/// A file being written, with its path for messages.
struct TrecFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl TrecFile {
    fn create(path: PathBuf) -> Result<Self, ReportError> {
        match File::create(&path) {
            Ok(file) => Ok(Self { path, out: BufWriter::new(file) }),
            Err(source) => Err(ReportError::write(path.display().to_string())(source)),
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) -> Result<(), ReportError> {
        writeln!(self.out, "{line}").map_err(|source| ReportError::write(self.path.display().to_string())(source))
    }

    fn finish(mut self) -> Result<PathBuf, ReportError> {
        match self.out.flush() {
            Ok(()) => Ok(self.path),
            Err(source) => Err(ReportError::write(self.path.display().to_string())(source)),
        }
    }
}
