//! Matrix products: a few rows times a panel of columns, with what follows done while the sums are in registers.
//!
//! One element of a product is the sum over k = 0, 1, 2 … of left[k] · right[k], begun at 0: of float32 with each step rounded
//! once (fused multiply-add), of integers exact. Where rows and columns are cut, how many there are, and which instructions
//! compute them changes no bit.

use super::simd::{LANES, Simd, Work};

/// What products are made of. A column panel holds its numbers as they are loaded, sixteen columns at a time.
pub(super) trait Number: Copy {
    /// Sixteen of them, or sixteen of their sums.
    type Lanes<S: Simd>: Copy;

    fn zero<S: Simd>(simd: S) -> Self::Lanes<S>;
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    /// # Safety
    /// Sixteen can be read at `from`.
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> Self::Lanes<S>;
    fn mul_add<S: Simd>(simd: S, left: Self::Lanes<S>, right: Self::Lanes<S>, sum: Self::Lanes<S>) -> Self::Lanes<S>;
    fn float<S: Simd>(simd: S, sum: Self::Lanes<S>) -> S::V;
}

impl Number for f32 {
    type Lanes<S: Simd> = S::V;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::V {
        simd.splat(0.0)
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::V {
        simd.splat(value)
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::V {
        // SAFETY: the caller's.
        unsafe { simd.load(from) }
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, left: S::V, right: S::V, sum: S::V) -> S::V {
        simd.mul_add(left, right, sum)
    }

    #[inline(always)]
    fn float<S: Simd>(_: S, sum: S::V) -> S::V {
        sum
    }
}

/// Neighbours of a row or of a column, packed into 32 bits: one step of a product of integers. Sums are 32 bits wide.
pub(super) trait Packed: Copy {
    fn bits(self) -> i32;
    /// `sum` plus the products of the neighbours.
    fn add<S: Simd>(simd: S, left: S::I, right: S::I, sum: S::I) -> S::I;
}

/// Two 16-bit integers. Their sums wrap around; [`super::short`] sees to it that they never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Pair(pub(super) i32);

impl Packed for Pair {
    #[inline(always)]
    fn bits(self) -> i32 {
        self.0
    }

    #[inline(always)]
    fn add<S: Simd>(simd: S, left: S::I, right: S::I, sum: S::I) -> S::I {
        simd.add_pairs(left, right, sum)
    }
}

/// Four bytes, of a row without sign, of a column with sign. A sum holds those of 2¹⁶ bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Quad(pub(super) i32);

impl Packed for Quad {
    #[inline(always)]
    fn bits(self) -> i32 {
        self.0
    }

    #[inline(always)]
    fn add<S: Simd>(simd: S, left: S::I, right: S::I, sum: S::I) -> S::I {
        simd.add_quads(left, right, sum)
    }
}

impl<P: Packed> Number for P {
    type Lanes<S: Simd> = S::I;

    #[inline(always)]
    fn zero<S: Simd>(simd: S) -> S::I {
        simd.splat_integer(0)
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::I {
        simd.splat_integer(value.bits())
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::I {
        const { assert!(size_of::<P>() == size_of::<i32>()) };
        // SAFETY: the caller's; a packed number is its 32 bits.
        unsafe { simd.load_integers(from.cast()) }
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, left: S::I, right: S::I, sum: S::I) -> S::I {
        P::add(simd, left, right, sum)
    }

    #[inline(always)]
    fn float<S: Simd>(simd: S, sum: S::I) -> S::V {
        simd.float(sum)
    }
}

/// Rows that go through a layer of weights together: their inputs stay in the second-level cache while the weights pass.
pub(super) const BLOCK: usize = 96;

/// From one row to the next, for `columns` numbers: room to read past the last column by a panel, and never a multiple of
/// the 4 KiB after which rows would compete for one place in the first-level cache.
pub(super) fn stride(columns: usize) -> usize {
    columns.next_multiple_of(2 * LANES) + 2 * LANES
}

/// Rows of numbers, each `stride` after the one before.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, N = f32> {
    pub(super) values: &'a [N],
    pub(super) stride: usize,
}

/// The same, to be written.
pub(super) struct RowsMut<'a, N = f32> {
    pub(super) values: &'a mut [N],
    pub(super) stride: usize,
}

/// Where a sum belongs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
}

/// What happens to a sum before it is stored.
pub(super) trait Finish {
    /// Whether it was made for so many rows, and for so many columns, a multiple of sixteen.
    fn covers(&self, rows: usize, columns: usize) -> bool;

