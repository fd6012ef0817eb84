//! The parameters of each kind of job.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::codec::Codec;
use crate::lock::Pooling;
use crate::measure::Measure;
use crate::profile::Precision;
use crate::rescore::Exact;

/// Which texts of a dataset an embedding covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Texts {
    /// `title + " " + text`, trimmed.
    Documents,
    /// The query's text, a sentence of a pair, or a text with a label: as it is.
    Queries,
}

/// Texts to vectors. Inputs: `model` (files by name), `texts` (canonical JSON lines).
/// Output: one safetensors blob per chunk, `chunk/<first row>`, tensor `vectors`, float32 rows × dim.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embed {
    /// Documents or queries.
    pub texts: Texts,
    /// Network family: `bert`.
    pub architecture: String,
    /// Dimensions of a vector.
    pub dim: u32,
    /// Put before every text.
    pub prefix: String,
    /// Tokens a text is cut to, special tokens counted.
    pub max_tokens: u32,
    /// Pooling of token vectors.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// What products are computed in.
    #[serde(default)]
    pub precision: Precision,
    /// First row of the shard in the file.
    pub first_row: u64,
    /// Rows of the shard.
    pub rows: u64,
    /// Rows of one chunk, which is one checkpoint.
    pub chunk_rows: u64,
}

impl Serialize for Embed {
    /// A precision that is not said texts do not hold, as those stored before it could be said; binary forms hold all fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_precision = !self.precision.is_default() || !serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("Embed", 10 + usize::from(has_precision))?;
        fields.serialize_field("texts", &self.texts)?;
        fields.serialize_field("architecture", &self.architecture)?;
        fields.serialize_field("dim", &self.dim)?;
        fields.serialize_field("prefix", &self.prefix)?;
        fields.serialize_field("max_tokens", &self.max_tokens)?;
        fields.serialize_field("pooling", &self.pooling)?;
        fields.serialize_field("normalize", &self.normalize)?;
        if has_precision {
            fields.serialize_field("precision", &self.precision)?;
        }
        fields.serialize_field("first_row", &self.first_row)?;
        fields.serialize_field("rows", &self.rows)?;
        fields.serialize_field("chunk_rows", &self.chunk_rows)?;
        fields.end()
    }
}

/// Vectors to their first dimensions, for a model that was trained so that these are a vector too. Input: `vectors` (one embedding
/// job's). Output: the same chunks under the same names, float32 rows × `dims`, see `bitsweep_vectors::truncated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruncateSpec {
    /// Dimensions of the vectors that come in.
    pub dim: u32,
    /// Dimensions that are kept: at least 1, fewer than `dim`.
    pub dims: u32,
    /// Whether what is kept is scaled to length 1 again.
    pub normalize: bool,
}

/// Vectors to an index. Input: `documents` (embeddings). Output: `index`: a Faiss index file, or for binary codes a
/// safetensors blob with tensor `codes`, uint8 rows × bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compress {
    /// The codec; never float32, whose index is the embedding itself.
    pub codec: Codec,
    /// Dimensions of the vectors.
    pub dim: u32,
}

/// Queries and an index to a run. Inputs: `queries` (embeddings), `index` (or `documents` for float32), and where
/// identical ids are ignored `document_ids` and `query_texts`. Output: `run`, see `bitsweep_jobs::run_file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieve {
    /// The codec searched.
    pub codec: Codec,
    /// Dimensions of the vectors.
    pub dim: u32,
    /// Ranks kept for each query; the whole group tied at the last of them is kept too. An approximate search may find
    /// fewer.
    pub depth: u32,
    /// Whether a document with the id of the query is dropped.
    pub ignore_identical_ids: bool,
}

/// A run to one whose best documents are ranked again, by the exact inner products of the query with better vectors. Inputs:
/// `run`, `queries` (embeddings), and `documents` (embeddings) or, for int8, `index`. Output: `run`.
///
/// Exactly `candidates` documents are ranked again (all that the list has, where it is shorter). Of the documents that tie at
/// that place a sample is, drawn by a fixed hash of query and document: a search that must stop somewhere takes some of them,
/// and taking all would rank more documents again than stated. The documents below follow in their old order, with scores
/// that only order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescoreSpec {
    /// By what.
    pub with: Exact,
    /// Documents ranked again for each query.
    pub candidates: u32,
    /// Dimensions of the vectors.
    pub dim: u32,
    /// Ranks kept for each query; the whole group tied at the last of them is kept too.
    pub depth: u32,
}

/// A run and judgements to measures. Inputs: `run`, `document_ids`, `query_texts`, `qrels`, and `reference` (the
/// float32 run) where a measure compares with it. Outputs: the values in the outcome, `per_query` as JSON lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureSpec {
    /// The measures, sorted.
    pub measures: Vec<Measure>,
}

/// Vectors to what their geometry is. Inputs: `documents` and `queries` (embeddings). Output: values in the outcome, see
/// `bitsweep_vectors::geometry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeometrySpec {
    /// Dimensions of the vectors.
    pub dim: u32,
}

/// Binary codes to what their bits are like, and to how their Hamming distances compare with those that theory predicts.
/// Inputs: `index` (the codes), `documents` and `queries` (embeddings). Output: values in the outcome, see
/// `bitsweep_vectors::inspect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodesSpec {
    /// The codec by which the documents are stored, see [`Codec::stored`]: scorings share their codes. Always a binary one.
    pub codec: Codec,
    /// Dimensions of the vectors.
    pub dim: u32,
}

/// Pairs to scores, and these to measures. Inputs: `a` and `b` (embeddings of the sentences of each pair), `fit` (embeddings that
/// the codec learns from, where it learns), `scores` (those of people). Outputs: the values in the outcome, `pairs` as JSON
/// lines, see `bitsweep_jobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimilaritySpec {
    /// The codec by which sentences are stored and compared.
    pub codec: Codec,
    /// Dimensions of the vectors.
    pub dim: u32,
    /// The measures, sorted.
    pub measures: Vec<Measure>,
}

/// A run and labels to measures: the nearest documents vote for the query's label. Inputs: `run`, `document_labels`,
/// `query_labels`. Outputs: the values in the outcome, `per_query` as JSON lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifySpec {
    /// The measures, sorted.
    pub measures: Vec<Measure>,
}

/// Queries and an index to how long searches take. Inputs: `queries` (embeddings), `index` (or `documents` for float32).
/// Output: values in the outcome, see `bitsweep_jobs`: times of the machine that ran it, so the same key need not give the
/// same again. A worker runs nothing else beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedSpec {
    /// The codec searched.
    pub codec: Codec,
    /// Dimensions of the vectors.
    pub dim: u32,
    /// Rounds before those that count.
    pub warm_up: u32,
    /// Rounds that count; at least 1.
    pub repeats: u32,
    /// Ranks that each search returns, and all that tie with the last of them.
    pub depth: u32,
}

/// Nothing. Inputs: any artifacts, for chains. Output: none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noop {
    /// Tells one from another.
    pub number: u64,
}
