//! `bitsweep plan`: what would run, and why; runs nothing.

use bitsweep_backends::Store;
use bitsweep_plan::{Explanation, Summary};
use bitsweep_proto::{Fields, JobKey, Plan};
use bitsweep_worker::ChildProgram;
use serde_json::json;

use crate::cli::PlanArgs;
use crate::exit::{Exit, Failure};
use crate::{prepare, print, results, sweep};

/// Reasons shown; the others follow from these or look alike.
const REASONS_SHOWN: usize = 8;

pub(crate) async fn plan(args: PlanArgs) -> Result<Exit, Failure> {
    let (manifest, text) = prepare::read_manifest(&args.manifest)?;
    let folder = sweep::store_folder(&args.store, Some(&args.manifest));
    let store = Store::open(&folder.to_string_lossy()).await?;
    let profiles = bitsweep_worker::profiles(&ChildProgram::this(1)?).await?;
    let source = prepare::Source { path: &args.manifest, manifest, text, scratch: folder.join("downloads") };
    let plan = prepare::prepare(source, &args.sources, &store, profiles).await?;
    let cautions = plan.cautions();
    let known = store.known().await?;
    let summary = bitsweep_plan::summary(&plan, &|key| known.outcomes.contains_key(key));
    let reasons = reasons(&store, &plan).await?;
    if args.json {
        let reasons: Vec<_> = reasons.iter().map(|(job, why)| json!({ "job": job, "why": why.to_string(), "nearest": why.nearest })).collect();
        let value = json!({
            "sweep": plan.id(), "name": plan.name, "cells": plan.cells.len(), "jobs": summary.kinds, "matrix": summary.matrix,
            "profiles": plan.profiles, "reasons": reasons, "warnings": cautions,
        });
        println!("{value:#}");
        return Ok(Exit::Done);
    }
    for caution in &cautions {
        eprintln!("warning: {caution}");
    }
    print!("{}", text_of(&plan, &summary));
    for (job, why) in reasons.iter().take(REASONS_SHOWN) {
        println!("  {job}: {why}");
    }
    if reasons.len() > REASONS_SHOWN {
        println!("  and {} more; `bitsweep plan --json` lists all", reasons.len() - REASONS_SHOWN);
    }
    println!("\nnothing was run; bitsweep run {} runs it", args.manifest.display());
    Ok(Exit::Done)
}

fn text_of(plan: &Plan, summary: &Summary) -> String {
    let mut text = format!("sweep {} ({}), {}\n\n", plan.name, plan.id().0.short(), print::count(plan.cells.len(), "cell", "cells"));
    for (name, model) in &plan.lock.models {
        let facts = &model.facts;
        text += &format!(
            "model {name}: {} dimensions, {} tokens, {} pooling, query prefix {:?}, document prefix {:?}, from {}\n",
            facts.dim, facts.max_tokens, facts.pooling.name(), facts.query_prefix, facts.document_prefix, model.source
        );
    }
    for (name, dataset) in &plan.lock.datasets {
        let counts = dataset.counts;
        text += &format!(
            "dataset {name}: {} documents, {} judged queries, {} judgements, from {}\n",
            counts.documents, counts.queries, counts.judgements, dataset.source
        );
    }
    let mut rows = vec![["model × dataset × codec", "cells", "done"].map(str::to_owned).to_vec()];
    for count in &summary.matrix {
        rows.push(vec![format!("{} × {} × {}", count.model, count.dataset, count.family), count.cells.to_string(), count.done.to_string()]);
    }
    text += &format!("\n{}\n", print::columns(&rows));
    let mut rows = vec![["jobs", "all", "reused", "to run", "bytes expected"].map(str::to_owned).to_vec()];
    for count in &summary.kinds {
        let numbers = [count.total, count.done, count.to_run].map(|number| number.to_string());
        rows.push([vec![count.kind.name().to_owned()], numbers.to_vec(), vec![print::bytes(count.bytes)]].concat());
    }
    text += &print::columns(&rows);
    let to_run: u64 = summary.kinds.iter().map(|count| count.to_run).sum();
    text += if to_run == 0 { "\neverything is there already\n" } else { "\nwhy jobs run:\n" };
    text
}

/// One explanation per different reason, named by the first job that it holds for: jobs whose inputs are all there.
async fn reasons(store: &Store, plan: &Plan) -> Result<Vec<(String, Explanation)>, Failure> {
    let outcomes = results::all(store).await?;
    let of_plan: std::collections::HashMap<JobKey, u32> = (0..).zip(&plan.jobs).map(|(index, job)| (job.key, index)).collect();
    let fields_of = |key: &JobKey| -> Option<Fields> {
        of_plan.get(key).map(|index| plan.fields(*index)).or_else(|| outcomes.get(key).map(|outcome| outcome.fields.clone()))
    };
    let mut reasons: Vec<(String, Explanation)> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for (index, job) in (0..).zip(&plan.jobs) {
        if outcomes.contains_key(&job.key) {
            continue;
        }
        let fields = plan.fields(index);
        let why = bitsweep_plan::explain(&fields, outcomes.values().map(|outcome| &outcome.fields), &fields_of);
        let count = seen.entry((job.spec.kind(), why.to_string())).or_insert_with(|| {
            reasons.push((String::new(), why));
            (reasons.len() - 1, 0_usize)
        });
        count.1 += 1;
        reasons[count.0].0 = print::count(count.1, &format!("{} job", job.spec.kind().name()), &format!("{} jobs", job.spec.kind().name()));
    }
    Ok(reasons)
}
