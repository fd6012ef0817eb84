//! What a doubling of the code is worth, as rows of text.

use serde::Serialize;

use super::failures::GridView;
use crate::answers::Answers;
use crate::number::{signed, value};
use crate::slopes::{Slope, slopes};
use crate::table::Table;

/// Most rows in one page: beyond that only the hero measure is shown.
const MOST_ROWS: usize = 5000;

/// The section; none where no family has enough sizes.
#[derive(Debug, Serialize)]
pub(super) struct SlopesView {
    /// One for each measure, that of the hero figures first.
    groups: Vec<GroupView>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct GroupView {
    measure: String,
    grid: GridView,
}

const HEAD: [&str; 9] = [
    "Model and dataset",
    "Family",
    "Sizes",
    "Seeds",
    "Slope per doubling",
    "Least to greatest seed",
    "Last doubling",
    "At the largest",
    "Gap to float32 still open",
];

pub(super) fn view(table: &Table, answers: &Answers) -> Option<SlopesView> {
    let all = slopes(table);
    let mut groups: Vec<&[Slope]> = all.chunk_by(|a, b| a.measure == b.measure).collect();
    groups.sort_by_key(|group| Some(group[0].measure) != answers.hero);
    let shown = if all.len() <= MOST_ROWS { groups.len() } else { 1 };
    let left_out = groups.iter().skip(shown).map(|group| group.len()).sum();
    let view = |group: &&[Slope]| {
        let rows = group.iter().map(row).collect();
        let head = HEAD.map(str::to_owned).to_vec();
        GroupView {
            measure: group[0].measure.to_string(),
            grid: GridView { head, rows, numeric: (3..HEAD.len()).collect() },
        }
    };
    let groups: Vec<GroupView> = groups.iter().take(shown).map(view).collect();
    (!groups.is_empty()).then_some(SlopesView { groups, left_out })
}

fn row(slope: &Slope) -> Vec<String> {
    let sizes: Vec<String> = slope.sizes.iter().map(ToString::to_string).collect();
    let (counted, all) = (slope.by_seed.len(), slope.by_seed.len() + slope.incomplete);
    let seeds = match (slope.is_seeded, slope.incomplete) {
        (false, _) => String::new(),
        (true, 0) => counted.to_string(),
        (true, _) => format!("{counted} of {all}"),
    };
    vec![
        format!("{} on {}", slope.model, slope.dataset),
        slope.family.clone(),
        format!("{} {}", sizes.join(", "), slope.unit),
        seeds,
        signed(slope.mean()),
        slope.range().map(|[least, greatest]| format!("{} to {}", signed(least), signed(greatest))).unwrap_or_default(),
        signed(slope.last),
        value(slope.largest),
        slope.open.map_or_else(|| "–".to_owned(), |open| format!("{:.1} %", 100.0 * open).replace('-', "−")),
    ]
}
