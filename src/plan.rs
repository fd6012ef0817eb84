//! `bitsweep plan`: what would run, and why; runs nothing.

use std::collections::BTreeMap;
use std::path::Path;

use bitsweep_backends::Store;
use bitsweep_plan::Summary;
use bitsweep_proto::{Plan, Precision};
use bitsweep_worker::ChildProgram;
use serde_json::json;

use crate::cli::{PlanArgs, SourceArgs};
use crate::exit::{Exit, Failure};
use crate::print::{self, out};
use crate::reasons::{Reasons, reasons};
use crate::{prepare, results, sweep};

/// Reasons shown; the others follow from these or look alike.
const REASONS_SHOWN: usize = 8;

pub(crate) async fn plan(args: PlanArgs) -> Result<Exit, Failure> {
    let place = sweep::store_place(&args.store, Some(&args.manifest));
    let (store, plan) = fresh(&args.manifest, &place, &args.sources).await?;
    let cautions = plan.cautions();
    let outcomes = results::all(&store).await?;
    let summary = bitsweep_plan::summary(&plan, &|key| outcomes.contains_key(key));
    let reasons = reasons(&plan, &outcomes);
    if args.json {
        let value = json!({
            "sweep": plan.id(), "name": plan.name, "cells": plan.cells.len(), "jobs": summary.kinds, "matrix": summary.matrix,
            "tiers": tiers(&plan), "gates": plan.gates, "budgets": plan.budgets, "profiles": plan.profiles, "why": reasons,
            "warnings": cautions,
        });
        out(&format!("{value:#}\n"))?;
        return Ok(Exit::Done);
    }
    for caution in &cautions {
        eprintln!("warning: {caution}");
    }
    out(&text_of(&plan, &summary))?;
    out(&why(&reasons))?;
    let manifest = args.manifest.display();
    out(&format!("\nnothing was run; sources are in {place}; `bitsweep run {manifest}` runs it\n"))?;
    Ok(Exit::Done)
}

/// The plan of a manifest as it is now. Imports sources that are not in the store yet; runs nothing.
pub(crate) async fn fresh(manifest_path: &Path, place: &str, sources: &SourceArgs) -> Result<(Store, Plan), Failure> {
    let (manifest, text) = prepare::read_manifest(manifest_path)?;
    let store = sweep::open_or_make(place).await?;
    let profiles = bitsweep_worker::profiles(&ChildProgram::this(1)?).await?;
    let source = prepare::Source {
        path: manifest_path,
        manifest,
        text,
        scratch: sweep::scratch(Some(&store)).join("downloads"),
    };
    let plan = prepare::prepare(source, sources, &store, profiles).await?;
    Ok((store, plan))
}

fn tiers(plan: &Plan) -> BTreeMap<u32, usize> {
    let mut tiers = BTreeMap::new();
    for planned in &plan.cells {
        *tiers.entry(planned.tier).or_default() += 1;
    }
    tiers
}

