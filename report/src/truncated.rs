//! How what is made of truncated vectors is called.

use std::fmt::Display;

/// `float32, first 128 dimensions`: what is done with vectors of a model, truncated to so many dimensions.
pub(crate) fn label(codec: impl Display, dims: impl Display) -> String {
    format!("{codec}, first {dims} dimensions")
}
