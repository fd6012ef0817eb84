//! What the page says, as plain text: the template only arranges it.

use bitsweep_proto::plan::PlannedCell;
use bitsweep_proto::{Codec, Measure, Task};
use serde::Serialize;

use super::codes::{self, HammingView};
use super::contrast::{self, ContrastsView};
use super::draws;
use super::failures::{self, FailuresView, GridView};
use super::geometry::{self, GeometryView};
use super::relation::{self, RelationsView};
use super::rescoring::{self, RescoringView};
use super::similarity::{self, SimilaritiesView};
use super::slopes::{self, SlopesView};
use super::speed::{self, SpeedView};
use super::truncated::{self, TruncatedView};
use super::{Report, setup};
use crate::answers::{Answers, PanelAnswers};
use crate::codes::Inspections;
use crate::geometry::Geometries;
use crate::number::{grouped, ratio, value};
use crate::plot::{self, Figure};
use crate::relation::Relations;
use crate::similarity::PanelPairs;
use crate::speed::Speeds;
use crate::summary::{Line, Panel, Spread};
use crate::table::{Row, Table, shared_bytes_per_vector};
use crate::truncated::label;
use crate::{Maker, ReportError, failure, fairness};

/// Most plots in one page; it says how many are left out.
const MOST_FIGURES: usize = 120;
/// Most rows of single values in one page; larger tables are left to `bitsweep export`.
const MOST_ROWS: usize = 5000;
/// Most cells listed for one reason of having no result.
const MOST_CELLS: usize = 100;

/// The whole page.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    sweep: String,
    id: String,
    cells: usize,
    done: usize,
    models: Vec<Vec<String>>,
    datasets: Vec<Vec<String>>,
    codecs: Vec<String>,
    measures: Vec<String>,
    statistics: Option<StatisticsView>,
    legend: Vec<&'static str>,
    other_legend: Vec<&'static str>,
    plots: Vec<PlotGroup>,
    plots_left_out: usize,
    panels: Vec<PanelView>,
    rows_left_out: usize,
    rescoring: Vec<RescoringView>,
    draws: Option<GridView>,
    slopes: Option<SlopesView>,
    truncated: Vec<TruncatedView>,
    contrasts: Option<ContrastsView>,
    similarities: Option<SimilaritiesView>,
    failures: Vec<FailuresView>,
    hamming: Option<HammingView>,
    checks: Vec<Vec<String>>,
    missing: Vec<MissingView>,
    cautions: Vec<String>,
    definitions: Vec<Vec<String>>,
    geometry: Option<GeometryView>,
    relations: Option<RelationsView>,
    speed: Option<SpeedView>,
    files: Vec<Vec<String>>,
    profiles: Vec<setup::ProfileView>,
    makers: Vec<Vec<String>>,
    version: &'static str,
    command: String,
    plot_folder: String,
    manifest: String,
}

/// How intervals and p were found.
#[derive(Debug, Serialize)]
struct StatisticsView {
    hero: String,
    level: String,
    rounds: String,
    seed: u64,
    unread: usize,
}

/// The plots of one measure.
#[derive(Debug, Serialize)]
struct PlotGroup {
    measure: String,
    figures: Vec<FigureView>,
}

#[derive(Debug, Serialize)]
pub(super) struct FigureView {
    title: String,
    file: String,
    /// The codecs on the Pareto front, of a hero figure.
    front: Option<String>,
    svg: String,
}

impl FigureView {
    /// A plot with its title and the name of its file, drawn as `svg`.
    pub(super) fn new((title, file): (String, String), svg: &str) -> Self {
        Self { title, file, front: None, svg: inline(svg) }
    }
}

