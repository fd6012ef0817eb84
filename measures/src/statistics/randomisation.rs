//! The paired randomisation test (R. A. Fisher, "The design of experiments", 1935): if the two systems were the same, which
//! of them gave which of the two values would be a coin's choice for each query. How often does a choice of coins give a
//! mean difference as far from 0 as the one that was seen?

use super::sampler::Sampler;
use super::{Sampling, mean};

/// Sums of the same numbers in another order differ by rounding: they are as far.
const ROUNDING: f64 = 1e-12;

/// The two-sided p of `differences`: (b + 1) / (m + 1), where b of m random assignments are at least as far from 0 as what
/// was seen. The one that was seen is counted among them, so p is never 0 (B. Phipson and G. Smyth, "Permutation P-values
/// should never be zero", 2010). Where nothing differs p is 1.
pub fn randomisation(differences: &[f64], sampling: Sampling) -> f64 {
    let scale: f64 = differences.iter().map(|difference| difference.abs()).sum();
    let seen = (mean(differences) * differences.len() as f64).abs() - ROUNDING * scale;
    let mut sampler = Sampler::new(sampling.seed);
    let mut as_far = 0_u32;
    for _ in 0..sampling.rounds {
        let mut sum = 0.0;
        for differences in differences.chunks(64) {
            let coins = sampler.coins();
            for (at, difference) in differences.iter().enumerate() {
                sum += if coins >> at & 1 == 0 { *difference } else { -*difference };
            }
        }
        as_far += u32::from(sum.abs() >= seen);
    }
    f64::from(as_far + 1) / (f64::from(sampling.rounds) + 1.0)
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
