//! Two small sweeps on sources that are made up.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitsweep_backends::Store;
use bitsweep_proto::job::Texts;
use bitsweep_proto::lock::{DatasetCounts, LOCK_VERSION, LockedDataset, LockedFile, LockedModel, ModelFacts, Pooling};
use bitsweep_proto::{Codec, Digest, JobKey, Lock, Plan, Spec};

use crate::child;

/// Documents: three chunks. Queries: one.
const COUNTS: DatasetCounts =
    DatasetCounts { documents: 300, queries: 100, queries_without_judgements: 0, judgements: 200 };

/// The first sweep: float32 at once, the others once a report is written; with a budget that is never reached.
const FIRST: &str = "\
sweep: first
models:
  m: { source: hf:made/up }
datasets:
  d: { source: beir:made-up }
codecs:
  - float32
  - int8
  - binary: { bits: 64, seeds: 1 }
measures: [nDCG@10, Recall@10]
tiers:
  - { tier: 2, where: { codec: int8 } }
  - { tier: 2, where: { codec: binary } }
gates:
  - hold: { tier: 2 }
    until: { report: exists }
budgets:
  - { usd: 1000 }
";

/// The second: one cell, of another model.
const SECOND: &str = "\
sweep: second
models:
  n: { source: hf:made/up-too }
datasets:
  d: { source: beir:made-up }
codecs: [float32]
measures: [MRR]
";

/// The plans of both sweeps.
pub(crate) fn plans() -> [Arc<Plan>; 2] {
    [FIRST, SECOND].map(|text| {
        let manifest = bitsweep_proto::manifest::read(text, "sweep.yaml").expect("the manifest has no mistakes");
        let plan = bitsweep_plan::plan(&manifest, text, &lock(), &child::profiles());
        Arc::new(plan.expect("the manifest can be planned"))
    })
}

/// Puts what the plans import.
pub(crate) async fn import(store: &Store) {
    for text in TEXTS.map(content) {
        store.put_blob(text.into()).await.expect("the store is sound");
    }
}

/// The embedding jobs of `plan`: of documents, of queries.
pub(crate) fn embeddings(plan: &Plan) -> [JobKey; 2] {
    [Texts::Documents, Texts::Queries].map(|texts| {
        let is_it = |spec: &Spec| matches!(spec, Spec::Embed(embed) if embed.texts == texts);
        plan.jobs.iter().find(|job| is_it(&job.spec)).expect("it embeds both").key
    })
}

/// The search of the vectors themselves.
pub(crate) fn retrieval(plan: &Plan) -> JobKey {
    let is_it = |spec: &Spec| matches!(spec, Spec::Retrieve(retrieve) if retrieve.codec == Codec::Float32);
    plan.jobs.iter().find(|job| is_it(&job.spec)).expect("it searches").key
}

/// All that is imported: a file of each model, and those of the dataset.
const TEXTS: [&str; 6] = ["m", "n", "corpus", "ids", "queries", "qrels"];

fn content(name: &str) -> String {
    format!("{name}\n")
}

fn file(name: &str, text: &str) -> LockedFile {
    let content = content(text);
    LockedFile { name: name.to_owned(), bytes: content.len() as u64, sha256: Digest::of(content.as_bytes()) }
}

fn lock() -> Lock {
    let models = ["m", "n"].map(|name| (name.to_owned(), model(name)));
    Lock {
        version: LOCK_VERSION,
        models: BTreeMap::from(models),
        datasets: BTreeMap::from([("d".to_owned(), dataset())]),
        similarity: BTreeMap::new(),
        classification: BTreeMap::new(),
    }
}

fn model(name: &str) -> LockedModel {
    LockedModel {
        source: "hf:made/up".to_owned(),
        revision: None,
        files: vec![file("config.json", name)],
        facts: ModelFacts {
            architecture: "bert".to_owned(),
            dim: 64,
            layers: 1,
            max_tokens: 128,
            positions: 128,
            pooling: Pooling::Mean,
            normalize: true,
            query_prefix: String::new(),
            document_prefix: String::new(),
        },
    }
}

fn dataset() -> LockedDataset {
    LockedDataset {
        source: "beir:made-up".to_owned(),
        files: Vec::new(),
        split: "test".to_owned(),
        ignore_identical_ids: false,
        corpus: file("corpus", "corpus"),
        document_ids: file("ids", "ids"),
        queries: file("queries", "queries"),
        qrels: file("qrels", "qrels"),
        counts: COUNTS,
        warnings: Vec::new(),
        sample: None,
    }
}
