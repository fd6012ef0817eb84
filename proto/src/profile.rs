//! Numerics profiles: what decides the bits of a result besides its parameters.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What an encoder computes its products in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// float32.
    #[default]
    Float32,
    /// Weights of 8 bits with a scale for each output of a layer, inputs of 8 bits with a scale and a zero point for each token;
    /// where queries, keys and values are made both have 16 bits. Everything between products is float32.
    Int8,
}

impl Precision {
    /// The name as in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One kernel family on one machine. Two machines with equal profiles give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Device family: `cpu`.
    pub device: String,
    /// Precisions of the arithmetic: `f32`; of the encoder `f32, i8`, one of which a job names.
    pub precision: String,
    /// Kernel family and version: `candle-0.11.1`, `faiss-0.13`.
    pub kernels: String,
    /// Digest of the outputs of the start-up self-test of the actual kernels.
    pub self_test: Digest,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.device, self.precision, self.kernels, self.self_test.short())
    }
}

/// The profiles a machine offers: one for the encoder, one for the search library. Fixed at plan time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// Decides the bits of embeddings.
    pub encoder: Profile,
    /// Decides the bits of Faiss indexes and scores.
    pub search: Profile,
}
