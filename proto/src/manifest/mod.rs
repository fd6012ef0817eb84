//! The sweep manifest: its types, from which the JSON schema is generated, and [`read`], which reads its text.
//!
//! The types here are the one description of a manifest. The text is parsed with locations (`yaml`), the located tree
//! is validated against the schema of the types (`schema`, `check`), names are looked up (`names`), and only a tree
//! without mistakes becomes a [`Manifest`]. Does not own: where sources lead, which cells come out.

mod approximate;
mod axis;
mod budget;
mod check;
mod dims;
mod expect;
mod gate;
mod mistake;
mod names;
mod pattern;
mod rescore;
mod schema;
mod source;
mod speed;
mod subsample;
mod tasks;
mod words;
mod yaml;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use approximate::{HnswAxis, HnswPattern, IvfpqAxis, IvfpqPattern, Kept, Links, Lists};
pub use axis::{BinaryAxis, Bits, CodecAxis, OneOrMany, PqAxis, PqBytes, Seeds};
pub use budget::Budget;
pub use dims::{DimsPattern, NotALength};
pub use expect::Expect;
pub use gate::{Gate, Hold, ReportState, Until};
pub use mistake::{Mistake, MistakeKind, Mistakes};
pub use pattern::{BinaryPattern, CodecPattern, NotAPattern, PqPattern};
pub use rescore::{NotARescore, RescoreAxis, RescorePattern};
pub use schema::schema;
pub use source::{NotASource, SourceRef};
pub use speed::Speed;
pub use subsample::Subsample;

use crate::codec::Codec;
use crate::lock::{ModelFacts, Pooling};
use crate::measure::Measure;
use crate::profile::Precision;
use crate::rescore::Rescore;
use crate::task::Task;
use crate::track::Track;
use axis::one_or_many;

/// A sweep: what is compared, on what, and how it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the sweep.
    #[schemars(extend("pattern" = schema::LINE_PATTERN, "patternErrorMessage" = schema::LINE_WORDS))]
    pub sweep: String,
    /// Seed of resampling and subsampling; enters only those jobs. Codecs have seeds of their own.
    #[serde(default)]
    pub seed: u64,
    /// Models by name.
    #[schemars(extend("minProperties" = 1, "propertyNames" = schema::name()))]
    pub models: IndexMap<String, Model>,
    /// Datasets by name.
    #[schemars(extend("minProperties" = 1, "propertyNames" = schema::name()))]
    pub datasets: IndexMap<String, Dataset>,
    /// Codecs, each a name or a name with its parameters.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<CodecAxis>")]
    pub codecs: Vec<CodecAxis>,
    /// Second stages: each codec is measured alone, and with so many of its best documents ranked again by better vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescore: Option<RescoreAxis>,
    /// Measures by their canonical names. Each applies to the datasets of its task. Default: for retrieval nDCG@10,
    /// Recall@10, Recall@100 and MRR@10, for similarity Spearman, for classification Accuracy@10, where the sweep has such
    /// datasets.
    #[serde(default = "Manifest::default_measures", deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<Measure>")]
    pub measures: Vec<Measure>,
    /// Whether the geometry of each model's embeddings of each dataset is measured too: anisotropy, spectrum, intrinsic
    /// dimension, hubness. Retrieval datasets only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub geometry: bool,
    /// Whether the binary codes themselves are looked at: dead and doubled bits, documents of one code, and Hamming distances
    /// beside those that theory predicts. Binary codecs and retrieval datasets only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub codes: bool,
    /// How long searches take is measured too, in a table of its own. Retrieval datasets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
    /// Cells left out.
    #[serde(default)]
    pub exclude: Vec<Where>,
    /// Cells added; each names a full cell, lists expand. Wins over `exclude`.
    #[serde(default)]
    pub include: Vec<Include>,
    /// Order of execution: cells that no entry names are in tier 1.
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// The track of cells that no entry of `tiers` puts elsewhere.
    #[serde(default, skip_serializing_if = "Track::is_core")]
    pub track: Track,
    /// What float32 is known to give: where it does not, compressed results are withheld.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expect>,
    /// What waits until something else is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Limits. What would go beyond one is held, not killed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
}

