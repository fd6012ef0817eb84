//! Gates: hold some cells until others are done.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::OneOrMany;
use crate::job::Kind;
use crate::track::Track;

/// Holds some jobs until others are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What waits.
    pub hold: Hold,
    /// For what.
    pub until: Until,
}

/// The jobs that wait: those whose cells are all in this tier and track.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Hold {
    /// This track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    /// This tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub tier: Option<u32>,
}

/// When a gate opens: all that is said holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Until {
    /// Counts the jobs of this tier. Default: all that the gate does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub tier: Option<u32>,
    /// Counts jobs of these kinds. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<OneOrMany<Kind>>,
    /// The share of them that must be done. Default, where `report` is not asked for either: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub done: Option<f64>,
    /// A report of the sweep has been written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportState>,
}

/// What is asked of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    /// It has been written.
    Exists,
}

impl Hold {
    /// Whether a cell or job of this tier and track waits.
    pub fn covers(&self, tier: u32, track: Track) -> bool {
        self.tier.is_none_or(|own| own == tier) && self.track.is_none_or(|own| own == track)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.track, self.tier) {
            (Some(track), Some(tier)) => write!(f, "track {track}, tier {tier}"),
            (Some(track), None) => write!(f, "track {track}"),
            (None, Some(tier)) => write!(f, "tier {tier}"),
            (None, None) => f.write_str("everything"),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.done.is_some() || self.report.is_none() {
            let kinds = self.kinds.as_ref().map_or("all jobs".to_owned(), |kinds| {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
                format!("{} jobs", names.join(" and "))
            });
            let tier = self.tier.map_or(String::new(), |tier| format!(" of tier {tier}"));
            parts.push(format!("{} % of {kinds}{tier} are done", self.done.unwrap_or(1.0) * 100.0));
        }
        if self.report.is_some() {
            parts.push("a report is written".to_owned());
        }
        f.write_str(&parts.join(" and "))
    }
}
