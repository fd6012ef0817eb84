//! `<manifest>.lock`: what every source turned out to be, once. Planning after it is pure; keys use only its hashes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Version of the lock file's format.
pub const LOCK_VERSION: u32 = 1;

/// The resolved sources of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Format version: [`LOCK_VERSION`].
    pub version: u32,
    /// Models by their name in the manifest.
    pub models: BTreeMap<String, LockedModel>,
    /// Datasets by their name in the manifest.
    pub datasets: BTreeMap<String, LockedDataset>,
}

/// A file that was imported: its blob is named by the same hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// Name: a path inside the source, with `/`.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
}

/// A model folder in Hugging Face layout, imported file by file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedModel {
    /// The source that answered, as written in the manifest.
    pub source: String,
    /// Revision or version of that source, where it has one (commit of the hub, version of the package).
    pub revision: Option<String>,
    /// Every file that decides its vectors: `config.json`, `tokenizer.json`, the weights.
    pub files: Vec<LockedFile>,
    /// What the model's own files say of how to use it.
    pub facts: ModelFacts,
}

/// How the token vectors become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Mean over the tokens of the text, padding left out.
    Mean,
    /// The vector of the first token.
    Cls,
}

impl Pooling {
    /// The name as in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }
}

/// How a sentence encoder wants to be used, as its files (or, for prefixes, our table of known models) say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFacts {
    /// `model_type` of `config.json`: `bert`.
    pub architecture: String,
    /// Dimensions of a vector.
    pub dim: u32,
    /// Layers of the network.
    pub layers: u32,
    /// Tokens a text is cut to, special tokens counted.
    pub max_tokens: u32,
    /// Tokens that the network has positions for: `max_tokens` may not be set higher.
    pub positions: u32,
    /// Pooling of token vectors.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// Put before every query.
    pub query_prefix: String,
    /// Put before every document.
    pub document_prefix: String,
}

/// A dataset in canonical form: the same documents, queries and judgements give the same hashes, however they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedDataset {
    /// The source that answered, as written in the manifest.
    pub source: String,
    /// The files as they were read, before they were made canonical.
    pub files: Vec<LockedFile>,
    /// The split whose judgements are used: `test`.
    pub split: String,
    /// Whether a document with the id of the query is dropped from its results (ArguAna, FiQA, Quora, FEVER …).
    pub ignore_identical_ids: bool,
    /// Documents: one JSON object `{"_id","title","text"}` a line, in file order.
    pub corpus: LockedFile,
    /// Document ids: one JSON string a line, in the order of `corpus`.
    pub document_ids: LockedFile,
    /// Judged queries: one JSON object `{"_id","text"}` a line, in file order.
    pub queries: LockedFile,
    /// Judgements: `query-id <TAB> document-id <TAB> score` a line with ids as JSON strings, sorted, no header.
    pub qrels: LockedFile,
    /// Counts, for planning and for the report.
    pub counts: DatasetCounts,
    /// What was odd but usable, with counts.
    pub warnings: Vec<String>,
}

/// Sizes of a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetCounts {
    /// Documents in the corpus.
    pub documents: u64,
    /// Queries with judgements: those that are measured.
    pub queries: u64,
    /// Queries of the file without judgements: left out.
    pub queries_without_judgements: u64,
    /// Judgements kept.
    pub judgements: u64,
}
