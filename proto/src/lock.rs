//! `<manifest>.lock`: what every source turned out to be, once. Planning after it is pure; keys use only its hashes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Version of the lock file's format, where all datasets are for retrieval: what needs no more is written as it always was.
pub const LOCK_VERSION: u32 = 1;

/// Version of a lock that holds datasets of other tasks too.
pub const LOCK_VERSION_OF_TASKS: u32 = 2;

/// The resolved sources of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Format version: [`Lock::needed_version`].
    pub version: u32,
    /// Models by their name in the manifest.
    pub models: BTreeMap<String, LockedModel>,
    /// Retrieval datasets by their name in the manifest.
    pub datasets: BTreeMap<String, LockedDataset>,
    /// Similarity datasets by their name in the manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub similarity: BTreeMap<String, LockedSimilarity>,
    /// Classification datasets by their name in the manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classification: BTreeMap<String, LockedClassification>,
}

impl Lock {
    /// The least version that can say all that this lock holds.
    pub fn needed_version(&self) -> u32 {
        let is_sampled = self.datasets.values().any(|dataset| dataset.sample.is_some());
        let is_plain = self.similarity.is_empty() && self.classification.is_empty() && !is_sampled;
        if is_plain { LOCK_VERSION } else { LOCK_VERSION_OF_TASKS }
    }

    /// Documents that a codec stores of a dataset, both sentences of each of its pairs, or its labelled texts; `None` for an
    /// unknown dataset.
    pub fn stored(&self, dataset: &str) -> Option<u64> {
        let documents = self.datasets.get(dataset).map(|dataset| dataset.counts.documents);
        let labelled = || self.classification.get(dataset).map(|dataset| dataset.counts.documents);
        documents.or_else(|| self.similarity.get(dataset).map(LockedSimilarity::stored)).or_else(labelled)
    }

    /// The file of the queries of a dataset that is searched, for retrieval or classification; `None` for any other.
    pub fn queries(&self, dataset: &str) -> Option<&LockedFile> {
        let queries = self.datasets.get(dataset).map(|dataset| &dataset.queries);
        queries.or_else(|| self.classification.get(dataset).map(|dataset| &dataset.queries))
    }

    /// Names of the datasets that are searched: those of retrieval, then those of classification.
    pub fn searched(&self) -> impl Iterator<Item = &String> + Clone {
        self.datasets.keys().chain(self.classification.keys())
    }

    /// What of it is embedded with a model's symmetric prefix, in words; `None` where nothing is.
    pub fn symmetric(&self) -> Option<&'static str> {
        match (self.similarity.is_empty(), self.classification.is_empty()) {
            (true, true) => None,
            (false, true) => Some("pairs"),
            (true, false) => Some("labelled texts"),
            (false, false) => Some("pairs and labelled texts"),
        }
    }

    /// The files of every dataset, whatever its task: those that its source had, then the canonical ones.
    pub fn dataset_files(&self) -> impl Iterator<Item = (&str, FilesOf<'_>)> {
        let retrieval = self.datasets.iter().map(|(name, dataset)| (name.as_str(), dataset.files_of()));
        let similarity = self.similarity.iter().map(|(name, dataset)| (name.as_str(), dataset.files_of()));
        let labelled = self.classification.iter().map(|(name, dataset)| (name.as_str(), dataset.files_of()));
        retrieval.chain(similarity).chain(labelled)
    }
}

/// The files of one dataset.
pub struct FilesOf<'a> {
    /// As they were read, before they were made canonical. Only checksums: they are not in the store.
    pub source: &'a [LockedFile],
    /// What jobs read.
    pub canonical: Vec<&'a LockedFile>,
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
    /// How its documents were chosen, where they are not all. `document_ids` says which they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<LockedSample>,
}

/// A part of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSample {
    /// Documents asked for.
    pub documents: u64,
    /// The runs whose best documents are kept, by their names in the manifest.
    pub pool: Vec<LockedFile>,
    /// Documents of each query of such a run.
    pub depth: u32,
    /// What the rest was drawn by.
    pub seed: u64,
    /// Documents of the whole corpus.
    pub of: u64,
    /// Documents kept because they are judged.
    pub judged: u64,
    /// Others kept because a run has them.
    pub pooled: u64,
    /// Others drawn.
    pub drawn: u64,
}

impl LockedDataset {
    /// Its files.
    pub fn files_of(&self) -> FilesOf<'_> {
        let canonical = vec![&self.corpus, &self.document_ids, &self.queries, &self.qrels];
        FilesOf { source: &self.files, canonical }
    }
}

/// A similarity dataset in canonical form: the same pairs, scores and sentences to fit on give the same hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSimilarity {
    /// The source that answered, as written in the manifest.
    pub source: String,
    /// The files as they were read, before they were made canonical.
    pub files: Vec<LockedFile>,
    /// The split whose pairs are measured: `test`.
    pub split: String,
    /// The split on whose sentences codecs are fitted: `train`.
    pub fit: String,
    /// First sentences: one JSON object `{"_id","text"}` a line, in file order; the id is the number of the pair, from 1.
    pub a: LockedFile,
    /// Second sentences, in the same form and order.
    pub b: LockedFile,
    /// Scores of people: one JSON number a line, in the order of the pairs.
    pub scores: LockedFile,
    /// Sentences to fit on, as `a`: the different ones of the fit split that stand in no measured pair, in file order.
    pub fit_texts: LockedFile,
    /// Counts, for planning and for the report.
    pub counts: SimilarityCounts,
    /// What was odd but usable, with counts.
    pub warnings: Vec<String>,
}

impl LockedSimilarity {
    /// Its files.
    pub fn files_of(&self) -> FilesOf<'_> {
        FilesOf { source: &self.files, canonical: vec![&self.a, &self.b, &self.scores, &self.fit_texts] }
    }

    /// Sentences that a codec stores: both of each pair.
    pub fn stored(&self) -> u64 {
        self.counts.pairs.saturating_mul(2)
    }
}

/// Sizes of a similarity dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimilarityCounts {
    /// Pairs that are measured.
    pub pairs: u64,
    /// Sentences to fit on.
    pub fit: u64,
}

/// A classification dataset in canonical form: the same texts and labels give the same hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedClassification {
    /// The source that answered, as written in the manifest.
    pub source: String,
    /// The files as they were read, before they were made canonical.
    pub files: Vec<LockedFile>,
    /// The split whose texts are measured: `test`.
    pub split: String,
    /// The split whose texts vote, and that codecs are fitted on: `train`.
    pub fit: String,
    /// Texts that vote: one JSON object `{"_id","text"}` a line, in file order without those that stand in the measured split
    /// too; the id is the number of the text, from 1.
    pub documents: LockedFile,
    /// Their labels: one JSON string a line, in the order of `documents`.
    pub document_labels: LockedFile,
    /// Texts that are measured, as `documents`, in file order.
    pub queries: LockedFile,
    /// Their labels, as `document_labels`.
    pub query_labels: LockedFile,
    /// Counts, for planning and for the report.
    pub counts: ClassificationCounts,
    /// What was odd but usable, with counts.
    pub warnings: Vec<String>,
}

impl LockedClassification {
    /// Its files.
    pub fn files_of(&self) -> FilesOf<'_> {
        let canonical = vec![&self.documents, &self.document_labels, &self.queries, &self.query_labels];
        FilesOf { source: &self.files, canonical }
    }
}

/// Sizes of a classification dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationCounts {
    /// Texts that vote.
    pub documents: u64,
    /// Different labels among them.
    pub classes: u64,
    /// Texts that are measured.
    pub queries: u64,
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
