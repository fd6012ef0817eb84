//! What a difference between two systems is worth, from their values query by query.
//!
//! Everything is paired: both systems answered the same queries, and what is looked at is the difference query by query
//! (C. Smucker, J. Allan and B. Carterette, "A comparison of statistical significance tests for information retrieval
//! evaluation", CIKM 2007). Queries are taken for a random sample of those that could have been asked; nothing here says
//! anything of other datasets. Correlations, which are no mean over anything, are resampled pair by pair ([`correlations()`]).
//!
//! Sampling is by ChaCha8 from a seed, sums go from first to last, and no result depends on threads: the same input gives
//! the same numbers on every machine.

mod association;
mod bootstrap;
mod correlations;
mod effect;
mod holm;
mod mcnemar;
mod randomisation;
mod rows;
mod sampler;
mod variance;

pub use association::{Association, EXACT, association, least_p};
pub use bootstrap::{Interval, bootstrap, bootstraps};
pub use correlations::{Resampled, correlations};
pub use effect::{Effect, effect};
pub use holm::holm;
pub use mcnemar::{McNemar, mcnemar};
pub use randomisation::{randomisation, randomisations};
pub use variance::{Components, components};

/// How often is sampled, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Rounds: resamples of a bootstrap, assignments of a randomisation test.
    pub rounds: u32,
    /// Seed of the generator.
    pub seed: u64,
}

impl Default for Sampling {
    /// 10,000 rounds: the ends of a 95 % interval are then good to about a fiftieth of its width, and p to 0.005.
    fn default() -> Self {
        Self { rounds: 10_000, seed: 0 }
    }
}

/// Differences of two systems, query by query.
///
/// # Panics
/// Where one has more queries than the other: they are not paired.
pub fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), b.len(), "paired values are of the same queries");
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The sum of squared distances from the mean.
pub(crate) fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean) * (value - mean)).sum()
}
