//! What can go wrong between a model's files and its vectors.

use std::io;
use std::path::PathBuf;

/// An error of this crate. [`ModelError::Read`] and [`ModelError::Kernels`] are matters of the machine; all others are the same on every attempt
/// with the same files, settings and texts. Files are called by their role (`config.json`, `tokenizer.json`, weights)
/// and not by their path, so that the message reads the same on every machine.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file cannot be read.
    #[error("failed to read the model file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `config.json` is broken or describes a network that is not supported.
    #[error("config.json: {problem}")]
    Config {
        /// What was found, what is expected.
        problem: String,
    },
    /// `tokenizer.json` is broken or does not fit the network.
    #[error("tokenizer.json: {problem}")]
    Tokenizer {
        /// What was found, what is expected.
        problem: String,
    },
    /// The weights are no safetensors, or tensors are missing or have the wrong shape.
    #[error("weights{}: {problem}", which(.file))]
    Weights {
        /// The file (from 1) and how many there are, where the problem lies in one of several.
        file: Option<(usize, usize)>,
        /// What was found, what is expected.
        problem: String,
    },
    /// The settings ask for what the model cannot do.
    #[error(
        "max_tokens is {found}, the model takes {least} to {most} (special tokens, max_position_embeddings in config.json)"
    )]
    MaxTokens {
        /// What was asked for.
        found: usize,
        /// The special tokens and one more.
        least: usize,
        /// The positions that the model knows.
        most: usize,
    },
    /// The variable that forces an instruction set names one that this machine lacks.
    #[error("BITSWEEP_KERNELS is \"{found}\", this machine has: {available}")]
    Kernels {
        /// What it says.
        found: String,
        /// What it may say.
        available: String,
    },
    /// A text cannot be tokenised.
    #[error("text {row} (from 0) cannot be tokenised")]
    Tokenize {
        /// The text's place among those given.
        row: usize,
        /// What the tokenizer says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The network failed.
    #[error("the network failed to compute")]
    Compute(#[source] candle_core::Error),
}

fn which(file: &Option<(usize, usize)>) -> String {
    file.map(|(number, count)| format!(", file {number} of {count}")).unwrap_or_default()
}

/// The error without the backtrace and the path that candle may wrap around it: neither belongs in a message.
pub(crate) fn bare(error: candle_core::Error) -> candle_core::Error {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } | candle_core::Error::WithPath { inner, .. } => bare(*inner),
        error => error,
    }
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(bare(error))
    }
}
