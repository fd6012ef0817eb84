//! Layer normalisation (Ba, Kiros, Hinton 2016).

use super::product::RowsMut;
use super::simd::{LANES, Simd, Work};

/// (x − mean) / √(variance + ε) · weight + bias, over each row; the variance is the mean of squares about the mean, biased.
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    dim: usize,
    epsilon: f32,
}

impl Norm {
    pub(super) fn new(weight: &[f32], bias: &[f32], epsilon: f32) -> Self {
        assert_eq!(weight.len(), bias.len());
        let (dim, filled) = (weight.len(), weight.len().next_multiple_of(LANES));
        let fill = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(filled, 0.0);
            values
        };
        Self { weight: fill(weight), bias: fill(bias), dim, epsilon }
    }
}

/// One normalisation over some rows. What lies in a row beyond its columns, up to a multiple of sixteen, may be anything.
pub(super) struct Normalize<'a> {
    pub(super) norm: &'a Norm,
    pub(super) from: RowsMut<'a>,
    pub(super) rows: usize,
    pub(super) to: RowsMut<'a>,
}

impl Work for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) {
        let Norm { weight, bias, dim, epsilon } = self.norm;
        let filled = weight.len();
        for row in 0..self.rows {
            let from = &mut self.from.values[row * self.from.stride..][..filled];
            let to = &mut self.to.values[row * self.to.stride..][..filled];
            // SAFETY: all slices have `filled` numbers, a multiple of sixteen.
            unsafe {
                from[*dim..].fill(0.0);
                let mut sum = simd.splat(0.0);
                for i in (0..filled).step_by(LANES) {
                    sum = simd.add(sum, simd.load(from.as_ptr().add(i)));
                }
                let mean = simd.sum(sum) / *dim as f32;
                // Numbers that fill a row up are to be no deviation.
                from[*dim..].fill(mean);
                let mean = simd.splat(mean);
                let mut squares = simd.splat(0.0);
                for i in (0..filled).step_by(LANES) {
                    let deviation = simd.sub(simd.load(from.as_ptr().add(i)), mean);
                    squares = simd.mul_add(deviation, deviation, squares);
                }
                let scale = simd.splat(1.0 / (simd.sum(squares) / *dim as f32 + epsilon).sqrt());
                for i in (0..filled).step_by(LANES) {
                    let deviation = simd.sub(simd.load(from.as_ptr().add(i)), mean);
                    let value = simd.mul_add(
                        simd.mul(deviation, scale),
                        simd.load(weight.as_ptr().add(i)),
                        simd.load(bias.as_ptr().add(i)),
                    );
                    simd.store(to.as_mut_ptr().add(i), value);
                }
            }
        }
    }
}
