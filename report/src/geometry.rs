//! The geometry of embeddings: one row per model, dataset and value. `bitsweep_vectors::geometry` defines the values.

use std::collections::BTreeMap;

use bitsweep_proto::{Plan, Study};

use crate::Outcomes;
use crate::table::{Column, Field, Kind, Tidy, column};

/// What is known of the embeddings of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometries {
    /// One for each model and dataset that has a geometry, in the plan's order.
    pub all: Vec<Geometry>,
}

/// The geometry of one model's embeddings of one dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// The cell's name.
    pub cell: String,
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// Documents looked at.
    pub documents: u64,
    /// Values by name. What cannot be told is not there.
    pub values: BTreeMap<String, f64>,
}

const COLUMNS: [Column; 6] = [
    column("cell", Kind::Text),
    column("model", Kind::Text),
    column("dataset", Kind::Text),
    column("name", Kind::Text),
    column("value", Kind::Number),
    column("documents", Kind::Whole),
];

/// The values that a report shows: name in the table, and in words.
pub(crate) const VALUES: [(&str, &str); 18] = [
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
    ("heterogeneity", "coordinate heterogeneity, by a proxy (coefficient of variation of the dimensions' variances)"),
];

/// Those of them that depend on how many queries were asked, for each query adds ten occurrences: they describe one
/// dataset under several models, and are not set against what codecs keep on several.
pub(crate) const OF_QUERIES: [&str; 2] = ["query_hubness_skewness", "query_hubness_gini"];

impl Geometries {
    /// The geometries of what is finished.
    pub fn of(plan: &Plan, outcomes: &Outcomes) -> Self {
        let studied = plan.cells.iter().filter(|planned| planned.cell.study() == Some(Study::Geometry));
        let all = studied.filter_map(|planned| {
            let produced = &outcomes.get(&plan.jobs[planned.job as usize].key)?.produced;
            Some(Geometry {
                cell: planned.cell.to_string(),
                model: planned.cell.model().to_owned(),
                dataset: planned.cell.dataset().to_owned(),
                documents: produced.facts.get("documents").copied().unwrap_or_default(),
                values: produced.values.clone(),
            })
        });
        Self { all: all.collect() }
    }
}

impl Tidy for Geometries {
    const NAME: &'static str = "geometry";
    const COLUMNS: &'static [Column] = &COLUMNS;

    fn fields(&self) -> impl Iterator<Item = Vec<Field>> {
        self.all.iter().flat_map(|geometry| {
            geometry.values.iter().map(|(name, value)| {
                let texts = [&geometry.cell, &geometry.model, &geometry.dataset, name];
                let mut fields: Vec<Field> = texts.map(|text| Field::Text(text.clone())).into();
                fields.extend([Field::Number(Some(*value)), Field::Whole(Some(geometry.documents))]);
                fields
            })
        })
    }
}
