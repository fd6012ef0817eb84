//! What codecs answer, query by query: for each model and dataset its codecs, the seeds of each put together, with the
//! statistics that a report shows.
//!
//! Seeds come first, queries after: the value of a query is its mean over the seeds, and queries are what is sampled. So an
//! interval speaks of other queries of the same kind, not of other seeds; how much seeds differ is told apart, in
//! [`Answer::seeds`] and [`Answer::deviations`].
//!
//! Owns: which cells belong together, and which statistics are taken. Does not own: the statistics
//! (`bitsweep_measures::statistics`), reading stores (the caller brings the values of each measuring job), how it looks.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use bitsweep_measures::statistics::{bootstraps, components, differences};
use bitsweep_proto::cell::{Axis, Cell};
use bitsweep_proto::{Codec, JobKey, Measure, Plan, Task, manifest};

use crate::compare::{Deviations, PerQuery, Sampling, Settings, mean_of_seeds};
use crate::contrast::{self, Contrast};
use crate::per_query::Widest;
use crate::similarity::Similarities;
use crate::{Outcomes, ReportError, hard, missed, truncated};

/// The values by query of measuring jobs.
pub type PerQueries = BTreeMap<JobKey, PerQuery>;

/// All that is known query by query of a sweep, and pair by pair.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Confidence and sampling of all statistics.
    pub settings: Settings,
    /// The measure of the first figures: the first recall that the manifest lists, else the first measure. `None` without any.
    pub hero: Option<Measure>,
    /// One for each model and dataset with answers, in the plan's order.
    pub panels: Vec<PanelAnswers>,
    /// Cells that have results, but no values by query here.
    pub unread: usize,
    /// Of datasets of pairs of sentences; the caller sets it, nothing else here looks at it.
    pub similarities: Similarities,
}

/// All codecs of one model on one dataset.
#[derive(Clone, Debug)]
pub struct PanelAnswers {
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// Dimensions of the model's whole vectors.
    pub dim: u32,
    /// Ids of the judged queries.
    pub queries: Vec<String>,
    /// Codecs in the plan's order.
    pub lines: Vec<LineAnswers>,
    /// Binary codecs against product quantisation of the same bytes, measure by measure.
    pub contrasts: Vec<Contrast>,
}

/// One codec with all its seeds.
#[derive(Clone, Debug)]
pub struct LineAnswers {
    /// Its name: the cell without model, dataset and seed; of a cell with no further axis the codec's name, of truncated vectors
    /// `float32, first 128 dimensions`.
    pub name: String,
    /// The codec, with the first of its seeds.
    pub codec: Codec,
    /// Dimensions that its vectors are truncated to; `None`: they are whole.
    pub dims: Option<u32>,
    /// Most documents that had one score for one query, in any of its cells.
    pub largest_tied_group: Option<u64>,
    /// What it gives by each measure.
    pub answers: BTreeMap<Measure, Answer>,
}

/// One measure of one codec.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// For each query its value: the mean over the seeds.
    pub values: Vec<f64>,
    /// The mean of each seed, in the plan's order.
    pub seeds: Vec<f64>,
    /// Where the variance comes from; `None` with one seed.
    pub deviations: Option<Deviations>,
    /// Share of the queries whose value the order of tied documents leaves open, mean over the seeds.
    pub open: f64,
    /// The query that this leaves open most widely, under any one seed.
    pub widest: Option<Widest>,
    /// The bootstrap interval of the mean over queries.
    pub interval: [f64; 2],
    /// Of a recall, of [`Answers::hero`] and of [`Answers::hero_of_task`] for retrieval: the mean difference to float32, and its
    /// paired interval. `None` where float32 has no answers.
    pub loss: Option<[f64; 3]>,
}

/// The mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// See [`Answers::hero`].
fn hero(plan: &Plan) -> Option<Measure> {
    let listed = manifest::read(&plan.manifest, "manifest").map(|manifest| manifest.measures);
    let listed: Vec<Measure> = listed.unwrap_or_else(|_| plan.measures.clone());
    let measured = || listed.iter().chain(&plan.measures).filter(|measure| plan.measures.contains(measure)).copied();
    measured().find(|measure| matches!(measure, Measure::Recall { .. })).or_else(|| measured().next())
}

/// See [`Answers::hero_of_task`].
fn hero_of_task(hero: Option<Measure>, measures: &[Measure], task: Task) -> Option<Measure> {
    let is_it = |measure: &Measure| measure.task() == task;
    hero.filter(is_it).or_else(|| measures.iter().copied().find(is_it))
}

/// A report's settings: 95 %, 10,000 rounds, the manifest's seed.
pub(crate) fn settings(plan: &Plan) -> Settings {
    let seed = manifest::read(&plan.manifest, "manifest").map(|manifest| manifest.seed).unwrap_or_default();
    Settings { sampling: Sampling { seed, ..Sampling::default() }, ..Settings::default() }
}

