//! The geometry of embeddings as rows of text.

use serde::Serialize;

use crate::geometry::{Geometries, VALUES};

/// A grid with a column for each model and dataset.
#[derive(Debug, Serialize)]
pub(super) struct GeometryView {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    numeric: Vec<usize>,
}

/// The grid; none where nothing is known.
pub(super) fn view(geometries: &Geometries) -> Option<GeometryView> {
    let all = &geometries.all;
    let names = all.iter().map(|geometry| format!("{} on {}", geometry.model, geometry.dataset));
    let row = |(name, words): &(&str, &str)| {
        let value = |value: Option<&f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        let values = all.iter().map(|geometry| value(geometry.values.get(*name)));
        std::iter::once((*words).to_owned()).chain(values).collect()
    };
    (!all.is_empty()).then(|| GeometryView {
        head: std::iter::once("Value".to_owned()).chain(names).collect(),
        rows: VALUES.iter().map(row).collect(),
        numeric: (1..=all.len()).collect(),
    })
}