    /// # Safety
    /// It covers `at` and the fifteen columns after it.
    unsafe fn finish<S: Simd>(&self, simd: S, sum: S::V, at: Place) -> S::V;
}

/// Nothing.
pub(super) struct Plain;

impl Finish for Plain {
    #[inline(always)]
    fn covers(&self, _: usize, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, _: S, sum: S::V, _: Place) -> S::V {
        sum
    }
}

/// `left` (`rows` × `depth`) times one panel of columns, into `to`.
pub(super) struct Product<'a, N, F> {
    pub(super) left: Rows<'a, N>,
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// `depth` rows of at least [`columns`] numbers.
    pub(super) panel: Rows<'a, N>,
    /// How many of the panel's columns are stored.
    pub(super) columns: usize,
    pub(super) to: RowsMut<'a>,
    pub(super) finish: &'a F,
    /// The column of the first, for [`Finish`].
    pub(super) column: usize,
}

/// Columns of a panel.
pub(super) const fn columns<S: Simd>() -> usize {
    S::WIDTH * LANES
}

/// The most of [`Simd::ROWS`] and of [`Simd::WIDTH`].
const MOST_ROWS: usize = 12;
const MOST_WIDTH: usize = 2;

impl<N: Number, F: Finish> Work for Product<'_, N, F> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(mut self, simd: S) {
        const { assert!(S::ROWS <= MOST_ROWS && S::WIDTH <= MOST_WIDTH) };
        if self.rows == 0 || self.depth == 0 {
            return;
        }
        assert!(self.left.values.len() >= (self.rows - 1) * self.left.stride + self.depth);
        assert!(self.panel.values.len() >= (self.depth - 1) * self.panel.stride + columns::<S>());
        assert!(self.columns <= columns::<S>());
        assert!(self.finish.covers(self.rows, self.column + self.columns.next_multiple_of(LANES)));
        assert!(self.to.values.len() >= (self.rows - 1) * self.to.stride + self.columns);
        let mut row = 0;
        while row < self.rows {
            let rows = (self.rows - row).min(S::ROWS);
            // SAFETY: the asserts above hold for all rows.
            unsafe {
                match rows {
                    1 => self.tile::<S, 1>(simd, row),
                    2 => self.tile::<S, 2>(simd, row),
                    3 => self.tile::<S, 3>(simd, row),
                    4 => self.tile::<S, 4>(simd, row),
                    5 => self.tile::<S, 5>(simd, row),
                    6 => self.tile::<S, 6>(simd, row),
                    7 => self.tile::<S, 7>(simd, row),
                    8 => self.tile::<S, 8>(simd, row),
                    9 => self.tile::<S, 9>(simd, row),
                    10 => self.tile::<S, 10>(simd, row),
                    11 => self.tile::<S, 11>(simd, row),
                    _ => self.tile::<S, MOST_ROWS>(simd, row),
                }
            }
            row += rows;
        }
    }
}

impl<N: Number, F: Finish> Product<'_, N, F> {
    /// `R` rows from `row` on.
    ///
    /// # Safety
    /// They are there, in `left` and in `to`, and the panel is whole.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "what an iterator's closures do is not compiled for the set")]
    unsafe fn tile<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        if R > S::ROWS {
            return;
        }
        let mut sums = [[N::zero(simd); MOST_WIDTH]; R];
        let (stride, step) = (self.left.stride, self.panel.stride);
        // SAFETY: the caller's; pointers advance within the rows and the panel.
        unsafe {
            let mut left = self.left.values.as_ptr().add(row * stride);
            let mut panel = self.panel.values.as_ptr();
            for _ in 0..self.depth {
                let mut right = [N::zero(simd); MOST_WIDTH];
                for j in 0..S::WIDTH {
                    right[j] = N::load(simd, panel.add(j * LANES));
                }
                for r in 0..R {
                    let value = N::splat(simd, *left.add(r * stride));
                    for j in 0..S::WIDTH {
                        sums[r][j] = N::mul_add(simd, value, right[j], sums[r][j]);
                    }
                }
                left = left.add(1);
                panel = panel.add(step);
            }
            for r in 0..R {
                let to = self.to.values.as_mut_ptr().add((row + r) * self.to.stride);
                for j in 0..S::WIDTH {
                    let first = j * LANES;
                    if first >= self.columns {
                        break;
                    }
                    let place = Place { row: row + r, column: self.column + first };
                    let value = self.finish.finish(simd, N::float(simd, sums[r][j]), place);
                    if self.columns - first >= LANES {
                        simd.store(to.add(first), value);
                    } else {
                        let lanes = simd.array(value);
                        std::ptr::copy_nonoverlapping(lanes.as_ptr(), to.add(first), self.columns - first);
                    }
                }
            }
        }
    }
}
