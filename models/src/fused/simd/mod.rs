//! Sixteen float32 numbers at a time, by the instructions that the machine has.
//!
//! Every operation here is one that IEEE 754 defines to the last bit, a lane never looks at its neighbour, and sums over lanes
//! have one order. So all instruction sets give the same bits, and the choice is about speed alone.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

pub(super) use scalar::Scalar;

#[cfg(target_arch = "x86_64")]
pub(super) use {avx2::Avx2, avx512::Avx512};

/// Numbers in a [`Simd::V`].
pub(super) const LANES: usize = 16;

/// Proof that the machine has a set of instructions: only [`super::instructions`] makes values, after asking the CPU.
///
/// The methods are to be inlined into a [`Work`], which alone is compiled with the instructions of the set.
pub(super) trait Simd: Copy + Send + Sync {
    /// Sixteen float32 numbers.
    type V: Copy;
    /// Sixteen 32-bit integers, pairs of 16-bit integers, or quadruples of bytes.
    type I: Copy;

    /// Vectors side by side in a column panel of a product; with [`ROWS`](Self::ROWS), what the registers hold.
    const WIDTH: usize;
    /// Rows of a product that are computed at once.
    const ROWS: usize;

    /// Runs `work`, compiled for this set.
    fn run<W: Work>(self, work: W) -> W::Output;

    fn splat(self, value: f32) -> Self::V;
    /// # Safety
    /// Sixteen numbers can be read at `from`.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// # Safety
    /// Sixteen numbers can be written at `to`.
    unsafe fn store(self, to: *mut f32, value: Self::V);
    fn add(self, left: Self::V, right: Self::V) -> Self::V;
    fn sub(self, left: Self::V, right: Self::V) -> Self::V;
    fn mul(self, left: Self::V, right: Self::V) -> Self::V;
    fn div(self, left: Self::V, right: Self::V) -> Self::V;
    /// `left * right + plus`, rounded once.
    fn mul_add(self, left: Self::V, right: Self::V, plus: Self::V) -> Self::V;
    /// The greater; `right` where either is NaN.
    fn max(self, left: Self::V, right: Self::V) -> Self::V;
    /// The lesser; `right` where either is NaN.
    fn min(self, left: Self::V, right: Self::V) -> Self::V;
    /// The bits of `value` plus the bits of `power` shifted left by 23: times 2ⁿ, where the lowest bits of `power` are n.
    fn scale(self, value: Self::V, power: Self::V) -> Self::V;

    fn splat_integer(self, pair: i32) -> Self::I;
    /// # Safety
    /// Sixteen integers can be read at `from`.
    unsafe fn load_integers(self, from: *const i32) -> Self::I;
    /// `sum` plus both products of each pair, wrapping around.
    fn add_pairs(self, left: Self::I, right: Self::I, sum: Self::I) -> Self::I;
    /// `sum` plus the four products of each quadruple, of bytes without sign on the left and with sign on the right, wrapping
    /// around.
    fn add_quads(self, left: Self::I, right: Self::I, sum: Self::I) -> Self::I;
    /// Integers as the nearest float32, ties to even.
    fn float(self, value: Self::I) -> Self::V;
    /// Writes the nearest integers, ties to even, of numbers from -32767 to 32767.
    ///
    /// # Safety
    /// Sixteen integers can be written at `to`.
    unsafe fn store_short(self, to: *mut i16, value: Self::V);

    /// Writes the nearest integers, ties to even, of numbers from 0 to 255.
    ///
    /// # Safety
    /// Sixteen bytes can be written at `to`.
    unsafe fn store_bytes(self, to: *mut u8, value: Self::V);

    /// The sum of the lanes: i with i + 8, then i + 4, i + 2, i + 1.
    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        fold(self.array(value), |left, right| left + right)
    }

    /// The greatest lane; of no use where one is NaN.
    #[inline(always)]
    fn greatest(self, value: Self::V) -> f32 {
        fold(self.array(value), |left, right| if left > right { left } else { right })
    }

    #[inline(always)]
    fn array(self, value: Self::V) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array has sixteen numbers.
        unsafe { self.store(lanes.as_mut_ptr(), value) };
        lanes
    }
}

/// What [`Simd::run`] runs. `work` and all it calls are `#[inline(always)]`: that is how it is compiled for the set.
pub(super) trait Work {
    type Output;

    fn work<S: Simd>(self, simd: S) -> Self::Output;
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}
