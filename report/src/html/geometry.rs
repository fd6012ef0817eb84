//! The geometry of embeddings as rows of text.

use serde::Serialize;

use crate::geometry::Geometries;

/// A grid with a column for each model and dataset.
#[derive(Debug, Serialize)]
pub(super) struct GeometryView {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    numeric: Vec<usize>,
}

/// Name in the table, and in words.
const VALUES: [(&str, &str); 18] = [
    ("mean_cosine", "cosine of two documents, mean"),
    ("cosine_p05", "… 5 % quantile"),
    ("cosine_p50", "… median"),
    ("cosine_p95", "… 95 % quantile"),
    ("top_eigenvalue_share", "share of the variance along its first direction"),
    ("participation_ratio", "participation ratio (directions)"),
    ("isoscore", "IsoScore (1: all directions alike)"),
    ("two_nn", "intrinsic dimension, TwoNN"),
    ("mle", "intrinsic dimension, maximum likelihood of 20 neighbours"),
    ("hubness_skewness", "hubness of documents: skewness of 10-occurrence"),
    ("hubness_gini", "… Gini index"),
    ("hubness_antihubs", "… share of documents that are nobody's neighbour"),
    ("query_hubness_skewness", "hubness of queries to documents: skewness of 10-occurrence"),
    ("query_hubness_gini", "… Gini index"),
    ("outlier_means", "dimensions whose mean is an outlier (6 σ)"),
    ("greatest_kurtosis", "greatest excess kurtosis of a dimension"),
    ("variance_ratio", "greatest by median variance of a dimension"),
    ("heterogeneity", "coefficient of variation of the dimensions' variances"),
];

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