fn text_of(plan: &Plan, summary: &Summary) -> String {
    let cells = print::count(plan.cells.len(), "cell", "cells");
    let mut text = format!("sweep {} ({}), {cells}", plan.name, plan.id().0.short());
    let tiers = tiers(plan);
    if tiers.keys().any(|tier| *tier != 1) {
        let tiers: Vec<String> = tiers.iter().map(|(tier, cells)| format!("tier {tier}: {cells}")).collect();
        text += &format!(" ({})", tiers.join(", "));
    }
    text += "\n\n";
    let manifest = bitsweep_proto::manifest::read(&plan.manifest, "manifest").ok();
    for (name, model) in &plan.lock.models {
        let own = manifest.as_ref().and_then(|manifest| manifest.models.get(name));
        let facts = own.map_or_else(|| model.facts.clone(), |own| own.effective(&model.facts));
        let overridden = if facts == model.facts { "" } else { " (partly set by the manifest)" };
        let symmetric = own.map(|own| own.symmetric_prefix_of(&model.facts)).zip(plan.lock.symmetric());
        let symmetric = symmetric.map(|(prefix, of)| format!(", prefix of {of} {prefix:?}")).unwrap_or_default();
        let dims: Vec<String> = own.iter().flat_map(|own| &own.dims).map(u32::to_string).collect();
        let dims = if dims.is_empty() { String::new() } else { format!(" (truncated to {} too)", dims.join(", ")) };
        text += &format!(
            "model {name}: {} dimensions{dims}, {} tokens, {} pooling{}{}, query prefix {:?}, document prefix {:?}{symmetric}{overridden}, from {}\n",
            facts.dim,
            facts.max_tokens,
            facts.pooling.name(),
            if facts.normalize { ", normalised" } else { "" },
            own.filter(|own| own.precision == Precision::Int8).map_or("", |_| ", encoded in int8"),
            facts.query_prefix,
            facts.document_prefix,
            model.source
        );
    }
    for (name, dataset) in &plan.lock.datasets {
        let counts = dataset.counts;
        text += &format!(
            "dataset {name}: {} documents, {} judged queries, {} judgements, from {}\n",
            counts.documents, counts.queries, counts.judgements, dataset.source
        );
    }
    for (name, dataset) in &plan.lock.similarity {
        let (counts, split, fit) = (dataset.counts, &dataset.split, &dataset.fit);
        text += &format!(
            "dataset {name}: {} pairs of sentences ({split}), codecs fitted on {} sentences ({fit}), from {}\n",
            counts.pairs, counts.fit, dataset.source
        );
    }
    for (name, dataset) in &plan.lock.classification {
        let (counts, split, fit) = (dataset.counts, &dataset.split, &dataset.fit);
        text += &format!(
            "dataset {name}: {} texts ({split}) classified by {} with {} labels ({fit}), on which codecs are fitted, from {}\n",
            counts.queries, counts.documents, counts.classes, dataset.source
        );
    }
    for (index, gate) in plan.gates.iter().enumerate() {
        text += &format!("gates[{index}]: {} waits until {}\n", gate.hold, gate.until);
    }
    for (index, budget) in plan.budgets.iter().enumerate() {
        text += &format!("budgets[{index}]: at most {budget}\n");
    }
    let mut rows = vec![["model × dataset × codec", "cells", "done"].map(str::to_owned).to_vec()];
    for count in &summary.matrix {
        let name = format!("{} × {} × {}", count.model, count.dataset, count.family);
        rows.push(vec![name, count.cells.to_string(), count.done.to_string()]);
    }
    text += &format!("\n{}\n", print::columns(&rows));
    let mut rows = vec![["jobs", "all", "reused", "to run", "bytes expected"].map(str::to_owned).to_vec()];
    for count in &summary.kinds {
        let numbers = [count.total, count.done, count.to_run].map(|number| number.to_string());
        rows.push([vec![count.kind.name().to_owned()], numbers.to_vec(), vec![print::bytes(count.bytes)]].concat());
    }
    text + &print::columns(&rows)
}

fn why(found: &Reasons) -> String {
    let Reasons { reasons, after_these, not_explained } = found;
    if reasons.is_empty() {
        return "\neverything is there already\n".to_owned();
    }
    let mut text = "\nwhy jobs run:\n".to_owned();
    for reason in reasons.iter().take(REASONS_SHOWN) {
        text += &format!("  {}\n", reason.line());
    }
    if reasons.len() > REASONS_SHOWN {
        text += &format!("  and {} more reasons; `bitsweep plan --json` lists them\n", reasons.len() - REASONS_SHOWN);
    }
    if *not_explained > 0 {
        text += &format!("  {} more for reasons like these\n", print::count(*not_explained, "job", "jobs"));
    }
    if *after_these > 0 {
        text += &format!(
            "  {} after these, for an input of theirs is made first\n",
            print::count(*after_these, "job", "jobs")
        );
    }
    text
}
