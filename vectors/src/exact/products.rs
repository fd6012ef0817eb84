//! Matrix products in float64 whose every number is added up in one stated order, whatever the instruction set: what runs
//! side by side are different numbers of the result.

use crate::kernels::{Kernels, Set};

/// Numbers of the right side that are made side by side: the bits of one byte of a code.
pub(crate) const LANES: usize = 8;

/// Rows of the left side that are taken side by side.
pub(crate) const TILE: usize = 4;

/// Rows that [`cross`] adds up before they go into the sum.
const BLOCK: usize = 1024;

/// The right side of a product: rows of `width` numbers, eight rows interleaved. What is missing to eight is 0.
pub(crate) struct Panels {
    width: usize,
    /// `data[panel * width + d][row % LANES]`.
    data: Vec<[f64; LANES]>,
}

impl Panels {
    /// `count` rows; `value` is asked row after row, in a row dimension after dimension.
    pub(crate) fn new(count: usize, width: usize, mut value: impl FnMut(usize, usize) -> f64) -> Self {
        let mut data = vec![[0.0; LANES]; count.div_ceil(LANES) * width];
        for row in 0..count {
            for d in 0..width {
                data[row / LANES * width + d][row % LANES] = value(row, d);
            }
        }
        Self { width, data }
    }

    /// Numbers of one row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Eight rows after eight rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[[f64; LANES]]> {
        self.data.chunks_exact(self.width)
    }
}

/// Up to four rows of the left side, interleaved; what is missing is 0.
pub(crate) fn tile(count: usize, width: usize, value: impl Fn(usize, usize) -> f64) -> Vec<[f64; TILE]> {
    let mut tile = vec![[0.0; TILE]; width];
    for (d, values) in tile.iter_mut().enumerate() {
        for (row, out) in values.iter_mut().enumerate().take(count) {
            *out = value(row, d);
        }
    }
    tile
}

/// `left × rightᵀ`: `left` has rows of `right`'s width; the result has a row of `columns` numbers for each of them. Each number
/// is `0 + left[0] * right[0] + left[1] * right[1] + …` in this order.
pub(crate) fn product(kernels: Kernels, left: &[f64], right: &Panels, columns: usize) -> Vec<f64> {
    let width = right.width;
    let mut out = vec![0.0; left.len() / width * columns];
    if columns == 0 {
        return out;
    }
    for (rows, out) in left.chunks(TILE * width).zip(out.chunks_mut(TILE * columns)) {
        let tile = tile(rows.len() / width, width, |row, d| rows[row * width + d]);
        for (panel, weights) in right.iter().enumerate() {
            let sums = dots(kernels, &tile, weights);
            for (row, sums) in out.chunks_exact_mut(columns).zip(&sums) {
                for (number, sum) in row[panel * LANES..].iter_mut().zip(sums) {
                    *number = *sum;
                }
            }
        }
    }
    out
}

/// `leftᵀ × right` of two matrices with equally many rows of `wide` numbers each: `wide.0 × wide.1` numbers. Rows are added up
/// in order within blocks of 1,024, and blocks in order.
pub(crate) fn cross(kernels: Kernels, left: &[f64], right: &[f64], wide: (usize, usize)) -> Vec<f64> {
    let mut sum = vec![0.0; wide.0 * wide.1];
    for (left, right) in left.chunks(BLOCK * wide.0).zip(right.chunks(BLOCK * wide.1)) {
        let rows = left.len() / wide.0;
        let right = Panels::new(wide.1, rows, |column, row| right[row * wide.1 + column]);
        let transposed: Vec<f64> = (0..wide.0 * rows).map(|at| left[at % rows * wide.0 + at / rows]).collect();
        for (sum, part) in sum.iter_mut().zip(product(kernels, &transposed, &right, wide.1)) {
            *sum += part;
        }
    }
    sum
}

/// The products of four rows and eight rows.
pub(crate) fn dots(kernels: Kernels, tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    match kernels.set() {
        Set::Scalar => dots_in_order(tile, weights),
        // SAFETY: `Kernels` values with these sets exist only where the CPU has their features.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { dots_avx2(tile, weights) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { dots_avx512(tile, weights) },
        #[cfg(not(target_arch = "x86_64"))]
        Set::Avx2 | Set::Avx512 => dots_in_order(tile, weights),
    }
}

/// The one source of all paths: the compiler may use wider registers, it may neither fuse nor reorder.
#[inline(always)]
fn dots_in_order(tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    let mut sums = [[0.0; LANES]; TILE];
    for (values, weights) in tile.iter().zip(weights) {
        for (sums, &value) in sums.iter_mut().zip(values) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dots_avx2(tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    dots_in_order(tile, weights)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dots_avx512(tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    dots_in_order(tile, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(i: usize) -> f64 {
        ((i * 7919 + 13) % 101) as f64 / 7.0 - 6.0
    }

    #[test]
    fn products_are_added_up_in_order_on_every_path() {
        let (rows, width, columns) = (7, 5, 11);
        let left: Vec<f64> = (0..rows * width).map(number).collect();
        let right = Panels::new(columns, width, |row, d| number(1000 + row * width + d));
        for kernels in Kernels::available() {
            let found = product(kernels, &left, &right, columns);
            for row in 0..rows {
                for column in 0..columns {
                    let terms = (0..width).map(|d| left[row * width + d] * number(1000 + column * width + d));
                    assert_eq!(found[row * columns + column], terms.fold(0.0, |sum, term| sum + term));
                }
            }
        }
    }

    #[test]
    fn cross_products_are_the_same_on_every_path() {
        let (rows, wide) = (2 * BLOCK + 3, (3, 9));
        let left: Vec<f64> = (0..rows * wide.0).map(number).collect();
        let right: Vec<f64> = (0..rows * wide.1).map(|i| number(i + 5)).collect();
        let expected: Vec<f64> = (0..wide.0 * wide.1)
            .map(|at| (0..rows).map(|r| left[r * wide.0 + at / wide.1] * right[r * wide.1 + at % wide.1]).sum())
            .collect();
        let first = cross(Kernels::available()[0], &left, &right, wide);
        for (found, expected) in first.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found} {expected}");
        }
        for kernels in Kernels::available() {
            assert_eq!(cross(kernels, &left, &right, wide), first);
        }
    }
}
