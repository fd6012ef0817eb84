//! Two 256-bit registers.

use std::arch::x86_64::*;

use super::{Simd, Work};

/// The machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the CPU.
    pub(crate) fn find() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn enter<W: Work>(simd: Avx2, work: W) -> W::Output {
    work.work(simd)
}

/// Even bytes, then odd ones, as 16-bit integers: the instruction that takes bytes would cut sums of two to 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add_quads(left: __m256i, right: __m256i, sum: __m256i) -> __m256i {
    let even = _mm256_madd_epi16(
        _mm256_and_si256(left, _mm256_set1_epi16(0xFF)),
        _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(right)),
    );
    let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(left), _mm256_srai_epi16::<8>(right));
    _mm256_add_epi32(sum, _mm256_add_epi32(even, odd))
}

/// Lanes 0 to 7, lanes 8 to 15.
type Pair = [__m256; 2];

#[inline]
#[target_feature(enable = "avx2")]
fn scale(value: __m256, power: __m256) -> __m256 {
    let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(power));
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), shifted))
}

// SAFETY of all below: a value of the type is the proof that the instructions are there.
impl Simd for Avx2 {
    type V = Pair;
    type I = [__m256i; 2];

    const WIDTH: usize = 1;
    const ROWS: usize = 6;

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        unsafe { enter(self, work) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Pair {
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Pair {
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: Pair) {
        unsafe {
            _mm256_storeu_ps(to, value[0]);
            _mm256_storeu_ps(to.add(8), value[1]);
        }
    }

    #[inline(always)]
    fn add(self, left: Pair, right: Pair) -> Pair {
        unsafe { [_mm256_add_ps(left[0], right[0]), _mm256_add_ps(left[1], right[1])] }
    }

    #[inline(always)]
    fn sub(self, left: Pair, right: Pair) -> Pair {
        unsafe { [_mm256_sub_ps(left[0], right[0]), _mm256_sub_ps(left[1], right[1])] }
    }

    #[inline(always)]
    fn mul(self, left: Pair, right: Pair) -> Pair {
        unsafe { [_mm256_mul_ps(left[0], right[0]), _mm256_mul_ps(left[1], right[1])] }
    }

    #[inline(always)]
    fn div(self, left: Pair, right: Pair) -> Pair {
        unsafe { [_mm256_div_ps(left[0], right[0]), _mm256_div_ps(left[1], right[1])] }
    }

    #[inline(always)]
    fn mul_add(self, left: Pair, right: Pair, plus: Pair) -> Pair {
        unsafe { [_mm256_fmadd_ps(left[0], right[0], plus[0]), _mm256_fmadd_ps(left[1], right[1], plus[1])] }
    }

    #[inline(always)]
    fn max(self, left: Pair, right: Pair) -> Pair {
        unsafe { [_mm256_max_ps(left[0], right[0]), _mm256_max_ps(left[1], right[1])] }
    }

    #[inline(always)]
    fn min(self, left: Pair, right: Pair) -> Pair {
        unsafe { [_mm256_min_ps(left[0], right[0]), _mm256_min_ps(left[1], right[1])] }
    }

    #[inline(always)]
    fn scale(self, value: Pair, power: Pair) -> Pair {
        unsafe { [scale(value[0], power[0]), scale(value[1], power[1])] }
    }

    #[inline(always)]
    fn splat_integer(self, value: i32) -> Self::I {
        unsafe { [_mm256_set1_epi32(value); 2] }
    }

    #[inline(always)]
    unsafe fn load_integers(self, from: *const i32) -> Self::I {
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())] }
    }

    #[inline(always)]
    fn add_pairs(self, left: Self::I, right: Self::I, sum: Self::I) -> Self::I {
        unsafe {
            [
                _mm256_add_epi32(sum[0], _mm256_madd_epi16(left[0], right[0])),
                _mm256_add_epi32(sum[1], _mm256_madd_epi16(left[1], right[1])),
            ]
        }
    }

    #[inline(always)]
    fn add_quads(self, left: Self::I, right: Self::I, sum: Self::I) -> Self::I {
        unsafe { [add_quads(left[0], right[0], sum[0]), add_quads(left[1], right[1], sum[1])] }
    }

    #[inline(always)]
    fn float(self, value: Self::I) -> Pair {
        unsafe { [_mm256_cvtepi32_ps(value[0]), _mm256_cvtepi32_ps(value[1])] }
    }

    #[inline(always)]
    unsafe fn store_short(self, to: *mut i16, value: Pair) {
        unsafe {
            let packed = _mm256_packs_epi32(_mm256_cvtps_epi32(value[0]), _mm256_cvtps_epi32(value[1]));
            // Packing goes by halves of a register.
            _mm256_storeu_si256(to.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: Pair) {
        unsafe {
            let shorts = _mm256_packs_epi32(_mm256_cvtps_epi32(value[0]), _mm256_cvtps_epi32(value[1]));
            // Packing goes by halves of a register.
            let shorts = _mm256_permute4x64_epi64::<0b11_01_10_00>(shorts);
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(shorts), _mm256_extracti128_si256::<1>(shorts));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
}
