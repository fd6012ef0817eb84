//! What the page says, as plain text: the template only arranges it.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_proto::Plan;
use bitsweep_proto::lock::LockedFile;
use serde::Serialize;

use super::Report;
use crate::ReportError;
use crate::failure;
use crate::number::{grouped, ratio, value};
use crate::plot::{self, Figure};
use crate::summary::{Line, Panel, Spread};
use crate::table::{Row, Table};

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
    plots: Vec<PlotGroup>,
    plots_left_out: usize,
    panels: Vec<PanelView>,
    rows_left_out: usize,
    missing: Vec<MissingView>,
    cautions: Vec<String>,
    files: Vec<Vec<String>>,
    profiles: Vec<Vec<String>>,
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
    seeds: String,
    values: Vec<Option<ValueView>>,
}

#[derive(Debug, Serialize)]
struct ValueView {
    mean: String,
    range: Option<String>,
    ties: String,
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
        let (plots, plots_left_out) = plots(&table)?;
        let rows_left_out = if table.rows.len() > MOST_ROWS { table.rows.len() } else { 0 };
        let panels = Panel::all(&table).iter().map(|panel| panel_view(panel, &table, rows_left_out == 0)).collect();
        let missing = failure::missing(plan, report.outcomes, report.failed);
        Ok(Self {
            sweep: plan.name.clone(),
            id: plan.id().0.short(),
            cells: table.cells,
            done: table.cells - table.missing,
            models: models(plan),
            datasets: datasets(plan),
            codecs: codecs(plan),
            measures: table.measures.iter().map(ToString::to_string).collect(),
            plots,
            plots_left_out,
            panels,
            rows_left_out,
            missing: missing.into_iter().map(missing_view).collect(),
            cautions: plan.cautions(),
            files: files(plan),
            profiles: profiles(plan),
            makers: makers(report),
            version: env!("CARGO_PKG_VERSION"),
            command: report.command.to_owned(),
            manifest: plan.manifest.clone(),
        })
    }
}

fn plots(table: &Table) -> Result<(Vec<PlotGroup>, usize), ReportError> {
    let figures = Figure::all(table);
    let mut groups: Vec<PlotGroup> = Vec::new();
    for figure in figures.iter().take(MOST_FIGURES) {
        let measure = figure.measure.to_string();
        if groups.last().is_none_or(|group| group.measure != measure) {
            groups.push(PlotGroup { measure, figures: Vec::new() });
        }
        let view = FigureView { title: figure.title(), svg: inline(&plot::svg(figure)?) };
        groups.last_mut().expect("a group was pushed if there was none").figures.push(view);
    }
    Ok((groups, figures.len().saturating_sub(MOST_FIGURES)))
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
        queries: grouped(queries.unwrap_or(0)),
        lines: panel.lines.iter().map(|line| line_view(line, panel.float32_bytes())).collect(),
        rows: rows.collect(),
    }
}

fn line_view(line: &Line, float32_bytes: u64) -> LineView {
    let seeds = line.spreads.iter().flatten().map(|spread| spread.seeds).max().unwrap_or(0);
    LineView {
        codec: line.codec.name(),
        bytes: grouped(line.footprint.bytes_per_vector),
        ratio: format!("{}×", ratio(float32_bytes as f64 / line.footprint.bytes_per_vector.max(1) as f64)),
        shared: grouped(line.footprint.shared_bytes),
        seeds: line.codec.seed().map(|_| seeds.to_string()).unwrap_or_default(),
        values: line.spreads.iter().map(|spread| spread.as_ref().map(value_view)).collect(),
    }
}

fn value_view(spread: &Spread) -> ValueView {
    let range = format!("{}–{}", value(spread.least), value(spread.greatest));
    let trec_eval = spread.trec_eval.map(|trec_eval| format!("; trec_eval {}", value(trec_eval))).unwrap_or_default();
    ValueView {
        mean: value(spread.mean),
        range: (spread.seeds > 1).then_some(range),
        ties: format!("orders of ties: {} to {}{trec_eval}", value(spread.tie_min), value(spread.tie_max)),
    }
}

