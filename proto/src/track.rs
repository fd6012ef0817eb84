//! Tracks: what must be done, and what may be done with what is left.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Core or exploratory. Exploratory work never delays core work: it gets what no core job can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// The study itself.
    #[default]
    Core,
    /// What is looked at besides.
    Exploratory,
}

impl Track {
    /// Whether it is [`Track::Core`], the default.
    pub fn is_core(&self) -> bool {
        *self == Self::Core
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::Exploratory => "exploratory",
        })
    }
}
