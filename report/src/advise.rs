//! From measured cells to configurations that fit: so many documents, so much memory, so good at least.
//!
//! A configuration is a model and a codec (of vectors truncated to one length, or whole), judged by what was measured on one
//! dataset. Its memory is
//! `documents × bytes_per_vector + shared_bytes`: all codes with their side factors, and once what an index keeps for all
//! of them (projections, codebooks). Ids of documents, texts and the encoder are left out for all alike. Its value is the
//! mean over the judged queries, of seeds the mean of each query; its interval is the percentile bootstrap over queries
//! (`bitsweep_measures::statistics`), so it says what other queries of the same kind would change, and nothing of other
//! documents: quality at another number of documents than was measured is not known ([`Configuration::times`]).
//!
//! Pure: the caller has read the values, and left out what a parity gate withholds.

use bitsweep_measures::statistics::{Interval, bootstrap};
use bitsweep_proto::cell::{Axis, Cell};
use bitsweep_proto::{Measure, Plan};
use serde::Serialize;

use crate::compare::{self, Settings};
use crate::per_query::Measured;
use crate::{ReportError, truncated};

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Question {
    /// Documents to be stored.
    pub documents: u64,
    /// Memory for them, in bytes.
    pub memory_bytes: u64,
    /// The measure that counts.
    pub measure: Measure,
    /// The least value wanted.
    pub at_least: f64,
}

/// Whether a value is as wanted, as far as its interval tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meets {
    /// All of the interval is.
    Surely,
    /// The value is, a part of the interval is not.
    Probably,
    /// The value is not, a part of the interval is.
    ProbablyNot,
    /// Nothing of the interval is.
    Not,
}

impl Meets {
    fn of(value: f64, interval: Interval, at_least: f64) -> Self {
        match (value >= at_least, interval) {
            (true, Interval { low, .. }) if low >= at_least => Self::Surely,
            (true, _) => Self::Probably,
            (false, Interval { high, .. }) if high >= at_least => Self::ProbablyNot,
            (false, _) => Self::Not,
        }
    }

    /// Whether the value itself is as wanted.
    pub fn is_met(self) -> bool {
        match self {
            Self::Surely | Self::Probably => true,
            Self::ProbablyNot | Self::Not => false,
        }
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Surely => "surely",
            Self::Probably => "probably",
            Self::ProbablyNot => "probably not",
            Self::Not => "no",
        }
    }
}

/// A model and a codec, with what was measured on one dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    /// The model's name.
    pub model: String,
    /// The codec's name, without a seed.
    pub codec: String,
    /// Dimensions that the model's vectors are truncated to; not written where they are whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dims: Option<u32>,
    /// The second stage, as its axis names it: `float32/40`.
    pub rescore: Option<String>,
    /// The dataset that it was measured on.
    pub dataset: String,
    /// Memory for the documents asked for, in bytes.
    pub memory_bytes: u64,
    /// Of it, what one vector takes.
    pub bytes_per_vector: u64,
    /// Of it, what is kept once.
    pub shared_bytes: u64,
    /// Bytes of the vectors that a second stage reads, 0 without one: in memory or on a disk, and no part of the memory here.
    pub beside_bytes: u64,
    /// Whether that is within the memory asked for.
    pub fits: bool,
    /// Mean over the queries, of the mean of the seeds.
    pub value: f64,
    /// Its bootstrap interval over queries.
    pub interval: [f64; 2],
    /// Whether it is as wanted.
    pub meets: Meets,
    /// Queries averaged over.
    pub queries: usize,
    /// Seeds averaged over; 1 for a codec without.
    pub seeds: usize,
    /// Documents it was measured on.
    pub documents: u64,
    /// Documents asked for, over those: 1 where quality was measured at the size asked for; elsewhere it is extrapolated.
    pub times: f64,
}

impl Configuration {
    /// The codec with its second stage: `binary/256`, `binary/256 then float32/40`; of truncated vectors `int8, first 128 dimensions`.
    pub fn name(&self) -> String {
        let stage = self.rescore.as_ref().map(|rescore| format!(" then {rescore}")).unwrap_or_default();
        let codec = self.dims.map_or_else(|| self.codec.clone(), |dims| truncated::label(&self.codec, dims));
        format!("{codec}{stage}")
    }

    /// Whether it is what was asked for: it fits, and its value is as wanted.
    pub fn is_it(&self) -> bool {
        self.fits && self.meets.is_met()
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// What was wanted.
    pub question: Question,
    /// All that was measured, cheapest first; of the same memory that with less beside it, then the best, then as the table has them.
    pub configurations: Vec<Configuration>,
}

impl Advice {
    /// What was asked for, cheapest first.
    pub fn fits(&self) -> impl Iterator<Item = &Configuration> {
        self.configurations.iter().filter(|configuration| configuration.is_it())
    }

    /// The cheapest of those that are good enough: nearest by memory where nothing fits.
    pub fn cheapest_good(&self) -> Option<&Configuration> {
        self.configurations.iter().find(|configuration| configuration.meets.is_met())
    }

