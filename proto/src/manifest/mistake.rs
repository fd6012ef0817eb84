//! Mistakes of a manifest, as a person or a program reads them.

use std::fmt;

use serde::Serialize;

/// What is wrong with a manifest: everything, in the order of its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistakes {
    /// The file, as it was named to [`super::read`].
    pub file: String,
    /// Never empty; by line and column.
    pub mistakes: Vec<Mistake>,
}

/// What sort of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MistakeKind {
    /// The text is not YAML, or of a kind of YAML that a manifest does not use.
    Text,
    /// A key that the schema does not have.
    UnknownKey,
    /// A key that has to be there.
    MissingKey,
    /// A value that is not allowed.
    Value,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Where in the manifest, such as `codecs[2].binary.bits`; empty for the whole.
    pub path: String,
    /// What sort.
    pub kind: MistakeKind,
    /// What was found: the value, the key, or what is wrong with the text.
    pub found: String,
    /// What is allowed there; empty where the text says it.
    pub allowed: String,
    /// The valid name that is nearest to what was found.
    pub nearest: Option<String>,
}

impl Mistakes {
    /// Sorts `list` by place; of equal ones it keeps one.
    pub(super) fn new(file: &str, mut list: Vec<Mistake>) -> Self {
        list.sort_by(|a, b| (a.line, a.column, a.kind, &a.path).cmp(&(b.line, b.column, b.kind, &b.path)));
        list.dedup();
        Self { file: file.to_owned(), mistakes: list }
    }
}

/// A line and a column in characters, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// Where a text begins.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl Mistake {
    /// A mistake of the text itself.
    pub(super) fn of_text(place: Place, what: impl Into<String>) -> Self {
        let nothing = String::new();
        Self { kind: MistakeKind::Text, ..Self::of_value(place, nothing.clone(), what.into(), nothing) }
    }

    /// A value that is not allowed.
    pub(super) fn of_value(place: Place, path: String, found: String, allowed: String) -> Self {
        let Place { line, column } = place;
        Self { line, column, path, kind: MistakeKind::Value, found, allowed, nearest: None }
    }
}

impl fmt::Display for Mistake {
    /// The mistake without its place: `codecs[2].binary.bits: found 100, allowed: a multiple of 8 from 8 to 4096`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        match self.kind {
            MistakeKind::Text => write!(f, "{}", self.found)?,
            MistakeKind::UnknownKey => write!(f, "unknown key {}", self.found)?,
            MistakeKind::MissingKey => write!(f, "key {} is missing", self.found)?,
            MistakeKind::Value => write!(f, "found {}", self.found)?,
        }
        let before_allowed = match &self.nearest {
            Some(nearest) => {
                write!(f, "; did you mean \"{nearest}\"?")?;
                " "
            }
            None => ", ",
        };
        if self.allowed.is_empty() { Ok(()) } else { write!(f, "{before_allowed}allowed: {}", self.allowed) }
    }
}

impl fmt::Display for Mistakes {
    /// One line for each mistake: `file:line:column: mistake`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            let end = if i == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{}:{}: {mistake}", self.file, mistake.line, mistake.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
