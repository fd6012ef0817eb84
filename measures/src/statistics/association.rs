//! Whether two lists rise and fall together: Spearman's ρ with the permutation test (E. J. G. Pitman, "Significance tests which
//! may be applied to samples from any populations. II. The correlation coefficient test", 1937): if the lists had nothing to do
//! with one another, each order of the second would be as probable as the one that was seen. How often does an order give a ρ as
//! far from 0?
//!
//! Made for few points, where tables and the t approximation are wrong: up to [`EXACT`] of them all orders are looked at.
//! Centred average ranks are whole numbers, so that "as far" is decided without rounding.

use bitsweep_proto::Measure;

use super::Sampling;
use super::sampler::Sampler;
use crate::MeasureError;
use crate::correlation::{correlate, ranks};

/// Points up to which all orders are looked at: 8! are 40,320.
pub const EXACT: usize = 8;

/// Spearman's ρ of two lists, and how surprising it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Association {
    /// ρ, ties by average ranks; 0 where a list does not vary.
    pub rho: f64,
    /// The two-sided p: of all orders the share with a ρ as far from 0, or (b + 1) / (m + 1) of m random ones. Never 0.
    pub p: f64,
    /// Whether all orders were looked at.
    pub exact: bool,
}

/// The association of `x` and `y`, point by point: with at most [`EXACT`] points over all orders, else over `sampling.rounds`
/// random ones, the one that was seen counted among them. p is 1 where a list does not vary, or with fewer than two points.
///
/// Fails on a value that is NaN or infinite, and on lists that differ in length.
pub fn association(x: &[f64], y: &[f64], sampling: Sampling) -> Result<Association, MeasureError> {
    let rho = correlate(Measure::Spearman, x, y)?.value;
    let [x, mut y] = [x, y].map(ranks);
    let seen = products(&x, &y).abs();
    let exact = y.len() <= EXACT;
    let p = if exact {
        let (mut as_far, mut all) = (0_u32, 0_u32);
        each_order(&mut y, |y| {
            all += 1;
            as_far += u32::from(products(&x, y).abs() >= seen);
        });
        f64::from(as_far) / f64::from(all)
    } else {
        let mut sampler = Sampler::new(sampling.seed);
        let mut as_far = 0_u32;
        for _ in 0..sampling.rounds {
            shuffle(&mut y, &mut sampler);
            as_far += u32::from(products(&x, &y).abs() >= seen);
        }
        f64::from(as_far + 1) / (f64::from(sampling.rounds) + 1.0)
    };
    Ok(Association { rho, p, exact })
}

/// Of `points` without ties the least p that [`association`] can give: two of all orders are perfect, one for each sign, and with
/// more than [`EXACT`] points none is below 1 / (m + 1) of m rounds. 1 with fewer than two points.
pub fn least_p(points: usize, sampling: Sampling) -> f64 {
    let orders: f64 = (1..=points).map(|point| point as f64).product();
    let of_all = (2.0 / orders).min(1.0);
    if points <= EXACT { of_all } else { of_all.max(1.0 / (f64::from(sampling.rounds) + 1.0)) }
}

fn products(x: &[i64], y: &[i64]) -> i128 {
    x.iter().zip(y).map(|(x, y)| i128::from(*x) * i128::from(*y)).sum()
}

/// Calls `look` with every order of `values` once (B. R. Heap, "Permutations by interchanges", 1963); equal values count as
/// different ones.
fn each_order(values: &mut [i64], mut look: impl FnMut(&[i64])) {
    let mut turns = vec![0; values.len()];
    look(values);
    let mut at = 1;
    while at < values.len() {
        if turns[at] < at {
            let other = if at.is_multiple_of(2) { 0 } else { turns[at] };
            values.swap(other, at);
            look(values);
            turns[at] += 1;
            at = 1;
        } else {
            turns[at] = 0;
            at += 1;
        }
    }
}

