//! What the page says, as plain text: the template only arranges it.

use std::collections::BTreeMap;

use bitsweep_proto::Codec;
use bitsweep_proto::plan::PlannedCell;
use serde::Serialize;

use super::geometry::{self, GeometryView};
use super::{Report, setup};
use crate::ReportError;
use crate::failure;
use crate::geometry::Geometries;
use crate::number::{grouped, ratio, value};
use crate::plot::{self, Figure};
use crate::summary::{Line, Panel, Spread};
use crate::table::{Row, Table, shared_bytes_per_vector};

/// Most plots in one page; it says how many are left out.
const MOST_FIGURES: usize = 120;
/// Most rows of single values in one page; larger tables are left to `bitsweep export`.
const MOST_ROWS: usize = 5000;
/// Most cells listed for one reason of having no result.
const MOST_CELLS: usize = 100;

/// The whole page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    sweep: String,
    id: String,
    cells: usize,
    done: usize,
    models: Vec<Vec<String>>,
    datasets: Vec<Vec<String>>,
    codecs: Vec<String>,
    measures: Vec<String>,
    legend: Vec<&'static str>,
    plots: Vec<PlotGroup>,
    plots_left_out: usize,
    panels: Vec<PanelView>,
    rows_left_out: usize,
    missing: Vec<MissingView>,
    cautions: Vec<String>,
    definitions: Vec<Vec<String>>,
    geometry: Option<GeometryView>,
    files: Vec<Vec<String>>,
    profiles: Vec<setup::ProfileView>,
    makers: Vec<Vec<String>>,
    version: &'static str,
    command: String,
    manifest: String,
}

/// The plots of one measure.
#[derive(Debug, Serialize)]
struct PlotGroup {
    measure: String,
    figures: Vec<FigureView>,
}

#[derive(Debug, Serialize)]
struct FigureView {
    title: String,
    svg: String,
}

/// The table of one model and dataset.
#[derive(Debug, Serialize)]
struct PanelView {
    model: String,
    dataset: String,
    dim: u32,
    documents: String,
    queries: String,
    lines: Vec<LineView>,
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
    pub(super) fn of(report: &Report<'_>) -> Result<Self, ReportError> {
        let plan = report.plan;
        let table = Table::of(plan, report.outcomes)?;
        let figures = Figure::all(&table);
        let plots_left_out = figures.len().saturating_sub(MOST_FIGURES);
        let figures = &figures[..figures.len() - plots_left_out];
        let rows_left_out = if table.rows.len() > MOST_ROWS { table.rows.len() } else { 0 };
        let panels = Panel::all(&table).iter().map(|panel| panel_view(panel, &table, rows_left_out == 0)).collect();
        let missing = failure::missing(plan, report.outcomes, report.failed);
        let is_done = |planned: &PlannedCell| report.outcomes.contains_key(&plan.jobs[planned.job as usize].key);
        Ok(Self {
            sweep: plan.name.clone(),
            id: plan.id().0.short(),
            cells: plan.cells.len(),
            done: plan.cells.iter().filter(|planned| is_done(planned)).count(),
            models: setup::models(plan),
            datasets: setup::datasets(plan),
            codecs: setup::codecs(plan),
            measures: table.measures.iter().map(ToString::to_string).collect(),
            legend: legend(figures),
            plots: plots(figures)?,
            plots_left_out,
            panels,
            rows_left_out,
            geometry: geometry::view(&Geometries::of(plan, report.outcomes)),
            missing: missing.into_iter().map(missing_view).collect(),
            cautions: table.missed.iter().map(ToString::to_string).chain(plan.cautions()).collect(),
            definitions: setup::definitions(plan),
            files: setup::files(plan),
            profiles: setup::profiles(plan),
            makers: makers(report),
            version: env!("CARGO_PKG_VERSION"),
            command: report.command.to_owned(),
            manifest: plan.manifest.clone(),
        })
    }
}

