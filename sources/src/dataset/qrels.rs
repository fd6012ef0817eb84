//! Judgements: `query-id <TAB> corpus-id <TAB> score` a line, under a header.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bitsweep_proto::lock::LockedFile;

use super::lines::Lines;
use super::records::canonical_id;
use crate::error::Problem;

/// Scores by query and document.
pub(super) type Kept = BTreeMap<String, BTreeMap<String, i32>>;

/// The judgements of a split.
pub(super) struct Qrels {
    pub(super) raw: LockedFile,
    pub(super) kept: Kept,
    pub(super) warnings: Vec<String>,
}

impl Qrels {
    /// Reads a file. The same judgement twice counts once; two scores for one pair are an error.
    pub(super) fn read(path: &Path, name: &str) -> Result<Self, Problem> {
        let mut lines = Lines::open(path, name)?;
        let mut first_lines: BTreeMap<(String, String), (i32, u64)> = BTreeMap::new();
        let (mut repeated, mut is_first, mut has_header) = (0_u64, true, true);
        while lines.advance()? {
            let (query, document, score) = columns(&lines)?;
            let parsed: Result<i32, _> = score.trim().parse();
            if std::mem::take(&mut is_first) {
                has_header = parsed.is_err();
                if has_header {
                    continue;
                }
            }
            let Ok(score) = parsed else {
                return Err(lines.wrong(&format!("score \"{score}\", expected a whole number")));
            };
            let line = lines.number();
            let pair = (query.to_owned(), document.to_owned());
            let (first_score, first_line) = *first_lines.entry(pair).or_insert((score, line));
            if first_score != score {
                return Err(lines.wrong(&format!(
                    "query \"{query}\" and document \"{document}\" have score {score} here and {first_score} on line \
                     {first_line}; keep one"
                )));
            }
            repeated += u64::from(first_line != line);
        }
        let mut warnings = Vec::new();
        if !has_header {
            warnings.push(format!("{name}: has no header, line 1 is read as a judgement"));
        }
        if repeated > 0 {
            warnings.push(format!("{name}: {repeated} judgements are there twice; they count once"));
        }
        if first_lines.is_empty() {
            return Err(Problem::Broken(format!(
                "{name} holds no judgement: expected lines query-id, corpus-id, score"
            )));
        }
        let mut kept = Kept::new();
        for ((query, document), (score, _)) in first_lines {
            kept.entry(query).or_default().insert(document, score);
        }
        Ok(Self { raw: lines.finish(), kept, warnings })
    }
}

fn columns(lines: &Lines) -> Result<(&str, &str, &str), Problem> {
    let columns: Vec<&str> = lines.line().split('\t').collect();
    match columns.as_slice() {
        [query, document, score] if !query.is_empty() && !document.is_empty() => Ok((query, document, score)),
        [_, _, _] => Err(lines.wrong("an id is empty, expected query-id, corpus-id and score")),
        other => {
            let count = other.len();
            Err(lines.wrong(&format!("{count} columns, expected 3 separated by tabs: query-id, corpus-id, score")))
        }
    }
}

/// The canonical file: sorted by query and document as byte strings, ids as JSON strings, no header.
pub(super) fn canonical(kept: &Kept) -> String {
    let mut out = String::new();
    for (query, judged) in kept {
        for (document, score) in judged {
            let (query, document) = (canonical_id(query), canonical_id(document));
            writeln!(out, "{query}\t{document}\t{score}").expect("writing to a text cannot fail");
        }
    }
    out
}
