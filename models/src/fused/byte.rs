//! Numbers as bytes: weights with one scale a row, inputs with a scale and a zero point a row.
//!
//! A row w of weights becomes the integers nearest to s·w within ±127. A row x of inputs becomes the integers nearest to
//! s·x + z from 0 to 255, where z, an integer too, stands for 0: the range from the least to the greatest of the row is used
//! whole, which matters after GELU, where one side is long. The sum of products less z times the sum of the weights is that of
//! the numbers, in units of both scales; it is exact in 32 bits.

use super::product::{Quad, Rows, RowsMut};
use super::short::unit;
use super::simd::{LANES, Simd, Work};

/// The quadruples that a row of `numbers` takes.
pub(super) fn quads(numbers: usize) -> usize {
    numbers.div_ceil(4)
}

/// A row of weights.
pub(super) struct Weights {
    pub(super) quads: Vec<Quad>,
    /// 1 / s.
    pub(super) unit: f32,
    /// Of its integers.
    pub(super) sum: f32,
}

/// A row of weights as bytes.
pub(super) fn weights(row: &[f32]) -> Weights {
    let greatest = row.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    let squares = row.iter().map(|value| value * value).sum();
    let scale = if greatest > 0.0 { 127.0 / greatest } else { 1.0 };
    let bytes: Vec<i8> = row.iter().map(|value| (value * scale).round_ties_even() as i8).collect();
    let quad =
        |bytes: &[i8]| Quad(i32::from_ne_bytes(std::array::from_fn(|i| bytes.get(i).map_or(0, |byte| *byte as u8))));
    let sum: i32 = bytes.iter().map(|byte| i32::from(*byte)).sum();
    Weights { quads: bytes.chunks(4).map(quad).collect(), unit: unit(scale, squares), sum: sum as f32 }
}

/// Some rows of `depth` numbers as quadruples; `units` are 1 / s of each, `zeros` are z.
pub(super) struct ToBytes<'a> {
    pub(super) from: Rows<'a>,
    pub(super) depth: usize,
    pub(super) to: RowsMut<'a, Quad>,
    pub(super) units: &'a mut [f32],
    pub(super) zeros: &'a mut [f32],
}

impl Work for ToBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) {
        let filled = self.depth.next_multiple_of(LANES);
        for (row, (unit_of_row, zero_of_row)) in self.units.iter_mut().zip(self.zeros).enumerate() {
            let from = &self.from.values[row * self.from.stride..][..filled];
            let to = &mut self.to.values[row * self.to.stride..][..filled / 4];
            // SAFETY: `filled` numbers are in `from`, as many bytes fit in `to`.
            unsafe {
                let none = simd.splat(0.0);
                let (mut squares, mut above, mut below) = (none, none, none);
                for i in (0..filled).step_by(LANES) {
                    let value = simd.load(from.as_ptr().add(i));
                    squares = simd.mul_add(value, value, squares);
                    above = simd.max(above, value);
                    below = simd.max(below, simd.sub(none, value));
                }
                let (above, below) = (simd.greatest(above), simd.greatest(below));
                let range = above + below;
                let scale = if range > 0.0 { 255.0 / range } else { 1.0 };
                let zero = (below * scale).round_ties_even();
                *unit_of_row = unit(scale, simd.sum(squares));
                *zero_of_row = zero;
                let (scale, zero, most) = (simd.splat(scale), simd.splat(zero), simd.splat(255.0));
                let to = to.as_mut_ptr().cast::<u8>();
                for i in (0..filled).step_by(LANES) {
                    let value = simd.mul_add(simd.load(from.as_ptr().add(i)), scale, zero);
                    simd.store_bytes(to.add(i), simd.min(simd.max(value, none), most));
                }
            }
        }
    }
}
