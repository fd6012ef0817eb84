//! Stored formats: what every version wrote still reads, and what the last one writes is written again to the letter.
//!
//! `BITSWEEP_UPDATE=1` writes the golden files again; only a new version may differ from what is checked in.

use std::fmt::Debug;
use std::path::PathBuf;

use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Nonce, Verdict};
use bitsweep_proto::control::{Action, CONTROL_VERSION, Control};
use bitsweep_proto::job::{Compress, Embed, MeasureSpec, Retrieve, Texts};
use bitsweep_proto::lock::{
    ClassificationCounts, DatasetCounts, LOCK_VERSION, LOCK_VERSION_OF_TASKS, Lock, LockedClassification,
    LockedDataset, LockedFile, LockedModel, LockedSimilarity, ModelFacts, Pooling, SimilarityCounts,
};
use bitsweep_proto::manifest::{Budget, Expect, Gate, Hold, OneOrMany, ReportState, Until};
use bitsweep_proto::outcome::{
    Cost, InputDigest, Item, Measured, OUTCOME_VERSION, Outcome, Produced, Provenance, Rates,
};
use bitsweep_proto::plan::{From, Input, PLAN_VERSION, Plan, PlannedCell, PlannedJob};
use bitsweep_proto::{Cell, Codec, Digest, Fields, JobKey, Kind, Measure, Profile, Profiles, Spec, SweepId, Track};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let written = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    if std::env::var_os("BITSWEEP_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &written).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&golden).unwrap(), value, "{name} no longer reads");
    assert_eq!(written, golden, "{name} is written differently: that is a new version");
}

/// What a former version wrote; never written again.
fn was<T: DeserializeOwned>(name: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn gate() -> Gate {
    let hold = Hold { track: Some(Track::Exploratory), tier: None };
    let kinds = Some(OneOrMany(vec![Kind::Measure]));
    Gate { hold, until: Until { tier: Some(1), kinds, done: Some(0.8), report: Some(ReportState::Exists) } }
}

fn budget() -> Budget {
    Budget {
        gpu_hours: Some(100.0),
        usd: Some(50.5),
        bytes: Some(1 << 40),
        configurations: Some(500),
        tier: Some(2),
        track: Some(Track::Core),
    }
}

fn file(name: &str) -> LockedFile {
    LockedFile { name: name.to_owned(), bytes: name.len() as u64, sha256: Digest::of(name.as_bytes()) }
}

fn lock() -> Lock {
    let facts = ModelFacts {
        architecture: "bert".to_owned(),
        dim: 384,
        layers: 6,
        max_tokens: 256,
        positions: 512,
        pooling: Pooling::Mean,
        normalize: true,
        query_prefix: "query: ".to_owned(),
        document_prefix: String::new(),
    };
    let model = LockedModel {
        source: "hf:org/name".to_owned(),
        revision: Some("8b3219a".to_owned()),
        files: vec![file("config.json"), file("model.safetensors")],
        facts,
    };
    let dataset = LockedDataset {
        source: "file:d".to_owned(),
        files: vec![file("corpus.jsonl")],
        split: "test".to_owned(),
        ignore_identical_ids: false,
        corpus: file("corpus"),
        document_ids: file("document_ids"),
        queries: file("queries"),
        qrels: file("qrels"),
        counts: DatasetCounts { documents: 5183, queries: 300, queries_without_judgements: 809, judgements: 339 },
        warnings: vec!["1 judgement names an unknown document".to_owned()],
        sample: None,
    };
    Lock {
        version: LOCK_VERSION,
        models: [("m".to_owned(), model)].into(),
        datasets: [("d".to_owned(), dataset)].into(),
        similarity: [].into(),
        classification: [].into(),
    }
}

/// A lock with pairs and labelled texts.
fn lock_of_tasks() -> Lock {
    let pairs = LockedSimilarity {
        source: "file:stsb".to_owned(),
        files: vec![file("sts-test.csv"), file("sts-train.csv")],
        split: "test".to_owned(),
        fit: "train".to_owned(),
        a: file("a"),
        b: file("b"),
        scores: file("scores"),
        fit_texts: file("fit"),
        counts: SimilarityCounts { pairs: 1379, fit: 10_279 },
        warnings: vec!["257 sentences stand in both".to_owned()],
    };
    let labelled = LockedClassification {
        source: "file:intents".to_owned(),
        files: vec![file("test.csv"), file("train.jsonl")],
        split: "test".to_owned(),
        fit: "train".to_owned(),
        documents: file("documents"),
        document_labels: file("document_labels"),
        queries: file("queries"),
        query_labels: file("query_labels"),
        counts: ClassificationCounts { documents: 10_003, classes: 77, queries: 3_080 },
        warnings: vec!["3 texts stand in both".to_owned()],
    };
    Lock {
        version: LOCK_VERSION_OF_TASKS,
        similarity: [("s".to_owned(), pairs)].into(),
        classification: [("c".to_owned(), labelled)].into(),
        ..lock()
    }
}

fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: Digest::of(kernels.as_bytes()),
    };
    Profiles { encoder: profile("candle"), search: profile("faiss") }
}

