//! From finished cells to what people read: the results table, its exports, plots and the HTML report.
//!
//! Everything starts from a plan and the outcomes of its jobs, which the caller has fetched; this crate reads no store
//! and no clock. The same plan and the same results give the same table, byte for byte: rows are in the plan's order,
//! numbers in their shortest form that reads back, and times, hosts and costs are no part of it.
//!
//! - [`table`]: one row per cell and measure;
//! - [`per_query`]: one row per cell, measure and query;
//! - [`geometry`]: one row per model, dataset and value;
//! - [`codes`]: one row per cell and value of what binary codes are like;
//! - [`speed`]: how long searches took: one row per cell and value;
//! - [`summary`]: the table pivoted by model, dataset and codec, seeds put together;
//! - [`answers`]: all codecs query by query, with intervals; [`contrast`]: binary codes against `pq` and `opq` of their bytes;
//! - [`similarity`]: pairs of sentences under all codecs, with intervals over pairs;
//! - [`slopes`]: what a doubling of the code is worth; [`relation`]: geometry against quality;
//! - [`compare`]: two codecs, cells or sweeps query by query;
//! - [`advise`]: which configurations fit a number of documents, a memory and a wanted quality;
//! - [`beside`]: two ranked lists side by side;
//! - [`conventions`]: one run as other tools evaluate it, and why their values differ;
//! - [`export`]: CSV, JSON, Parquet, and TREC run files;
//! - [`plot`]: quality against bytes per vector and against candidates, as SVG and PNG;
//! - [`html`]: one self-contained page; [`markdown`]: the same as text.

pub mod advise;
pub mod answers;
pub mod beside;
pub mod codes;
pub mod compare;
pub mod contrast;
pub mod conventions;
pub mod export;
pub mod geometry;
pub mod html;
pub mod markdown;
pub mod per_query;
pub mod plot;
pub mod relation;
pub mod ruling;
pub mod similarity;
pub mod slopes;
pub mod speed;
pub mod summary;
pub mod table;

mod content;
mod draws;
mod failure;
mod fairness;
mod hard;
mod makers;
mod number;
mod pareto;
mod parity;
mod style;
mod truncated;

use std::collections::BTreeMap;

use bitsweep_proto::cell::Cell;
use bitsweep_proto::codec::NotACodec;
use bitsweep_proto::{JobKey, Outcome};

pub use answers::{Answers, PerQueries};
pub use makers::{Maker, makers};
pub use parity::{Missed, missed};
pub use table::Table;

/// The newest outcome of each finished job.
pub type Outcomes = BTreeMap<JobKey, Outcome>;

/// Why a table, file, plot or page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A cell of the plan names a model that its lock lacks.
    #[error("cell {cell} names the model \"{model}\", which the plan's lock does not have")]
    NoModel {
        /// The cell.
        cell: Cell,
        /// The model.
        model: String,
    },
    /// A cell of the plan names a dataset that its lock lacks.
    #[error("cell {cell} names the dataset \"{dataset}\", which the plan's lock does not have")]
    NoDataset {
        /// The cell.
        cell: Cell,
        /// The dataset.
        dataset: String,
    },
    /// A cell of the plan names no codec.
    #[error("cell {cell} has no codec")]
    NoCodec {
        /// The cell.
        cell: Cell,
        /// What is wrong with the name.
        #[source]
        source: NotACodec,
    },
    /// The values of a cell's queries are not what a measuring job writes.
    #[error("line {line} of a cell's values by query lacks a measure, or has one more than the lines before it")]
    PerQuery {
        /// The line, from 1.
        line: usize,
    },
    /// A side of a comparison is not one thing.
    #[error("one side holds \"{one}\" and \"{other}\": say which, as codec=… or model=…,codec=…")]
    SeveralCodecs {
        /// What was there.
        one: String,
        /// What came to it.
        other: String,
    },
    /// Two sides cannot be paired.
    #[error("\"{a}\" and \"{b}\" do not answer the same queries: they cannot be compared query by query")]
    OtherQueries {
        /// The first side.
        a: String,
        /// The second side.
        b: String,
    },
    /// Two sides were asked different questions, or the same with other answers in mind.
    #[error(
        "\"{a}\" and \"{b}\" cannot be compared query by query, whatever their ids: not the same are {what}. Run the \
         older of two sweeps again with the data of the newer, or compare what was measured on the same queries and \
         judgements"
    )]
    OtherQuestions {
        /// The first side.
        a: String,
        /// The second side.
        b: String,
        /// What differs, with hashes.
        what: String,
    },
    /// Cells of one model and dataset score different pairs.
    #[error("cell {cell} does not score the pairs that others of its model and dataset do: they cannot be compared")]
    OtherPairs {
        /// The cell.
        cell: Cell,
    },
    /// Scores of pairs cannot be correlated.
    #[error("scores of pairs cannot be correlated")]
    Correlate(#[from] bitsweep_measures::MeasureError),
    /// The run or the judgements of a query cannot be evaluated.
    #[error("query \"{query}\" cannot be evaluated")]
    Query {
        /// Its id.
        query: String,
        /// Why.
        #[source]
        source: bitsweep_measures::MeasureError,
    },
    /// An id cannot stand in a file whose fields are parted by blanks.
    #[error(
        "{what} id {id:?} is empty or holds white space, which the TREC format cannot express; export csv, json or parquet instead"
    )]
    TrecId {
        /// `query` or `document`.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// A file could not be written.
    #[error("failed to write {what}")]
    Write {
        /// What was being written.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The CSV writer failed.
    #[error("failed to write CSV")]
    Csv(#[from] csv::Error),
    /// The JSON writer failed.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// The Parquet writer failed.
    #[error("failed to write Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A plot could not be drawn.
    #[error("failed to draw the plot: {0}")]
    Draw(String),
    /// The page could not be filled in.
    #[error("failed to fill in the report's page")]
    Page(#[from] minijinja::Error),
}

impl ReportError {
    /// Wraps an I/O error with what was being written.
    pub(crate) fn write(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Write { what, source }
    }
}
