//! The job kinds with all their parameters, written out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::key::{Fields, JobKey};
use crate::lock::Pooling;
use crate::measure::Measure;
use crate::profile::{Profile, Profiles};
use crate::rescore::Exact;

/// Rows of one embedding job. An embedding is one job per shard from the start, so that any number of workers share it.
pub const SHARD_ROWS: u64 = 1024;

/// Rows of one checkpoint of an embedding job.
pub const CHUNK_ROWS: u64 = 128;

/// The network families that the encoder knows, as `model_type` of a model's `config.json` names them.
pub const ARCHITECTURES: [&str; 1] = ["bert"];

/// The name of a job kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Texts to vectors: one row shard.
    Embed,
    /// Vectors to an index.
    Compress,
    /// Queries and an index to a run.
    Retrieve,
    /// A run to one whose best documents are ranked again.
    Rescore,
    /// A run and judgements to measures.
    Measure,
    /// Vectors to what their geometry is.
    Geometry,
    /// Vectors of pairs to scores, and how well these agree with those of people.
    Similarity,
    /// Nothing: for measuring the runner itself. No manifest makes one.
    #[schemars(skip)]
    Noop,
}

impl Kind {
    /// Every kind, in the order of the pipeline.
    pub const ALL: [Self; 8] = [
        Self::Embed,
        Self::Compress,
        Self::Retrieve,
        Self::Rescore,
        Self::Measure,
        Self::Geometry,
        Self::Similarity,
        Self::Noop,
    ];

    /// The name as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Compress => "compress",
            Self::Retrieve => "retrieve",
            Self::Rescore => "rescore",
            Self::Measure => "measure",
            Self::Geometry => "geometry",
            Self::Similarity => "similarity",
            Self::Noop => "noop",
        }
    }

    /// Version of the code that runs it. Raised whenever the same parameters and inputs give other bytes.
    pub fn code_version(self) -> u32 {
        match self {
            Self::Embed => 1,
            Self::Compress => 1,
            Self::Retrieve => 1,
            Self::Rescore => 1,
            Self::Measure => 1,
            Self::Geometry => 1,
            Self::Similarity => 1,
            Self::Noop => 1,
        }
    }

    /// The class of workers that serve it.
    pub fn class(self) -> Class {
        match self {
            Self::Embed => Class::Gpu,
            Self::Compress
            | Self::Retrieve
            | Self::Rescore
            | Self::Measure
            | Self::Geometry
            | Self::Similarity
            | Self::Noop => Class::Cpu,
        }
    }
}

/// What a worker must have. A machine without a GPU may serve `gpu` too; it is then slower, not wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Gains from a GPU.
    Gpu,
    /// Does not.
    Cpu,
}

/// Which texts of a dataset an embedding covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Texts {
    /// `title + " " + text`, trimmed.
    Documents,
    /// The query's text, or a sentence of a pair: as it is.
    Queries,
}

/// Texts to vectors. Inputs: `model` (files by name), `texts` (canonical JSON lines).
/// Output: one safetensors blob per chunk, `chunk/<first row>`, tensor `vectors`, float32 rows × dim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// First row of the shard in the file.
    pub first_row: u64,
    /// Rows of the shard.
    pub rows: u64,
    /// Rows of one chunk, which is one checkpoint.
    pub chunk_rows: u64,
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

/// Nothing. Inputs: any artifacts, for chains. Output: none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noop {
    /// Tells one from another.
    pub number: u64,
}

/// A job's kind with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Spec {
    /// See [`Embed`].
    Embed(Embed),
    /// See [`Compress`].
    Compress(Compress),
    /// See [`Retrieve`].
    Retrieve(Retrieve),
    /// See [`MeasureSpec`].
    Measure(MeasureSpec),
    /// See [`Noop`].
    Noop(Noop),
    /// See [`GeometrySpec`].
    Geometry(GeometrySpec),
    /// See [`RescoreSpec`].
    Rescore(RescoreSpec),
    /// See [`SimilaritySpec`].
    Similarity(SimilaritySpec),
}

