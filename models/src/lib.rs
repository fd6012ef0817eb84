//! Text to vectors: sentence encoders on candle.
//!
//! Owns: reading a model's files, tokenising, batching, the forward pass, pooling and normalisation, and the numerics
//! profile of these kernels. Does not own: where files come from and what they say of pooling and prefixes
//! (`bitsweep_sources`), which texts to embed and where vectors go (`bitsweep_jobs`), queues and stores. It is
//! synchronous; parallelism is rayon's, and no result depends on it.
//!
//! The promise: the vectors of one [`Encoder::embed`] call depend on the files, the [`Settings`], the texts of that call
//! and the [`profile`] of the machine, on nothing else. What a text gets in other company differs by rounding only.

mod batches;
mod config;
mod encoder;
mod error;
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
