//! The exponential and GELU, in float32, the same bits on every machine: the C library's choose code by CPU.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

use super::simd::Simd;

/// 1.5 · 2²³: adding it rounds to an integer, ties to even, and leaves that integer in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// (eʳ − 1 − r) / r², highest power first.
const EXP: [f32; 6] = [1.987_569_2e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// eˣ for x from -87 to 88; beyond, that of the bound. NaN stays.
///
/// x = n·ln 2 + r with |r| ≤ ½ ln 2, ln 2 in two parts so that r is exact; a polynomial of eʳ (the coefficients of Cephes'
/// `expf`); times 2ⁿ by adding n to the exponent. At most 1.5 units in the last place from the true value.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::V) -> S::V {
    // The bound stands left: where x is NaN, x comes out.
    let x = simd.min(simd.splat(88.0), simd.max(simd.splat(-87.0), x));
    let power = simd.mul_add(x, simd.splat(LOG2_E), simd.splat(ROUND));
    let n = simd.sub(power, simd.splat(ROUND));
    let r = simd.mul_add(n, simd.splat(-0.693_359_4), x);
    let r = simd.mul_add(n, simd.splat(2.121_944_4e-4), r);
    let sum = polynomial(simd, EXP, r);
    let sum = simd.add(simd.mul_add(sum, simd.mul(r, r), r), simd.splat(1.0));
    simd.scale(sum, power)
}

/// Beyond, erf is ±1 to float32.
const ERF_BOUND: f32 = 3.92;

/// erf(z) / z as a quotient of polynomials of z² on |z| ≤ [`ERF_BOUND`]: numerator, then denominator, highest power first.
/// Fitted so that the greatest error of erf is least (1.6·10⁻⁸ with exact coefficients).
const ERF: [[f32; 6]; 2] = [
    [2.034_728_6e-6, 2.874_8e-4, 3.868_358_2e-3, 5.306_057_6e-2, 1.927_647_9e-1, FRAC_2_SQRT_PI],
    [3.807_060_4e-5, 1.188_122_4e-3, 1.517_235_9e-2, 1.150_849_2e-1, 5.041_65e-1, 1.0],
];

/// GELU(x) = x · ½ (1 + erf(x / √2)) (Hendrycks and Gimpel 2016, the exact form, `gelu` of BERT). NaN stays.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, x: S::V) -> S::V {
    let z = simd.mul(x, simd.splat(FRAC_1_SQRT_2));
    let z = simd.min(simd.splat(ERF_BOUND), simd.max(simd.splat(-ERF_BOUND), z));
    let w = simd.mul(z, z);
    let erf = simd.mul(z, simd.div(polynomial(simd, ERF[0], w), polynomial(simd, ERF[1], w)));
    let half = simd.mul(x, simd.splat(0.5));
    simd.mul_add(half, erf, half)
}

/// By Horner's rule, the coefficient of the highest power first.
#[inline(always)]
fn polynomial<S: Simd>(simd: S, coefficients: [f32; 6], x: S::V) -> S::V {
    let mut sum = simd.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, x, simd.splat(*coefficient));
    }
    sum
}