fn missing_view(missing: failure::Missing) -> MissingView {
    let count = missing.cells.len();
    let cells = missing.cells.into_iter().take(MOST_CELLS).collect();
    MissingView { reason: missing.reason, count, cells, more: count.saturating_sub(MOST_CELLS) }
}

/// Name, source, dimensions, tokens, pooling and prefixes of each model.
fn models(plan: &Plan) -> Vec<Vec<String>> {
    let of = |(name, model): (&String, &bitsweep_proto::lock::LockedModel)| {
        let facts = &model.facts;
        let scaled = if facts.normalize { ", normalised" } else { "" };
        let prefixes = match (facts.query_prefix.as_str(), facts.document_prefix.as_str()) {
            ("", "") => "none".to_owned(),
            (query, document) => format!("queries {query:?}, documents {document:?}"),
        };
        let revision = model.revision.as_ref().map(|revision| format!(" ({revision})")).unwrap_or_default();
        vec![
            name.clone(),
            format!("{}{revision}", model.source),
            facts.dim.to_string(),
            facts.max_tokens.to_string(),
            format!("{}{scaled}", facts.pooling.name()),
            prefixes,
        ]
    };
    plan.lock.models.iter().map(of).collect()
}

/// Name, source, split, documents, queries and judgements of each dataset.
fn datasets(plan: &Plan) -> Vec<Vec<String>> {
    let of = |(name, dataset): (&String, &bitsweep_proto::lock::LockedDataset)| {
        let counts = &dataset.counts;
        let [documents, queries, judgements] = [counts.documents, counts.queries, counts.judgements].map(grouped);
        vec![name.clone(), dataset.source.clone(), dataset.split.clone(), documents, queries, judgements]
    };
    plan.lock.datasets.iter().map(of).collect()
}

/// Codecs of the plan in order, each with its number of seeds.
fn codecs(plan: &Plan) -> Vec<String> {
    let mut found: Vec<(String, BTreeSet<u32>)> = Vec::new();
    let mut places = BTreeMap::new();
    for codec in plan.cells.iter().filter_map(|planned| planned.cell.codec().ok()) {
        let place = *places.entry(codec.name()).or_insert(found.len());
        if place == found.len() {
            found.push((codec.name(), BTreeSet::new()));
        }
        found[place].1.extend(codec.seed());
    }
    let text = |(name, seeds): (String, BTreeSet<u32>)| match seeds.len() {
        0 => name,
        1 => format!("{name} (1 seed)"),
        count => format!("{name} ({count} seeds)"),
    };
    found.into_iter().map(text).collect()
}

/// Owner, file, size and checksum of everything that decides the results.
fn files(plan: &Plan) -> Vec<Vec<String>> {
    let row = |owner: &str, file: &LockedFile| {
        vec![owner.to_owned(), file.name.clone(), grouped(file.bytes), file.sha256.to_string()]
    };
    let models = plan.lock.models.iter().flat_map(|(name, model)| model.files.iter().map(move |file| row(name, file)));
    let datasets = plan.lock.datasets.iter().flat_map(|(name, dataset)| {
        [&dataset.corpus, &dataset.queries, &dataset.qrels].into_iter().map(move |file| row(name, file))
    });
    models.chain(datasets).collect()
}

fn profiles(plan: &Plan) -> Vec<Vec<String>> {
    let row = |use_: &str, profile: &bitsweep_proto::Profile| {
        let self_test = profile.self_test.to_string();
        vec![use_.to_owned(), profile.device.clone(), profile.precision.clone(), profile.kernels.clone(), self_test]
    };
    vec![row("encoder", &plan.profiles.encoder), row("search", &plan.profiles.search)]
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
