//! Text to vectors: sentence encoders.
//!
//! Owns: reading a model's files, tokenising, batching, the forward pass, pooling and normalisation, and the numerics
//! profile of these kernels. Does not own: where files come from and what they say of pooling and prefixes
//! (`bitsweep_sources`), which texts to embed and where vectors go (`bitsweep_jobs`), queues and stores. It is
//! synchronous; parallelism is rayon's, and no result depends on it.
//!
//! candle reads weights, and its networks are the reference of the tests; on a CPU a network of our own runs (`fused`).
//!
//! The promise: the vector of a text depends on the files, the [`Settings`] and that text, on nothing else: not on the other
//! texts of an [`Encoder::embed`] call, not on threads, not on the machine. The [`profile`] would show a machine that breaks it.

mod batches;
mod config;
mod encoder;
mod error;
mod fused;
mod pooling;
mod profile;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "test-models"))]
pub mod tiny;
mod tokens;
mod weights;

pub use encoder::{Encoder, ModelFiles, Settings};
pub use error::ModelError;
pub use profile::profile;
