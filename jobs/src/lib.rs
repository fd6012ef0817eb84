//! The job kinds: one file each, from input files to output files.
//!
//! Owns: what each kind reads, in which order it works, where its safe points are, what it writes and which facts it
//! states; the formats of embeddings and runs; a query asked outside of any job ([`ask`]). Does not own: the mathematics
//! (`bitsweep_models`, `bitsweep_vectors`, `bitsweep_measures`), nor where inputs come from and where outputs go
//! (`bitsweep_worker`). Everything is synchronous and sees local paths only, so that a kind can be tested with a folder and
//! a `Vec`.

pub mod ask;
mod classify;
mod codes;
mod compress;
mod embed;
pub mod embedding_file;
mod error;
mod geometry;
mod inputs;
pub mod judged;
mod measure;
mod noop;
mod rescore;
mod retrieve;
pub mod run_file;
mod runner;
mod similarity;
mod speed;
mod steps;
mod tensors;
pub mod texts;
mod truncate;

/// Whether this machine can run the kinds that search.
pub use bitsweep_vectors::baseline;
pub use error::JobError;
pub use runner::{Ended, Runner};
pub use steps::Steps;