/// The table of one model and dataset.
#[derive(Debug, Serialize)]
struct PanelView {
    model: String,
    dataset: String,
    dim: u32,
    /// Documents and queries, or pairs.
    size: String,
    /// Those that it was measured by.
    measures: Vec<String>,
    lines: Vec<LineView>,
    deviations: Option<GridView>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct LineView {
    codec: String,
    bytes: String,
    ratio: String,
    shared: String,
    shared_per_vector: Option<String>,
    seeds: String,
    values: Vec<Option<ValueView>>,
}

#[derive(Debug, Serialize)]
struct ValueView {
    mean: String,
    interval: Option<String>,
    range: Option<String>,
    title: String,
}

#[derive(Debug, Serialize)]
struct MissingView {
    reason: Option<String>,
    count: usize,
    cells: Vec<String>,
    more: usize,
}

impl Page {
    pub(crate) fn of(report: &Report<'_>) -> Result<Self, ReportError> {
        let Report { plan, outcomes, answers, texts, .. } = *report;
        let table = Table::of(plan, outcomes)?;
        let figures = Figure::all(&table, answers);
        let plots_left_out = figures.len().saturating_sub(MOST_FIGURES);
        let figures = &figures[..figures.len() - plots_left_out];
        let rows_left_out = if table.rows.len() > MOST_ROWS { table.rows.len() } else { 0 };
        let panels = Panel::all(&table);
        let rescoring = rescoring::views(&panels, (&table, answers))?;
        let geometries = Geometries::of(plan, outcomes);
        let truncated = truncated::views(&panels, (answers, &table));
        let source = failures::Source { plan, outcomes, answers, texts };
        let missing = failure::missing(plan, outcomes, report.failed);
        let is_done = |planned: &PlannedCell| outcomes.contains_key(&plan.jobs[planned.job as usize].key);
        let of_panel = |panel| panel_view(panel, &table, (answers, rows_left_out == 0));
        Ok(Self {
            sweep: plan.name.clone(),
            id: plan.id().0.short(),
            cells: plan.cells.len(),
            done: plan.cells.iter().filter(|planned| is_done(planned)).count(),
            models: setup::models(plan),
            datasets: setup::datasets(plan),
            codecs: setup::codecs(plan),
            measures: table.measures.iter().map(ToString::to_string).collect(),
            statistics: statistics(answers),
            legend: legend(figures, true),
            other_legend: legend(figures, false),
            plots: plots(figures)?,
            plots_left_out,
            panels: panels.iter().map(of_panel).collect(),
            rows_left_out,
            rescoring,
            draws: draws::view(plan, answers),
            slopes: slopes::view(&table, answers),
            truncated,
            contrasts: contrast::view(plan, answers),
            similarities: similarity::view(&answers.similarities),
            failures: failures::views(&source, &panels),
            hamming: codes::hamming(&Inspections::of(plan, outcomes))?,
            checks: checks(report),
            geometry: geometry::view(&geometries),
            relations: relation::view(Relations::of(&geometries, &table, answers).as_ref())?,
            speed: speed::view(&Speeds::of(plan, outcomes)),
            missing: missing.into_iter().map(missing_view).collect(),
            cautions: table.missed.iter().map(ToString::to_string).chain(plan.cautions()).collect(),
            definitions: setup::definitions(plan),
            files: setup::files(plan),
            profiles: setup::profiles(plan),
            makers: makers(report),
            version: env!("CARGO_PKG_VERSION"),
            command: report.command.to_owned(),
            plot_folder: report.plots.to_owned(),
            manifest: plan.manifest.clone(),
        })
    }
}

/// None where no values by query are known.
fn statistics(answers: &Answers) -> Option<StatisticsView> {
    let hero = answers.hero.filter(|_| !answers.panels.is_empty())?;
    let settings = answers.settings;
    Some(StatisticsView {
        hero: hero.to_string(),
        level: format!("{:.0} %", settings.level * 100.0),
        rounds: grouped(u64::from(settings.sampling.rounds)),
        seed: settings.sampling.seed,
        unread: answers.unread,
    })
}

fn checks(report: &Report<'_>) -> Vec<Vec<String>> {
    let checks = fairness::checks(report.plan, report.outcomes);
    let row = |check: fairness::Check| vec![check.what.to_owned(), check.done.word().to_owned(), check.detail];
    checks.into_iter().map(row).collect()
}

/// What the signs mean in the hero figures, or in the others: only of those that are drawn. Empty without such a figure.
fn legend(figures: &[Figure<'_>], hero: bool) -> Vec<&'static str> {
    let figures = || figures.iter().filter(|figure| figure.hero == hero);
    let any = |is: fn(&plot::Point) -> bool| figures().flat_map(|figure| &figure.points).any(is);
    if figures().next().is_none() {
        return Vec::new();
    }
    let mut sentences = vec!["Each point is a codec."];
    if any(|point| point.spread.seeds > 1) {
        sentences.push("Where it has several seeds, the point is their mean.");
    }
    if hero {
        sentences.extend(hero_legend(any));
    } else {
        if any(|point| point.spread.seeds > 1) {
            sentences.push("A bar with ends spans the least to the greatest seed; it is not a confidence interval.");
        }
        if any(|point| point.spread.tie_min < point.spread.tie_max) {
            sentences.push("A pale bar spans what the order of tied documents leaves open.");
            if figures().any(|figure| figure.measure.task() == Task::Classification) {
                sentences.push("Of labelled texts it also spans what labels with equally many votes leave open.");
            }
        }
    }
    if any(|point| (point.codec, point.dims) == (Codec::Float32, None)) {
        sentences.push("The dashed line is float32.");
    }
    if any(|point| point.dims.is_some()) {
        sentences.push("Fewer dimensions: the vectors were truncated before they were stored; the table of truncated vectors says to how many.");
    }
    sentences.push("All plots of a measure have the same vertical axis.");
    sentences
}

fn hero_legend(any: impl Fn(fn(&plot::Point) -> bool) -> bool) -> Vec<&'static str> {
    let mut sentences = Vec::new();
    if any(|point| point.interval.is_some()) {
        sentences.push("A bar with ends is the interval of the mean over queries; two bars that overlap may still belong to codecs that differ: see the paired differences below.");
    }
    if any(|point| !point.seeds.is_empty()) {
        sentences.push("A dot is one seed.");
    }
    sentences.push(
        "The staircase is the Pareto front of the means: no other codec has at most the bytes and at least the value; what is not on it is pale.",
    );
    sentences.push("Codecs of the same bytes are set side by side.");
    sentences
}

fn plots(figures: &[Figure<'_>]) -> Result<Vec<PlotGroup>, ReportError> {
    let mut groups: Vec<PlotGroup> = Vec::new();
    for figure in figures {
        let measure = figure.measure.to_string();
        if groups.last().is_none_or(|group| group.measure != measure) {
            groups.push(PlotGroup { measure, figures: Vec::new() });
        }
        let front = figure.hero.then(|| failures::front(figure));
        let (title, file) = (figure.title(), figure.file_name());
        let view = FigureView { front, ..FigureView::new((title, file), &plot::svg(figure)?) };
        groups.last_mut().expect("a group was pushed if there was none").figures.push(view);
    }
    Ok(groups)
}

/// A plot as part of the page: no namespace, no background, and black becomes the page's text colour.
pub(super) fn inline(svg: &str) -> String {
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", " aria-hidden=\"true\"", 1)
        .replace("fill=\"#FFFFFF\"", "fill=\"none\"")
        .replace("\"#000000\"", "\"currentColor\"")
}

fn panel_view(panel: &Panel<'_>, table: &Table, (answers, with_rows): (&Answers, bool)) -> PanelView {
    let of_answers = answers.panel(panel.model, panel.dataset);
    let of_pairs = answers.similarities.panel(panel.model, panel.dataset);
    let lines = panel.lines.iter().chain(&panel.truncated);
    let queries = lines.flat_map(|line| line.spreads.iter().flatten()).map(|spread| spread.queries).max();
    let of_panel = |row: &&Row| row.cell.model() == panel.model && row.cell.dataset() == panel.dataset;
    let (documents, queries) = (grouped(panel.documents), grouped(queries.unwrap_or(0)));
    let size = match table.rows.iter().find(of_panel).map(|row| row.measured.measure.task()) {
        Some(Task::Similarity) => {
            format!("{queries} pairs of sentences: each of the {documents} is stored once and asks once")
        }
        Some(Task::Classification) => format!("{queries} texts, classified by the labels of {documents} others"),
        Some(Task::Retrieval) | None => format!("{documents} documents, {queries} queries"),
    };
    let shown = if with_rows { table.rows.as_slice() } else { &[] };
    let rows = shown.iter().filter(of_panel).map(|row| {
        let measured = &row.measured;
        let seed = row.codec.seed().map(|seed| seed.to_string()).unwrap_or_default();
        let trec_eval = measured.value_trec_eval.map(value).unwrap_or_default();
        let [main, min, max] = [measured.value, measured.value_min, measured.value_max].map(value);
        let rescored = row.rescore.map(|rescore| format!(", then {rescore}")).unwrap_or_default();
        let codec = row.cell.dims().map_or_else(|| row.codec.name(), |dims| label(row.codec, dims));
        vec![format!("{codec}{rescored}"), seed, measured.measure.to_string(), main, min, max, trec_eval]
    });
    let measures: Vec<(usize, Measure)> = panel.measures(table).collect();
    PanelView {
        model: panel.model.to_owned(),
        dataset: panel.dataset.to_owned(),
        dim: panel.dim,
        size,
        measures: measures.iter().map(|(_, measure)| measure.to_string()).collect(),
        lines: panel.lines.iter().map(|line| line_view((line, panel), (of_answers, of_pairs), &measures)).collect(),
        deviations: answers.hero.and_then(|hero| failures::deviations(of_answers?, hero)),
        rows: rows.collect(),
    }
}

fn line_view(
    (line, panel): (&Line, &Panel<'_>),
    (answers, pairs): (Option<&PanelAnswers>, Option<&PanelPairs>),
    measures: &[(usize, Measure)],
) -> LineView {
    let name = line.codec.name();
    let over_queries = |measure: &Measure| Some(answers?.line(&name)?.answers.get(measure)?.interval);
    let over_pairs = |measure: &Measure| Some(pairs?.line(&name)?.values.get(measure)?.interval);
    let interval = |measure: &Measure| over_queries(measure).or_else(|| over_pairs(measure));
    let value = |(at, measure): &(usize, Measure)| Some(value_view(line.spreads[*at].as_ref()?, interval(measure)));
    let share = shared_bytes_per_vector(line.footprint, panel.documents).filter(|share| *share > 0.0);
    let seeds = line.spreads.iter().flatten().map(|spread| spread.seeds).max().unwrap_or(0);
    LineView {
        codec: line.codec.name(),
        bytes: grouped(line.footprint.bytes_per_vector),
        ratio: format!("{}×", ratio(panel.float32_bytes() as f64 / line.footprint.bytes_per_vector.max(1) as f64)),
        shared: grouped(line.footprint.shared_bytes),
        shared_per_vector: share.map(|share| if share < 0.01 { "<0.01".to_owned() } else { ratio(share) }),
        seeds: line.codec.seed().map(|_| seeds.to_string()).unwrap_or_default(),
        values: measures.iter().map(value).collect(),
    }
}

fn value_view(spread: &Spread, interval: Option<[f64; 2]>) -> ValueView {
    let range = (spread.seeds > 1).then(|| format!("{}–{}", value(spread.least), value(spread.greatest)));
    let seeds = if range.is_some() { format!("least–greatest of {} seeds; ", spread.seeds) } else { String::new() };
    let trec_eval = spread.trec_eval.map(|trec_eval| format!("; trec_eval {}", value(trec_eval))).unwrap_or_default();
    ValueView {
        mean: value(spread.mean),
        interval: interval.map(|[low, high]| format!("{}–{}", value(low), value(high))),
        range,
        title: format!("{seeds}orders of ties: {} to {}{trec_eval}", value(spread.tie_min), value(spread.tie_max)),
    }
}

fn missing_view(missing: failure::Missing) -> MissingView {
    let count = missing.cells.len();
    let cells = missing.cells.into_iter().take(MOST_CELLS).collect();
    MissingView { reason: missing.reason, count, cells, more: count.saturating_sub(MOST_CELLS) }
}

/// Version, CPU, host and number of jobs of whoever made the outcomes of this plan.
fn makers(report: &Report<'_>) -> Vec<Vec<String>> {
    let row = |maker: Maker| vec![maker.version, maker.cpu, maker.host, grouped(maker.jobs)];
    crate::makers(report.plan, report.outcomes).into_iter().map(row).collect()
}
