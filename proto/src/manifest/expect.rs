//! The parity gate: what float32 must give before anything compressed is compared with it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::Measure;

/// The value that float32 is known to have for one model on one dataset. While it is missed, or not known yet, results of all
/// other codecs there are withheld: a wrong prefix, pooling or dataset would make their comparison worthless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Model name.
    pub model: String,
    /// Dataset name.
    pub dataset: String,
    /// The measure; one of the sweep's.
    pub measure: Measure,
    /// Its value.
    pub value: f64,
    /// How far from it float32 may be.
    #[schemars(range(min = 0.0))]
    pub within: f64,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, dataset, measure, value, within } = self;
        write!(f, "{measure} of {value} ± {within} for float32 of {model} on {dataset}")
    }
}