/// Cells that differ in their seed alone.
struct Group<'a> {
    name: String,
    codec: Codec,
    dims: Option<u32>,
    cells: Vec<&'a PerQuery>,
    tied: Vec<u64>,
}

impl Answers {
    /// Puts together what is finished and not withheld, and takes the statistics, with as many threads as there are cores: the
    /// numbers do not depend on how many.
    ///
    /// Fails where cells of one model and dataset answer different queries, or the plan is at odds with itself.
    pub fn of(plan: &Plan, outcomes: &Outcomes, per_query: &PerQueries) -> Result<Self, ReportError> {
        let (settings, hero) = (settings(plan), hero(plan));
        let paired = [hero, hero_of_task(hero, &plan.measures, Task::Retrieval)];
        let (groups, unread) = groups(plan, outcomes, per_query)?;
        let mut panels = Vec::new();
        for ((model, dataset), groups) in groups {
            let cell = || Cell::retrieval(model, dataset, groups[0].codec);
            let locked = plan.lock.models.get(model);
            let dim = locked.ok_or_else(|| ReportError::NoModel { cell: cell(), model: model.to_owned() })?.facts.dim;
            panels.push(panel((model, dataset, dim), groups)?);
        }
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = panels.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            for panels in panels.chunks_mut(share) {
                scope
                    .spawn(move || panels.iter_mut().for_each(|panel| panel.weigh((&plan.measures, paired), settings)));
            }
        });
        Ok(Self { settings, hero, panels, unread, similarities: Similarities::default() })
    }

    /// The answers of one model on one dataset.
    pub fn panel(&self, model: &str, dataset: &str) -> Option<&PanelAnswers> {
        self.panels.iter().find(|panel| (panel.model.as_str(), panel.dataset.as_str()) == (model, dataset))
    }

    /// Ids of the queries that the report shows, by dataset: whoever has their texts may bring them.
    pub fn hard_queries(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for panel in &self.panels {
            let Some(measure) = self.hero_of(panel) else { continue };
            let open = hard::open(panel, measure).and_then(|(_, widest)| panel.queries.get(widest.query));
            let lost = hard::lost(panel, measure).into_iter().map(|lost| lost.query);
            wanted.entry(&panel.dataset).or_default().extend(lost.chain(open.map(String::as_str)));
        }
        wanted
    }

    /// The hero measure where it is of `task`, else the first of `measures` that is. `None` without any.
    pub fn hero_of_task(&self, measures: &[Measure], task: Task) -> Option<Measure> {
        hero_of_task(self.hero, measures, task)
    }

    /// The hero measure, or on a dataset of another task the first measure that the panel has.
    pub(crate) fn hero_of(&self, panel: &PanelAnswers) -> Option<Measure> {
        let has = |measure: &Measure| panel.lines.iter().any(|line| line.answers.contains_key(measure));
        let first = || panel.lines.iter().flat_map(|line| line.answers.keys()).copied().next();
        self.hero.filter(has).or_else(first)
    }
}

type Groups<'a> = Vec<((&'a str, &'a str), Vec<Group<'a>>)>;

/// The cells with values, by model and dataset and then by all else but the seed; and how many have results but no values.
fn groups<'a>(
    plan: &'a Plan,
    outcomes: &Outcomes,
    per_query: &'a PerQueries,
) -> Result<(Groups<'a>, usize), ReportError> {
    let missed = missed(plan, outcomes);
    let (mut panels, mut unread): (Groups<'a>, usize) = (Vec::new(), 0);
    for planned in plan.searches() {
        let (cell, key) = (&planned.cell, plan.jobs[planned.job as usize].key);
        let Some(outcome) = outcomes.get(&key).filter(|_| !missed.iter().any(|missed| missed.withholds(cell))) else {
            continue;
        };
        let Some(values) = per_query.get(&key) else {
            unread += 1;
            continue;
        };
        let place = (cell.model(), cell.dataset());
        let at = panels.iter().position(|(panel, _)| *panel == place).unwrap_or(panels.len());
        if at == panels.len() {
            panels.push((place, Vec::new()));
        }
        let (groups, name) = (&mut panels[at].1, name(cell));
        let at = groups.iter().position(|group| group.name == name).unwrap_or(groups.len());
        if at == groups.len() {
            let codec = cell.codec().map_err(|source| ReportError::NoCodec { cell: cell.clone(), source })?;
            groups.push(Group { name, codec, dims: cell.dims(), cells: Vec::new(), tied: Vec::new() });
        }
        groups[at].cells.push(values);
        groups[at].tied.extend(outcome.produced.facts.get("largest_tied_group").copied());
    }
    Ok((panels, unread))
}

/// What a cell is called among those of its model and dataset, whatever its seed.
pub(crate) fn name(cell: &Cell) -> String {
    let left = |axis: Axis| !matches!(axis, Axis::Model | Axis::Dataset | Axis::Seed);
    let axes: Vec<(Axis, &str)> = cell.axes().filter(|(axis, _)| left(*axis)).collect();
    match axes[..] {
        [(Axis::Codec, codec)] => codec.to_owned(),
        [(Axis::Codec, codec), (Axis::Dims, dims)] => truncated::label(codec, dims),
        _ => axes.iter().map(|(axis, value)| format!("{}={value}", axis.name())).collect::<Vec<_>>().join(","),
    }
}

fn panel((model, dataset, dim): (&str, &str, u32), groups: Vec<Group<'_>>) -> Result<PanelAnswers, ReportError> {
    let queries = groups[0].cells[0].queries.clone();
    for group in &groups {
        if group.cells.iter().any(|cell| cell.queries != queries) {
            return Err(ReportError::OtherQueries { a: groups[0].name.clone(), b: group.name.clone() });
        }
    }
    let (model, dataset) = (model.to_owned(), dataset.to_owned());
    let lines = groups.into_iter().map(LineAnswers::of).collect();
    Ok(PanelAnswers { model, dataset, dim, queries, lines, contrasts: Vec::new() })
}

impl LineAnswers {
    fn of(group: Group<'_>) -> Self {
        let measures: BTreeSet<Measure> = group.cells.iter().flat_map(|cell| cell.values.keys().copied()).collect();
        let answers = measures.into_iter().filter_map(|measure| Some((measure, answer(&group.cells, measure)?)));
        let answers = answers.collect();
        let Group { name, codec, dims, tied, .. } = group;
        Self { name, codec, dims, largest_tied_group: tied.into_iter().max(), answers }
    }

    /// Bytes of one stored vector of a model whose whole vectors have `dim` dimensions.
    pub fn bytes_per_vector(&self, dim: u32) -> u64 {
        self.codec.bytes_per_vector(self.dims.unwrap_or(dim))
    }

    /// Whether the codec alone says what it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.name == self.codec.name()
    }
}