fn specs() -> [Spec; 4] {
    let embed = Embed {
        texts: Texts::Documents,
        architecture: "bert".to_owned(),
        dim: 384,
        prefix: "passage: ".to_owned(),
        max_tokens: 256,
        pooling: Pooling::Cls,
        normalize: true,
        precision: bitsweep_proto::Precision::Float32,
        first_row: 1024,
        rows: 1024,
        chunk_rows: 128,
    };
    let codec = Codec::Binary { bits: 256, seed: 2 };
    let measures = vec![Measure::Ndcg { k: 10 }, Measure::Mrr { k: None }, Measure::Overlap { k: 10 }];
    [
        Spec::Embed(embed),
        Spec::Compress(Compress { codec, dim: 384 }),
        Spec::Retrieve(Retrieve { codec, dim: 384, depth: 1000, ignore_identical_ids: true }),
        Spec::Measure(MeasureSpec { measures }),
    ]
}

/// Of an embedding as they were when the first outcome was written: kinds have other versions now, and new parameters.
fn fields() -> Fields {
    was::<Outcome>("outcome.v1.json").fields
}

#[test]
fn locks() {
    holds("lock.v1.json", &lock());
    holds("lock.v2.json", &lock_of_tasks());
    assert_eq!([lock().needed_version(), lock_of_tasks().needed_version()], [LOCK_VERSION, LOCK_VERSION_OF_TASKS]);
}

#[test]
fn plans() {
    let input = |name: &str, from| Input { name: name.to_owned(), item: String::new(), from };
    let froms = [From::Blob(Digest::of(b"corpus")), From::Job(0), From::Job(1), From::Job(2)];
    let jobs = specs().into_iter().zip(froms).map(|(spec, from)| PlannedJob {
        key: JobKey(Digest::of(spec.kind().name().as_bytes())),
        inputs: vec![input("texts", from)],
        spec,
        tier: 1,
        track: Track::Core,
    });
    let plan = Plan {
        version: PLAN_VERSION,
        name: "s".to_owned(),
        manifest: "sweep: s\n".to_owned(),
        lock: lock(),
        profiles: profiles(),
        measures: vec![Measure::Ndcg { k: 10 }],
        jobs: jobs.collect(),
        cells: vec![PlannedCell {
            cell: Cell::retrieval("m", "d", Codec::Binary { bits: 256, seed: 2 }),
            tier: 1,
            track: Track::Exploratory,
            job: 3,
        }],
        gates: vec![gate()],
        budgets: vec![budget()],
        expect: vec![],
    };
    let first = Plan { version: 1, gates: vec![], budgets: vec![], ..plan.clone() };
    let first = Plan { cells: vec![PlannedCell { track: Track::Core, ..first.cells[0].clone() }], ..first };
    assert_eq!(was::<Plan>("plan.v1.json"), first);
    assert_eq!(
        first.id(),
        Plan { version: PLAN_VERSION, ..first.clone() }.id(),
        "the version of the format is not the sweep"
    );
    holds("plan.v2.json", &plan);
    // Of a sweep that says what float32 gives.
    let measure = Measure::Ndcg { k: 10 };
    let expect = Expect { model: "m".to_owned(), dataset: "d".to_owned(), measure, value: 0.6, within: 0.002 };
    holds("plan.v2.expect.json", &Plan { expect: vec![expect], cells: vec![], jobs: vec![], ..plan.clone() });
}

