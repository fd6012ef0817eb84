//! The binary instrument, version 1: L2-normalise → Gaussian projection → sign → pack. Uncentred.
//!
//! **Frozen.** The same float32 input gives the same codes on every machine, and this text is the whole specification;
//! variants are other codecs. `tests/golden/binary.py` is a second implementation of it, which made the golden files.
//!
//! Arithmetic: IEEE 754 binary64 ("f64"), round to nearest even, every operation rounded on its own: no fused
//! multiply-add, no reordering, no BLAS, no system mathematics library. Only `+ - * /` and `sqrt`, which IEEE 754 defines
//! exactly, are used. No value on the way is subnormal, infinite or NaN.
//!
//! **Input.** float32, `rows × dim`, row-major, finite; NaN or an infinity is an error that names the row. `bits` is a
//! multiple of 8 and at least 8; `seed` is any u32.
//!
//! **Generator.** ChaCha20 (D. J. Bernstein; 20 rounds, 64-bit block counter from 0, 64-bit nonce 0) with
//! key = SHA-256(`"bitsweep binary 1"` in ASCII ‖ `seed` as u32 little-endian ‖ `dim` as u32 little-endian).
//! One stream for each (seed, dim). The keystream is read as u64 little-endian numbers `w`.
//!
//! **Gaussians.** One for each `w`: `u = ((w >> 12) + 0.5) / 2^52`, which is exact, symmetric about ½ and never 0 or 1; then
//! the inverse normal distribution function by PPND16 of Wichura (1988), Algorithm AS 241, in Horner form as written
//! in [`gaussian`](self#gaussian). (With the top 53 bits, `+ 0.5` would round and could give `u = 1`.)
//!
//! **Projection.** Row `i` belongs to bit `i`. Rows are drawn one after another, in a row dimension after dimension:
//! `g[i][d]` comes from the number `i * dim + d` of the stream. So the first 64 bits of a 512-bit code are the 64-bit code.
//!
//! **Dot.** `x[d]` is converted to f64 (exact). `norm = sqrt(s)`, `s = 0 + x[0]*x[0] + x[1]*x[1] + …` in this order.
//! `y[d] = x[d] / norm`, or 0 for every d where norm is 0. `dot = 0 + y[0]*g[i][0] + y[1]*g[i][1] + …` in this order.
//!
//! **Sign.** Bit `i` is 1 where `dot >= 0`, else 0. So the zero vector (and -0.0) gives all ones.
//!
//! **Packing.** Bit `i` is in byte `i / 8` at value `1 << (i % 8)`: the least significant bit first. No padding.
//!
//! # Gaussian
//! `q = u - 0.5`. Where `|q| <= 0.425`: `r = 0.180625 - q*q`, `z = q * A(r) / B(r)` from left to right. Else `t = u` where
//! `q < 0`, `t = 1 - u` otherwise; `r = sqrt(-ln(t))`; where `r <= 5`: `r - 1.6` goes into `C / D`, else `r - 5` goes into
//! `E / F`; the sign of `q` is put on. `ln` is ours: `t = m * 2^e` with `m` in (√2 / 2, √2], `s = (m - 1) / (m + 1)`,
//! `z = s*s`, `p` = 1/3 + z/5 + z²/7 + … + z^10/23 by Horner, and
//! `ln t = e*HI + ((2*s) + ((2*s) * (z*p) + e*LO))`. It is within 2 units in the last place of the true value.
//! The coefficients stand in `binary/ppnd16.rs`.
//!
//! # Theory
//! Two vectors at angle θ differ in each bit with probability θ/π (Goemans & Williamson 1995; Charikar 2002): the share of
//! bits that differ estimates θ/π without bias, with variance θ(π - θ) / (π² bits).

mod gaussian;
mod itq;
mod ppnd16;
mod project;
pub mod sign;
#[cfg(test)]
mod tests;

use crate::error::VectorError;
use crate::kernels::Kernels;
use crate::matrix::{Codes, Matrix};
use project::Projection;

/// Codes of `bits / 8` bytes for each vector. See the module for the specification. No rows give no codes.
///
/// Fails where `bits` is 0 or not a multiple of 8, on a vector that is not finite, and where `BITSWEEP_KERNELS` cannot be
/// had. (The path taken never changes the codes.)
pub fn encode(vectors: &Matrix, bits: u32, seed: u32) -> Result<Codes, VectorError> {
    Projection::gaussian(bits, seed, vectors.dim)?.encode(Kernels::chosen()?, vectors, &|| false)
}