impl Spec {
    /// The kind of this job.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Embed(_) => Kind::Embed,
            Self::Compress(_) => Kind::Compress,
            Self::Retrieve(_) => Kind::Retrieve,
            Self::Measure(_) => Kind::Measure,
            Self::Geometry(_) => Kind::Geometry,
            Self::Rescore(_) => Kind::Rescore,
            Self::Similarity(_) => Kind::Similarity,
            Self::Noop(_) => Kind::Noop,
        }
    }

    /// Version of the code that runs it. Raised whenever the same parameters and inputs give other bytes.
    pub fn code_version(&self) -> u32 {
        self.kind().code_version()
    }

    /// The profile that decides this job's bits, or `None` for exact kinds.
    pub fn profile<'a>(&self, offered: &'a Profiles) -> Option<&'a Profile> {
        match self {
            Self::Embed(_) => Some(&offered.encoder),
            Self::Compress(Compress { codec, .. })
            | Self::Retrieve(Retrieve { codec, .. })
            | Self::Similarity(SimilaritySpec { codec, .. }) => (!codec.is_exact()).then_some(&offered.search),
            // Faiss decodes what int8 has stored.
            Self::Rescore(RescoreSpec { with, .. }) => (*with == Exact::Int8).then_some(&offered.search),
            Self::Measure(_) | Self::Geometry(_) | Self::Noop(_) => None,
        }
    }

    /// All that the key covers but the inputs: kind, code version, profile, every parameter. The planner adds the
    /// inputs with [`push_input`] and takes [`Fields::key`].
    pub fn fields(&self, offered: &Profiles) -> Fields {
        let mut fields = Fields::default();
        fields.push("kind", self.kind().name());
        fields.push("code_version", self.code_version());
        if let Some(profile) = self.profile(offered) {
            fields.push_text("profile.device", &profile.device);
            fields.push_text("profile.precision", &profile.precision);
            fields.push_text("profile.kernels", &profile.kernels);
            fields.push("profile.self_test", profile.self_test);
        }
        match self {
            // Taken apart without `..`: a new parameter has to be put into the key to compile.
            Self::Embed(Embed {
                texts,
                architecture,
                dim,
                prefix,
                max_tokens,
                pooling,
                normalize,
                first_row,
                rows,
                chunk_rows,
            }) => {
                fields.push_text("architecture", architecture);
                let texts = match texts {
                    Texts::Documents => "documents",
                    Texts::Queries => "queries",
                };
                fields.push("texts", texts);
                fields.push("dim", dim);
                fields.push_text("prefix", prefix);
                fields.push("max_tokens", max_tokens);
                fields.push("pooling", pooling.name());
                fields.push("normalize", normalize);
                fields.push("first_row", first_row);
                fields.push("rows", rows);
                fields.push("chunk_rows", chunk_rows);
            }
            Self::Compress(Compress { codec, dim }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
            }
            Self::Retrieve(Retrieve { codec, dim, depth, ignore_identical_ids }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
                fields.push("depth", depth);
                fields.push("ignore_identical_ids", ignore_identical_ids);
            }
            Self::Measure(MeasureSpec { measures }) => push_measures(&mut fields, measures),
            Self::Geometry(GeometrySpec { dim }) => fields.push("dim", dim),
            Self::Rescore(RescoreSpec { with, candidates, dim, depth }) => {
                fields.push("with", with.name());
                fields.push("candidates", candidates);
                fields.push("dim", dim);
                fields.push("depth", depth);
            }
            Self::Similarity(SimilaritySpec { codec, dim, measures }) => {
                push_codec(&mut fields, *codec);
                fields.push("dim", dim);
                push_measures(&mut fields, measures);
            }
            Self::Noop(Noop { number }) => fields.push("number", number),
        }
        fields
    }
}

fn push_codec(fields: &mut Fields, codec: Codec) {
    fields.push("codec", codec);
    if let Some(seed) = codec.seed() {
        fields.push("seed", seed);
    }
}

fn push_measures(fields: &mut Fields, measures: &[Measure]) {
    let names: Vec<String> = measures.iter().map(Measure::to_string).collect();
    fields.push("measures", names.join(" "));
}

/// Adds one input to a job's fields: `input.<name>` with the hash of a blob or the key of a job.
pub fn push_input(fields: &mut Fields, name: &str, content: InputKey) {
    let name = format!("input.{name}");
    match content {
        InputKey::Blob(digest) => fields.push(name, format_args!("blob:{digest}")),
        InputKey::Job(key) => fields.push(name, format_args!("job:{key}")),
    }
}

