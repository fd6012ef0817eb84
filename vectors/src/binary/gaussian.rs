//! The stream of standard normal numbers: ChaCha20, then AS 241. The module docs of [`binary`](super) specify it.

use bitsweep_proto::Digest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::ppnd16::{A, B, C, D, E, F};
use crate::exact::ln;

/// The numbers of one (seed, dim), in order.
pub(super) struct Gaussians(ChaCha20Rng);

impl Gaussians {
    pub(super) fn new(seed: u32, dim: u32) -> Self {
        let mut label = b"bitsweep binary 1".to_vec();
        label.extend_from_slice(&seed.to_le_bytes());
        label.extend_from_slice(&dim.to_le_bytes());
        Self(ChaCha20Rng::from_seed(Digest::of(&label).0))
    }

    /// The next number.
    pub(super) fn draw(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1u64 << 52) as f64;
        inverse_normal(((self.0.next_u64() >> 12) as f64 + 0.5) * SCALE)
    }
}

/// The quantile of the standard normal distribution at `u` in (0, 1).
fn inverse_normal(u: f64) -> f64 {
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&A, r) / polynomial(&B, r);
    }
    let tail = if q < 0.0 { u } else { 1.0 - u };
    let r = (-ln(tail)).sqrt();
    let z = if r <= 5.0 {
        polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6)
    } else {
        polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0)
    };
    if q < 0.0 { -z } else { z }
}

/// Horner, highest power first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients[1..].iter().fold(coefficients[0], |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Wichura's own check values, and the deepest tail that can be drawn (mpmath).
        for (u, z) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
            (0.975, 1.959_963_984_540_054),
            (1.0 / (1u64 << 53) as f64, -8.209_536_151_601_387),
        ] {
            assert!((inverse_normal(u) / z - 1.0).abs() < 1e-15, "{u}: {} {z}", inverse_normal(u));
        }
        assert_eq!(inverse_normal(0.5), 0.0);
        assert_eq!(inverse_normal(0.25), -inverse_normal(0.75));
    }

    #[test]
    fn coefficients_are_as_printed() {
        // The paper's check sums: all mantissas but the closing 1 of the denominators.
        for (numerator, denominator, printed) in
            [(A, B, 55.883_192_880_614_9), (C, D, 49.332_065_033_016_1), (E, F, 47.525_833_175_492_9)]
        {
            let coefficients = numerator.iter().chain(&denominator[..7]);
            let sum: f64 = coefficients.map(|c| c / 10f64.powf(c.log10().floor())).sum();
            assert!((sum - printed).abs() < 1e-12, "{sum} {printed}");
        }
    }

    #[test]
    fn the_generator_is_chacha20() {
        // The keystream of the zero key: ecrypt's published test vector.
        let mut zero = ChaCha20Rng::from_seed([0; 32]);
        assert_eq!(zero.next_u64().to_le_bytes(), [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
        assert_eq!(zero.next_u64().to_le_bytes(), [0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28]);
    }

    #[test]
    fn moments_are_those_of_a_normal_distribution() {
        let mut gaussians = Gaussians::new(0, 384);
        let n = 200_000;
        let mut moments = [0.0; 4];
        for _ in 0..n {
            let z = gaussians.draw();
            for (power, moment) in (1..).zip(&mut moments) {
                *moment += z.powi(power) / f64::from(n);
            }
        }
        // Five standard errors each.
        for (moment, (expected, variance)) in moments.iter().zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)]) {
            assert!((moment - expected).abs() < 5.0 * f64::sqrt(variance / f64::from(n)), "{moments:?}");
        }
    }
}
