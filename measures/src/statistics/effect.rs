//! How large a difference is, beside whether it is one.

use super::{mean, squares};

/// The size of a paired difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The mean difference, in units of the measure.
    pub mean: f64,
    /// The mean difference over its standard deviation across queries (Cohen's d_z); 0 where nothing differs, infinite
    /// where every query differs by the same.
    pub standardised: f64,
    /// Queries for which the first is better.
    pub wins: usize,
    /// Queries for which the second is better.
    pub losses: usize,
    /// Queries for which both are the same.
    pub ties: usize,
}

/// The effect that `differences` show.
pub fn effect(differences: &[f64]) -> Effect {
    let mean = mean(differences);
    let deviation = (squares(differences) / differences.len().saturating_sub(1).max(1) as f64).sqrt();
    let count = |of: fn(&f64) -> bool| differences.iter().filter(|difference| of(difference)).count();
    Effect {
        mean,
        standardised: if mean == 0.0 { 0.0 } else { mean / deviation },
        wins: count(|difference| *difference > 0.0),
        losses: count(|difference| *difference < 0.0),
        ties: count(|difference| *difference == 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wins_and_sizes() {
        let found = effect(&[0.5, 0.0, -0.25, 0.75]);
        assert_eq!((found.wins, found.losses, found.ties, found.mean), (2, 1, 1, 0.25));
        // numpy: d.mean() / d.std(ddof=1)
        assert!((found.standardised - 0.547_722_557_505_166_1).abs() < 1e-12, "{found:?}");
        assert_eq!(effect(&[0.0; 3]).standardised, 0.0);
        assert_eq!(effect(&[0.5; 3]).standardised, f64::INFINITY);
        assert_eq!(effect(&[]).ties, 0);
    }
}
