//! Two sets of cells side by side: which is better, by how much, how sure that is, and on which queries.
//!
//! A side is a cell, or all seeds of one codec: then the value of a query is its mean over the seeds, and the variance
//! between seeds is told apart. What is compared is the expected value over the orders of tied documents.
//!
//! Owns: which cells belong together, the numbers. Does not own: the statistics (`bitsweep_measures::statistics`), the
//! values query by query ([`crate::per_query`]), how a person sees them.

pub use bitsweep_measures::statistics::Sampling;
use bitsweep_measures::statistics::{
    Components, Effect, Interval, bootstrap, components, differences, effect, holm, mcnemar, randomisation,
};
use bitsweep_proto::cell::{Axis, Cell};
use bitsweep_proto::{Lock, Measure};
use serde::Serialize;

use crate::content::{self, Named};
pub use crate::per_query::{Measured, PerQuery};
use crate::{ReportError, truncated};

/// Queries shown that moved most.
const MOVED: usize = 5;

/// Some axes of a cell with their values: `binary/256`, or `model=minilm,codec=binary/256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Cell);

impl Selector {
    /// Reads a selector; `None` where `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('=') { Cell::parse(text).map(Self) } else { Cell::parse(&format!("codec={text}")).map(Self) }
    }

    /// Whether the cell has all these values. One with a second stage or of truncated vectors has only what names it.
    pub fn fits(&self, cell: &Cell) -> bool {
        self.0.axes().all(|(axis, value)| cell.get(axis) == Some(value))
            && [Axis::Dims, Axis::Rescore].into_iter().all(|axis| self.0.get(axis) == cell.get(axis))
    }

    fn names(&self, axis: Axis) -> bool {
        self.0.get(axis).is_some()
    }
}

/// What one side of all comparisons is chosen from: cells of one sweep.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    /// What chose them.
    pub selector: &'a Selector,
    /// The lock of their sweep: it knows what their datasets hold.
    pub lock: &'a Lock,
    /// The cells.
    pub cells: Vec<Measured>,
}

/// One side of one comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// What it is: the cell without what both sides share, and without the seed.
    pub name: String,
    /// The cells: one, or one for each seed.
    pub cells: Vec<Measured>,
}

/// Two sides that answered the same queries.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What they share: `model=minilm,dataset=scifact`.
    pub on: String,
    /// The first.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// What must be known of it: that the two sides did not search the same documents.
    pub warnings: Vec<String>,
}

/// Puts together what belongs together: cells that are equal on the axes model and dataset, but for those that a selector
/// names. In the order of the first side.
///
/// Fails where a side holds two codecs in one place, where it is not told which, and where the queries or the
/// judgements of two sides differ: in their content, not only in their ids.
pub fn pairs(a: Chosen<'_>, b: Chosen<'_>) -> Result<Vec<Pair>, ReportError> {
    let is_shared = |axis: &Axis| !a.selector.names(*axis) && !b.selector.names(*axis);
    let shared: Vec<Axis> = [Axis::Model, Axis::Dataset].into_iter().filter(is_shared).collect();
    let place = |cell: &Cell| named(cell, |axis| shared.contains(&axis));
    let mut found: Vec<Pair> = Vec::new();
    for measured in a.cells {
        let on = place(&measured.cell);
        let name = side_name(&measured.cell, &shared);
        match found.iter_mut().find(|pair| pair.on == on) {
            Some(pair) => pair.a.add(name, measured)?,
            None => {
                let a = Side { name, cells: vec![measured] };
                let b = Side { name: String::new(), cells: Vec::new() };
                found.push(Pair { on, a, b, warnings: Vec::new() });
            }
        }
    }
    for measured in b.cells {
        let on = place(&measured.cell);
        let name = side_name(&measured.cell, &shared);
        if let Some(pair) = found.iter_mut().find(|pair| pair.on == on) {
            pair.b.add(name, measured)?;
        }
    }
    found.retain(|pair| !pair.b.cells.is_empty());
    for pair in &mut found {
        let of_a = Named { dataset: pair.a.cells[0].cell.dataset(), lock: a.lock };
        let of_b = Named { dataset: pair.b.cells[0].cell.dataset(), lock: b.lock };
        pair.warnings = content::warnings(of_a, of_b, [&pair.a.name, &pair.b.name])?;
        let queries = &pair.a.cells[0].values.queries;
        if pair.a.cells.iter().chain(&pair.b.cells).any(|cell| cell.values.queries != *queries) {
            return Err(ReportError::OtherQueries { a: pair.a.name.clone(), b: pair.b.name.clone() });
        }
    }
    Ok(found)
}

