//! `bitsweep status`: how far a sweep is, what failed and why.

use std::collections::BTreeMap;

use bitsweep_backends::Store;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::{JobKey, Plan};
use serde_json::json;

use crate::cli::ReadArgs;
use crate::exit::{Exit, Failure};
use crate::{print, sweep};

pub(crate) async fn status(args: ReadArgs) -> Result<Exit, Failure> {
    let found = sweep::find(&args.sweep).await?;
    let known = found.store.known().await?;
    let summary = bitsweep_plan::summary(&found.plan, &|key| known.outcomes.contains_key(key));
    let failures = failures(&found.store, &found.plan).await?;
    let running = found.store.holder();
    let done: u64 = summary.matrix.iter().map(|count| count.done).sum();
    if args.json {
        let failures: Vec<_> = failures.iter().map(|(key, failure)| json!({ "key": key, "kind": failure.kind, "reason": failure.reason })).collect();
        let value = json!({
            "sweep": found.id, "name": found.plan.name, "cells": found.plan.cells.len(), "cells_done": done, "jobs": summary.kinds,
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
    let mut rows = vec![["jobs", "all", "done", "open"].map(str::to_owned).to_vec()];
    for count in &summary.kinds {
        rows.push([vec![count.kind.name().to_owned()], [count.total, count.done, count.to_run].map(|n| n.to_string()).to_vec()].concat());
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
