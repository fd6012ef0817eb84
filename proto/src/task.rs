//! What a dataset asks of a model: to find documents, to say how alike two sentences are, or to put texts near those of their kind.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The task of a dataset. It decides the files that a dataset consists of, its jobs and its measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Queries find documents; judgements say which are relevant.
    #[default]
    Retrieval,
    /// Pairs of sentences, each with a score of people: how alike the two are.
    Similarity,
    /// Texts with a label each: whether the nearest labelled texts have the label.
    Classification,
}

impl Task {
    /// The name as in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retrieval => "retrieval",
            Self::Similarity => "similarity",
            Self::Classification => "classification",
        }
    }

    /// Whether it is the default: then a manifest does not write it, so that the ids of sweeps do not change.
    pub fn is_retrieval(&self) -> bool {
        *self == Self::Retrieval
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
