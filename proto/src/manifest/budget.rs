//! Budgets: limits on what a sweep may take.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::track::Track;

/// Limits on the jobs of a tier, a track, or the whole sweep. What would go beyond one of them is held, not killed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Budget {
    /// Hours of an A100: wall hours of attempts times the rate that their worker gives its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub gpu_hours: Option<f64>,
    /// US dollars: wall hours of attempts times the price that their worker says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub usd: Option<f64>,
    /// Bytes of committed artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Cells, counted in the order of tiers, then of the table: those after the last are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<u64>,
    /// Only cells of this tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub tier: Option<u32>,
    /// Only cells of this track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
}

impl Budget {
    /// Whether a cell or job of this tier and track is limited by it.
    pub fn covers(&self, tier: u32, track: Track) -> bool {
        self.tier.is_none_or(|own| own == tier) && self.track.is_none_or(|own| own == track)
    }

    /// Whether it limits what jobs take, and not only how many cells there are.
    pub fn limits_cost(&self) -> bool {
        self.gpu_hours.is_some() || self.usd.is_some() || self.bytes.is_some()
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.gpu_hours.map(|hours| format!("{hours} GPU-hours")));
        parts.extend(self.usd.map(|usd| format!("{usd} USD")));
        parts.extend(self.bytes.map(|bytes| format!("{bytes} bytes")));
        parts.extend(self.configurations.map(|count| format!("{count} configurations")));
        let mut of = Vec::new();
        of.extend(self.tier.map(|tier| format!("tier {tier}")));
        of.extend(self.track.map(|track| format!("track {track}")));
        write!(f, "{}", parts.join(" and "))?;
        if !of.is_empty() {
            write!(f, " for {}", of.join(", "))?;
        }
        Ok(())
    }
}
