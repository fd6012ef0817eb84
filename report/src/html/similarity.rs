//! Pairs of sentences under all codecs, as rows of text.

use serde::Serialize;

use super::failures::GridView;
use crate::number::{grouped, range, signed, value};
use crate::ruling::MARGIN;
use crate::similarity::{Correlated, LinePairs, PairContrast, PanelPairs, Similarities};
use bitsweep_proto::Measure;

/// The section.
#[derive(Debug, Serialize)]
pub(super) struct SimilaritiesView {
    level: String,
    rounds: String,
    seed: u64,
    margin: String,
    unread: usize,
    panels: Vec<PanelView>,
}

#[derive(Debug, Serialize)]
struct PanelView {
    model: String,
    dataset: String,
    pairs: String,
    /// Whether differences to float32 are known.
    float32: bool,
    codecs: Vec<GroupView>,
    contrasts: Vec<GroupView>,
}

/// One measure.
#[derive(Debug, Serialize)]
struct GroupView {
    measure: String,
    grid: GridView,
}

const CODECS: [&str; 7] = ["Codec", "Bytes", "Correlation", "Interval", "Seeds", "Less float32", "Its interval"];
const CONTRASTS: [&str; 9] = [
    "Binary",
    "Bytes",
    "Against",
    "Binary is",
    "Difference",
    "Interval",
    "Single seeds",
    "Binary correlation",
    "Other correlation",
];

/// The section; none where no scores of pairs are known.
pub(super) fn view(similarities: &Similarities) -> Option<SimilaritiesView> {
    let settings = similarities.settings;
    (!similarities.panels.is_empty()).then(|| SimilaritiesView {
        level: format!("{:.0} %", settings.level * 100.0),
        rounds: grouped(u64::from(settings.sampling.rounds)),
        seed: settings.sampling.seed,
        margin: MARGIN.to_string(),
        unread: similarities.unread,
        panels: similarities.panels.iter().map(panel).collect(),
    })
}

fn panel(panel: &PanelPairs) -> PanelView {
    let mut measures: Vec<Measure> = panel.lines.iter().flat_map(|line| line.values.keys().copied()).collect();
    measures.sort_unstable();
    measures.dedup();
    // Spearman before Pearson: by their order in `Measure`, whatever the manifest lists first.
    let codecs = measures.iter().map(|measure| {
        let row = |line: &LinePairs| Some(codec_row((line, panel.dim), line.values.get(measure)?));
        group(*measure, &CODECS, panel.lines.iter().filter_map(row).collect())
    });
    let contrasts = measures.iter().filter_map(|measure| {
        let of_measure = panel.contrasts.iter().filter(|contrast| contrast.measure == *measure);
        let rows: Vec<Vec<String>> = of_measure.map(contrast_row).collect();
        (!rows.is_empty()).then(|| group(*measure, &CONTRASTS, rows))
    });
    let mut correlated = panel.lines.iter().flat_map(|line| line.values.values());
    PanelView {
        model: panel.model.clone(),
        dataset: panel.dataset.clone(),
        pairs: grouped(panel.pairs as u64),
        float32: correlated.any(|correlated| correlated.loss.is_some()) || panel.line("float32").is_some(),
        codecs: codecs.collect(),
        contrasts: contrasts.collect(),
    }
}

fn group(measure: Measure, head: &[&str], rows: Vec<Vec<String>>) -> GroupView {
    let numeric = (0..head.len()).filter(|at| !["Codec", "Binary", "Against", "Binary is"].contains(&head[*at]));
    let head = head.iter().map(|name| (*name).to_owned()).collect();
    GroupView { measure: measure.to_string(), grid: GridView { numeric: numeric.collect(), head, rows } }
}

fn codec_row((line, dim): (&LinePairs, u32), correlated: &Correlated) -> Vec<String> {
    let Correlated { seeds, loss, interval, .. } = correlated;
    let [least, greatest] = [f64::min, f64::max].map(|of| seeds.iter().copied().reduce(of).unwrap_or_default());
    let spread = if seeds.len() > 1 { between([least, greatest]) } else { String::new() };
    let [difference, of_difference] = match loss {
        Some([difference, low, high]) => [signed(*difference), range([*low, *high])],
        None => ["–", "–"].map(str::to_owned),
    };
    let names = [line.name.clone(), grouped(line.bytes_per_vector(dim))];
    let values = [value(correlated.value), between(*interval), spread, difference, of_difference];
    names.into_iter().chain(values).collect()
}

fn contrast_row(contrast: &PairContrast) -> Vec<String> {
    let [binary, other] = contrast.values.map(value);
    vec![
        contrast.binary.clone(),
        contrast.bytes.to_string(),
        contrast.against.clone(),
        contrast.ruling.to_string(),
        signed(contrast.difference),
        range(contrast.interval),
        contrast.by_seed.map(range).unwrap_or_default(),
        binary,
        other,
    ]
}

/// Two ends; “to” because a correlation may be negative.
fn between(ends: [f64; 2]) -> String {
    let [low, high] = ends.map(|end| value(end).replace('-', "−"));
    format!("{low} to {high}")
}
