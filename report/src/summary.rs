//! The table pivoted for plots and pages: a panel for each model and dataset, a line for each codec, each of its second stages and
//! each length that vectors are truncated to, seeds put together.

use std::collections::BTreeMap;

use bitsweep_proto::codec::Footprint;
use bitsweep_proto::outcome::Measured;
use bitsweep_proto::{Codec, Measure, Rescore};

use crate::answers;
use crate::table::{Row, Table};

/// All codecs of one model on one dataset.
#[derive(Clone, Debug)]
pub struct Panel<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The dataset's name.
    pub dataset: &'a str,
    /// Dimensions of the model's whole vectors.
    pub dim: u32,
    /// Documents of the dataset.
    pub documents: u64,
    /// Codecs of whole vectors in the table's order.
    pub lines: Vec<Line>,
    /// Those with second stages, in the table's order.
    pub rescored: Vec<Line>,
    /// Codecs of truncated vectors, with and without second stages, in the table's order.
    pub truncated: Vec<Line>,
}

/// One codec with all its seeds.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is called among those of its model and dataset, see [`answers::LineAnswers::name`].
    pub name: String,
    /// The codec, with the first of its seeds.
    pub codec: Codec,
    /// Dimensions that its vectors are truncated to; `None`: they are whole.
    pub dims: Option<u32>,
    /// Its second stage.
    pub rescore: Option<Rescore>,
    /// What it weighs, see [`Row::footprint`].
    pub footprint: Footprint,
    /// One entry per measure of the table, in its order; `None` where it was not measured.
    pub spreads: Vec<Option<Spread>>,
}

/// One measure of one codec over its seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Seeds; 1 for a codec without.
    pub seeds: usize,
    /// Mean of the values over the seeds.
    pub mean: f64,
    /// Least value of a seed. With `greatest` it is the spread of these seeds, not a confidence interval.
    pub least: f64,
    /// Greatest value of a seed.
    pub greatest: f64,
    /// Mean over the seeds of the least value under some order of ties.
    pub tie_min: f64,
    /// Mean over the seeds of the greatest value under some order of ties.
    pub tie_max: f64,
    /// Mean over the seeds of trec_eval's value.
    pub trec_eval: Option<f64>,
    /// Queries averaged over.
    pub queries: u64,
}

impl Spread {
    fn of(values: &[Measured]) -> Option<Self> {
        let last = values.last()?;
        let mean = |of: fn(&Measured) -> f64| values.iter().map(of).sum::<f64>() / values.len() as f64;
        let all = || values.iter().map(|measured| measured.value);
        let has_trec_eval = values.iter().all(|measured| measured.value_trec_eval.is_some());
        Some(Self {
            seeds: values.len(),
            mean: mean(|measured| measured.value),
            least: all().fold(f64::INFINITY, f64::min),
            greatest: all().fold(f64::NEG_INFINITY, f64::max),
            tie_min: mean(|measured| measured.value_min),
            tie_max: mean(|measured| measured.value_max),
            trec_eval: has_trec_eval.then(|| mean(|measured| measured.value_trec_eval.unwrap_or_default())),
            queries: last.queries,
        })
    }
}

impl<'a> Panel<'a> {
    /// The panels of a table, in the order in which their rows come.
    pub fn all(table: &'a Table) -> Vec<Self> {
        let mut panels: Vec<(Self, Vec<&'a Row>)> = Vec::new();
        let mut places = BTreeMap::new();
        for row in &table.rows {
            let (model, dataset) = (row.cell.model(), row.cell.dataset());
            let place = *places.entry((model, dataset)).or_insert(panels.len());
            if place == panels.len() {
                let (dim, documents) = (row.model_dim, row.documents);
                let panel = Self {
                    model,
                    dataset,
                    dim,
                    documents,
                    lines: Vec::new(),
                    rescored: Vec::new(),
                    truncated: Vec::new(),
                };
                panels.push((panel, Vec::new()));
            }
            panels[place].1.push(row);
        }
        let filled = |(panel, rows): (Self, Vec<&Row>)| {
            let (whole, truncated): (Vec<Line>, _) =
                lines(table, &rows).into_iter().partition(|line| line.dims.is_none());
            let (lines, rescored) = whole.into_iter().partition(|line| line.rescore.is_none());
            Self { lines, rescored, truncated, ..panel }
        };
        panels.into_iter().map(filled).collect()
    }

    /// The measures of the table that something here was measured by, with their places in the spreads.
    pub fn measures<'t>(&'t self, table: &'t Table) -> impl Iterator<Item = (usize, Measure)> + 't {
        let all = || self.lines.iter().chain(&self.rescored).chain(&self.truncated);
        let is_here = move |at: usize| all().any(|line| line.spreads[at].is_some());
        table.measures.iter().copied().enumerate().filter(move |(at, _)| is_here(*at))
    }

    /// Bytes of one float32 vector, with which codes are compared.
    pub fn float32_bytes(&self) -> u64 {
        Codec::Float32.footprint(self.dim, self.documents).bytes_per_vector
    }
}

fn lines(table: &Table, rows: &[&Row]) -> Vec<Line> {
    let mut found: Vec<(&Row, Vec<Vec<Measured>>)> = Vec::new();
    let mut places = BTreeMap::new();
    for row in rows {
        let place = *places.entry((row.codec.name(), row.cell.dims(), row.rescore)).or_insert(found.len());
        if place == found.len() {
            found.push((row, vec![Vec::new(); table.measures.len()]));
        }
        if let Some(at) = table.measures.iter().position(|measure| *measure == row.measured.measure) {
            found[place].1[at].push(row.measured);
        }
    }
    let line = |(row, values): (&Row, Vec<Vec<Measured>>)| Line {
        name: answers::name(&row.cell),
        codec: row.codec,
        dims: row.cell.dims(),
        rescore: row.rescore,
        footprint: row.footprint(),
        spreads: values.iter().map(|values| Spread::of(values)).collect(),
    };
    found.into_iter().map(line).collect()
}
