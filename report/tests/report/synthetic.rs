//! A made-up sweep: no job ran for it, its numbers only look like results.

use std::collections::BTreeMap;

use bitsweep_proto::cell::Cell;
use bitsweep_proto::job::{Compress, MeasureSpec};
use bitsweep_proto::lock::{DatasetCounts, LockedDataset, LockedFile, LockedModel, ModelFacts, Pooling};
use bitsweep_proto::outcome::{Cost, Measured, Produced, Provenance};
use bitsweep_proto::plan::{From, Input, PlannedCell, PlannedJob};
use bitsweep_proto::{
    Codec, Digest, JobKey, Kind, Lock, Measure, Nonce, Outcome, Plan, Profile, Profiles, Spec, Track,
};
use bitsweep_report::per_query::{Bounds, PerQuery};
use bitsweep_report::{Answers, Outcomes, PerQueries};

/// Queries whose values are made up.
const QUERIES: usize = 60;

/// A sweep with its results.
pub(crate) struct Sweep {
    pub(crate) plan: Plan,
    pub(crate) outcomes: Outcomes,
    pub(crate) failed: BTreeMap<JobKey, String>,
    pub(crate) per_query: PerQueries,
}

/// Values of queries with this mean: 1 for those that are easy, a rest for one, 0 for the others. Which are easy is much the same
/// for each `salt`.
fn values(mean: f64, salt: u64) -> Vec<f64> {
    let hardness = |query: usize| {
        let noise = Digest::of(format!("{query} {salt}").as_bytes()).to_string();
        (query * 37 % QUERIES) as i64 + i64::from_str_radix(&noise[..2], 16).unwrap() / 16
    };
    let mut order: Vec<usize> = (0..QUERIES).collect();
    order.sort_by_key(|query| (hardness(*query), *query));
    let mut values = vec![0.0; QUERIES];
    for (rank, query) in order.into_iter().enumerate() {
        values[query] = (mean * QUERIES as f64 - rank as f64).clamp(0.0, 1.0);
    }
    values
}

fn file(name: &str) -> LockedFile {
    LockedFile { name: name.to_owned(), bytes: 90_868_376, sha256: Digest::of(name.as_bytes()) }
}

fn model(dim: u32) -> LockedModel {
    LockedModel {
        source: "pypi:a-model".to_owned(),
        revision: Some("0.1.0".to_owned()),
        files: vec![file("config.json"), file("model.safetensors")],
        facts: ModelFacts {
            architecture: "bert".to_owned(),
            dim,
            layers: 6,
            max_tokens: 256,
            positions: 512,
            pooling: Pooling::Mean,
            normalize: true,
            query_prefix: String::new(),
            document_prefix: String::new(),
        },
    }
}

fn dataset(warnings: &[&str]) -> LockedDataset {
    LockedDataset {
        source: "beir:a-dataset".to_owned(),
        files: vec![file("corpus.jsonl.gz"), file("qrels/test.tsv")],
        split: "test".to_owned(),
        ignore_identical_ids: false,
        corpus: file("corpus.jsonl"),
        document_ids: file("document_ids.jsonl"),
        queries: file("queries.jsonl"),
        qrels: file("qrels.tsv"),
        counts: DatasetCounts { documents: 5183, queries: 300, queries_without_judgements: 809, judgements: 339 },
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        sample: None,
    }
}

fn profile(kernels: &str) -> Profile {
    let [device, precision, kernels] = ["cpu", "f32", kernels].map(str::to_owned);
    Profile { device, precision, kernels, self_test: Digest::of(b"test") }
}

/// An empty sweep over models of 384 dimensions.
pub(crate) fn empty(models: &[&str], datasets: &[&str], measures: &[&str]) -> Sweep {
    let lock = Lock {
        version: 1,
        models: models.iter().map(|name| ((*name).to_owned(), model(384))).collect(),
        datasets: datasets.iter().map(|name| ((*name).to_owned(), dataset(&[]))).collect(),
        similarity: Default::default(),
        classification: Default::default(),
    };
    let plan = Plan {
        version: 1,
        name: "binary-vs-pq".to_owned(),
        manifest: "sweep: binary-vs-pq\nmodels: …\n".to_owned(),
        lock,
        profiles: Profiles { encoder: profile("candle-0.11.1"), search: profile("faiss-0.13") },
        measures: measures.iter().map(|name| name.parse().unwrap()).collect(),
        cells: vec![],
        jobs: vec![],
        gates: vec![],
        budgets: vec![],
        expect: Vec::new(),
    };
    Sweep { plan, outcomes: BTreeMap::new(), failed: BTreeMap::new(), per_query: PerQueries::new() }
}

impl Sweep {
    /// Adds a cell with one compressing and one measuring job, neither done.
    pub(crate) fn add(&mut self, cell: Cell, codec: Codec) -> u32 {
        let key = |kind: &str| JobKey(Digest::of(format!("{kind} {cell}").as_bytes()));
        let at = self.plan.jobs.len() as u32;
        let spec = Spec::Compress(Compress { codec, dim: 384 });
        self.plan.jobs.push(PlannedJob { key: key("compress"), spec, inputs: vec![], tier: 1, track: Track::Core });
        let spec = Spec::Measure(MeasureSpec { measures: self.plan.measures.clone() });
        let inputs = vec![Input { name: "run".to_owned(), item: String::new(), from: From::Job(at) }];
        self.plan.jobs.push(PlannedJob { key: key("measure"), spec, inputs, tier: 1, track: Track::Core });
        self.plan.cells.push(PlannedCell { cell, tier: 1, track: Track::Core, job: at + 1 });
        at
    }

