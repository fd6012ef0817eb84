//! Time and memory of planning: `cargo run --release -p bitsweep-plan --example plan_scale -- 1000` for each of 1,000,
//! 10,000 and 100,000 cells (one process each, for memory is a peak); without an argument it runs all three in turn.
//!
//! 10 models × 10 datasets of 5,183 documents and 300 queries; codecs are binary bits × seeds. Prints cells, jobs, seconds of
//! expand + plan, seconds of scheduling the whole plan with every job done at once, and the peak of resident memory
//! before and after scheduling.

use std::sync::Arc;
use std::time::Instant;

use bitsweep_plan::scheduler::{Effect, Event, Fact, Facts, Settings, Spend, State, step};
use bitsweep_proto::lock::{DatasetCounts, LOCK_VERSION, LockedDataset, LockedFile, LockedModel, ModelFacts, Pooling};
use bitsweep_proto::{Digest, Lock, Manifest, Plan, Profile, Profiles, SweepId};

fn main() {
    println!(
        "{:>8} {:>8} {:>10} {:>12} {:>10} {:>12}",
        "cells", "jobs", "plan s", "plan MB", "schedule s", "schedule MB"
    );
    let wanted: Vec<u32> = std::env::args().skip(1).filter_map(|cells| cells.parse().ok()).collect();
    for cells in if wanted.is_empty() { vec![1_000, 10_000, 100_000] } else { wanted } {
        measure(cells);
    }
}

fn measure(cells: u32) {
    let manifest = manifest(cells);
    let (lock, profiles) = (lock(&manifest), profiles());
    let start = Instant::now();
    let plan = bitsweep_plan::plan(&manifest, "", &lock, &profiles).expect("the synthetic manifest is sound");
    let planned = start.elapsed().as_secs_f64();
    let planned_mb = peak_mb();
    let (cells, jobs) = (plan.cells.len(), plan.jobs.len());
    let start = Instant::now();
    let state = schedule(plan);
    let scheduled = start.elapsed().as_secs_f64();
    println!("{cells:>8} {jobs:>8} {planned:>10.3} {planned_mb:>12} {scheduled:>10.3} {:>12}", peak_mb());
    drop(state);
}

/// Runs the scheduler to the end: whatever is published is done.
fn schedule(plan: Plan) -> State {
    let mut state = State::new(Settings::default());
    let (sweep, plan) = (SweepId(Digest::of(b"scale")), Arc::new(plan));
    let (facts, controls) = (Facts::default(), Vec::new());
    let submitted = Event::Submitted { sweep, plan: Arc::clone(&plan), facts, controls };
    let mut effects = step(&mut state, submitted, 0);
    let fact = Fact { spend: Spend { gpu_hours: 0.01, usd: 0.02, bytes: 1_000 }, ..Fact::default() };
    let mut done = 0;
    while let Some(effect) = effects.pop() {
        match effect {
            Effect::Publish { key, .. } => effects.extend(step(&mut state, Event::Committed { key, fact }, 0)),
            Effect::Finished { done: all, .. } => done = all,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(done, plan.jobs.len(), "every job is done");
    state
}

/// 10 models × 10 datasets × (2 bit lengths × seeds).
fn manifest(cells: u32) -> Manifest {
    let sources = |kind: &str| -> serde_json::Value {
        (0..10).map(|i| (format!("{kind}-{i}"), serde_json::json!({ "source": format!("file:{kind}{i}") }))).collect()
    };
    let manifest = serde_json::json!({
        "sweep": "scale",
        "models": sources("model"),
        "datasets": sources("dataset"),
        "codecs": [{ "binary": { "bits": [256, 512], "seeds": cells.div_ceil(200) } }],
    });
    serde_json::from_value(manifest).expect("it is a manifest")
}

fn file(name: &str) -> LockedFile {
    LockedFile { name: name.to_owned(), bytes: 1, sha256: Digest::of(name.as_bytes()) }
}

fn lock(manifest: &Manifest) -> Lock {
    let model = |name: &String| LockedModel {
        source: format!("file:{name}"),
        revision: None,
        files: vec![
            file("config.json"),
            file("tokenizer.json"),
            LockedFile { name: "model.safetensors".to_owned(), ..file(name) },
        ],
        facts: ModelFacts {
            architecture: "bert".to_owned(),
            dim: 384,
            layers: 6,
            max_tokens: 256,
            positions: 512,
            pooling: Pooling::Mean,
            normalize: true,
            query_prefix: String::new(),
            document_prefix: String::new(),
        },
    };
    let dataset = |name: &String| LockedDataset {
        source: format!("file:{name}"),
        files: Vec::new(),
        split: "test".to_owned(),
        ignore_identical_ids: false,
        corpus: file(&format!("{name} corpus")),
        document_ids: file(&format!("{name} ids")),
        queries: file(&format!("{name} queries")),
        qrels: file(&format!("{name} qrels")),
        counts: DatasetCounts { documents: 5_183, queries: 300, queries_without_judgements: 0, judgements: 339 },
        warnings: Vec::new(),
        sample: None,
    };
    Lock {
        version: LOCK_VERSION,
        models: manifest.models.keys().map(|name| (name.clone(), model(name))).collect(),
        datasets: manifest.datasets.keys().map(|name| (name.clone(), dataset(name))).collect(),
        similarity: Default::default(),
        classification: Default::default(),
    }
}

fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: Digest::of(kernels.as_bytes()),
    };
    Profiles { encoder: profile("encoder"), search: profile("search") }
}

/// Peak resident memory of this process (Linux).
fn peak_mb() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kb.map_or_else(|| "?".to_owned(), |kb| (kb / 1024).to_string())
}
