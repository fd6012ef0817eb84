//! Manifest and lock → plan: cells, the jobs they need, and how these share work.
//!
//! Jobs are the same job where their keys are equal: two dataset names with the same content share everything. Time and
//! memory are linear in cells. `examples/plan_scale.rs` shows it.

use bitsweep_proto::job::ARCHITECTURES;
use bitsweep_proto::lock::Lock;
use bitsweep_proto::plan::{PLAN_VERSION, PlannedCell};
use bitsweep_proto::{Cell, Codec, Manifest, Measure, Plan, Profiles};
use indexmap::IndexSet;

use crate::errors::{PlanError, PlanErrors};
use crate::expand::{DEFAULT_TIER, ExpandedCell, expand};
use crate::graph::Graph;
use crate::recipe::{Aim, Pair, Retrieval};

/// The plan of `manifest`, whose text is `text`, with the sources in `lock`, for machines that offer `profiles`.
///
/// Every problem is reported, not only the first.
pub fn plan(manifest: &Manifest, text: &str, lock: &Lock, profiles: &Profiles) -> Result<Plan, PlanErrors> {
    let expanded = expand(manifest);
    let mut errors = expanded.problems;
    if manifest.measures.is_empty() {
        errors.push(PlanError::NoMeasures);
    }
    errors.extend(idle_expectations(manifest, &expanded.cells));
    errors.extend(unusable_sources(manifest, lock, &expanded.cells));

    let aim = Aim::of(&manifest.measures);
    let mut graph = Graph::new(profiles);
    let mut cells = Vec::with_capacity(expanded.cells.len());
    for group in expanded.cells.chunk_by(|a, b| (a.model, a.dataset) == (b.model, b.dataset)) {
        let Some(pair) = pair(manifest, lock, group[0].model, group[0].dataset) else { continue };
        errors.extend(group.iter().filter_map(|cell| unfit(pair, cell)));
        // Seeds of one codec have one reason.
        errors.dedup();
        if !errors.is_empty() {
            continue; // Nothing will be planned; go on looking for problems.
        }
        let recipe = Retrieval::new(&mut graph, pair, &aim);
        for cell in group {
            let job = recipe.measure(&mut graph, cell.codec);
            cells.push(PlannedCell {
                cell: Cell::retrieval(cell.model, cell.dataset, cell.codec),
                tier: cell.tier,
                track: cell.track,
                job,
            });
        }
        if manifest.geometry {
            // As early, and as much a part of the core, as the first of the cells that it explains.
            let tier = group.iter().map(|cell| cell.tier).min().unwrap_or(DEFAULT_TIER);
            let track = group.iter().map(|cell| cell.track).min().unwrap_or_default();
            let cell = Cell::geometry(group[0].model, group[0].dataset);
            cells.push(PlannedCell { cell, tier, track, job: recipe.geometry(&mut graph) });
        }
    }
    if !errors.is_empty() {
        return Err(PlanErrors(errors));
    }
    let measures: IndexSet<Measure> = manifest.measures.iter().copied().collect();
    Ok(Plan {
        version: PLAN_VERSION,
        name: manifest.sweep.clone(),
        manifest: text.to_owned(),
        lock: lock.clone(),
        profiles: profiles.clone(),
        measures: measures.into_iter().collect(),
        jobs: graph.finish(cells.iter().map(|cell| (cell.job, (cell.track, cell.tier)))),
        cells,
        gates: manifest.gates.clone(),
        budgets: manifest.budgets.clone(),
        expect: manifest.expect.clone(),
    })
}

/// What manifest and lock say of one model and one dataset; `None` where either lacks one of them.
fn pair<'a>(manifest: &'a Manifest, lock: &'a Lock, model: &str, dataset: &str) -> Option<Pair<'a>> {
    Some(Pair {
        model: manifest.models.get(model)?,
        locked_model: lock.models.get(model)?,
        dataset: manifest.datasets.get(dataset)?,
        locked_dataset: lock.datasets.get(dataset)?,
    })
}

/// Expectations of what is not measured.
fn idle_expectations(manifest: &Manifest, cells: &[ExpandedCell<'_>]) -> Vec<PlanError> {
    let mut errors = Vec::new();
    for (i, expect) in manifest.expect.iter().enumerate() {
        let is_there = |cell: &ExpandedCell<'_>| {
            (cell.model, cell.dataset, cell.codec) == (&expect.model, &expect.dataset, Codec::Float32)
        };
        let what = if !cells.iter().any(is_there) {
            format!("float32 of {} on {}", expect.model, expect.dataset)
        } else if !manifest.measures.contains(&expect.measure) {
            expect.measure.to_string()
        } else {
            continue;
        };
        errors.push(PlanError::ExpectsNothing { entry: format!("expect[{i}]"), what });
    }
    errors
}

/// Problems of the models and datasets that some cell uses, each once.
fn unusable_sources(manifest: &Manifest, lock: &Lock, cells: &[ExpandedCell<'_>]) -> Vec<PlanError> {
    let models: IndexSet<&str> = cells.iter().map(|cell| cell.model).collect();
    let datasets: IndexSet<&str> = cells.iter().map(|cell| cell.dataset).collect();
    let missing = |axis, name: &str| PlanError::NotLocked { axis, name: name.to_owned() };
    let mut errors = Vec::new();
    for name in models {
        match lock.models.get(name).map(|locked| locked.facts.architecture.as_str()) {
            None => errors.push(missing("model", name)),
            Some(found) if !ARCHITECTURES.contains(&found) => errors.push(PlanError::Architecture {
                model: name.to_owned(),
                found: found.to_owned(),
                known: ARCHITECTURES.join(", "),
            }),
            Some(_) => errors.extend(too_many_tokens(manifest, lock, name)),
        }
    }
    for name in datasets {
        let Some(locked) = lock.datasets.get(name) else {
            errors.push(missing("dataset", name));
            continue;
        };
        let wanted = manifest.datasets.get(name).map_or("", |dataset| &dataset.split);
        if wanted != locked.split {
            errors.push(PlanError::OtherSplit {
                dataset: name.to_owned(),
                wanted: wanted.to_owned(),
                locked: locked.split.clone(),
            });
        }
        let counts = [("documents", locked.counts.documents), ("judged queries", locked.counts.queries)];
        for (what, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            errors.push(PlanError::Empty { dataset: name.to_owned(), what });
        }
    }
    errors
}

/// The manifest may not ask for more tokens than the network has positions for.
fn too_many_tokens(manifest: &Manifest, lock: &Lock, name: &str) -> Option<PlanError> {
    let (wanted, most) = (manifest.models.get(name)?.max_tokens?, lock.models.get(name)?.facts.positions);
    (wanted > most).then(|| PlanError::TooManyTokens { model: name.to_owned(), wanted, most })
}

/// Why `cell` cannot be run, or `None` where it can.
fn unfit(pair: Pair<'_>, cell: &ExpandedCell<'_>) -> Option<PlanError> {
    let documents = pair.locked_dataset.counts.documents;
    let too_few = || {
        let (needed, codec) = (cell.codec.least_documents(), cell.codec);
        let few = (1..needed).contains(&documents);
        few.then(|| format!("{codec} learns from the documents and needs {needed}, this dataset has {documents}"))
    };
    let why = cell.codec.unfit(pair.locked_model.facts.dim).or_else(too_few)?;
    Some(PlanError::Unfit {
        model: cell.model.to_owned(),
        dataset: cell.dataset.to_owned(),
        codec: cell.codec.name(),
        why,
    })
}
