//! The arc cosine.
//!
//! `arccos x = 2 atan(√((1 − x) / (1 + x)))`. The arc tangent: above 1 `π/2 − atan(1 / t)`; then twice the half angle,
//! `t → t / (1 + √(1 + t²))`, which leaves less than tan(π/16); then `t − t³/3 + t⁵/5 − … + t²⁵/25` by Horner. What is left out is
//! less than 10⁻¹⁷ of it.

use std::f64::consts::{FRAC_PI_2, PI};

/// The angle in `[0, π]` whose cosine is `x`. What rounding put beyond −1 or 1 counts as these. Within 10⁻¹⁴ of the true value.
pub(crate) fn arccos(x: f64) -> f64 {
    let x = x.clamp(-1.0, 1.0);
    // At −1 this divides by 0: the arc tangent of infinity is π/2.
    let angle = 2.0 * arctan(((1.0 - x) / (1.0 + x)).sqrt());
    angle.min(PI)
}

/// The angle in `[0, π/2]` whose tangent is `t`, which is not negative.
fn arctan(t: f64) -> f64 {
    /// Signs by turns.
    const SERIES: [f64; 13] = [
        1.0 / 25.0,
        -1.0 / 23.0,
        1.0 / 21.0,
        -1.0 / 19.0,
        1.0 / 17.0,
        -1.0 / 15.0,
        1.0 / 13.0,
        -1.0 / 11.0,
        1.0 / 9.0,
        -1.0 / 7.0,
        1.0 / 5.0,
        -1.0 / 3.0,
        1.0,
    ];
    if t > 1.0 {
        return FRAC_PI_2 - arctan(1.0 / t);
    }
    let half = |t: f64| t / (1.0 + (1.0 + t * t).sqrt());
    let quarter = half(half(t));
    let z = quarter * quarter;
    4.0 * (quarter * SERIES[1..].iter().fold(SERIES[0], |sum, term| sum * z + term))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_arc_cosine() {
        for i in -200_000..=200_000 {
            let x = f64::from(i) / 200_000.0;
            assert!((arccos(x) - x.acos()).abs() < 1e-14, "{x}: {} {}", arccos(x), x.acos());
        }
        // Close to both ends, where the arc cosine is steep.
        for power in 1..53 {
            let x = 1.0 - 2f64.powi(-power);
            assert!((arccos(x) - x.acos()).abs() < 1e-14, "{x}");
            assert!((arccos(-x) - (-x).acos()).abs() < 1e-14, "-{x}");
        }
    }

    #[test]
    fn ends_are_exact_and_what_lies_beyond_counts_as_them() {
        assert_eq!([1.0, 1.000_001, -1.0, -2.0].map(arccos), [0.0, 0.0, PI, PI]);
        assert!((arccos(0.0) - FRAC_PI_2).abs() < 1e-15);
        assert!((arccos(0.5) - PI / 3.0).abs() < 1e-15 && (arccos(-0.5) - 2.0 * PI / 3.0).abs() < 1e-15);
    }

    #[test]
    fn it_falls() {
        let angles: Vec<f64> = (-1000..=1000).map(|i| arccos(f64::from(i) / 1000.0)).collect();
        assert!(angles.is_sorted_by(|a, b| a > b));
    }
}