/// What the signs in these plots mean: only of those that are drawn.
fn legend(figures: &[Figure<'_>]) -> Vec<&'static str> {
    let any = |is: fn(&plot::Point) -> bool| figures.iter().flat_map(|figure| &figure.points).any(is);
    let mut sentences = vec!["Each point is a codec."];
    if any(|point| point.spread.seeds > 1) {
        sentences.push("Where it has several seeds, the point is their mean.");
        sentences.push("A bar with ends spans the least to the greatest seed; it is not a confidence interval.");
    }
    if any(|point| point.spread.tie_min < point.spread.tie_max) {
        sentences.push("A pale bar spans what the order of tied documents leaves open.");
    }
    if any(|point| point.codec == Codec::Float32) {
        sentences.push("The dashed line is float32.");
    }
    sentences.push("All plots of a measure have the same vertical axis.");
    sentences
}

fn plots(figures: &[Figure<'_>]) -> Result<Vec<PlotGroup>, ReportError> {
    let mut groups: Vec<PlotGroup> = Vec::new();
    for figure in figures {
        let measure = figure.measure.to_string();
        if groups.last().is_none_or(|group| group.measure != measure) {
            groups.push(PlotGroup { measure, figures: Vec::new() });
        }
        let view = FigureView { title: figure.title(), svg: inline(&plot::svg(figure)?) };
        groups.last_mut().expect("a group was pushed if there was none").figures.push(view);
    }
    Ok(groups)
}

/// A plot as part of the page: no namespace, no background, and black becomes the page's text colour.
fn inline(svg: &str) -> String {
    svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", " aria-hidden=\"true\"", 1)
        .replace("fill=\"#FFFFFF\"", "fill=\"none\"")
        .replace("\"#000000\"", "\"currentColor\"")
}

fn panel_view(panel: &Panel<'_>, table: &Table, with_rows: bool) -> PanelView {
    let queries = panel.lines.iter().flat_map(|line| line.spreads.iter().flatten()).map(|spread| spread.queries).max();
    let of_panel = |row: &&Row| row.cell.model() == panel.model && row.cell.dataset() == panel.dataset;
    let shown = if with_rows { table.rows.as_slice() } else { &[] };
    let rows = shown.iter().filter(of_panel).map(|row| {
        let measured = &row.measured;
        let seed = row.codec.seed().map(|seed| seed.to_string()).unwrap_or_default();
        let trec_eval = measured.value_trec_eval.map(value).unwrap_or_default();
        let [main, min, max] = [measured.value, measured.value_min, measured.value_max].map(value);
        vec![row.codec.name(), seed, measured.measure.to_string(), main, min, max, trec_eval]
    });
    PanelView {
        model: panel.model.to_owned(),
        dataset: panel.dataset.to_owned(),
        dim: panel.dim,
        documents: grouped(panel.documents),
        queries: grouped(queries.unwrap_or(0)),
        lines: panel.lines.iter().map(|line| line_view(line, panel)).collect(),
        rows: rows.collect(),
    }
}

fn line_view(line: &Line, panel: &Panel<'_>) -> LineView {
    let share = shared_bytes_per_vector(line.footprint, panel.documents).filter(|share| *share > 0.0);
    let seeds = line.spreads.iter().flatten().map(|spread| spread.seeds).max().unwrap_or(0);
    LineView {
        codec: line.codec.name(),
        bytes: grouped(line.footprint.bytes_per_vector),
        ratio: format!("{}×", ratio(panel.float32_bytes() as f64 / line.footprint.bytes_per_vector.max(1) as f64)),
        shared: grouped(line.footprint.shared_bytes),
        shared_per_vector: share.map(|share| if share < 0.01 { "<0.01".to_owned() } else { ratio(share) }),
        seeds: line.codec.seed().map(|_| seeds.to_string()).unwrap_or_default(),
        values: line.spreads.iter().map(|spread| spread.as_ref().map(value_view)).collect(),
    }
}

fn value_view(spread: &Spread) -> ValueView {
    let range = (spread.seeds > 1).then(|| format!("{}–{}", value(spread.least), value(spread.greatest)));
    let seeds = if range.is_some() { format!("least–greatest of {} seeds; ", spread.seeds) } else { String::new() };
    let trec_eval = spread.trec_eval.map(|trec_eval| format!("; trec_eval {}", value(trec_eval))).unwrap_or_default();
    ValueView {
        mean: value(spread.mean),
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
    let mut makers: BTreeMap<[&str; 3], u64> = BTreeMap::new();
    for outcome in report.plan.jobs.iter().filter_map(|job| report.outcomes.get(&job.key)) {
        let maker = &outcome.provenance;
        *makers.entry([&maker.version, &maker.cpu, &maker.host]).or_default() += 1;
    }
    let row = |(maker, jobs): ([&str; 3], u64)| maker.into_iter().map(str::to_owned).chain([grouped(jobs)]).collect();
    makers.into_iter().map(row).collect()
}