impl Side {
    fn add(&mut self, name: String, measured: Measured) -> Result<(), ReportError> {
        if self.name.is_empty() {
            self.name = name;
        } else if self.name != name {
            return Err(ReportError::SeveralCodecs { one: self.name.clone(), other: name });
        }
        self.cells.push(measured);
        Ok(())
    }

    /// The values of each cell.
    fn values(&self, measure: Measure) -> Option<Vec<Vec<f64>>> {
        self.cells.iter().map(|cell| cell.values.values.get(&measure).cloned()).collect()
    }
}

fn named(cell: &Cell, wanted: impl Fn(Axis) -> bool) -> String {
    let axes = cell.axes().filter(|(axis, _)| wanted(*axis));
    axes.map(|(axis, value)| format!("{}={value}", axis.name())).collect::<Vec<_>>().join(",")
}

/// `binary/256` where it is the codec alone that differs.
fn side_name(cell: &Cell, shared: &[Axis]) -> String {
    let left = |axis: Axis| !shared.contains(&axis) && axis != Axis::Seed;
    let codec = cell.get(Axis::Codec).filter(|_| shared.len() == 2);
    let Some(codec) = codec else { return named(cell, left) };
    let codec = cell.get(Axis::Dims).map_or_else(|| codec.to_owned(), |dims| truncated::label(codec, dims));
    match cell.get(Axis::Rescore) {
        None => codec,
        Some(rescore) => format!("{codec} rescored {rescore}"),
    }
}

/// How confident intervals are, and how they are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Confidence of the intervals; 1 less this is what adjusted p are held against.
    pub level: f64,
    /// Rounds and seed of the bootstrap and of the randomisation test.
    pub sampling: Sampling,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: 0.95, sampling: Sampling::default() }
    }
}

/// One measure of one pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What both sides share.
    pub on: String,
    /// The first side.
    pub a: String,
    /// The second side.
    pub b: String,
    /// The measure.
    pub measure: Measure,
    /// Judged queries.
    pub queries: usize,
    /// Seeds of both sides.
    pub seeds: [usize; 2],
    /// Means of both sides.
    pub means: [f64; 2],
    /// The mean difference, the first less the second.
    pub difference: f64,
    /// Its paired bootstrap interval over queries.
    pub interval: [f64; 2],
    /// Two-sided p of the paired randomisation test.
    pub p: f64,
    /// The same by Holm's adjustment for the family of all comparisons made at once.
    pub p_holm: f64,
    /// The mean difference over its standard deviation across queries; `None` where that is 0.
    pub standardised: Option<f64>,
    /// Queries on which the first is better, the second is better, both are the same.
    pub wins_losses_ties: [usize; 3],
    /// McNemar's exact two-sided p, where every value of both sides is 0 or 1. It is not adjusted.
    pub mcnemar: Option<f64>,
    /// Standard deviations between seeds, between queries, and of what is left, of each side with several seeds.
    pub deviations: [Option<Deviations>; 2],
    /// The queries that differ most, most first.
    pub moved: Vec<Moved>,
    /// What must be known of the pair: that the two sides did not search the same documents.
    pub warnings: Vec<String>,
}

/// Where the variance of one side comes from, as standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Deviations {
    /// Between seeds.
    pub seed: f64,
    /// Between queries.
    pub query: f64,
    /// What is left.
    pub rest: f64,
    /// The standard error of the side's mean, for other seeds and other queries.
    pub standard_error: f64,
}

