//! What the theory of random hyperplanes says of Hamming distances, beside those that codes have.
//!
//! Two vectors at angle θ lie on different sides of a hyperplane through the origin whose normal has independent normal
//! coordinates with probability `p = θ/π` (Goemans and Williamson 1995; Charikar 2002). With `b` such hyperplanes, drawn
//! independently, the Hamming distance of their codes is binomial: over draws the share of the bits that differ has mean `p` and
//! variance `p(1 − p)/b`.

use std::f64::consts::PI;

use crate::exact::{arccos, dot};

/// Shares of the bits below this are taken for rounding: pairs that all err alike do not scatter.
const LEAST_NOISE: f64 = 1e-6;

/// One pair of a query and a document: shares of the bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// θ/π of the vectors as they are.
    pub(super) as_is: f64,
    /// θ/π of the vectors less the mean document.
    pub(super) centred: f64,
    /// Bits that differ.
    pub(super) observed: f64,
}

/// What theory says of pairs, as means over them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The share of the bits that differ.
    pub share: f64,
    /// Its standard error, over draws of the hyperplanes: the root of the mean of `p(1 − p)/b`.
    pub error: f64,
}

/// Pairs of one kind. Shares are of the bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distances {
    /// How many they are.
    pub pairs: u64,
    /// For the vectors as they are.
    pub as_is: Prediction,
    /// For the vectors less the mean document.
    pub centred: Prediction,
    /// The mean share of the bits that differ.
    pub observed: f64,
    /// The root of the mean square of what each pair's share is off the prediction that applies to the codec.
    pub error: f64,
    /// Whether the prediction that applies is the one for centred vectors.
    pub is_centred: bool,
}

impl Prediction {
    /// `shares`: at least one.
    fn of(shares: &[f64], bits: f64) -> Self {
        let mean = |sum: f64| sum / shares.len() as f64;
        let variance = shares.iter().fold(0.0, |sum, p| sum + p * (1.0 - p) / bits);
        Self { share: mean(shares.iter().fold(0.0, |sum, p| sum + p)), error: mean(variance).sqrt() }
    }
}

impl Distances {
    /// `None` without pairs. `is_centred`: whether the codec compares with thresholds that were learnt.
    pub(super) fn of(pairs: &[Pair], bits: usize, is_centred: bool) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let mean = |sum: f64| sum / pairs.len() as f64;
        let shares = |of: fn(&Pair) -> f64| pairs.iter().map(of).collect::<Vec<f64>>();
        let off = |pair: &Pair| pair.observed - if is_centred { pair.centred } else { pair.as_is };
        let squares = pairs.iter().fold(0.0, |sum, pair| sum + off(pair) * off(pair));
        Some(Self {
            pairs: pairs.len() as u64,
            as_is: Prediction::of(&shares(|pair| pair.as_is), bits as f64),
            centred: Prediction::of(&shares(|pair| pair.centred), bits as f64),
            observed: mean(pairs.iter().fold(0.0, |sum, pair| sum + pair.observed)),
            error: mean(squares).sqrt(),
            is_centred,
        })
    }

    /// The prediction that applies to the codec.
    pub fn predicted(&self) -> Prediction {
        if self.is_centred { self.centred } else { self.as_is }
    }

    /// Observed less predicted mean share.
    pub fn bias(&self) -> f64 {
        self.observed - self.predicted().share
    }

    /// The sum over the pairs of the squares of what each is off the prediction, less the bias that they share.
    fn scatter(&self) -> f64 {
        let bias = self.bias();
        self.pairs as f64 * (self.error * self.error - bias * bias).max(0.0)
    }

    /// Observed by predicted error. `None` where none is predicted: all angles are 0 or π.
    pub fn error_ratio(&self) -> Option<f64> {
        ratio(self.error, self.predicted().error)
    }
}

/// What far pairs differ by from near ones on average, by the root mean square scatter within each kind of pair. `None` where pairs do
/// not scatter.
pub(super) fn signal(near: &Distances, far: &Distances) -> Option<f64> {
    let noise = ((near.scatter() + far.scatter()) / (near.pairs + far.pairs) as f64).sqrt();
    (noise > LEAST_NOISE).then(|| (far.observed - near.observed) / noise)
}

