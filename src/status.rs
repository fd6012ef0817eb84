//! `bitsweep status`: how far a sweep is, what failed and why.

use std::collections::BTreeMap;

use bitsweep_backends::Store;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::outcome::Cost;
use bitsweep_proto::{JobKey, Kind, Plan};
use serde_json::json;

use crate::cli::ReadArgs;
use crate::exit::{Exit, Failure};
use crate::{print, results, sweep};

pub(crate) async fn status(args: ReadArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let known = found.store.known().await?;
    let summary = bitsweep_plan::summary(&found.plan, &|key| known.outcomes.contains_key(key));
    let failures = failures(&found.store, &found.plan).await?;
    let running = found.store.holder();
    let done: u64 = summary.matrix.iter().map(|count| count.done).sum();
    let costs = costs(&found.store, &found.plan).await?;
    if args.json {
        let failures: Vec<_> = failures.iter().map(|(key, failure)| json!({ "key": key, "kind": failure.kind, "reason": failure.reason })).collect();
        let value = json!({
            "sweep": found.id, "name": found.plan.name, "cells": found.plan.cells.len(), "cells_done": done, "jobs": summary.kinds, "costs": costs,
            "matrix": summary.matrix, "failed": failures, "running": running, "note": found.note,
        });
        println!("{value:#}");
        return Ok(Exit::Done);
    }
    println!("sweep {} ({}): {done} of {} done", found.plan.name, found.id.0.short(), print::count(found.plan.cells.len(), "cell", "cells"));
    match running {
        Some(holder) => println!("running: {holder}"),
        None if (done as usize) < found.plan.cells.len() => println!("not running; `bitsweep run` continues it"),
        None => {}
    }
    let header = ["jobs", "all", "done", "open", "seconds", "CPU seconds", "peak memory"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for count in &summary.kinds {
        let cost = costs.get(&count.kind).copied().unwrap_or_default();
        let numbers = [count.total, count.done, count.to_run].map(|number| number.to_string());
        let costs = [format!("{:.1}", cost.seconds), format!("{:.1}", cost.cpu_seconds), print::bytes(cost.peak_memory_bytes)];
        rows.push([vec![count.kind.name().to_owned()], numbers.to_vec(), costs.to_vec()].concat());
    }
    print!("\n{}", print::columns(&rows));
    for (key, failure) in &failures {
        println!("\nfailed: {} {}: {}", failure.kind, key.0.short(), failure.reason);
    }
    if let Some(note) = found.note {
        eprintln!("note: {note}");
    }
    Ok(Exit::Done)
}

/// What the committed attempts of each kind took: seconds added up over slots, the highest peak of memory.
async fn costs(store: &Store, plan: &Plan) -> Result<BTreeMap<Kind, Cost>, Failure> {
    let mut costs: BTreeMap<Kind, Cost> = BTreeMap::new();
    for outcome in results::outcomes(store, plan, |_| true).await?.values() {
        let cost = costs.entry(outcome.kind).or_default();
        cost.seconds += outcome.cost.seconds;
        cost.cpu_seconds += outcome.cost.cpu_seconds;
        cost.peak_memory_bytes = cost.peak_memory_bytes.max(outcome.cost.peak_memory_bytes);
    }
    Ok(costs)
}

/// A job that was given up in the last run.
pub(crate) struct FailedJob {
    /// Its kind.
    pub(crate) kind: &'static str,
    /// What it said.
    pub(crate) reason: String,
}

/// The jobs of `plan` without an outcome whose last attempt said that they cannot be done.
pub(crate) async fn failures(store: &Store, plan: &Plan) -> Result<BTreeMap<JobKey, FailedJob>, Failure> {
    let (known, tried) = (store.known().await?, store.tried().await?);
    let mut failures = BTreeMap::new();
    for job in plan.jobs.iter().filter(|job| !known.outcomes.contains_key(&job.key) && tried.contains(&job.key)) {
        let attempts = store.attempts(job.key).await?;
        let reason = match attempts.ends.last().map(|end| &end.verdict) {
            Some(Verdict::Failed { code, message }) => format!("{code}: {message}"),
            Some(Verdict::Broke { message }) => message.clone(),
            _ => continue,
        };
        failures.insert(job.key, FailedJob { kind: job.spec.kind().name(), reason });
    }
    Ok(failures)
}
