//! Codecs of truncated vectors as tables: a row for each codec and length.

use bitsweep_proto::Measure;
use serde::Serialize;

use super::failures::GridView;
use crate::answers::{Answers, PanelAnswers};
use crate::number::{grouped, value};
use crate::summary::{Line, Panel};
use crate::table::Table;

/// All lengths of one model on one dataset.
#[derive(Debug, Serialize)]
pub(super) struct TruncatedView {
    model: String,
    dataset: String,
    grid: GridView,
}

/// The tables of all panels that have truncated vectors, in their order.
pub(super) fn views(panels: &[Panel<'_>], (answers, table): (&Answers, &Table)) -> Vec<TruncatedView> {
    let mut views = Vec::new();
    for panel in panels.iter().filter(|panel| !panel.truncated.is_empty()) {
        let of_answers = answers.panel(panel.model, panel.dataset);
        let measures: Vec<(usize, Measure)> = panel.measures(table).collect();
        let row = |line: &&Line| row(line, panel, (of_answers, &measures));
        let mut head = ["Codec", "Dimensions", "Bytes per vector"].map(str::to_owned).to_vec();
        head.extend(measures.iter().map(|(_, measure)| measure.to_string()));
        views.push(TruncatedView {
            model: panel.model.to_owned(),
            dataset: panel.dataset.to_owned(),
            grid: GridView::new(head, by_codec(panel).iter().map(row).collect(), 1),
        });
    }
    views
}

/// The truncated lines, those of one codec together and after the line of the whole vectors.
fn by_codec<'p>(panel: &'p Panel<'_>) -> Vec<&'p Line> {
    let whole: Vec<&Line> = panel.lines.iter().chain(&panel.rescored).collect();
    let mut groups: Vec<Vec<&Line>> = Vec::new();
    for line in &panel.truncated {
        let is_same = |other: &Line| other.codec.name() == line.codec.name() && other.rescore == line.rescore;
        match groups.iter_mut().find(|group| group.iter().any(|other| is_same(other))) {
            Some(group) => group.push(line),
            None => groups.push(whole.iter().copied().filter(|other| is_same(other)).chain([line]).collect()),
        }
    }
    groups.concat()
}

fn row(
    line: &Line,
    panel: &Panel<'_>,
    (answers, measures): (Option<&PanelAnswers>, &[(usize, Measure)]),
) -> Vec<String> {
    let rescored = line.rescore.map(|rescore| format!(", then {rescore}")).unwrap_or_default();
    let dim = line.dims.unwrap_or(panel.dim);
    let beside = line.rescore.map(|rescore| rescore.with.codec().bytes_per_vector(dim));
    let beside = beside.map(|bytes| format!(" + {} beside", grouped(bytes))).unwrap_or_default();
    let bytes = grouped(line.footprint.bytes_per_vector) + &beside;
    let mut row = vec![format!("{}{rescored}", line.codec), dim.to_string(), bytes];
    for (at, measure) in measures {
        let answer = answers.and_then(|panel| panel.line(&line.name)?.answers.get(measure));
        let interval = answer
            .map(|answer| {
                let [low, high] = answer.interval;
                format!(" [{}–{}]", value(low), value(high))
            })
            .unwrap_or_default();
        row.push(line.spreads[*at].map_or_else(|| "–".to_owned(), |spread| value(spread.mean) + &interval));
    }
    row
}
