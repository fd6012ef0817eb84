//! `bitsweep status`: how far a sweep is, what failed and why.

use std::collections::BTreeMap;
use std::path::Path;

use bitsweep_backends::Store;
use bitsweep_coordinator::api::types::SweepStatus;
use bitsweep_proto::outcome::Cost;
use bitsweep_proto::plan::{From, PlannedCell};
use bitsweep_proto::{JobKey, Kind, Plan, SweepId};
use serde_json::{Value, json};

use crate::cli::StatusArgs;
use crate::exit::{Exit, Failure};
use crate::label::label;
use crate::place::Place;
use crate::print::{self, out};
use crate::remote::Client;
use crate::{results, standing, sweep};

pub(crate) async fn status(args: StatusArgs) -> Result<Exit, Failure> {
    if args.all {
        return all(&args).await;
    }
    let manifest = sweep::manifest_of(args.sweep.sweep.as_deref())?;
    match sweep::place(&args.sweep.place, manifest).await? {
        Place::Store(store) => {
            let (id, plan) = sweep::in_store(&store, (manifest, args.sweep.sweep.as_deref())).await?;
            in_store(&store, (id, &plan), args.json).await
        }
        Place::Api(client) => at_coordinator(&client, &args).await,
    }
}

/// How a sweep stands at a coordinator, which knows it without reading anything.
async fn at_coordinator(client: &Client, args: &StatusArgs) -> Result<Exit, Failure> {
    let line = sweep::at(client, args.sweep.sweep.as_deref()).await?;
    let status: SweepStatus = client.get(&format!("/api/v1/sweeps/{}", line.id), &()).await?;
    out(&if args.json { format!("{:#}\n", json!(status)) } else { standing::text(&status) })?;
    Ok(Exit::Done)
}

async fn in_store(store: &Store, (id, plan): (SweepId, &Plan), as_json: bool) -> Result<Exit, Failure> {
    let known = store.known().await?;
    let summary = bitsweep_plan::summary(plan, &|key| known.outcomes.contains_key(key));
    let failures = failures(store, plan).await?;
    let running = store.holder();
    let done: u64 = summary.matrix.iter().map(|count| count.done).sum();
    let costs = costs(store, plan).await?;
    if as_json {
        let failures: Vec<_> = failures.iter().map(|(key, failure)| json!({ "key": key, "job": failure.job, "cells": failure.cells, "reason": failure.reason })).collect();
        let value = json!({
            "sweep": id, "name": plan.name, "cells": plan.cells.len(), "cells_done": done, "jobs": summary.kinds, "costs": costs,
            "matrix": summary.matrix, "failed": failures, "running": running,
        });
        out(&format!("{value:#}\n"))?;
        return Ok(Exit::Done);
    }
    let cells = print::count(plan.cells.len(), "cell", "cells");
    let mut text = format!("sweep {} ({}): {done} of {cells} done\n", plan.name, id.0.short());
    match running {
        Some(holder) => text += &format!("the store is in use: {holder}\n"),
        None if (done as usize) == plan.cells.len() => {}
        None if failures.is_empty() => text += "not running; `bitsweep run` continues it\n",
        None => {
            text += "not running; what failed will fail again until its cause is mended, `bitsweep run` continues the rest\n"
        }
    }
    let header = ["jobs", "all", "done", "open", "seconds", "CPU seconds", "peak memory"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for count in &summary.kinds {
        let cost = costs.get(&count.kind).copied().unwrap_or_default();
        let numbers = [count.total, count.done, count.to_run].map(|number| number.to_string());
        let costs =
            [format!("{:.1}", cost.seconds), format!("{:.1}", cost.cpu_seconds), print::bytes(cost.peak_memory_bytes)];
        rows.push([vec![count.kind.name().to_owned()], numbers.to_vec(), costs.to_vec()].concat());
    }
    text += &format!("\n{}", print::columns(&rows));
    for (key, failure) in &failures {
        text += &format!(
            "\nfailed: {} ({}), needed by {}: {}\n",
            failure.job,
            key.0.short(),
            failure.cells,
            failure.reason
        );
    }
    out(&text)?;
    Ok(Exit::Done)
}

/// All sweeps, newest first.
async fn all(args: &StatusArgs) -> Result<Exit, Failure> {
    let manifest = args.sweep.sweep.as_deref().map(Path::new).filter(|path| path.is_file());
    let store = match sweep::place(&args.sweep.place, manifest).await? {
        Place::Store(store) => store,
        Place::Api(client) => return all_at(&client, args.json).await,
    };
    let known = store.known().await?;
    let (mut rows, mut values) = (vec![["sweep", "id", "cells", "done"].map(str::to_owned).to_vec()], Vec::new());
    for id in store.sweeps_newest_first().await? {
        let plan = store.plan(&id).await?;
        let is_done = |planned: &&PlannedCell| known.outcomes.contains_key(&plan.jobs[planned.job as usize].key);
        let done = plan.cells.iter().filter(is_done).count();
        values.push(json!({ "sweep": id, "name": plan.name, "cells": plan.cells.len(), "cells_done": done }));
        rows.push(vec![plan.name, id.0.short(), plan.cells.len().to_string(), done.to_string()]);
    }
    out(&if args.json { format!("{:#}\n", Value::from(values)) } else { print::columns(&rows) })?;
    Ok(Exit::Done)
}

async fn all_at(client: &Client, as_json: bool) -> Result<Exit, Failure> {
    let lines = sweep::all_at(client, None).await?;
    if as_json {
        out(&format!("{:#}\n", json!(lines)))?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![["sweep", "id", "state", "cells", "done"].map(str::to_owned).to_vec()];
    for line in lines {
        let state = standing::word(line.state).to_owned();
        rows.push(vec![line.name, line.id.0.short(), state, line.cells.to_string(), line.cells_done.to_string()]);
    }
    out(&print::columns(&rows))?;
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
struct FailedJob {
    /// What people call it.
    job: String,
    /// The cells that need it, in words.
    cells: String,
    /// What it said.
    reason: String,
}

/// The jobs of `plan` without an outcome whose last attempt said that they cannot be done.
async fn failures(store: &Store, plan: &Plan) -> Result<BTreeMap<JobKey, FailedJob>, Failure> {
    let failed = bitsweep_coordinator::api::failed(store, plan).await?;
    let mut reasons: BTreeMap<JobKey, String> = failed.into_iter().map(|job| (job.key, job.reason)).collect();
    let mut failures = BTreeMap::new();
    for (index, job) in (0..).zip(&plan.jobs) {
        if let Some(reason) = reasons.remove(&job.key) {
            let failure = FailedJob { job: label(&job.spec), cells: needed_by(plan, index), reason };
            failures.insert(job.key, failure);
        }
    }
    Ok(failures)
}

/// The first cell that needs a job, and how many others do. Jobs stand in the plan after their inputs, so one pass over
/// the jobs behind it finds all that need it.
fn needed_by(plan: &Plan, job: u32) -> String {
    let mut needs = vec![false; plan.jobs.len()];
    needs[job as usize] = true;
    for index in job as usize + 1..plan.jobs.len() {
        let inputs = &plan.jobs[index].inputs;
        needs[index] = inputs.iter().any(|input| matches!(input.from, From::Job(other) if needs[other as usize]));
    }
    let mut cells = plan.cells.iter().filter(|planned| needs[planned.job as usize]).map(|planned| &planned.cell);
    let Some(first) = cells.next() else { return "no cell".to_owned() };
    match cells.count() {
        0 => first.to_string(),
        others => format!("{first} and {}", print::count(others, "other cell", "other cells")),
    }
}
