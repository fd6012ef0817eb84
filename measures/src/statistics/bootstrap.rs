//! The percentile bootstrap of a mean (B. Efron and R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 13):
//! queries are drawn with replacement, as many as there are, and the interval holds the middle of the means that this gives.
//! Of differences it is the paired bootstrap.

use super::rows::Rows;
use super::sampler::Sampler;
use super::{Sampling, mean};

/// An interval that holds the mean with the stated confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether 0 lies outside: then the sign of a difference is settled, with the stated confidence.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The interval of the mean of `values` with confidence `level` (0.95: 95 %). Quantiles of the means are interpolated
/// linearly, as in NumPy. No values, or no rounds, give the mean itself.
pub fn bootstrap(values: &[f64], level: f64, sampling: Sampling) -> Interval {
    bootstraps(&[values], level, sampling)[0]
}

/// The intervals of several columns of values, all of the same queries. Each is what [`bootstrap`] gives for it alone: all
/// see the same draws of queries, which are made but once.
///
/// # Panics
/// Where columns have different numbers of queries.
pub fn bootstraps(columns: &[&[f64]], level: f64, sampling: Sampling) -> Vec<Interval> {
    let rows = Rows::of(columns);
    if rows.queries() == 0 || sampling.rounds == 0 {
        let point = |mean| Interval { low: mean, high: mean };
        return columns.iter().map(|values| point(mean(values))).collect();
    }
    let mut sampler = Sampler::new(sampling.seed);
    let mut means = vec![Vec::with_capacity(sampling.rounds as usize); columns.len()];
    let mut sums = vec![0.0; columns.len()];
    for _ in 0..sampling.rounds {
        sums.fill(0.0);
        for _ in 0..rows.queries() {
            rows.add(sampler.below(rows.queries()), 1.0, &mut sums);
        }
        for (means, sum) in means.iter_mut().zip(&sums) {
            means.push(sum / rows.queries() as f64);
        }
    }
    means.into_iter().map(|means| percentile(means, level)).collect()
}

/// The interval that holds the middle of these values, of which there is one at least.
pub(super) fn percentile(mut values: Vec<f64>, level: f64) -> Interval {
    let tail = (1.0 - level) / 2.0;
    values.sort_unstable_by(f64::total_cmp);
    Interval { low: quantile(&values, tail), high: quantile(&values, 1.0 - tail) }
}

/// The quantile of sorted values, interpolated linearly.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        // numpy.quantile([1, 2, 4, 8], [0, .1, .5, .9, 1])
        let values = [1.0, 2.0, 4.0, 8.0];
        for (at, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((quantile(&values, at) - expected).abs() < 1e-12, "{at}");
        }
    }

    #[test]
    fn what_does_not_vary_has_no_width() {
        let interval = bootstrap(&[0.25; 30], 0.95, Sampling::default());
        assert_eq!(interval, Interval { low: 0.25, high: 0.25 });
        assert!(interval.excludes_zero());
        assert_eq!(bootstrap(&[], 0.95, Sampling::default()), Interval { low: 0.0, high: 0.0 });
        let none = Sampling { rounds: 0, seed: 0 };
        assert_eq!(bootstrap(&[1.0, 3.0], 0.95, none), Interval { low: 2.0, high: 2.0 });
    }

    /// What one column gives does not depend on its neighbours, to the last bit.
    #[test]
    fn columns_do_not_see_one_another() {
        let column = |shift: u32| (0..37).map(|i| f64::from((i * 7 + shift) % 11) / 9.7).collect::<Vec<f64>>();
        let columns: Vec<Vec<f64>> = (0..5).map(column).collect();
        let all: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let sampling = Sampling { rounds: 500, seed: 9 };
        let alone: Vec<Interval> = all.iter().map(|values| bootstrap(values, 0.9, sampling)).collect();
        assert_eq!(bootstraps(&all, 0.9, sampling), alone);
        assert!(bootstraps(&[], 0.9, sampling).is_empty());
    }

    /// Of normal values it comes near the interval of Student's t: ± 1.96 standard errors.
    #[test]
    fn it_is_near_the_normal_interval() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20) / 19.0).collect();
        let error = (super::super::squares(&values) / 399.0 / 400.0).sqrt();
        let Interval { low, high } = bootstrap(&values, 0.95, Sampling { rounds: 20_000, seed: 3 });
        let mean = mean(&values);
        assert!((low - (mean - 1.96 * error)).abs() < 0.06 * error, "{low}");
        assert!((high - (mean + 1.96 * error)).abs() < 0.06 * error, "{high}");
    }
}