/// None where `b` is 0.
pub(super) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}

/// θ/π of two vectors. `None` where one has length 0.
pub(super) fn share(a: &[f64], b: &[f64]) -> Option<f64> {
    let lengths = dot(a, a).sqrt() * dot(b, b).sqrt();
    Some(arccos(ratio(dot(a, b), lengths)?) / PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_angle() {
        for (a, b, expected) in [
            ([1.0, 0.0], [2.0, 0.0], 0.0),
            ([1.0, 0.0], [0.0, 3.0], 0.5),
            ([1.0, 0.0], [-1.0, 0.0], 1.0),
            ([1.0, 0.0], [1.0, 1.0], 0.25),
        ] {
            assert!((share(&a, &b).unwrap() - expected).abs() < 1e-8, "{a:?} {b:?}");
        }
        assert_eq!(share(&[0.0, 0.0], &[1.0, 0.0]), None);
    }

    #[test]
    fn distances_are_means_over_pairs() {
        let pair = |as_is, centred, observed| Pair { as_is, centred, observed };
        let pairs = [pair(0.25, 0.5, 0.5), pair(0.75, 0.5, 0.25)];
        let raw = Distances::of(&pairs, 3, false).unwrap();
        assert_eq!((raw.pairs, raw.as_is.share, raw.centred.share, raw.observed), (2, 0.5, 0.5, 0.375));
        // p(1 − p) is 3/16 for both as they are, and 1/4 centred.
        assert_eq!((raw.as_is.error, raw.predicted()), (0.25, raw.as_is));
        assert!((raw.centred.error - (1.0_f64 / 12.0).sqrt()).abs() < 1e-15);
        // Off by +0.25 and −0.5 as they are; by 0 and −0.25 centred.
        assert!((raw.error - (0.3125_f64 / 2.0).sqrt()).abs() < 1e-15);
        assert_eq!((raw.bias(), raw.error_ratio()), (-0.125, Some(raw.error / 0.25)));
        let centred = Distances::of(&pairs, 3, true).unwrap();
        assert!((centred.error - (0.0625_f64 / 2.0).sqrt()).abs() < 1e-15);
        assert_eq!(centred.predicted(), centred.centred);
        assert_eq!(Distances::of(&[], 3, true), None);
        assert_eq!(Distances::of(&[pair(0.0, 0.0, 0.0)], 3, true).unwrap().error_ratio(), None);
    }

    /// Errors of one kind that all its pairs share are no noise.
    #[test]
    fn a_shared_bias_weakens_no_signal() {
        let of = |as_is: f64, observed: &[f64]| {
            let pairs: Vec<Pair> = observed.iter().map(|&observed| Pair { as_is, centred: 0.5, observed }).collect();
            Distances::of(&pairs, 8, false).unwrap()
        };
        // Off by 0.25 and 0, and by 0.5 and 0.25: each kind scatters by 0.125 about its bias.
        let (near, far) = (of(0.25, &[0.5, 0.25]), of(0.5, &[1.0, 0.75]));
        assert!((signal(&near, &far).unwrap() - 4.0).abs() < 1e-12);
        let unbiased = of(0.875, &[1.0, 0.75]);
        assert!((signal(&near, &unbiased).unwrap() - 4.0).abs() < 1e-12);
        // Three pairs off by 0.125, 0 and −0.125 weigh more than two.
        let three = of(0.5, &[0.625, 0.5, 0.375]);
        let noise = ((2.0 * 0.015_625 + 2.0 * 0.015_625) / 5.0_f64).sqrt();
        assert!((signal(&near, &three).unwrap() - 0.125 / noise).abs() < 1e-12);
        assert_eq!(signal(&of(0.3, &[0.4]), &of(0.6, &[0.8])), None, "one pair of each kind");
        assert_eq!(signal(&of(0.3, &[0.4; 7]), &of(0.6, &[0.8; 7])), None, "all err alike");
    }
}
