//! The results table: tidy, one row per cell and measure.
//!
//! Cells without an outcome have no rows; [`Table::missing`] counts them, and `bitsweep status` lists them with
//! reasons. Columns are described once, in [`COLUMNS`], for all exports.

use bitsweep_proto::cell::Cell;
use bitsweep_proto::codec::Footprint;
use bitsweep_proto::outcome::Measured;
use bitsweep_proto::{Codec, Measure, Plan, Rescore};

use crate::{Missed, Outcomes, ReportError, missed};

/// The results of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Rows: cells in the plan's order, measures in the plan's order inside a cell.
    pub rows: Vec<Row>,
    /// The plan's measures.
    pub measures: Vec<Measure>,
    /// Cells of the plan that are points of a study of codecs.
    pub cells: usize,
    /// Cells without results yet: not run, or failed.
    pub missing: usize,
    /// Why results are withheld: what float32 was expected to give and does not.
    pub missed: Vec<Missed>,
    /// Cells whose results are withheld.
    pub withheld: usize,
}

/// One measure of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The cell.
    pub cell: Cell,
    /// Its codec with the seed.
    pub codec: Codec,
    /// Its second stage.
    pub rescore: Option<Rescore>,
    /// Dimensions of the vectors: of the whole ones, or those that they are truncated to.
    pub dim: u32,
    /// Dimensions of the model's whole vectors.
    pub model_dim: u32,
    /// Documents that the codec stores: those of the dataset, both sentences of each pair, or the labelled texts that vote.
    pub documents: u64,
    /// The measure with its values.
    pub measured: Measured,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text in UTF-8.
    Text,
    /// A whole number that is not negative.
    Whole,
    /// A floating-point number, in full precision.
    Number,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Whether a row may have no value here.
    pub optional: bool,
}

/// The columns, in order. The names up to `queries` are a contract with users.
pub const COLUMNS: [Column; 18] = [
    column("cell", Kind::Text),
    column("model", Kind::Text),
    column("dataset", Kind::Text),
    column("codec", Kind::Text),
    Column { name: "seed", kind: Kind::Whole, optional: true },
    column("bytes_per_vector", Kind::Whole),
    column("measure", Kind::Text),
    column("value", Kind::Number),
    column("queries", Kind::Whole),
    column("value_min", Kind::Number),
    column("value_max", Kind::Number),
    Column { name: "value_trec_eval", kind: Kind::Number, optional: true },
    column("dim", Kind::Whole),
    column("shared_bytes", Kind::Whole),
    column("documents", Kind::Whole),
    Column { name: "shared_bytes_per_vector", kind: Kind::Number, optional: true },
    column("rescore", Kind::Text),
    Column { name: "rescore_bytes_per_vector", kind: Kind::Whole, optional: true },
];

pub(crate) const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, optional: false }
}

/// A table with one value for each column in every row.
pub trait Tidy {
    /// Name.
    const NAME: &'static str;
    /// The columns, in order.
    const COLUMNS: &'static [Column];

    /// The rows: one field for each column.
    fn fields(&self) -> impl Iterator<Item = Vec<Field>>;
}

impl Tidy for Table {
    const NAME: &'static str = "results";
    const COLUMNS: &'static [Column] = &COLUMNS;

    fn fields(&self) -> impl Iterator<Item = Vec<Field>> {
        self.rows.iter().map(|row| row.fields().into())
    }
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Text.
    Text(String),
    /// A whole number, or none.
    Whole(Option<u64>),
    /// A number, or none.
    Number(Option<f64>),
}

impl Row {
    /// The values, one for each of [`COLUMNS`].
    pub fn fields(&self) -> [Field; COLUMNS.len()] {
        let footprint = self.footprint();
        let measured = &self.measured;
        [
            Field::Text(self.cell.to_string()),
            Field::Text(self.cell.model().to_owned()),
            Field::Text(self.cell.dataset().to_owned()),
            Field::Text(self.codec.name()),
            Field::Whole(self.codec.seed().map(u64::from)),
            Field::Whole(Some(footprint.bytes_per_vector)),
            Field::Text(measured.measure.to_string()),
            Field::Number(Some(measured.value)),
            Field::Whole(Some(measured.queries)),
            Field::Number(Some(measured.value_min)),
            Field::Number(Some(measured.value_max)),
            Field::Number(measured.value_trec_eval),
            Field::Whole(Some(u64::from(self.dim))),
            Field::Whole(Some(footprint.shared_bytes)),
            Field::Whole(Some(self.documents)),
            Field::Number(shared_bytes_per_vector(footprint, self.documents)),
            Field::Text(self.rescore.map_or_else(|| "none".to_owned(), |rescore| rescore.to_string())),
            Field::Whole(self.better().map(|better| better.bytes_per_vector)),
        ]
    }

    /// What the vectors of its second stage weigh.
    fn better(&self) -> Option<Footprint> {
        self.rescore.map(|rescore| rescore.with.codec().footprint(self.dim, self.documents))
    }

    /// Bytes of a code, and all that is kept once: with a second stage also what its vectors share. Those vectors themselves
    /// are in neither.
    pub fn footprint(&self) -> Footprint {
        let codec = self.codec.footprint(self.dim, self.documents);
        let second = self.better().map_or(0, |better| better.shared_bytes);
        Footprint { shared_bytes: codec.shared_bytes + second, ..codec }
    }
}

/// Each document's share of what an index keeps once, in bytes; none without documents.
pub(crate) fn shared_bytes_per_vector(footprint: Footprint, documents: u64) -> Option<f64> {
    (documents > 0).then(|| footprint.shared_bytes as f64 / documents as f64)
}

impl Table {
    /// The table of what is finished, without what is withheld. Fails only for a plan at odds with itself.
    pub fn of(plan: &Plan, outcomes: &Outcomes) -> Result<Self, ReportError> {
        let mut table = Self {
            rows: Vec::new(),
            measures: plan.measures.clone(),
            cells: 0,
            missing: 0,
            missed: missed(plan, outcomes),
            withheld: 0,
        };
        for planned in plan.cells.iter().filter(|planned| planned.cell.is_retrieval()) {
            table.cells += 1;
            let Some(outcome) = outcomes.get(&plan.jobs[planned.job as usize].key) else {
                table.missing += 1;
                continue;
            };
            let cell = &planned.cell;
            let model = plan.lock.models.get(cell.model());
            let no_model = || ReportError::NoModel { cell: cell.clone(), model: cell.model().to_owned() };
            let model_dim = model.ok_or_else(no_model)?.facts.dim;
            let dim = cell.dims().unwrap_or(model_dim);
            let no_dataset = || ReportError::NoDataset { cell: cell.clone(), dataset: cell.dataset().to_owned() };
            let documents = plan.lock.stored(cell.dataset()).ok_or_else(no_dataset)?;
            let codec = cell.codec().map_err(|source| ReportError::NoCodec { cell: cell.clone(), source })?;
            if table.missed.iter().any(|missed| missed.withholds(cell)) {
                table.withheld += 1;
                continue;
            }
            for measure in &plan.measures {
                let measured = outcome.produced.measures.iter().find(|measured| measured.measure == *measure);
                let (cell, rescore) = (cell.clone(), cell.rescore());
                table.rows.extend(measured.map(|measured| Row {
                    cell,
                    codec,
                    rescore,
                    dim,
                    model_dim,
                    documents,
                    measured: *measured,
                }));
            }
        }
        Ok(table)
    }
}
