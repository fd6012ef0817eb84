//! The geometry of embeddings: one row per model, dataset and value. `bitsweep_vectors::geometry` defines the values.

use std::collections::BTreeMap;

use bitsweep_proto::Plan;

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

impl Geometries {
    /// The geometries of what is finished.
    pub fn of(plan: &Plan, outcomes: &Outcomes) -> Self {
        let studied = plan.cells.iter().filter(|planned| !planned.cell.is_retrieval());
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