/// One measure of the cells of a codec; `None` where one lacks it. Statistics come later.
fn answer(cells: &[&PerQuery], measure: Measure) -> Option<Answer> {
    let by_seed: Vec<Vec<f64>> = cells.iter().map(|cell| cell.values.get(&measure).cloned()).collect::<Option<_>>()?;
    let queries = by_seed.first().map_or(0, Vec::len).max(1) as f64;
    let open: Vec<f64> = cells.iter().map(|cell| cell.open(measure) as f64 / queries).collect();
    Some(Answer {
        values: mean_of_seeds(&by_seed),
        seeds: by_seed.iter().map(|values| mean(values)).collect(),
        deviations: components(&by_seed).map(Deviations::from),
        open: mean(&open),
        widest: cells
            .iter()
            .filter_map(|cell| cell.widest(measure))
            .reduce(|a, b| if b.width() > a.width() { b } else { a }),
        interval: [f64::NAN; 2],
        loss: None,
    })
}

impl PanelAnswers {
    /// The vectors as they are.
    pub(crate) fn float32(&self) -> Option<&LineAnswers> {
        self.lines.iter().find(|line| line.codec == Codec::Float32 && line.is_plain())
    }

    /// Codecs of whole vectors alone, without second stages.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &LineAnswers> {
        self.lines.iter().filter(|line| line.is_plain())
    }

    /// The line of that name.
    pub fn line(&self, name: &str) -> Option<&LineAnswers> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// Takes the statistics of all codecs; differences to float32 by every recall, and by the measures `paired`.
    fn weigh(&mut self, (measures, paired): (&[Measure], [Option<Measure>; 2]), settings: Settings) {
        for measure in measures {
            self.intervals(*measure, settings);
            if matches!(measure, Measure::Recall { .. }) || paired.contains(&Some(*measure)) {
                self.losses(*measure, settings);
            }
            let contrasts = contrast::contrasts(self, *measure, settings);
            self.contrasts.extend(contrasts);
        }
    }

    fn intervals(&mut self, measure: Measure, Settings { level, sampling }: Settings) {
        let answers: Vec<&mut Answer> =
            self.lines.iter_mut().filter_map(|line| line.answers.get_mut(&measure)).collect();
        let columns: Vec<&[f64]> = answers.iter().map(|answer| answer.values.as_slice()).collect();
        let intervals = bootstraps(&columns, level, sampling);
        for (answer, interval) in answers.into_iter().zip(intervals) {
            answer.interval = [interval.low, interval.high];
        }
    }

    fn losses(&mut self, measure: Measure, Settings { level, sampling }: Settings) {
        let float32 = self.float32().and_then(|line| line.answers.get(&measure));
        let Some(float32) = float32.map(|answer| answer.values.clone()) else { return };
        let answers: Vec<&mut Answer> =
            self.lines.iter_mut().filter_map(|line| line.answers.get_mut(&measure)).collect();
        let columns: Vec<Vec<f64>> = answers.iter().map(|answer| differences(&answer.values, &float32)).collect();
        let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let intervals = bootstraps(&slices, level, sampling);
        for ((answer, column), interval) in answers.into_iter().zip(&columns).zip(intervals) {
            answer.loss = Some([mean(column), interval.low, interval.high]);
        }
    }
}