impl From<Components> for Deviations {
    fn from(components: Components) -> Self {
        let Components { seed, query, rest, standard_error } = components;
        Self { seed: seed.sqrt(), query: query.sqrt(), rest: rest.sqrt(), standard_error }
    }
}

/// One query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Its id.
    pub query: String,
    /// Its value on the first side.
    pub a: f64,
    /// Its value on the second side.
    pub b: f64,
}

/// What that is worth to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first is better.
    First,
    /// The second is better.
    Second,
    /// The difference may be chance.
    Open,
}

impl Comparison {
    /// Decided where the adjusted p is small *and* the interval leaves 0 out.
    pub fn verdict(&self, settings: Settings) -> Verdict {
        let [low, high] = self.interval;
        let settled = self.p_holm <= 1.0 - settings.level && Interval { low, high }.excludes_zero();
        match self.difference {
            _ if !settled => Verdict::Open,
            0.0.. => Verdict::First,
            _ => Verdict::Second,
        }
    }
}

/// Compares each pair by each of `measures` that both sides have. All of them are one family for Holm's adjustment.
pub fn compare(pairs: &[Pair], measures: &[Measure], settings: Settings) -> Vec<Comparison> {
    let mut found: Vec<Comparison> = Vec::new();
    for pair in pairs {
        for measure in measures {
            if let (Some(a), Some(b)) = (pair.a.values(*measure), pair.b.values(*measure)) {
                found.push(compare_one(pair, (*measure, settings), [&a, &b]));
            }
        }
    }
    let adjusted = holm(&found.iter().map(|comparison| comparison.p).collect::<Vec<_>>());
    for (comparison, p) in found.iter_mut().zip(adjusted) {
        comparison.p_holm = p;
    }
    found
}

fn compare_one(pair: &Pair, (measure, settings): (Measure, Settings), sides: [&[Vec<f64>]; 2]) -> Comparison {
    let [a, b] = sides.map(mean_of_seeds);
    let between = differences(&a, &b);
    let Interval { low, high } = bootstrap(&between, settings.level, settings.sampling);
    let Effect { mean, standardised, wins, losses, ties } = effect(&between);
    let queries = &pair.a.cells[0].values.queries;
    let mut order: Vec<usize> = (0..between.len()).filter(|query| between[*query] != 0.0).collect();
    order.sort_by(|x, y| between[*y].abs().total_cmp(&between[*x].abs()));
    let moved = order.into_iter().take(MOVED);
    let means =
        [&a, &b].map(|values| if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 });
    Comparison {
        on: pair.on.clone(),
        a: pair.a.name.clone(),
        b: pair.b.name.clone(),
        measure,
        queries: queries.len(),
        seeds: sides.map(<[_]>::len),
        means,
        difference: mean,
        interval: [low, high],
        p: randomisation(&between, settings.sampling),
        p_holm: 1.0,
        standardised: standardised.is_finite().then_some(standardised),
        wins_losses_ties: [wins, losses, ties],
        mcnemar: mcnemar_of(&a, &b),
        deviations: sides.map(|side| components(side).map(Deviations::from)),
        moved: moved.map(|at| Moved { query: queries[at].clone(), a: a[at], b: b[at] }).collect(),
        warnings: pair.warnings.clone(),
    }
}

/// The exact test where every value is 0 or 1: of one seed each, and where no order of tied documents is open.
fn mcnemar_of(a: &[f64], b: &[f64]) -> Option<f64> {
    let is_right = |value: &f64| (*value == 0.0 || *value == 1.0).then_some(*value == 1.0);
    let pairs: Option<Vec<(bool, bool)>> = a.iter().zip(b).map(|(a, b)| Some((is_right(a)?, is_right(b)?))).collect();
    Some(mcnemar(pairs.filter(|pairs| !pairs.is_empty())?).p)
}

/// For each query the mean over the seeds.
pub(crate) fn mean_of_seeds(seeds: &[Vec<f64>]) -> Vec<f64> {
    let queries = seeds.first().map_or(0, Vec::len);
    let mean = |query: usize| seeds.iter().map(|seed| seed[query]).sum::<f64>() / seeds.len() as f64;
    (0..queries).map(mean).collect()
}
