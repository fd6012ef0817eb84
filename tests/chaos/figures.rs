//! Distributions of what was measured.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Seconds, each measured once.
#[derive(Default)]
pub(crate) struct Seconds(Vec<f64>);

impl Seconds {
    pub(crate) fn add(&mut self, seconds: f64) {
        self.0.push(seconds);
    }

    /// The time from one to the other; nothing where the second came first.
    pub(crate) fn between(&mut self, first: SystemTime, second: SystemTime) {
        self.add(second.duration_since(first).unwrap_or(Duration::ZERO).as_secs_f64());
    }
}

impl fmt::Debug for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return write!(f, "none") };
        let at = |part: f64| sorted[(part * last as f64).round() as usize];
        let [least, median, high, most] = [0.0, 0.5, 0.95, 1.0].map(at);
        let (count, sum) = (sorted.len(), sorted.iter().sum::<f64>());
        write!(f, "min {least:.2} / median {median:.2} / p95 {high:.2} / max {most:.2} s of {count}, {sum:.0} s in all")
    }
}
