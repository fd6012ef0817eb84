//! `subsample`: a part of a dataset's documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::OneOrMany;
use super::axis::one_or_many;

/// Which documents of a dataset are kept: those that are judged, the best of other systems' runs, and as many of the others as are
/// missing to `documents`, drawn by a seed. What is measured on them is not comparable with what is published for the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subsample {
    /// Documents that are kept.
    #[schemars(range(min = 1))]
    pub documents: u64,
    /// Runs of other systems as TREC files, relative to the manifest: of each, the best documents of every judged query are kept,
    /// so that what a search is likely to find is there to be found.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub pool: Vec<String>,
    /// How many documents of each query of such a run.
    #[serde(default = "default_depth")]
    #[schemars(range(min = 1, max = 10_000))]
    pub depth: u32,
    /// Draws the rest. Default: the seed of the sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

fn default_depth() -> u32 {
    100
}