/// All orders are as probable (R. A. Fisher and F. Yates, "Statistical tables", 1938).
fn shuffle(values: &mut [i64], sampler: &mut Sampler) {
    for last in (1..values.len()).rev() {
        values.swap(last, sampler.below(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SAMPLING: Sampling = Sampling { rounds: 10_000, seed: 3 };

    fn of(x: &[f64], y: &[f64]) -> Association {
        association(x, y, SAMPLING).unwrap()
    }

    /// By the definition: every order by insertion, every ρ by its own.
    fn by_definition(x: &[f64], y: &[f64]) -> f64 {
        let mut orders: Vec<Vec<f64>> = vec![Vec::new()];
        for value in y {
            let inserted = orders.iter().flat_map(|order| {
                (0..=order.len()).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, *value);
                    longer
                })
            });
            orders = inserted.collect();
        }
        let rho = |y: &[f64]| correlate(Measure::Spearman, x, y).unwrap().value.abs();
        let as_far = orders.iter().filter(|order| rho(order) >= rho(y) - 1e-9).count();
        as_far as f64 / orders.len() as f64
    }

    /// Tables of Spearman's ρ: five points with ρ = 0.8 have a one-sided p of 8 / 120.
    #[test]
    fn known_values() {
        let found = of(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 1.0, 4.0, 3.0, 5.0]);
        assert!((found.rho - 0.8).abs() < 1e-12 && found.exact, "{found:?}");
        assert_eq!(found.p, 16.0 / 120.0);
        let perfect = of(&[1.0, 2.0, 3.0, 4.0], &[-1.0, -20.0, -300.0, -4000.0]);
        assert_eq!((perfect.rho, perfect.p), (-1.0, 2.0 / 24.0));
        assert_eq!([4, 5, 8].map(|points| least_p(points, SAMPLING)), [2.0 / 24.0, 2.0 / 120.0, 2.0 / 40_320.0]);
    }

    #[test]
    fn all_orders_are_those_of_the_definition() {
        let cases: [(&[f64], &[f64]); 4] = [
            (&[0.3, 0.1, 0.9, 0.5, 0.7, 0.2], &[3.0, 1.0, 7.0, 9.0, 2.0, 5.0]),
            (&[1.0, 1.0, 2.0, 2.0, 3.0], &[5.0, 4.0, 4.0, 9.0, 9.0]),
            (&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], &[2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 7.0]),
        ];
        for (x, y) in cases {
            assert!((of(x, y).p - by_definition(x, y)).abs() < 1e-12, "{x:?} {y:?}");
        }
    }

    #[test]
    fn every_order_comes_once() {
        for (points, orders) in [(0, 1), (1, 1), (2, 2), (3, 6), (4, 24), (6, 720)] {
            let mut values: Vec<i64> = (0..points).collect();
            let (mut seen, mut calls) = (BTreeSet::new(), 0);
            each_order(&mut values, |order| {
                seen.insert(order.to_vec());
                calls += 1;
            });
            assert_eq!((seen.len(), calls), (orders, orders));
        }
    }

    #[test]
    fn random_orders_come_near_all_of_them() {
        let x: Vec<f64> = (0..9).map(f64::from).collect();
        let y = [1.0, 0.0, 3.0, 2.0, 8.0, 4.0, 5.0, 7.0, 6.0];
        let found = association(&x, &y, Sampling { rounds: 100_000, seed: 1 }).unwrap();
        let ([x, mut y], mut as_far) = ([&x[..], &y[..]].map(ranks), 0_u32);
        let seen = products(&x, &y).abs();
        each_order(&mut y, |y| as_far += u32::from(products(&x, y).abs() >= seen));
        let exact = f64::from(as_far) / 362_880.0;
        let error = (exact * (1.0 - exact) / 1e5).sqrt();
        assert!(!found.exact && (found.p - exact).abs() < 5.0 * error + 1e-5, "{} {exact}", found.p);
        let again = association(&[0.0; 12], &[1.0; 12], SAMPLING).unwrap();
        assert_eq!((again.rho, again.p), (0.0, 1.0));
    }

    /// A perfect order has the least p: with random orders that of the rounds, or of all orders where rounds are many.
    #[test]
    fn random_orders_have_a_least_p() {
        let x: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!((least_p(12, SAMPLING), of(&x, &x).p), (1.0 / 10_001.0, 1.0 / 10_001.0));
        assert_eq!(least_p(9, SAMPLING), 1.0 / 10_001.0);
        assert_eq!(least_p(9, Sampling { rounds: 1_000_000, seed: 0 }), 2.0 / 362_880.0);
        assert_eq!(least_p(9, Sampling { rounds: 0, seed: 0 }), 1.0);
    }

    #[test]
    fn what_does_not_vary_is_related_to_nothing() {
        let cases: [(&[f64], &[f64]); 3] = [(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), (&[2.0], &[3.0]), (&[], &[])];
        for (x, y) in cases {
            assert_eq!(of(x, y), Association { rho: 0.0, p: 1.0, exact: true });
        }
        assert!(association(&[1.0, f64::NAN], &[1.0, 2.0], SAMPLING).is_err());
        assert!(association(&[1.0], &[1.0, 2.0], SAMPLING).is_err());
        assert_eq!([0, 1, 2, 3].map(|points| least_p(points, SAMPLING)), [1.0, 1.0, 1.0, 2.0 / 6.0]);
    }
}
