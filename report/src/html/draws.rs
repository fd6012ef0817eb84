//! Several draws of one subsample, as rows of text.

use bitsweep_proto::Plan;

use super::failures::GridView;
use crate::answers::Answers;
use crate::draws::{Drawn, draws};
use crate::number::value;

const HEAD: [&str; 9] = [
    "Model",
    "Draws",
    "Codec",
    "Mean",
    "Least to greatest draw",
    "Between draws",
    "Between queries",
    "Rest",
    "Standard error of the mean",
];

/// A row for each codec, by the hero measure; none where no subsample was drawn more than once.
pub(super) fn view(plan: &Plan, answers: &Answers) -> Option<GridView> {
    let rows: Vec<Vec<String>> = draws(plan, answers, answers.hero?).iter().map(row).collect();
    (!rows.is_empty()).then(|| GridView {
        head: HEAD.map(str::to_owned).to_vec(),
        rows,
        numeric: (3..HEAD.len()).collect(),
    })
}

fn row(drawn: &Drawn) -> Vec<String> {
    let Drawn { model, datasets, codec, means, deviations } = drawn;
    let [least, greatest] = [f64::min, f64::max].map(|of| means.iter().copied().reduce(of).unwrap_or_default());
    vec![
        model.clone(),
        datasets.join(", "),
        codec.clone(),
        value(means.iter().sum::<f64>() / means.len() as f64),
        format!("{} to {}", value(least), value(greatest)),
        value(deviations.seed),
        value(deviations.query),
        value(deviations.rest),
        value(deviations.standard_error),
    ]
}
