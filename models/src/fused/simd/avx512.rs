//! One 512-bit register.

use std::arch::x86_64::*;

use super::{Simd, Work};

/// The machine has AVX-512 F and BW, and VNNI where `VNNI` says so: that adds products of pairs in one instruction.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const VNNI: bool>(());

impl<const VNNI: bool> Avx512<VNNI> {
    /// Asks the CPU.
    pub(crate) fn find() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && (!VNNI || is_x86_feature_detected!("avx512vnni"));
        found.then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn enter<W: Work>(simd: Avx512<false>, work: W) -> W::Output {
    work.work(simd)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn enter_vnni<W: Work>(simd: Avx512<true>, work: W) -> W::Output {
    work.work(simd)
}

// SAFETY of all below: a value of the type is the proof that the instructions are there.
impl<const VNNI: bool> Simd for Avx512<VNNI> {
    type V = __m512;
    type I = __m512i;

    const WIDTH: usize = 2;
    const ROWS: usize = 12;

    #[inline(always)]
    fn run<W: Work>(self, work: W) -> W::Output {
        unsafe { if VNNI { enter_vnni(Avx512(()), work) } else { enter(Avx512(()), work) } }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(to, value) }
    }

    #[inline(always)]
    fn add(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_add_ps(left, right) }
    }

    #[inline(always)]
    fn sub(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(left, right) }
    }

    #[inline(always)]
    fn mul(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(left, right) }
    }

    #[inline(always)]
    fn div(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_div_ps(left, right) }
    }

    #[inline(always)]
    fn mul_add(self, left: __m512, right: __m512, plus: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(left, right, plus) }
    }

    #[inline(always)]
    fn max(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_max_ps(left, right) }
    }

    #[inline(always)]
    fn min(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_min_ps(left, right) }
    }

    #[inline(always)]
    fn scale(self, value: __m512, power: __m512) -> __m512 {
        unsafe {
            let shifted = _mm512_slli_epi32::<23>(_mm512_castps_si512(power));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value), shifted))
        }
    }

    #[inline(always)]
    fn splat_integer(self, value: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(value) }
    }

    #[inline(always)]
    unsafe fn load_integers(self, from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    fn add_pairs(self, left: __m512i, right: __m512i, sum: __m512i) -> __m512i {
        unsafe {
            if VNNI {
                _mm512_dpwssd_epi32(sum, left, right)
            } else {
                _mm512_add_epi32(sum, _mm512_madd_epi16(left, right))
            }
        }
    }

    #[inline(always)]
    fn add_quads(self, left: __m512i, right: __m512i, sum: __m512i) -> __m512i {
        unsafe {
            if VNNI {
                _mm512_dpbusd_epi32(sum, left, right)
            } else {
                // As with AVX2.
                let even = _mm512_madd_epi16(
                    _mm512_and_si512(left, _mm512_set1_epi16(0xFF)),
                    _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(right)),
                );
                let odd = _mm512_madd_epi16(_mm512_srli_epi16::<8>(left), _mm512_srai_epi16::<8>(right));
                _mm512_add_epi32(sum, _mm512_add_epi32(even, odd))
            }
        }
    }

    #[inline(always)]
    fn float(self, value: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(value) }
    }

    #[inline(always)]
    unsafe fn store_short(self, to: *mut i16, value: __m512) {
        unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(value))) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8, value: __m512) {
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(value))) }
    }
}
