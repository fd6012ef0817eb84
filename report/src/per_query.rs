//! The values of cells query by query: the file that a measuring job leaves, and one tidy table of many.
//!
//! Owns: how the file is read, and the table. Does not own: what is made of it ([`crate::compare`], [`crate::advise`]).

use std::collections::BTreeMap;

use bitsweep_proto::Measure;
use bitsweep_proto::cell::{Axis, Cell};
use serde::Deserialize;

use crate::ReportError;
use crate::table::{Column, Field, Kind, Tidy, column};

/// A least and a greatest value closer than this differ by rounding.
const ROUNDING: f64 = 1e-12;

/// The values of one cell, query by query, as its measuring job wrote them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PerQuery {
    /// Ids of the queries, in the order of the dataset.
    pub queries: Vec<String>,
    /// For each measure the values in that order: expected over the orders of tied documents.
    pub values: BTreeMap<Measure, Vec<f64>>,
    /// For each measure what else is known of each query, in that order.
    pub bounds: BTreeMap<Measure, Vec<Bounds>>,
}

/// What a measure says of a query besides its expected value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least value under some order of ties.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// trec_eval's value; `None` for measures that it lacks.
    pub trec_eval: Option<f64>,
}

/// A query whose value the order of tied documents leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Widest {
    /// Its row among the queries.
    pub query: usize,
    /// Its value under the least lucky order.
    pub min: f64,
    /// Under the luckiest.
    pub max: f64,
}

impl Widest {
    /// How much is open.
    pub fn width(&self) -> f64 {
        self.max - self.min
    }
}

/// A cell with what was measured on it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The cell.
    pub cell: Cell,
    /// Its values.
    pub values: PerQuery,
}

/// One line of the file.
#[derive(Deserialize)]
struct Line {
    query: String,
    measures: BTreeMap<Measure, Four>,
}

/// One measure in a line.
#[derive(Deserialize)]
struct Four {
    value: f64,
    min: f64,
    max: f64,
    trec_eval: Option<f64>,
}

impl PerQuery {
    /// Reads the `per_query` of a measuring job. Fails where a line is not one, or lacks a measure that others have.
    pub fn read(text: &str) -> Result<Self, ReportError> {
        let mut read = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let Line { query, measures } = serde_json::from_str(line)?;
            for (measure, Four { value, min, max, trec_eval }) in measures {
                read.values.entry(measure).or_default().push(value);
                read.bounds.entry(measure).or_default().push(Bounds { min, max, trec_eval });
            }
            read.queries.push(query);
            if read.values.values().any(|values| values.len() != number) {
                return Err(ReportError::PerQuery { line: number });
            }
        }
        Ok(read)
    }

    /// The number of queries whose value the order of tied documents leaves open.
    pub fn open(&self, measure: Measure) -> usize {
        let bounds = self.bounds.get(&measure).into_iter().flatten();
        bounds.filter(|bounds| bounds.max - bounds.min > ROUNDING).count()
    }

    /// The query that ties leave open most widely, with its least and greatest value; of several the first, `None`
    /// where no query is open.
    pub fn widest(&self, measure: Measure) -> Option<Widest> {
        let mut widest: Option<Widest> = None;
        for (query, bounds) in self.bounds.get(&measure).into_iter().flatten().enumerate() {
            let found = Widest { query, min: bounds.min, max: bounds.max };
            if found.width() > widest.map_or(ROUNDING, |widest| widest.width()) {
                widest = Some(found);
            }
        }
        widest
    }
}

/// The values of many cells: one row for each cell, measure and query.
#[derive(Clone, Debug)]
pub struct PerQueryTable {
    /// The cells, in the order of the table.
    pub cells: Vec<Measured>,
    /// The measures of each cell, in the order of the table.
    pub measures: Vec<Measure>,
}

/// The columns, in order: a contract with users. Those of the results table have the same name and meaning.
const COLUMNS: [Column; 12] = [
    column("cell", Kind::Text),
    column("model", Kind::Text),
    column("dataset", Kind::Text),
    column("codec", Kind::Text),
    Column { name: "seed", kind: Kind::Whole, optional: true },
    column("measure", Kind::Text),
    column("query", Kind::Text),
    column("value", Kind::Number),
    column("value_min", Kind::Number),
    column("value_max", Kind::Number),
    Column { name: "value_trec_eval", kind: Kind::Number, optional: true },
    column("rescore", Kind::Text),
];

impl Tidy for PerQueryTable {
    const NAME: &'static str = "per_query";
    const COLUMNS: &'static [Column] = &COLUMNS;

    fn fields(&self) -> impl Iterator<Item = Vec<Field>> {
        let each = |measured| self.measures.iter().map(move |measure| (measured, *measure));
        self.cells.iter().flat_map(each).flat_map(|(measured, measure)| rows(measured, measure))
    }
}

/// The rows of one measure of one cell; none where it was not measured.
fn rows(measured: &Measured, measure: Measure) -> impl Iterator<Item = Vec<Field>> {
    let Measured { cell, values: of } = measured;
    let text = |text: &str| Field::Text(text.to_owned());
    let seed = cell.get(Axis::Seed).and_then(|seed| seed.parse().ok());
    let codec = cell.get(Axis::Codec).unwrap_or_default();
    let head = [text(&cell.to_string()), text(cell.model()), text(cell.dataset()), text(codec), Field::Whole(seed)];
    let head: Vec<Field> = head.into_iter().chain([text(&measure.to_string())]).collect();
    let rescore = text(cell.get(Axis::Rescore).unwrap_or("none"));
    let values = of.values.get(&measure).into_iter().flatten();
    let values = values.zip(of.bounds.get(&measure).into_iter().flatten());
    of.queries.iter().zip(values).map(move |(query, (value, bounds))| {
        let numbers = [Some(*value), Some(bounds.min), Some(bounds.max), bounds.trec_eval];
        let head = head.iter().cloned().chain([Field::Text(query.clone())]);
        head.chain(numbers.map(Field::Number)).chain([rescore.clone()]).collect()
    })
}
