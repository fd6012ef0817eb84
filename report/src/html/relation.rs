//! Geometry against quality, as rows of text and a figure.

use bitsweep_measures::statistics::{EXACT, least_p};
use serde::Serialize;

use super::failures::GridView;
use super::page::FigureView;
use crate::ReportError;
use crate::number::{grouped, p_value};
use crate::plot;
use crate::relation::{FEWEST, Point, Relation, Relations};

/// The section; none where no geometry is known.
#[derive(Debug, Serialize)]
pub(super) struct RelationsView {
    measure: String,
    codec: Option<String>,
    /// How many points there are, and how many models and datasets they share.
    count: usize,
    models: usize,
    datasets: usize,
    /// Points that a coefficient needs.
    fewest: usize,
    /// Values with a coefficient.
    tried: usize,
    /// How p were found.
    orders: String,
    /// The least p that the test can give for so many points without ties, and the same by Holm's adjustment for all that were
    /// tried.
    least: String,
    least_holm: String,
    /// Whether that is above 0.05: then nothing can stand out.
    hopeless: bool,
    points: GridView,
    left_out: Vec<String>,
    /// Without any coefficient none.
    grid: Option<GridView>,
    figure: Option<FigureView>,
}

/// An adjusted p above this is what chance gives often enough.
const LEVEL: f64 = 0.05;

pub(super) fn view(relations: Option<&Relations>) -> Result<Option<RelationsView>, ReportError> {
    let Some(relations) = relations else { return Ok(None) };
    let [models, datasets] = relations.sources();
    let count = relations.points.len();
    let least = least_p(count, relations.sampling);
    let least_holm = (least * relations.tried as f64).min(1.0);
    let figure = plot::scatter_svg(relations)?.map(|svg| {
        let title = format!("the strongest relations of {} with the geometry", relations.measure);
        FigureView::new((title, plot::scatter_name(relations)), &svg)
    });
    Ok(Some(RelationsView {
        measure: relations.measure.to_string(),
        codec: relations.codec.clone(),
        count,
        models,
        datasets,
        fewest: FEWEST,
        tried: relations.tried,
        orders: orders(relations),
        least: p_value(least),
        least_holm: p_value(least_holm),
        hopeless: least_holm > LEVEL,
        points: points(relations),
        left_out: relations.left_out.iter().map(|(model, dataset)| format!("{model} on {dataset}")).collect(),
        grid: (relations.tried > 0).then(|| grid(relations)),
        figure,
    }))
}

fn orders(relations: &Relations) -> String {
    let count = relations.points.len();
    if count <= EXACT {
        let all: u64 = (1..=count as u64).product();
        return format!("all {} orders of the points", grouped(all));
    }
    let sampling = relations.sampling;
    let rounds = grouped(u64::from(sampling.rounds));
    let seed = sampling.seed;
    format!(
        "{rounds} random orders of the points, seed {seed} (all orders for a value that at most {EXACT} points have)"
    )
}

/// Number, model on dataset, seeds, the share kept, and the values with the strongest relations.
fn points(relations: &Relations) -> GridView {
    let strongest = relations.strongest(2);
    let mut head = ["Point", "Model and dataset", "Seeds", "Share kept"].map(str::to_owned).to_vec();
    head.extend(strongest.iter().map(|one| one.name.to_owned()));
    let row = |(number, point): (usize, &Point)| {
        let name = format!("{} on {}", point.model, point.dataset);
        let mut row = vec![number.to_string(), name, point.seeds.to_string(), format!("{:.3}", point.kept)];
        let value =
            |one: &&Relation| point.values.get(one.name).map_or("–".to_owned(), |value| format!("{value:.3}"));
        row.extend(strongest.iter().map(value));
        row
    };
    let rows: Vec<Vec<String>> = (1..).zip(&relations.points).map(row).collect();
    GridView { numeric: (2..head.len()).collect(), head, rows }
}

/// Value, its name, points, ρ, p and p by Holm.
fn grid(relations: &Relations) -> GridView {
    let row = |one: &Relation| {
        let head = [one.words, one.name].map(|text| text.trim_start_matches("… ").to_owned());
        let numbers = match one.found {
            Some((found, adjusted)) => {
                [format!("{:+.2}", found.rho).replace('-', "−"), p_value(found.p), p_value(adjusted)]
            }
            None => ["–", "", ""].map(str::to_owned),
        };
        head.into_iter().chain([one.points.len().to_string()]).chain(numbers).collect()
    };
    let head = ["Value", "Name", "N", "Spearman’s ρ", "p", "p (Holm)"].map(str::to_owned).to_vec();
    GridView { head, rows: relations.all.iter().map(row).collect(), numeric: (2..6).collect() }
}
