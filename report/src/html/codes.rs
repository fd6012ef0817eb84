//! What binary codes are like, as rows of text: their bits, and Hamming distances beside theory.

use serde::Serialize;

use super::failures::GridView;
use super::page::inline;
use crate::ReportError;
use crate::codes::{CENTRING, ERROR, Inspections, Line, Spread};
use crate::number::value;
use crate::plot::{self, Hamming};

/// The bits of one model's codes of one dataset.
#[derive(Debug, Serialize)]
pub(crate) struct BitsView {
    grid: GridView,
    /// The codecs that are worst, each for something.
    worst: Vec<String>,
}

/// Observed and predicted Hamming distances.
#[derive(Debug, Serialize)]
pub(crate) struct HammingView {
    title: String,
    file: String,
    svg: String,
    /// Gaps from which on a flag is set, of the signal and of the error.
    centring: String,
    error: String,
    panels: Vec<HammingPanel>,
}

#[derive(Debug, Serialize)]
struct HammingPanel {
    model: String,
    dataset: String,
    grid: GridView,
}

/// Name in the table, heading, and what the worst is said to have, where most is worst.
const BITS: [(&str, &str, Option<&str>); 10] = [
    ("bits", "Bits", None),
    ("dead_bits", "Dead", Some("dead bits")),
    ("near_dead_bits", "Near-dead", Some("near-dead bits")),
    ("doubled_bits", "Doubled", Some("doubled bits")),
    ("greatest_correlation", "Greatest correlation", None),
    ("mean_minority_share", "Rarer value, mean share", None),
    ("mean_entropy", "Entropy of a bit", None),
    ("shared_code_documents", "Documents that share a code", Some("documents that share a code")),
    ("distinct_codes", "Different codes", None),
    ("largest_code_group", "Most documents of one code", None),
];

/// Whole numbers as such, means of them with a digit, shares with three.
fn number(number: f64, is_share: bool) -> String {
    match is_share {
        true => format!("{number:.3}"),
        false if number.fract() == 0.0 => crate::number::grouped(number as u64),
        false => format!("{number:.1}"),
    }
}

/// The mean, and where seeds differ the least and the greatest.
fn over_seeds(spread: Spread, is_share: bool) -> String {
    let [mean, least, greatest] = [spread.mean, spread.least, spread.greatest].map(|value| number(value, is_share));
    if spread.least < spread.greatest { format!("{mean} ({least}–{greatest})") } else { mean }
}

/// The table of bits; none where nothing is known.
pub(super) fn bits(inspections: &Inspections, (model, dataset): (&str, &str)) -> Option<BitsView> {
    let lines = inspections.lines();
    let of_panel = |line: &&Line<'_>| (line.model, line.dataset) == (model, dataset) && line.mean("bits").is_some();
    let lines: Vec<&Line<'_>> = lines.iter().filter(of_panel).collect();
    let is_share = |name: &str| matches!(name, "greatest_correlation" | "mean_minority_share" | "mean_entropy");
    let row = |line: &&Line<'_>| -> Vec<String> {
        let cells = BITS.iter().map(|(name, ..)| {
            line.spread(name).map_or_else(|| "–".to_owned(), |spread| over_seeds(spread, is_share(name)))
        });
        [line.name(), line.seeds.len().to_string()].into_iter().chain(cells).collect()
    };
    let worst = |(name, _, what): &(&str, &str, Option<&str>)| {
        let what = (*what)?;
        let (line, most) = lines
            .iter()
            .filter_map(|line| Some((line, line.spread(name)?)))
            .filter(|(_, spread)| spread.mean > 0.0)
            // The first of those that are equally bad.
            .reduce(|worst, next| if next.1.mean > worst.1.mean { next } else { worst })?;
        Some(format!("Most {what}: {}, {}.", line.name(), over_seeds(most, is_share(name))))
    };
    let names = ["Codec", "Seeds"].into_iter().chain(BITS.iter().map(|(_, heading, _)| *heading));
    let head = names.map(str::to_owned).collect();
    (!lines.is_empty()).then(|| BitsView {
        grid: GridView::new(head, lines.iter().map(row).collect(), 1),
        worst: BITS.iter().filter_map(worst).collect(),
    })
}

const HEAD: [&str; 12] = [
    "Codec",
    "Seeds",
    "Near, predicted",
    "Near, observed",
    "Far, predicted",
    "Far, observed",
    "Error, predicted",
    "Error, observed",
    "Observed by predicted",
    "Signal, predicted as is → centred",
    "Signal, observed",
    "What explains the gap",
];

/// The section; none where nothing is known.
pub(super) fn hamming(inspections: &Inspections) -> Result<Option<HammingView>, ReportError> {
    let Some(figure) = Hamming::of(inspections) else { return Ok(None) };
    let lines = inspections.lines();
    let known = lines.iter().filter(|line| line.error("error").is_some());
    let mut panels: Vec<HammingPanel> = Vec::new();
    for line in known {
        let same = |panel: &&mut HammingPanel| (&*panel.model, &*panel.dataset) == (line.model, line.dataset);
        let row = row(line);
        match panels.iter_mut().find(same) {
            Some(panel) => panel.grid.rows.push(row),
            None => {
                let head = HEAD.map(str::to_owned).to_vec();
                let grid = GridView { numeric: (1..HEAD.len() - 1).collect(), head, rows: vec![row] };
                let [model, dataset] = [line.model, line.dataset].map(str::to_owned);
                panels.push(HammingPanel { model, dataset, grid });
            }
        }
    }
    let (title, file) = (figure.title(), figure.file_name());
    let svg = inline(&plot::hamming_svg(&figure)?);
    let [centring, error] = [CENTRING, ERROR].map(|gap| format!("{:.0} %", 100.0 * gap));
    Ok(Some(HammingView { title, file, svg, centring, error, panels }))
}

fn row(line: &Line<'_>) -> Vec<String> {
    let text = |number: Option<f64>, form: fn(f64) -> String| number.map_or_else(|| "–".to_owned(), form);
    let two = |number: f64| format!("{number:.2}");
    let ratio = line.error_ratio().map(|ratio| match line.spread("error_ratio") {
        Some(each) if each.least < each.greatest => {
            format!("{ratio:.2} ({:.2}–{:.2})", each.least, each.greatest)
        }
        _ => two(ratio),
    });
    let signal = match (line.mean("signal_as_is"), line.mean("signal_centred")) {
        (Some(as_is), Some(centred)) => format!("{as_is:.2} → {centred:.2}"),
        _ => "–".to_owned(),
    };
    vec![
        line.name(),
        line.seeds.len().to_string(),
        text(line.mean("near_predicted"), value),
        text(line.mean("near_observed"), value),
        text(line.mean("far_predicted"), value),
        text(line.mean("far_observed"), value),
        text(line.error("error_predicted"), value),
        text(line.error("error"), value),
        ratio.unwrap_or_else(|| "–".to_owned()),
        signal,
        text(line.signal_observed(), two),
        line.flags().join("; "),
    ]
}
