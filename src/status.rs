//! `bitsweep status`: how far a sweep is, what failed and why.

use std::path::Path;

use bitsweep_backends::Store;
use bitsweep_coordinator::api::types::SweepStatus;
use bitsweep_coordinator::picture::{Picture, PictureFailure};
use bitsweep_proto::SweepId;
use bitsweep_proto::plan::PlannedCell;
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
            let id = sweep::id_in_store(&store, (manifest, args.sweep.sweep.as_deref())).await?;
            in_store(&store, id, args.json).await
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

async fn in_store(store: &Store, id: SweepId, as_json: bool) -> Result<Exit, Failure> {
    let running = store.holder();
    let Picture { name, cells, cells_done: done, kinds, matrix, costs, failures, .. } = picture(store, &id).await?;
    if as_json {
        let failures: Vec<_> = failures.iter().map(|failure| json!({ "key": failure.key, "job": label(&failure.spec), "cells": needed_by(failure), "reason": failure.reason })).collect();
        let value = json!({
            "sweep": id, "name": name, "cells": cells, "cells_done": done, "jobs": kinds, "costs": costs,
            "matrix": matrix, "failed": failures, "running": running,
        });
        out(&format!("{value:#}\n"))?;
        return Ok(Exit::Done);
    }
    let counted = print::count(cells as usize, "cell", "cells");
    let mut text = format!("sweep {name} ({}): {done} of {counted} done\n", id.0.short());
    match running {
        Some(holder) => text += &format!("the store is in use: {holder}\n"),
        None if done == cells => {}
        None if failures.is_empty() => text += "not running; `bitsweep run` continues it\n",
        None => {
            text += "not running; what failed will fail again until its cause is mended, `bitsweep run` continues the rest\n"
        }
    }
    let header = ["jobs", "all", "done", "open", "seconds", "CPU seconds", "peak memory"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for count in &kinds {
        let cost = costs.get(&count.kind).copied().unwrap_or_default();
        let numbers = [count.total, count.done, count.to_run].map(|number| number.to_string());
        let costs =
            [format!("{:.1}", cost.seconds), format!("{:.1}", cost.cpu_seconds), print::bytes(cost.peak_memory_bytes)];
        rows.push([vec![count.kind.name().to_owned()], numbers.to_vec(), costs.to_vec()].concat());
    }
    text += &format!("\n{}", print::columns(&rows));
    for failure in &failures {
        let (job, key) = (label(&failure.spec), failure.key.0.short());
        text += &format!("\nfailed: {job} ({key}), needed by {}: {}\n", needed_by(failure), failure.reason);
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

/// How a sweep stands: from the index, else from all that is on record.
async fn picture(store: &Store, id: &SweepId) -> Result<Picture, Failure> {
    if let Some(picture) = Picture::indexed(store, id).await {
        return Ok(picture);
    }
    let plan = store.plan(id).await?;
    let failed = bitsweep_coordinator::api::failed(store, &plan).await?;
    let failed = failed.into_iter().map(|job| (job.key, job.reason)).collect();
    Ok(Picture::of(&plan, &results::outcomes(store, &plan, |_| true).await?, failed))
}

/// The first cell that needs a job that failed, and how many others do.
fn needed_by(failure: &PictureFailure) -> String {
    match (&failure.first_cell, failure.other_cells) {
        (None, _) => "no cell".to_owned(),
        (Some(first), 0) => first.clone(),
        (Some(first), others) => format!("{first} and {}", print::count(others as usize, "other cell", "other cells")),
    }
}