/// What stands for an input in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKey {
    /// The hash of imported content.
    Blob(crate::Digest),
    /// The key of the job that makes it.
    Job(JobKey),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Hnsw, Ivfpq};

    fn profiles() -> Profiles {
        let profile = |kernels: &str| Profile {
            device: "cpu".to_owned(),
            precision: "f32".to_owned(),
            kernels: kernels.to_owned(),
            self_test: crate::Digest::of(kernels.as_bytes()),
        };
        Profiles { encoder: profile("e"), search: profile("s") }
    }

    /// Each parameter of a job, changed by itself, gives another key.
    #[test]
    fn a_key_covers_every_parameter() {
        let embed = Embed {
            texts: Texts::Documents,
            architecture: "bert".to_owned(),
            dim: 384,
            prefix: String::new(),
            max_tokens: 256,
            pooling: Pooling::Mean,
            normalize: true,
            first_row: 0,
            rows: 1024,
            chunk_rows: 128,
        };
        let codecs = [
            Codec::Float32,
            Codec::Int8,
            Codec::Pq { bytes: 8 },
            Codec::Pq { bytes: 64 },
            Codec::Binary { bits: 64, seed: 0 },
            Codec::Binary { bits: 64, seed: 1 },
            Codec::Binary { bits: 8, seed: 0 },
            Codec::Int2,
            Codec::Hnsw(Hnsw { m: 32, ef_construction: 40, ef_search: None }),
            Codec::Hnsw(Hnsw { m: 32, ef_construction: 40, ef_search: Some(64) }),
            Codec::Hnsw(Hnsw { m: 32, ef_construction: 64, ef_search: Some(40) }),
            Codec::Ivfpq(Ivfpq { nlist: 64, bytes: 8, nprobe: Some(8) }),
            Codec::Ivfpq(Ivfpq { nlist: 8, bytes: 64, nprobe: Some(8) }),
        ];
        let mut specs = vec![
            Spec::Embed(embed.clone()),
            Spec::Embed(Embed { texts: Texts::Queries, ..embed.clone() }),
            Spec::Embed(Embed { architecture: "bert\"\ntexts=queries".to_owned(), ..embed.clone() }),
            Spec::Embed(Embed { dim: 768, ..embed.clone() }),
            Spec::Embed(Embed { prefix: " ".to_owned(), ..embed.clone() }),
            Spec::Embed(Embed { max_tokens: 128, ..embed.clone() }),
            Spec::Embed(Embed { pooling: Pooling::Cls, ..embed.clone() }),
            Spec::Embed(Embed { normalize: false, ..embed.clone() }),
            Spec::Embed(Embed { first_row: 1024, ..embed.clone() }),
            Spec::Embed(Embed { rows: 1, ..embed.clone() }),
            Spec::Embed(Embed { chunk_rows: 64, ..embed }),
            Spec::Geometry(GeometrySpec { dim: 384 }),
            Spec::Geometry(GeometrySpec { dim: 768 }),
            Spec::Measure(MeasureSpec { measures: vec![Measure::Mrr { k: None }] }),
            Spec::Measure(MeasureSpec { measures: vec![Measure::Mrr { k: Some(10) }] }),
            Spec::Measure(MeasureSpec { measures: vec![Measure::Mrr { k: None }, Measure::Mrr { k: Some(10) }] }),
        ];
        for (with, candidates, dim, depth) in [
            (Exact::Float32, 80, 384, 100),
            (Exact::Int8, 80, 384, 100),
            (Exact::Float32, 40, 384, 100),
            (Exact::Float32, 80, 768, 100),
            (Exact::Float32, 80, 384, 10),
        ] {
            specs.push(Spec::Rescore(RescoreSpec { with, candidates, dim, depth }));
        }
        for codec in codecs {
            specs.extend([8, 64].map(|dim| Spec::Compress(Compress { codec, dim })));
            for (dim, depth, ignore_identical_ids) in [(8, 64, true), (64, 8, true), (8, 8, true), (8, 8, false)] {
                specs.push(Spec::Retrieve(Retrieve { codec, dim, depth, ignore_identical_ids }));
            }
            for (dim, measures) in [(8, vec![]), (64, vec![]), (8, vec![Measure::Spearman])] {
                specs.push(Spec::Similarity(SimilaritySpec { codec, dim, measures }));
            }
        }
        let keys: std::collections::BTreeSet<JobKey> =
            specs.iter().map(|spec| spec.fields(&profiles()).key()).collect();
        assert_eq!(keys.len(), specs.len());
        for spec in &specs {
            let json = serde_json::to_string(spec).unwrap();
            assert_eq!(&serde_json::from_str::<Spec>(&json).unwrap(), spec, "{json}");
        }
    }

    #[test]
    fn only_inexact_kinds_carry_a_profile() {
        let pairs = |codec| Spec::Similarity(SimilaritySpec { codec, dim: 8, measures: vec![] });
        assert_eq!(pairs(Codec::Float32).fields(&profiles()).get("profile.kernels"), Some("\"s\""));
        assert_eq!(pairs(Codec::Binary { bits: 8, seed: 0 }).fields(&profiles()).get("profile.kernels"), None);
        let spec = |codec| Spec::Compress(Compress { codec, dim: 8 });
        assert_eq!(spec(Codec::Int8).fields(&profiles()).get("profile.kernels"), Some("\"s\""));
        assert_eq!(spec(Codec::Int2).fields(&profiles()).get("profile.kernels"), None);
        assert_eq!(spec(Codec::Binary { bits: 8, seed: 0 }).fields(&profiles()).get("profile.kernels"), None);
    }

    #[test]
    fn blobs_and_jobs_are_different_inputs() {
        let digest = crate::Digest::of(b"x");
        let key = |content| {
            let mut fields = Fields::default();
            push_input(&mut fields, "documents", content);
            fields.key()
        };
        assert_ne!(key(InputKey::Blob(digest)), key(InputKey::Job(JobKey(digest))));
    }
}
