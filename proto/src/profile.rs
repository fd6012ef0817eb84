//! Numerics profiles: what decides the bits of a result besides its parameters.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// One kernel family on one machine. Two machines with equal profiles give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Device family: `cpu`.
    pub device: String,
    /// Precision of the arithmetic: `f32`.
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
