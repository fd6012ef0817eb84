//! Manifest and lock → plan: cells, the jobs they need, and how these share work.
//!
//! Jobs are the same job where their keys are equal: two dataset names with the same content share everything. Time and
//! memory are linear in cells. `examples/plan_scale.rs` shows it.

use bitsweep_proto::job::ARCHITECTURES;
use bitsweep_proto::lock::Lock;
use bitsweep_proto::manifest::Point;
use bitsweep_proto::plan::{PLAN_VERSION, PlannedCell};
use bitsweep_proto::{Cell, Codec, Manifest, Measure, Plan, Profiles, Task};
use indexmap::IndexSet;

use crate::classification::{Classification, Labelled};
use crate::errors::{PlanError, PlanErrors};
use crate::expand::{DEFAULT_TIER, ExpandedCell, expand};
use crate::graph::Graph;
use crate::recipe::{Aim, Pair, Retrieval, of_task};
use crate::similarity::{Pairs, Similarity};
use crate::{codes, speed};

/// The plan of `manifest`, whose text is `text`, with the sources in `lock`, for machines that offer `profiles`.
///
/// Every problem is reported, not only the first.
pub fn plan(manifest: &Manifest, text: &str, lock: &Lock, profiles: &Profiles) -> Result<Plan, PlanErrors> {
    let expanded = expand(manifest);
    let mut errors = expanded.problems;
    errors.extend(unfit_measures(manifest, &expanded.cells));
    errors.extend(codes::of_nothing(manifest, &expanded.cells));
    errors.extend(speed::of_nothing(manifest, &expanded.cells));
    errors.extend(idle_expectations(manifest, &expanded.cells));
    errors.extend(unusable_sources(manifest, lock, &expanded.cells));

    let aims = Aims::of(&manifest.measures);
    let mut graph = Graph::new(profiles);
    let mut cells = Vec::with_capacity(expanded.cells.len());
    for group in expanded.cells.chunk_by(|a, b| place(a) == place(b)) {
        let (model, dataset) = place(&group[0]);
        let Some(subject) = Subject::of(manifest, lock, (model, dataset)) else { continue };
        errors.extend(group.iter().filter_map(|cell| unfit(&subject, cell)));
        // Seeds of one codec have one reason.
        errors.dedup();
        if !errors.is_empty() {
            continue; // Nothing will be planned; go on looking for problems.
        }
        let whole = subject.recipe(&mut graph, &aims);
        for of_length in group.chunk_by(|a, b| a.point.dims == b.point.dims) {
            let most = of_length.iter().filter_map(|cell| cell.point.rescore).map(|rescore| rescore.candidates).max();
            let recipe = whole.of_length(&mut graph, (of_length[0].point.dims, most.unwrap_or(0)));
            for cell in of_length {
                let Point { codec, dims, rescore, .. } = cell.point;
                let job = match &recipe {
                    Recipe::Retrieval(recipe) => recipe.measure(&mut graph, codec, rescore),
                    Recipe::Similarity(recipe) => recipe.measure(&mut graph, codec),
                    Recipe::Classification(recipe) => recipe.measure(&mut graph, codec),
                };
                cells.push(PlannedCell {
                    cell: Cell::retrieval(model, dataset, codec).truncated(dims).rescored(rescore),
                    tier: cell.tier,
                    track: cell.track,
                    job,
                });
            }
            if let Recipe::Retrieval(recipe) = &recipe
                && manifest.codes
            {
                cells.extend(codes::cells(&mut graph, recipe, of_length));
            }
            if let (Recipe::Retrieval(recipe), Some(speed)) = (&recipe, &manifest.speed) {
                cells.extend(speed::cells(&mut graph, recipe, (of_length, speed)));
            }
        }
        if let Recipe::Retrieval(recipe) = &whole
            && manifest.geometry
        {
            // As early, and as much a part of the core, as the first of the cells that it explains.
            let tier = group.iter().map(|cell| cell.tier).min().unwrap_or(DEFAULT_TIER);
            let track = group.iter().map(|cell| cell.track).min().unwrap_or_default();
            let cell = Cell::geometry(model, dataset);
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

/// Model and dataset of a cell.
fn place<'m>(cell: &ExpandedCell<'m>) -> (&'m str, &'m str) {
    (cell.point.model, cell.point.dataset)
}

/// What is measured of the datasets of each task.
struct Aims {
    retrieval: Aim,
    similarity: Vec<Measure>,
    classification: Vec<Measure>,
}

impl Aims {
    fn of(measures: &[Measure]) -> Self {
        Self {
            retrieval: Aim::of(measures),
            similarity: of_task(measures, Task::Similarity),
            classification: of_task(measures, Task::Classification),
        }
    }
}

/// What manifest and lock say of one model and one dataset.
enum Subject<'a> {
    Retrieval(Pair<'a>),
    Similarity(Pairs<'a>),
    Classification(Labelled<'a>),
}

/// The jobs of one model on one dataset.
enum Recipe<'a> {
    Retrieval(Retrieval<'a>),
    Similarity(Similarity<'a>),
    Classification(Classification<'a>),
}

impl<'a> Subject<'a> {
    /// `None` where manifest or lock lacks the model or the dataset.
    fn of(manifest: &'a Manifest, lock: &'a Lock, (model, name): (&str, &str)) -> Option<Self> {
        let (model, locked_model) = (manifest.models.get(model)?, lock.models.get(model)?);
        let dataset = manifest.datasets.get(name)?;
        Some(match dataset.task {
            Task::Retrieval => {
                let locked_dataset = lock.datasets.get(name)?;
                Self::Retrieval(Pair { model, locked_model, dataset, locked_dataset })
            }
            Task::Similarity => {
                let locked = lock.similarity.get(name)?;
                Self::Similarity(Pairs { model, locked_model, locked })
            }
            Task::Classification => {
                let locked = lock.classification.get(name)?;
                Self::Classification(Labelled { model, locked_model, locked })
            }
        })
    }

    /// That of whole vectors.
    fn recipe(&self, graph: &mut Graph<'_>, aims: &'a Aims) -> Recipe<'a> {
        match self {
            Self::Retrieval(pair) => Recipe::Retrieval(Retrieval::new(graph, *pair, &aims.retrieval)),
            Self::Similarity(pairs) => Recipe::Similarity(Similarity::new(graph, *pairs, &aims.similarity)),
            Self::Classification(of) => Recipe::Classification(Classification::new(graph, *of, &aims.classification)),
        }
    }

    fn dim(&self) -> u32 {
        match self {
            Self::Retrieval(Pair { locked_model, .. })
            | Self::Similarity(Pairs { locked_model, .. })
            | Self::Classification(Labelled { locked_model, .. }) => locked_model.facts.dim,
        }
    }

    /// What codecs learn from: how many, and what they are.
    fn learnt_from(&self) -> (u64, &'static str, &'static str) {
        match self {
            Self::Retrieval(pair) => (pair.locked_dataset.counts.documents, "the documents", "this dataset"),
            Self::Similarity(pairs) => (pairs.locked.counts.fit, "the sentences of `fit`", "that split"),
            Self::Classification(of) => (of.locked.counts.documents, "the texts of `fit`", "that split"),
        }
    }
}

impl Recipe<'_> {
    /// The same for vectors of one length, truncated to `dims` dimensions or whole. `most_candidates`: those of the deepest second
    /// stage.
    fn of_length(&self, graph: &mut Graph<'_>, (dims, most_candidates): (Option<u32>, u32)) -> Self {
        match self {
            Self::Retrieval(recipe) => Self::Retrieval(recipe.of_length(graph, (dims, most_candidates))),
            Self::Similarity(recipe) => Self::Similarity(recipe.of_length(graph, dims)),
            Self::Classification(recipe) => Self::Classification(recipe.of_length(graph, dims)),
        }
    }
}

/// Datasets that no measure is for, measures that no dataset is for, and a geometry of nothing.
fn unfit_measures(manifest: &Manifest, cells: &[ExpandedCell<'_>]) -> Vec<PlanError> {
    if manifest.measures.is_empty() {
        return vec![PlanError::NoMeasures];
    }
    let mut errors = Vec::new();
    let names: IndexSet<&str> = cells.iter().map(|cell| cell.point.dataset).collect();
    let used = names.iter().filter_map(|name| Some((*name, manifest.datasets.get(*name)?.task)));
    let used: Vec<(&str, Task)> = used.collect();
    for (name, task) in &used {
        if of_task(&manifest.measures, *task).is_empty() {
            let example = match task {
                Task::Retrieval => "nDCG@10",
                Task::Similarity => "Spearman",
                Task::Classification => "Accuracy@10",
            };
            errors.push(PlanError::Unmeasured { dataset: (*name).to_owned(), task: *task, example });
        }
    }
    let is_used = |task: Task| used.is_empty() || used.iter().any(|(_, of)| *of == task);
    for measure in manifest.measures.iter().filter(|measure| !is_used(measure.task())) {
        errors.push(PlanError::MeasuresNothing { measure: *measure, task: measure.task() });
    }
    if manifest.geometry && !is_used(Task::Retrieval) {
        errors.push(PlanError::GeometryOfNothing);
    }
    errors
}

/// Expectations of what is not measured.
fn idle_expectations(manifest: &Manifest, cells: &[ExpandedCell<'_>]) -> Vec<PlanError> {
    let mut errors = Vec::new();
    for (i, expect) in manifest.expect.iter().enumerate() {
        let is_there = |cell: &ExpandedCell<'_>| {
            place(cell) == (&expect.model, &expect.dataset)
                && (cell.point.codec, cell.point.dims) == (Codec::Float32, None)
        };
        let what = if !cells.iter().any(is_there) {
            format!("float32 of {} on {}", expect.model, expect.dataset)
        } else if !manifest.measures.contains(&expect.measure)
            || manifest.datasets.get(&expect.dataset).is_some_and(|dataset| dataset.task != expect.measure.task())
        {
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
    let models: IndexSet<&str> = cells.iter().map(|cell| cell.point.model).collect();
    let datasets: IndexSet<&str> = cells.iter().map(|cell| cell.point.dataset).collect();
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
            Some(_) => {
                errors.extend(too_many_tokens(manifest, lock, name));
                errors.extend(too_many_dims(manifest, lock, name));
            }
        }
    }
    for name in datasets {
        let Some(said) = manifest.datasets.get(name) else { continue };
        match said.task {
            Task::Retrieval => match lock.datasets.get(name) {
                None => errors.push(missing("dataset", name)),
                Some(locked) => {
                    errors.extend(other_split(name, &said.split, &locked.split));
                    let counts = [("documents", locked.counts.documents), ("judged queries", locked.counts.queries)];
                    errors.extend(counts.into_iter().filter_map(|count| empty(name, count)));
                }
            },
            Task::Similarity => match lock.similarity.get(name) {
                None => errors.push(missing("dataset", name)),
                Some(locked) => {
                    errors.extend(other_split(name, &said.split, &locked.split));
                    errors.extend(other_split(name, said.fit.as_deref().unwrap_or_default(), &locked.fit));
                    let counts = [("pairs", locked.counts.pairs), ("sentences to fit codecs on", locked.counts.fit)];
                    errors.extend(counts.into_iter().filter_map(|count| empty(name, count)));
                }
            },
            Task::Classification => match lock.classification.get(name) {
                None => errors.push(missing("dataset", name)),
                Some(locked) => {
                    errors.extend(other_split(name, &said.split, &locked.split));
                    errors.extend(other_split(name, said.fit.as_deref().unwrap_or_default(), &locked.fit));
                    let counts =
                        [("labelled texts", locked.counts.documents), ("texts to measure", locked.counts.queries)];
                    errors.extend(counts.into_iter().filter_map(|count| empty(name, count)));
                }
            },
        }
    }
    errors
}

fn other_split(dataset: &str, wanted: &str, locked: &str) -> Option<PlanError> {
    let [dataset, wanted, locked] = [dataset, wanted, locked].map(str::to_owned);
    (wanted != locked).then_some(PlanError::OtherSplit { dataset, wanted, locked })
}

fn empty(dataset: &str, (what, count): (&'static str, u64)) -> Option<PlanError> {
    (count == 0).then(|| PlanError::Empty { dataset: dataset.to_owned(), what })
}

/// The manifest may not ask for more tokens than the network has positions for.
fn too_many_tokens(manifest: &Manifest, lock: &Lock, name: &str) -> Option<PlanError> {
    let (wanted, most) = (manifest.models.get(name)?.max_tokens?, lock.models.get(name)?.facts.positions);
    (wanted > most).then(|| PlanError::TooManyTokens { model: name.to_owned(), wanted, most })
}

/// What is truncated gets shorter.
fn too_many_dims(manifest: &Manifest, lock: &Lock, name: &str) -> Option<PlanError> {
    let (said, dim) = (manifest.models.get(name)?, lock.models.get(name)?.facts.dim);
    let dims = said.dims.iter().copied().find(|dims| *dims >= dim)?;
    Some(PlanError::TooManyDims { model: name.to_owned(), dims, dim })
}

/// Why `cell` cannot be run, or `None` where it can.
fn unfit(subject: &Subject<'_>, cell: &ExpandedCell<'_>) -> Option<PlanError> {
    let (count, what, whose) = subject.learnt_from();
    let Point { model, dataset, codec, dims, .. } = cell.point;
    let dim = dims.unwrap_or_else(|| subject.dim());
    let too_few = || {
        let needed = codec.least_documents(dim);
        let few = (1..needed).contains(&count);
        few.then(|| format!("{codec} learns from {what} and needs {needed}, {whose} has {count}"))
    };
    let approximate = || {
        let pairs = matches!(subject, Subject::Similarity(_)) && codec.is_approximate();
        pairs.then(|| "its search is approximate and may leave a pair without a score".to_owned())
    };
    let why = codec.unfit(dim).or_else(too_few).or_else(approximate)?;
    let codec = dims.map_or_else(|| codec.name(), |dims| format!("{codec} of the first {dims} dimensions"));
    Some(PlanError::Unfit { model: model.to_owned(), dataset: dataset.to_owned(), codec, why })
}
