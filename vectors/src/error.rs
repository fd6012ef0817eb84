//! What can go wrong with vectors, codes and indexes.

use std::io;
use std::path::PathBuf;

use bitsweep_proto::Codec;
use bitsweep_proto::codec::Footprint;

/// An error of this crate. [`VectorError::File`], [`VectorError::Stopped`], [`VectorError::Baseline`], [`VectorError::Kernels`]
/// and what Faiss says about a file are matters of the machine; the others are the same on every attempt with the same input.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// A buffer does not have the stated shape.
    #[error(
        "{rows} rows of {width} values do not fit a buffer of {len} values (at most 2^32 - 1 rows of 1 to 2^31 - 1)"
    )]
    Shape {
        /// Rows asked for.
        rows: usize,
        /// Values of one row.
        width: usize,
        /// Values found.
        len: usize,
    },
    /// Vectors or codes of different widths meet.
    #[error("{what} have {found} {unit} each, {expected} are expected")]
    Width {
        /// What is wrong: queries, documents.
        what: &'static str,
        /// Dimensions or bytes.
        unit: &'static str,
        /// Width wanted.
        expected: usize,
        /// Width found.
        found: usize,
    },
    /// NaN or an infinity in a vector.
    #[error("row {row} has {value} in dimension {dimension} (both from 0): vectors must be finite")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The dimension, from 0.
        dimension: usize,
        /// What was found.
        value: f32,
    },
    /// Finite vectors whose scores are not.
    #[error(
        "query {query} (from 0) has scores that are not finite: its values or those of the documents are too large"
    )]
    Overflow {
        /// The query, from 0.
        query: usize,
    },
    /// A document that is not there.
    #[error("document {row} (from 0) is asked for, there are {rows}")]
    NoRow {
        /// The document, from 0.
        row: u32,
        /// Documents in the index.
        rows: usize,
    },
    /// Finite vectors whose inner product is not.
    #[error(
        "the inner product with document {row} (from 0) is not finite: its values or those of the query are too large"
    )]
    NotANumber {
        /// The document, from 0.
        row: u32,
    },
    /// A search did not give the score of a document that was asked for.
    #[error(
        "the search of codec {codec} leaves out document {row} (from 0), so the pair has no score: compare pairs by another codec"
    )]
    LeftOut {
        /// The codec.
        codec: Codec,
        /// The document, from 0.
        row: usize,
    },
    /// The codec does not fit the vectors.
    #[error("codec {codec} does not fit: {reason}")]
    Unfit {
        /// The codec.
        codec: Codec,
        /// Why, and what would.
        reason: String,
    },
    /// Too little to train on.
    #[error("codec {codec} trains on the documents and needs at least {needed} of them, the corpus has {found}")]
    TooFewDocuments {
        /// The codec.
        codec: Codec,
        /// Documents needed.
        needed: usize,
        /// Documents found.
        found: usize,
    },
    /// What was built weighs something else than what is reported.
    #[error("codec {codec} was built with {built:?}, {stated:?} is stated")]
    Footprint {
        /// The codec.
        codec: Codec,
        /// As it is.
        built: Footprint,
        /// As [`Codec::footprint`] states it.
        stated: Footprint,
    },
    /// Faiss refused.
    #[error("faiss failed to {action}: {message}")]
    Faiss {
        /// What was tried.
        action: &'static str,
        /// Its own message; it has no other form.
        message: String,
    },
    /// A file could not be read or written.
    #[error("failed to {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: io::Error,
    },
    /// A file is not the index it should be.
    #[error("{} is not an index of codec {codec}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The codec expected.
        codec: Codec,
        /// What is wrong.
        reason: String,
    },
    /// `BITSWEEP_KERNELS` names kernels that are not there.
    #[error("BITSWEEP_KERNELS is \"{found}\", this machine has: {}; unset it to have the fastest chosen", available.join(", "))]
    Kernels {
        /// The variable's value.
        found: String,
        /// Names that would do.
        available: Vec<&'static str>,
    },
    /// The CPU is older than the baseline that Faiss was compiled for.
    #[error(
        "this CPU has no {}: this build needs x86-64-v3 (Intel since Haswell 2013, AMD since Zen 2017); \
         for an older CPU build with CXXFLAGS=\"-O3 -march=x86-64\"",
        missing.join(", ")
    )]
    Baseline {
        /// Features that are missing.
        missing: Vec<&'static str>,
    },
    /// The stop flag was up at a safe point.
    #[error("stopped as asked")]
    Stopped,
}
