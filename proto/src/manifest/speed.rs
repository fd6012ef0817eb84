//! `speed`: how the time of searches is measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Measures how long searches take, on whatever machine runs the job: one job for each model, retrieval dataset and codec. `{}`
/// takes the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// Rounds before those that count.
    #[serde(default = "default_warm_up")]
    #[schemars(range(min = 0, max = 99))]
    pub warm_up: u32,
    /// Rounds that count. In each all queries are searched one at a time, then all of them in one call.
    #[serde(default = "default_repeats")]
    #[schemars(range(min = 1, max = 99))]
    pub repeats: u32,
    /// Ranks that each search returns.
    #[serde(default = "default_depth")]
    #[schemars(range(min = 1, max = 10_000))]
    pub depth: u32,
}

fn default_warm_up() -> u32 {
    1
}

fn default_repeats() -> u32 {
    5
}

fn default_depth() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_written_out() {
        let read: Speed = serde_json::from_value(json!({})).unwrap();
        assert_eq!(read, Speed { warm_up: 1, repeats: 5, depth: 10 });
        assert_eq!(serde_json::to_value(read).unwrap(), json!({ "warm_up": 1, "repeats": 5, "depth": 10 }));
    }

    #[test]
    fn what_is_no_way_to_measure_is_refused() {
        let read = |speed: &str| {
            let head =
                "sweep: s\nmodels: { m: { source: file:m } }\ndatasets: { d: { source: file:d } }\ncodecs: float32\n";
            crate::manifest::read(&format!("{head}{speed}"), "sweep.yaml")
        };
        assert_eq!(read("").unwrap().speed, None);
        assert_eq!(read("speed: {}").unwrap().speed.map(|speed| speed.repeats), Some(5));
        for wrong in ["speed: true", "speed: { repeats: 0 }", "speed: { repeats: 100 }", "speed: { rounds: 3 }"] {
            assert!(read(wrong).unwrap_err().to_string().contains("speed"), "{wrong}");
        }
    }
}