impl Manifest {
    /// What is measured of a retrieval dataset where the manifest does not say.
    pub fn default_measures() -> Vec<Measure> {
        vec![
            Measure::Ndcg { k: 10 },
            Measure::Recall { k: 10 },
            Measure::Recall { k: 100 },
            Measure::Mrr { k: Some(10) },
        ]
    }

    /// What is measured where the manifest does not say: the defaults of each task that it has a dataset of.
    fn defaults_of_tasks(&self) -> Vec<Measure> {
        let has = |task: Task| self.datasets.values().any(|dataset| dataset.task == task);
        let mut measures = if has(Task::Retrieval) { Self::default_measures() } else { Vec::new() };
        measures.extend(has(Task::Similarity).then_some(Measure::Spearman));
        measures.extend(has(Task::Classification).then_some(Measure::Accuracy { k: 10 }));
        measures
    }
}

/// A sentence encoder. What is not said here is taken from the model's own files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Where it comes from; a list is tried in order.
    #[schemars(schema_with = "source::of_model")]
    pub source: OneOrMany<SourceRef>,
    /// How token vectors become one vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Tokens a text is cut to, special tokens counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3, max = 100_000))]
    pub max_tokens: Option<u32>,
    /// Whether vectors are scaled to length 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// What the encoder computes its products in. `int8` is twice as fast; on the sets it was measured on it moved nDCG@10 by up
    /// to .004 (docs/performance.md).
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Put before every query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_prefix: Option<String>,
    /// Put before every document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_prefix: Option<String>,
    /// Put before texts that are compared with their like: both sentences of a pair, texts with labels. Default: the query prefix where
    /// documents have one too (such a model wants one before every text), else none (what stands before queries alone
    /// asks for a search).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symmetric_prefix: Option<String>,
    /// Whether it was trained so that the first dimensions of a vector are a vector too (Matryoshka). Its files do not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mrl: bool,
    /// Dimensions that its vectors are truncated to; the whole vectors are measured in any case. Only with `mrl: true`.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "dims::lengths")]
    pub dims: Vec<u32>,
}

impl Model {
    /// How the model is used: `facts` of its own files, and over them what the manifest says.
    pub fn effective(&self, facts: &ModelFacts) -> ModelFacts {
        let text = |own: &Option<String>, fact: &String| own.as_ref().unwrap_or(fact).clone();
        ModelFacts {
            max_tokens: self.max_tokens.unwrap_or(facts.max_tokens),
            pooling: self.pooling.unwrap_or(facts.pooling),
            normalize: self.normalize.unwrap_or(facts.normalize),
            query_prefix: text(&self.query_prefix, &facts.query_prefix),
            document_prefix: text(&self.document_prefix, &facts.document_prefix),
            ..facts.clone()
        }
    }

    /// What stands before both sentences of a pair and before texts with labels; `facts` are those of its own files. E5's
    /// authors take `query: ` for both sides of symmetric tasks, those of BGE no instruction.
    pub fn symmetric_prefix_of(&self, facts: &ModelFacts) -> String {
        let used = self.effective(facts);
        let by_default = if used.document_prefix.is_empty() { String::new() } else { used.query_prefix };
        self.symmetric_prefix.clone().unwrap_or(by_default)
    }
}

/// A dataset: for retrieval in BEIR layout, for similarity a folder with a CSV file of pairs for each split, for classification
/// one with a file of labelled texts for each split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// What it asks of a model.
    #[serde(default, skip_serializing_if = "Task::is_retrieval")]
    pub task: Task,
    /// Where it comes from; a list is tried in order.
    #[schemars(schema_with = "source::of_dataset")]
    pub source: OneOrMany<SourceRef>,
    /// What is measured: for retrieval the judgements in `qrels/<split>.tsv`, for similarity the pairs in
    /// `<split>.csv`, else in the one file whose name ends in `-<split>.csv` or `_<split>.csv`, for classification the texts
    /// in `<split>.csv` or `<split>.jsonl`.
    #[serde(default = "default_split")]
    #[schemars(extend("pattern" = schema::NAME_PATTERN, "patternErrorMessage" = schema::NAME_WORDS))]
    pub split: String,
    /// For similarity: the split on whose sentences codecs are fitted, never the one that is measured. For classification: the
    /// split whose labelled texts vote, and that codecs are fitted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = schema::NAME_PATTERN, "patternErrorMessage" = schema::NAME_WORDS))]
    pub fit: Option<String>,
    /// Whether a document with the id of the query is dropped from its results. Default: as MTEB does, by the dataset's
    /// name (ArguAna, FEVER, FiQA, MS MARCO, Quora).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_identical_ids: Option<bool>,
    /// A part of its documents. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsample: Option<Subsample>,
}

