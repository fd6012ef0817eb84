//! The middle of a few measurements.

use std::time::Duration;

/// The median; of an even number the upper one. Zero where there is none.
pub(crate) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
