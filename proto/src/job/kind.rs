//! What jobs are called, and who runs them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a job kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Texts to vectors: one row shard.
    Embed,
    /// Vectors to their first dimensions: one row shard.
    Truncate,
    /// Vectors to an index.
    Compress,
    /// Queries and an index to a run.
    Retrieve,
    /// A run to one whose best documents are ranked again.
    Rescore,
    /// A run and judgements to measures.
    Measure,
    /// Vectors to what their geometry is.
    Geometry,
    /// Binary codes and the vectors that they stand for to what the bits are like.
    Codes,
    /// Vectors of pairs to scores, and how well these agree with those of people.
    Similarity,
    /// A run and labels to how often the nearest have the right one.
    Classify,
    /// Queries and an index to how long searches take.
    Speed,
    /// Nothing: for measuring the runner itself. No manifest makes one.
    #[schemars(skip)]
    Noop,
}

impl Kind {
    /// Every kind, in the order of the pipeline.
    pub const ALL: [Self; 12] = [
        Self::Embed,
        Self::Truncate,
        Self::Compress,
        Self::Retrieve,
        Self::Rescore,
        Self::Measure,
        Self::Geometry,
        Self::Codes,
        Self::Similarity,
        Self::Classify,
        Self::Speed,
        Self::Noop,
    ];

    /// The name as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Truncate => "truncate",
            Self::Compress => "compress",
            Self::Retrieve => "retrieve",
            Self::Rescore => "rescore",
            Self::Measure => "measure",
            Self::Geometry => "geometry",
            Self::Codes => "codes",
            Self::Similarity => "similarity",
            Self::Classify => "classify",
            Self::Speed => "speed",
            Self::Noop => "noop",
        }
    }

    /// Version of the code that runs it. Raised whenever the same parameters and inputs give other bytes.
    pub fn code_version(self) -> u32 {
        match self {
            // 2: the network written for CPUs; 1 was candle's.
            Self::Embed => 2,
            Self::Truncate => 1,
            Self::Compress => 1,
            Self::Retrieve => 1,
            Self::Rescore => 1,
            Self::Measure => 1,
            Self::Geometry => 1,
            Self::Codes => 1,
            // 2: cosines; 1 did not divide by lengths.
            Self::Similarity => 2,
            Self::Classify => 1,
            Self::Speed => 1,
            Self::Noop => 1,
        }
    }

    /// The class of workers that serve it.
    pub fn class(self) -> Class {
        match self {
            Self::Embed => Class::Gpu,
            Self::Truncate
            | Self::Compress
            | Self::Retrieve
            | Self::Rescore
            | Self::Measure
            | Self::Geometry
            | Self::Codes
            | Self::Similarity
            | Self::Classify
            | Self::Speed
            | Self::Noop => Class::Cpu,
        }
    }
}

/// What a worker must have. A machine without a GPU may serve `gpu` too; it is then slower, not wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Gains from a GPU.
    Gpu,
    /// Does not.
    Cpu,
}
