//! Second stages: the figures, and tables with a row for each codec and a column for each number of candidates.

use std::collections::BTreeSet;

use bitsweep_proto::Measure;
use bitsweep_proto::rescore::Exact;
use serde::Serialize;

use super::failures::GridView;
use super::page::FigureView;
use crate::ReportError;
use crate::answers::Answers;
use crate::number::{grouped, value};
use crate::plot::{self, Rescoring};
use crate::summary::{Line, Panel};
use crate::table::Table;

/// All second stages of one model and dataset by the same vectors.
#[derive(Debug, Serialize)]
pub(super) struct RescoringView {
    model: String,
    dataset: String,
    with: &'static str,
    /// Bytes of one vector that is read again, and of all.
    bytes: String,
    all_bytes: String,
    /// By the measure of the hero figures, or the first of retrieval.
    figures: Vec<FigureView>,
    measures: Vec<MeasureView>,
}

/// Codec, bytes, the value of the codec alone, then one for each number of candidates.
#[derive(Debug, Serialize)]
struct MeasureView {
    measure: String,
    grid: GridView,
}

/// The second stages of all panels, in their order.
pub(super) fn views(
    panels: &[Panel<'_>],
    (table, answers): (&Table, &Answers),
) -> Result<Vec<RescoringView>, ReportError> {
    let all = Rescoring::all(table, answers);
    let mut views = Vec::new();
    for panel in panels {
        for with in [Exact::Float32, Exact::Int8] {
            let lines: Vec<&Line> =
                panel.rescored.iter().filter(|line| line.rescore.is_some_and(|r| r.with == with)).collect();
            if lines.is_empty() {
                continue;
            }
            let bytes = with.codec().bytes_per_vector(panel.dim);
            views.push(RescoringView {
                model: panel.model.to_owned(),
                dataset: panel.dataset.to_owned(),
                with: with.name(),
                bytes: grouped(bytes),
                all_bytes: grouped(bytes * panel.documents),
                figures: figures(&all, (panel, with))?,
                measures: panel.measures(table).map(|(at, measure)| view(panel, &lines, (measure, at))).collect(),
            });
        }
    }
    Ok(views)
}

/// Those of one panel.
fn figures(all: &[Rescoring<'_>], (panel, with): (&Panel<'_>, Exact)) -> Result<Vec<FigureView>, ReportError> {
    let here = (panel.model, panel.dataset, with);
    let of_panel = all.iter().filter(|figure| (figure.model, figure.dataset, figure.with) == here);
    of_panel
        .map(|figure| Ok(FigureView::new((figure.title(), figure.file_name()), &plot::rescoring_svg(figure)?)))
        .collect()
}

fn view(panel: &Panel<'_>, lines: &[&Line], (measure, at): (Measure, usize)) -> MeasureView {
    let candidates: BTreeSet<u32> = lines.iter().filter_map(|line| Some(line.rescore?.candidates)).collect();
    let mut codecs: Vec<String> = Vec::new();
    for line in lines {
        let name = line.codec.name();
        if codecs.last() != Some(&name) {
            codecs.push(name);
        }
    }
    let shown = |line: Option<&Line>| {
        let spread = line.and_then(|line| line.spreads[at]);
        spread.map_or_else(|| "–".to_owned(), |spread| value(spread.mean))
    };
    let row = |name: &String| {
        let alone = panel.lines.iter().find(|line| line.codec.name() == *name);
        let again = candidates.iter().map(|count| {
            let is_it =
                |line: &&&Line| line.codec.name() == *name && line.rescore.is_some_and(|r| r.candidates == *count);
            shown(lines.iter().find(is_it).copied())
        });
        let bytes = lines.iter().find(|line| line.codec.name() == *name).map(|line| line.footprint.bytes_per_vector);
        let head = [name.clone(), grouped(bytes.unwrap_or_default()), shown(alone)];
        head.into_iter().chain(again).collect()
    };
    let head = ["Codec", "Bytes per vector", "Alone"].map(str::to_owned).into_iter();
    let head = head.chain(candidates.iter().map(|count| grouped(u64::from(*count)))).collect();
    MeasureView { measure: measure.to_string(), grid: GridView::new(head, codecs.iter().map(row).collect(), 1) }
}
