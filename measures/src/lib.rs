//! Measures with exact ties.
//!
//! Documents of equal score form a group whose order is uniformly random. [`Value::value`] is the expectation over
//! these orders in closed form (F. McSherry and M. Najork, "Computing information retrieval performance measures
//! efficiently in the presence of tied scores", ECIR 2008), [`Value::min`] and [`Value::max`] are the least and the
//! greatest value that some order gives, and [`Value::trec_eval`] is what trec_eval prints for the run: it orders by
//! score, then by document id as a byte string, both descending, whatever the rank column says.
//!
//! Conventions are those of trec_eval with `-c`: gains are the grades, grades below 1 are neither gain nor relevant,
//! ideals and recalls count every judged document (also those the corpus lacks), averages go over all judged queries,
//! and a query that is missing from the run or that has no relevant document counts 0.
//!
//! A run must hold every document of the last group it reaches into, so that each group is complete. Retrieval keeps
//! the whole group tied at its cut for this reason.
//!
//! [`correlate`] is for pairs of sentences, which have no ranking: their scores against those of people. [`classify`] is for texts
//! with labels: a vote of the nearest.
//!
//! [`statistics`] says what the difference between two runs is worth; [`conventions`] what other tools make of one.
//!
//! Owns: definitions and arithmetic. Does not own: files, ids as text. Only operations whose
//! result IEEE 754 fixes are used, plus `libm`'s logarithm, in a fixed order: values are the same on every machine.

mod bpref;
pub mod conventions;
mod correlation;
mod found;
mod judgements;
mod map;
mod mrr;
mod ndcg;
mod overlap;
mod run;
pub mod statistics;
mod success;
mod vote;

use bitsweep_proto::outcome::Measured;
use bitsweep_proto::{Measure, Task};

pub use correlation::correlate;
pub use judgements::Judgements;
pub use run::{Hit, QueryRun};
pub use vote::{Labels, classify};

/// One measure of one query. All values lie in 0 … 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Expected value over the orders of tied documents.
    pub value: f64,
    /// The least value under some order of the ties.
    pub min: f64,
    /// The greatest value under some order of the ties.
    pub max: f64,
    /// The value that trec_eval gives; `None` for measures it lacks.
    pub trec_eval: Option<f64>,
}

impl Value {
    /// A value that no order of ties changes.
    pub(crate) const ZERO: Self = Self { value: 0.0, min: 0.0, max: 0.0, trec_eval: Some(0.0) };

    /// Keeps the expectation inside its envelope, where rounding moved it out by a unit in the last place.
    pub(crate) fn enclosed(self) -> Self {
        Self { value: self.value.max(self.min).min(self.max), ..self }
    }
}

/// Why a run, judgements or a measure cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// A score is NaN: it has no place in an order.
    #[error("score of document {document} is NaN; scores must be numbers")]
    NotANumber {
        /// Row of the document.
        document: u32,
    },
    /// A row number is beyond the known documents.
    #[error("run names document {document}, but only {documents} documents are known")]
    UnknownDocument {
        /// Row of the document.
        document: u32,
        /// Documents that have a name.
        documents: usize,
    },
    /// The same document twice.
    #[error("{place} hold document {document} twice; each document may stand once")]
    RepeatedDocument {
        /// `hits` or `judgements`.
        place: &'static str,
        /// Row of the document.
        document: u32,
    },
    /// A grade is too great for a gain of 2^grade − 1.
    #[error("a gain of 2^{grade} − 1 is asked for; grades may be at most {greatest}")]
    GradeTooGreat {
        /// The grade.
        grade: i32,
        /// The greatest that may be.
        greatest: i32,
    },
    /// An overlap without a run to compare with.
    #[error("{measure} compares with the float32 run, but no reference run was given")]
    NoReference {
        /// The measure.
        measure: Measure,
    },
    /// A measure of one task asked of another.
    #[error("{measure} measures no {}", measured_of(.task))]
    OtherTask {
        /// The measure.
        measure: Measure,
        /// The task that it was asked of.
        task: Task,
    },
    /// As many scores as pairs are needed.
    #[error("{scores} scores for {gold} pairs; each pair has one")]
    OtherPairs {
        /// Scores of the codec.
        scores: usize,
        /// Scores of people.
        gold: usize,
    },
    /// A score that is NaN or infinite.
    #[error("a score of pair {pair} (from 0) is not finite; scores must be numbers")]
    NoScore {
        /// The pair.
        pair: usize,
    },
}

/// What the measures of a task look at.
fn measured_of(task: &Task) -> &'static str {
    match task {
        Task::Retrieval => "rankings",
        Task::Similarity => "pairs of sentences",
        Task::Classification => "labels",
    }
}

/// Evaluates one measure for one judged query. For a query that is missing from the run, pass the empty run.
///
/// `reference` is the float32 run of the same query; only [`Measure::Overlap`] looks at it, and only that measure
/// does not look at `judgements`. Time is linear in the documents down to the end of the group that crosses the
/// cut-off; for `Overlap@k` up to k² more where both runs have a group crossing it.
pub fn evaluate(
    measure: Measure,
    run: &QueryRun,
    judgements: &Judgements,
    reference: Option<&QueryRun>,
) -> Result<Value, MeasureError> {
    Ok(match measure {
        Measure::Ndcg { k } => ndcg::evaluate(k as usize, run, judgements),
        Measure::Recall { k } => found::recall(k as usize, run, judgements),
        Measure::Precision { k } => found::precision(k as usize, run, judgements),
        Measure::RPrecision => found::r_precision(run, judgements),
        Measure::Success { k } => success::evaluate(k as usize, run, judgements),
        Measure::Mrr { .. } => mrr::evaluate(measure.depth() as usize, run, judgements),
        Measure::Map { .. } => map::evaluate(measure.depth() as usize, run, judgements),
        Measure::Bpref => bpref::evaluate(measure.depth() as usize, run, judgements),
        Measure::Overlap { k } => {
            let reference = reference.ok_or(MeasureError::NoReference { measure })?;
            overlap::evaluate(k as usize, run, reference)
        }
        Measure::Spearman | Measure::Pearson | Measure::Accuracy { .. } => {
            return Err(MeasureError::OtherTask { measure, task: Task::Retrieval });
        }
    })
}

/// Averages the values of all judged queries, in the order given: plain sums from first to last, divided at the end.
/// No query at all gives 0 over 0 queries.
pub fn average(measure: Measure, values: &[Value]) -> Measured {
    let queries = values.len() as u64;
    let mean = |of: fn(&Value) -> f64| {
        let sum: f64 = values.iter().map(of).fold(0.0, |sum, value| sum + value);
        if queries == 0 { 0.0 } else { sum / queries as f64 }
    };
    let has_trec_eval = values.iter().all(|value| value.trec_eval.is_some());
    Measured {
        measure,
        value: mean(|value| value.value),
        value_min: mean(|value| value.min),
        value_max: mean(|value| value.max),
        value_trec_eval: has_trec_eval.then(|| mean(|value| value.trec_eval.unwrap_or_default())),
        queries,
    }
}
