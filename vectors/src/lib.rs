//! Codecs and search: binary codes, Hamming kernels, Faiss.
//!
//! Owns: what a codec does to vectors, the index files, and search with all ties kept. A study of codecs must not mix in the
//! errors of a graph or of inverted lists, so every search looks at every document, but for the two codecs that are such
//! structures (`Codec::is_approximate`): those are a family of their own. Does not own: where vectors come from
//! (`bitsweep_models`), what a ranking is worth (`bitsweep_measures`), the names and weights of codecs (`bitsweep_proto::Codec`).
//!
//! ```
//! use bitsweep_proto::Codec;
//! use bitsweep_vectors::{Matrix, build};
//!
//! let documents = Matrix::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0])?;
//! let queries = Matrix::new(1, 2, vec![0.9, 0.1])?;
//! let index = build(Codec::Binary { bits: 64, seed: 0 }, documents, &|| false)?;
//! let hits = index.search(&queries, 1, &|| false)?;
//! assert_eq!(hits.documents, [0]);
//! # Ok::<(), bitsweep_vectors::VectorError>(())
//! ```

mod asymmetric;
mod baseline;
pub mod binary;
mod code_file;
mod error;
mod exact;
mod faiss_index;
pub mod geometry;
pub mod hamming;
mod hits;
mod index;
pub mod inspect;
pub mod int2;
mod kernels;
mod matrix;
mod order;
mod pairs;
mod profile;
mod threads;
mod trained;
mod truncated;

pub use baseline::baseline;
pub use error::VectorError;
pub use geometry::{Geometry, geometry};
pub use hits::Hits;
pub use index::{Index, build};
pub use inspect::{Inspection, inspect};
pub use kernels::{KERNELS_VARIABLE, kernel_bits};
pub use matrix::{Codes, Matrix};
pub use pairs::pair_scores;
pub use profile::profile;
pub use threads::SEARCH_THREADS;
pub use trained::{Trained, train};
pub use truncated::truncated;