    /// Finishes the job at `at` with these values.
    pub(crate) fn finish(&mut self, at: u32, measures: Vec<Measured>) {
        let job = &self.plan.jobs[at as usize];
        let [version, host, cpu] = ["0.1.0", "node-1", "An Example CPU"].map(str::to_owned);
        let outcome = Outcome {
            version: 1,
            key: job.key,
            generation: 0,
            attempt: Nonce("00".to_owned()),
            kind: Kind::Measure,
            fields: self.plan.fields(at),
            inputs: vec![],
            produced: Produced { measures, ..Produced::default() },
            provenance: Provenance { version, host, cpu, committed_at: 1 },
            cost: Cost { seconds: 1.0, cpu_seconds: 2.0, peak_memory_bytes: 3, gpu_hours: 0.0, usd: 0.0 },
        };
        self.outcomes.insert(job.key, outcome);
    }

    /// Adds a finished cell.
    pub(crate) fn done(&mut self, (model, dataset, codec): (&str, &str, Codec), values: &[f64], spread: f64) {
        self.done_cell((Cell::retrieval(model, dataset, codec), codec), values, spread);
    }

    /// Adds a finished cell of any name.
    pub(crate) fn done_cell(&mut self, (cell, codec): (Cell, Codec), values: &[f64], spread: f64) {
        let at = self.add(cell, codec);
        let measured = |(measure, value): (&Measure, &f64)| Measured {
            measure: *measure,
            value: *value,
            value_min: value - spread,
            value_max: value + spread,
            value_trec_eval: (!measure.needs_reference()).then_some(value - spread / 4.0),
            queries: 300,
        };
        let measures = self.plan.measures.iter().zip(values).map(measured).collect();
        self.finish(at + 1, measures);
        let key = self.plan.jobs[at as usize + 1].key;
        let tied = if spread == 0.0 { 1 } else { (spread * 20_000.0) as u64 };
        let facts = &mut self.outcomes.get_mut(&key).unwrap().produced.facts;
        facts.insert("largest_tied_group".to_owned(), tied);
        self.per_query.insert(key, per_query(&self.plan.measures, values, (u64::from(at), spread > 0.0)));
    }

    pub(crate) fn answers(&self) -> Answers {
        Answers::of(&self.plan, &self.outcomes, &self.per_query).unwrap()
    }
}

fn per_query(measures: &[Measure], means: &[f64], (salt, open): (u64, bool)) -> PerQuery {
    let of = |(measure, mean): (&Measure, &f64)| (*measure, values(*mean, salt));
    // Half of the queries, where ties leave any open.
    let bounds = |query| Bounds { min: 0.0, max: f64::from(u8::from(open && query % 2 == 0)), trec_eval: None };
    PerQuery {
        queries: (0..QUERIES).map(|query| format!("q{query}")).collect(),
        values: measures.iter().zip(means).map(of).collect(),
        bounds: measures.iter().map(|measure| (*measure, (0..QUERIES).map(bounds).collect())).collect(),
    }
}

/// The sweep of the example in the documentation, with numbers near those of SciFact and MiniLM.
pub(crate) fn scifact() -> Sweep {
    let models = ["all-MiniLM-L6-v2", "e5-base-v2"];
    let mut sweep = empty(&models, &["scifact", "nq"], &["nDCG@10", "Recall@100", "MRR@10", "Overlap@10"]);
    let warned = dataset(&["12 judgements name 3 documents that the corpus lacks", "2 documents are empty"]);
    sweep.plan.lock.datasets.insert("nq".to_owned(), warned);
    for (model, shift) in models.into_iter().zip([0.0, 0.04]) {
        for (dataset, scale) in [("scifact", 1.0), ("nq", 0.7)] {
            let of = |value: f64| [value, 1.2 * value, value - 0.03, 0.9 * value].map(|v| (v + shift) * scale);
            sweep.done(
                (model, dataset, Codec::Float32),
                &[(0.6451 + shift) * scale, 0.9 * scale, 0.61 * scale, 1.0],
                0.0,
            );
            sweep.done((model, dataset, Codec::Int8), &of(0.6442), 0.0);
            for (bits, value) in [(64, 0.24), (128, 0.38), (256, 0.49), (512, 0.58)] {
                for seed in 0..3 {
                    let value = value + 0.012 * (f64::from(seed) - 1.0);
                    sweep.done((model, dataset, Codec::Binary { bits, seed }), &of(value), 3.0 / f64::from(bits));
                }
            }
            for (bytes, value) in [(8, 0.370), (16, 0.486), (32, 0.579), (64, 0.628)] {
                sweep.done((model, dataset, Codec::pq(bytes)), &of(value), 0.001);
            }
        }
    }
    sweep
}
