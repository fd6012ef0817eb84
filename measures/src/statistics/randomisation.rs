//! The paired randomisation test (R. A. Fisher, "The design of experiments", 1935): if the two systems were the same, which
//! of them gave which of the two values would be a coin's choice for each query. How often does a choice of coins give a
//! mean difference as far from 0 as the one that was seen?

use super::rows::Rows;
use super::sampler::Sampler;
use super::{Sampling, mean};

/// Sums of the same numbers in another order differ by rounding: they are as far.
const ROUNDING: f64 = 1e-12;

/// The two-sided p of `differences`: (b + 1) / (m + 1), where b of m random assignments are at least as far from 0 as what
/// was seen. The one that was seen is counted among them, so p is never 0 (B. Phipson and G. Smyth, "Permutation P-values
/// should never be zero", 2010). Where nothing differs p is 1.
pub fn randomisation(differences: &[f64], sampling: Sampling) -> f64 {
    randomisations(&[differences], sampling)[0]
}

/// The p of several columns of differences, all of the same queries. Each is what [`randomisation`] gives for it alone: all
/// see the same coins, which are thrown but once.
///
/// # Panics
/// Where columns have different numbers of queries.
pub fn randomisations(columns: &[&[f64]], sampling: Sampling) -> Vec<f64> {
    let rows = Rows::of(columns);
    let seen: Vec<f64> = columns.iter().map(|differences| distance(differences)).collect();
    let mut sampler = Sampler::new(sampling.seed);
    let mut as_far = vec![0_u32; columns.len()];
    let mut sums = vec![0.0_f64; columns.len()];
    for _ in 0..sampling.rounds {
        sums.fill(0.0);
        let mut coins = 0;
        for query in 0..rows.queries() {
            if query % 64 == 0 {
                coins = sampler.coins();
            }
            rows.add(query, if coins >> (query % 64) & 1 == 0 { 1.0 } else { -1.0 }, &mut sums);
        }
        for ((as_far, sum), seen) in as_far.iter_mut().zip(&sums).zip(&seen) {
            *as_far += u32::from(sum.abs() >= *seen);
        }
    }
    as_far.into_iter().map(|as_far| f64::from(as_far + 1) / (f64::from(sampling.rounds) + 1.0)).collect()
}

/// How far from 0 a sum of the differences must be to count: as far as the one that was seen, but for rounding.
fn distance(differences: &[f64]) -> f64 {
    let scale: f64 = differences.iter().map(|difference| difference.abs()).sum();
    (mean(differences) * differences.len() as f64).abs() - ROUNDING * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of all assignments that are as far.
    fn exact(differences: &[f64]) -> f64 {
        let n = differences.len();
        let sum = |signs: u32| -> f64 {
            differences.iter().enumerate().map(|(i, d)| if signs >> i & 1 == 0 { *d } else { -d }).sum()
        };
        let as_far = (0..1 << n).filter(|signs| sum(*signs).abs() >= sum(0).abs() - 1e-12).count();
        as_far as f64 / f64::from(1 << n)
    }

    #[test]
    fn it_comes_near_all_assignments() {
        let cases: [&[f64]; 3] = [
            &[0.1, -0.05, 0.2, 0.15, 0.0, 0.3, -0.1, 0.25, 0.05, 0.1],
            &[0.5, -0.5, 0.25, -0.25, 0.125],
            &[0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12],
        ];
        for differences in cases {
            let (p, exact) = (randomisation(differences, Sampling { rounds: 100_000, seed: 1 }), exact(differences));
            let error = (exact * (1.0 - exact) / 1e5).sqrt();
            assert!((p - exact).abs() < 5.0 * error + 1e-5, "{p} {exact}");
        }
    }

    /// What one column gives does not depend on its neighbours.
    #[test]
    fn columns_do_not_see_one_another() {
        let column = |shift: i32| (0..130).map(|i| f64::from((i * 7 + shift) % 11 - 4) / 9.7).collect::<Vec<f64>>();
        let columns: Vec<Vec<f64>> = (0..5).map(column).collect();
        let all: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let sampling = Sampling { rounds: 999, seed: 4 };
        let alone: Vec<f64> = all.iter().map(|values| randomisation(values, sampling)).collect();
        assert_eq!(randomisations(&all, sampling), alone);
        assert!(randomisations(&[], sampling).is_empty());
    }

    #[test]
    fn it_is_never_zero_and_one_where_nothing_differs() {
        let sampling = Sampling { rounds: 999, seed: 0 };
        assert_eq!(randomisation(&[0.0; 50], sampling), 1.0);
        assert_eq!(randomisation(&[], sampling), 1.0);
        assert_eq!(randomisation(&[1.0; 200], sampling), 0.001);
    }

    /// 0.1 + 0.2 is not 0.3: what is as far by arithmetic is not missed by rounding.
    #[test]
    fn rounding_does_not_matter() {
        let p = randomisation(&[0.1, 0.2, -0.3], Sampling { rounds: 9_999, seed: 0 });
        assert_eq!(p, 1.0);
    }
}