    /// The best of those that fit into the memory, the cheapest of equals: nearest by quality where nothing is good enough.
    pub fn best_small(&self) -> Option<&Configuration> {
        let small = self.configurations.iter().filter(|configuration| configuration.fits);
        small.reduce(|best, next| if next.value > best.value { next } else { best })
    }
}

/// Answers from the values of `cells`; those without the measure are left out, and those whose codec cannot be learnt from
/// so few documents as are asked for. Seeds of a codec are one configuration.
///
/// Fails where a cell is at odds with the plan, and where the seeds of a codec answered other queries.
pub fn advise(
    plan: &Plan,
    cells: &[Measured],
    (question, settings): (Question, Settings),
) -> Result<Advice, ReportError> {
    let mut groups: Vec<(Cell, Vec<&Measured>)> = Vec::new();
    let learnt = |cell: &Cell| {
        let dim = plan.lock.models.get(cell.model()).map_or(0, |model| cell.dims().unwrap_or(model.facts.dim));
        !cell.codec().is_ok_and(|codec| codec.least_documents(dim) > question.documents)
    };
    let measured = cells.iter().filter(|measured| measured.values.values.contains_key(&question.measure));
    for measured in measured.filter(|measured| learnt(&measured.cell)) {
        let Some(name) = without_seed(&measured.cell) else { continue };
        match groups.iter_mut().find(|(cell, _)| without_seed(cell).as_ref() == Some(&name)) {
            Some((_, seeds)) => seeds.push(measured),
            None => groups.push((measured.cell.clone(), vec![measured])),
        }
    }
    let of_group = |(cell, seeds): &(Cell, Vec<&Measured>)| configuration(plan, (cell, seeds), (question, settings));
    let mut configurations = groups.iter().map(of_group).collect::<Result<Vec<_>, _>>()?;
    let weight = |found: &Configuration| (found.memory_bytes, found.beside_bytes);
    configurations.sort_by(|a, b| weight(a).cmp(&weight(b)).then(b.value.total_cmp(&a.value)));
    Ok(Advice { question, configurations })
}

/// What a cell shares with the other seeds of its codec; `None` for a cell that is no point of a retrieval study. An axis
/// that changes memory or quality must be told apart here, and counted in [`configuration`].
fn without_seed(cell: &Cell) -> Option<[&str; 5]> {
    let mut name = [""; 5];
    for (axis, value) in cell.axes() {
        match axis {
            Axis::Model => name[0] = value,
            Axis::Dataset => name[1] = value,
            Axis::Codec => name[2] = value,
            Axis::Seed => {}
            Axis::Rescore => name[3] = value,
            Axis::Dims => name[4] = value,
            Axis::Study => return None,
        }
    }
    Some(name)
}

fn configuration(
    plan: &Plan,
    (cell, seeds): (&Cell, &[&Measured]),
    (question, settings): (Question, Settings),
) -> Result<Configuration, ReportError> {
    let of = cell.clone();
    let model = plan.lock.models.get(cell.model());
    let model = model.ok_or_else(|| ReportError::NoModel { cell: of.clone(), model: cell.model().to_owned() })?;
    let no_dataset = || ReportError::NoDataset { cell: of.clone(), dataset: cell.dataset().to_owned() };
    let documents = plan.lock.stored(cell.dataset()).ok_or_else(no_dataset)?;
    let codec = cell.codec().map_err(|source| ReportError::NoCodec { cell: of.clone(), source })?;
    let values = values_of(seeds, question.measure)?;
    let value = if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 };
    let interval = bootstrap(&values, settings.level, settings.sampling);
    let rescore = cell.rescore();
    let dim = cell.dims().unwrap_or(model.facts.dim);
    let mut footprint = codec.footprint(dim, question.documents);
    let better = rescore.map(|rescore| rescore.with.codec().footprint(dim, question.documents));
    footprint.shared_bytes += better.map_or(0, |better| better.shared_bytes);
    let beside_bytes = better.map_or(0, |better| question.documents.saturating_mul(better.bytes_per_vector));
    // A sum beyond 64 bits fits into no memory either.
    let codes = question.documents.saturating_mul(footprint.bytes_per_vector);
    let memory_bytes = codes.saturating_add(footprint.shared_bytes);
    Ok(Configuration {
        model: cell.model().to_owned(),
        codec: codec.name(),
        dims: cell.dims(),
        rescore: rescore.map(|rescore| rescore.to_string()),
        dataset: cell.dataset().to_owned(),
        memory_bytes,
        bytes_per_vector: footprint.bytes_per_vector,
        shared_bytes: footprint.shared_bytes,
        beside_bytes,
        fits: memory_bytes <= question.memory_bytes,
        value,
        interval: [interval.low, interval.high],
        meets: Meets::of(value, interval, question.at_least),
        queries: values.len(),
        seeds: seeds.len(),
        documents,
        times: question.documents as f64 / documents.max(1) as f64,
    })
}

/// For each query the mean over the seeds, which must have answered the same queries.
fn values_of(seeds: &[&Measured], measure: Measure) -> Result<Vec<f64>, ReportError> {
    let queries = &seeds[0].values.queries;
    if let Some(other) = seeds.iter().find(|seed| seed.values.queries != *queries) {
        let [a, b] = [seeds[0], other].map(|seed| seed.cell.to_string());
        return Err(ReportError::OtherQueries { a, b });
    }
    let values: Vec<Vec<f64>> = seeds.iter().map(|seed| seed.values.values[&measure].clone()).collect();
    Ok(compare::mean_of_seeds(&values))
}
