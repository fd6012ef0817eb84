//! Numbers as 16-bit integers with one scale a row.
//!
//! A row x becomes the integers nearest to s·x. The scale s is the largest that keeps every integer within ±32767 and the
//! length of the row within [`LENGTH`]. By Cauchy and Schwarz no part of a sum of products of two such rows can then leave 32
//! bits: the products are exact, in any order, on any machine. What is lost is the rounding of the rows alone, about 2⁻¹² of
//! the mean size of 384 numbers.

use super::product::{Pair, Rows, RowsMut};
use super::simd::{LANES, Simd, Work};

/// 2^15.45, a bound on the length of a row of integers; rounding adds at most √numbers / 2 to it, 64 for 16,384 numbers.
const LENGTH: f32 = 44_763.0;

/// The largest integer.
const MOST: f32 = 32_767.0;

/// The scale of a row with this greatest magnitude and this sum of squares. A row of zeros keeps its zeros.
fn scale(greatest: f32, squares: f32) -> f32 {
    if squares > 0.0 { (MOST / greatest).min(LENGTH / squares.sqrt()) } else { 1.0 }
}

/// 1 / s; not a number where the row has no length, so that broken numbers are not hidden by integers.
pub(super) fn unit(scale: f32, squares: f32) -> f32 {
    if squares.is_finite() { 1.0 / scale } else { f32::NAN }
}

/// The pairs that a row of `numbers` takes.
pub(super) fn pairs(numbers: usize) -> usize {
    numbers.div_ceil(2)
}

/// A row of weights as pairs, and 1 / s.
pub(super) fn weights(row: &[f32]) -> (Vec<Pair>, f32) {
    let greatest = row.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    let squares = row.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>() as f32;
    let scale = scale(greatest, squares);
    let short = |i: usize| row.get(i).map_or(0, |value| (value * scale).round_ties_even() as i16).to_ne_bytes();
    let pair = |at: usize| {
        let [[a, b], [c, d]] = [short(2 * at), short(2 * at + 1)];
        Pair(i32::from_ne_bytes([a, b, c, d]))
    };
    ((0..pairs(row.len())).map(pair).collect(), unit(scale, squares))
}

/// Some rows of `depth` numbers as pairs; `units` are 1 / s of each.
pub(super) struct Shorten<'a> {
    pub(super) from: Rows<'a>,
    pub(super) depth: usize,
    pub(super) to: RowsMut<'a, Pair>,
    pub(super) units: &'a mut [f32],
}

impl Work for Shorten<'_> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) {
        let filled = self.depth.next_multiple_of(LANES);
        for (row, unit_of_row) in self.units.iter_mut().enumerate() {
            let from = &self.from.values[row * self.from.stride..][..filled];
            let to = &mut self.to.values[row * self.to.stride..][..filled / 2];
            // SAFETY: `filled` numbers are in `from`, as many integers fit in `to`.
            unsafe {
                let mut squares = simd.splat(0.0);
                let mut greatest = simd.splat(0.0);
                for i in (0..filled).step_by(LANES) {
                    let square = simd.load(from.as_ptr().add(i));
                    let square = simd.mul(square, square);
                    squares = simd.add(squares, square);
                    greatest = simd.max(greatest, square);
                }
                let squares = simd.sum(squares);
                let scale = scale(simd.greatest(greatest).sqrt(), squares);
                *unit_of_row = unit(scale, squares);
                let (scale, to) = (simd.splat(scale), to.as_mut_ptr().cast::<i16>());
                for i in (0..filled).step_by(LANES) {
                    simd.store_short(to.add(i), simd.mul(simd.load(from.as_ptr().add(i)), scale));
                }
            }
        }
    }
}