#[test]
fn outcomes() {
    let measured = Measured {
        measure: Measure::Ndcg { k: 10 },
        value: 0.1 + 0.2,
        value_min: 0.25,
        value_max: 0.5,
        value_trec_eval: Some(0.3),
        queries: 300,
    };
    let outcome = Outcome {
        version: OUTCOME_VERSION,
        key: fields().key(),
        generation: 1,
        attempt: Nonce("00ff".to_owned()),
        kind: specs()[0].kind(),
        fields: fields(),
        inputs: vec![InputDigest { name: "texts".to_owned(), item: String::new(), blob: Digest::of(b"corpus") }],
        produced: Produced {
            artifact: vec![Item { name: "chunk/000000000".to_owned(), blob: Digest::of(b"chunk"), bytes: 5 }],
            measures: vec![measured],
            facts: [("rows".to_owned(), 1024)].into(),
            values: [].into(),
        },
        provenance: Provenance {
            version: "0.1.0".to_owned(),
            host: "h".to_owned(),
            cpu: "c".to_owned(),
            committed_at: 1_700_000_000,
        },
        cost: Cost { seconds: 1.5, cpu_seconds: 2.25, peak_memory_bytes: 1 << 20, gpu_hours: 0.125, usd: 0.25 },
    };
    let cost = Cost { gpu_hours: 0.0, usd: 0.0, ..outcome.cost };
    assert_eq!(was::<Outcome>("outcome.v1.json"), Outcome { version: 1, cost, ..outcome.clone() });
    holds("outcome.v2.json", &outcome);
    // Of a job that finds further values.
    let values = [("isoscore".to_owned(), 0.25)].into();
    let produced = Produced { values, ..Produced::default() };
    holds("outcome.v2.values.json", &Outcome { produced, ..outcome });
}

#[test]
fn attempts() {
    let (attempt, key) = (Nonce("00ff".to_owned()), fields().key());
    let start = AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: attempt.clone(),
        key,
        generation: 0,
        host: "h".to_owned(),
        process: 7,
        started_at: 1_700_000_000,
        checkpoints_found: 3,
        device: "cuda:0 NVIDIA L4".to_owned(),
        rates: Rates { a100: 0.25, usd_per_hour: 0.5 },
    };
    let first = AttemptStart { version: 1, device: String::new(), rates: Rates::default(), ..start.clone() };
    assert_eq!(was::<AttemptStart>("attempt_start.v1.json"), first);
    holds("attempt_start.v2.json", &start);
    let text = |text: &str| text.to_owned();
    let verdicts = vec![
        Verdict::Committed,
        Verdict::Discarded,
        Verdict::Preempted,
        Verdict::Infrastructure { message: text("the store cannot be reached") },
        Verdict::Broke { message: text("signal 9") },
        Verdict::Failed { code: text("embed/nan"), message: text("document x") },
    ];
    let end = |verdict| AttemptEnd {
        version: ATTEMPT_VERSION,
        attempt: attempt.clone(),
        key,
        ended_at: 1_700_000_009,
        checkpoints_made: 2,
        verdict,
        cost: Cost { seconds: 9.0, cpu_seconds: 8.5, peak_memory_bytes: 4096, gpu_hours: 0.5, usd: 1.5 },
    };
    let ends: Vec<AttemptEnd> = verdicts.into_iter().map(end).collect();
    let first = ends.iter().cloned().map(|end| {
        let cost = Cost { gpu_hours: 0.0, usd: 0.0, ..end.cost };
        AttemptEnd { version: 1, cost, ..end }
    });
    assert_eq!(was::<Vec<AttemptEnd>>("attempt_end.v1.json"), first.collect::<Vec<_>>());
    holds("attempt_end.v2.json", &ends);
}

#[test]
fn controls() {
    let actions = [
        Action::Cancel,
        Action::Resume,
        Action::Retry { forgiven: vec![Nonce("00ff".to_owned())] },
        Action::Budget { index: 1, budget: budget() },
        Action::Reported,
    ];
    let control = |(number, action)| Control {
        version: CONTROL_VERSION,
        sweep: SweepId(Digest::of(b"s")),
        number,
        at: 1_700_000_000,
        action,
    };
    holds("control.v1.json", &(0..).zip(actions).map(control).collect::<Vec<_>>());
}