fn first_tier() -> u32 {
    1
}

fn default_split() -> String {
    "test".to_owned()
}

/// Cells by their axes: all that are named must match; a list matches any of its values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Where {
    /// Model names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<OneOrMany<String>>,
    /// Dataset names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<OneOrMany<String>>,
    /// Codecs; parameters left out match any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<OneOrMany<CodecPattern>>,
    /// Second stages: `none`, `any`, `float32`, `int8`, `float32/80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescore: Option<OneOrMany<RescorePattern>>,
    /// Dimensions that vectors are truncated to: `128`, or `full` for whole vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dims: Option<OneOrMany<DimsPattern>>,
}

/// A point of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point<'a> {
    /// Model name.
    pub model: &'a str,
    /// Dataset name.
    pub dataset: &'a str,
    /// The codec with its seed.
    pub codec: Codec,
    /// Dimensions that the vectors are truncated to; `None`: they are whole.
    pub dims: Option<u32>,
    /// The second stage, if any.
    pub rescore: Option<Rescore>,
}

impl Where {
    /// Whether `point` is one of them.
    pub fn matches(&self, point: &Point<'_>) -> bool {
        fn fits<T>(wanted: Option<&OneOrMany<T>>, fits: impl Fn(&T) -> bool) -> bool {
            wanted.is_none_or(|list| list.iter().any(fits))
        }
        fits(self.codec.as_ref(), |pattern| pattern.matches(&point.codec))
            && fits(self.model.as_ref(), |name| name == point.model)
            && fits(self.dataset.as_ref(), |name| name == point.dataset)
            && fits(self.rescore.as_ref(), |pattern| pattern.matches(point.rescore))
            && fits(self.dims.as_ref(), |pattern| pattern.matches(point.dims))
    }
}

/// Full cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Include {
    /// Model names.
    pub model: OneOrMany<String>,
    /// Dataset names.
    pub dataset: OneOrMany<String>,
    /// Codecs.
    pub codec: OneOrMany<CodecAxis>,
}

/// Puts cells in a tier and a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The tier; 1 runs first, and is the default.
    #[serde(default = "first_tier")]
    #[schemars(range(min = 1, max = 1000))]
    pub tier: u32,
    /// The track of these cells. Default: the sweep's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// Which cells. The first entry that matches a cell counts.
    #[serde(rename = "where")]
    pub which: Where,
}

/// Reads a manifest. `file` is only named in messages.
///
/// # Errors
/// All mistakes of the text at once, in its order: each with line, column, what was found, what is allowed and the
/// nearest valid name. A text that is not YAML is one mistake.
///
/// ```
/// let text = "sweep: demo\nmodels: { m: { source: file:model } }\ndatasets: { d: { sauce: beir:scifact } }\ncodecs: float32\n";
/// let mistakes = bitsweep_proto::manifest::read(text, "sweep.yaml").unwrap_err();
/// assert!(mistakes.to_string().starts_with("sweep.yaml:3:18: datasets.d: unknown key \"sauce\"; did you mean \"source\"?"));
/// ```
pub fn read(text: &str, file: &str) -> Result<Manifest, Mistakes> {
    let refused = |list| Mistakes::new(file, list);
    let tree = yaml::parse(text).map_err(|mistake| refused(vec![mistake]))?;
    let mut list = tree.mistakes.clone();
    check::against_schema(&tree, &mut list);
    names::look_up(&tree, &mut list);
    tasks::check(&tree, &mut list);
    dims::check(&tree, &mut list);
    if !list.is_empty() {
        return Err(refused(list));
    }
    let says_measures = tree.value.get("measures").is_some();
    // What the schema accepts the types accept too; where they do not, it is still an error and not a panic.
    let mut manifest: Manifest = serde_json::from_value(tree.value)
        .map_err(|error| refused(vec![Mistake::of_text(mistake::Place::START, error.to_string())]))?;
    if !says_measures {
        manifest.measures = manifest.defaults_of_tasks();
    }
    Ok(manifest)
}
