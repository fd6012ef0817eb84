//! Plain arrays: the reference, and what machines run that are not x86-64.

use super::{LANES, Simd, Work};

#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Scalar {
    #[inline(always)]
    fn zip(left: [f32; LANES], right: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
        std::array::from_fn(|i| join(left[i], right[i]))
    }
}

impl Simd for Scalar {
    type V = [f32; LANES];
    type I = [i32; LANES];

    const WIDTH: usize = 1;
    const ROWS: usize = 4;

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        work.work(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller's.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Self::V) {
        // SAFETY: the caller's.
        unsafe { to.cast::<Self::V>().write_unaligned(value) }
    }

    #[inline(always)]
    fn add(self, left: Self::V, right: Self::V) -> Self::V {
        Self::zip(left, right, |left, right| left + right)
    }

    #[inline(always)]
    fn sub(self, left: Self::V, right: Self::V) -> Self::V {
        Self::zip(left, right, |left, right| left - right)
    }

    #[inline(always)]
    fn mul(self, left: Self::V, right: Self::V) -> Self::V {
        Self::zip(left, right, |left, right| left * right)
    }

    #[inline(always)]
    fn div(self, left: Self::V, right: Self::V) -> Self::V {
        Self::zip(left, right, |left, right| left / right)
    }

    #[inline(always)]
    fn mul_add(self, left: Self::V, right: Self::V, plus: Self::V) -> Self::V {
        std::array::from_fn(|i| left[i].mul_add(right[i], plus[i]))
    }

    #[inline(always)]
    fn max(self, left: Self::V, right: Self::V) -> Self::V {
        Self::zip(left, right, |left, right| if left > right { left } else { right })
    }

    #[inline(always)]
    fn min(self, left: Self::V, right: Self::V) -> Self::V {
        Self::zip(left, right, |left, right| if left < right { left } else { right })
    }

    #[inline(always)]
    fn scale(self, value: Self::V, power: Self::V) -> Self::V {
        Self::zip(value, power, |value, power| f32::from_bits(value.to_bits().wrapping_add(power.to_bits() << 23)))
    }

    #[inline(always)]
    fn splat_integer(self, value: i32) -> Self::I {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load_integers(self, from: *const i32) -> Self::I {
        // SAFETY: the caller's.
        unsafe { from.cast::<Self::I>().read_unaligned() }
    }

    #[inline(always)]
    fn add_pairs(self, left: Self::I, right: Self::I, sum: Self::I) -> Self::I {
        std::array::from_fn(|i| {
            let (left, right) = (split(left[i]), split(right[i]));
            (0..2).fold(sum[i], |sum, k| sum.wrapping_add(left[k] * right[k]))
        })
    }

    #[inline(always)]
    fn add_quads(self, left: Self::I, right: Self::I, sum: Self::I) -> Self::I {
        std::array::from_fn(|i| {
            let (left, right) = (left[i].to_ne_bytes(), right[i].to_ne_bytes());
            (0..4).fold(sum[i], |sum, k| sum.wrapping_add(i32::from(left[k]) * i32::from(right[k] as i8)))
        })
    }

    #[inline(always)]
    fn float(self, value: Self::I) -> Self::V {
        value.map(|value| value as f32)
    }

    #[inline(always)]
    unsafe fn store_short(self, to: *mut i16, value: Self::V) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[i16; LANES]>().write_unaligned(value.map(|value| value.round_ties_even() as i16)) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Self::V) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[u8; LANES]>().write_unaligned(value.map(|value| value.round_ties_even() as u8)) }
    }
}

#[inline(always)]
fn split(pair: i32) -> [i32; 2] {
    [i32::from(pair as i16), pair >> 16]
}
