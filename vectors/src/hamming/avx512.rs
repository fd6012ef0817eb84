//! AVX-512 with VPOPCNTDQ: eight codes at a time for the common lengths, so that one store takes eight distances.
//!
//! The counts of 64-bit lanes are folded: [`pairs`] adds neighbouring lanes of two registers, [`halves`] adds lanes that
//! are two apart. What does not fill eight codes goes to the 64-bit population counts of the AVX2 file.

use std::arch::x86_64::{
    __m512i, _mm256_storeu_si256, _mm512_add_epi64, _mm512_cvtepi64_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi8,
    _mm512_permutex2var_epi64, _mm512_permutexvar_epi64, _mm512_popcnt_epi64, _mm512_reduce_add_epi64,
    _mm512_setr_epi64, _mm512_setzero_si512, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::avx2;

/// Distances of `query` to each code of `codes`, which has `out.len()` codes of the query's length.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
pub(super) fn distances(query: &[u8], codes: &[u8], out: &mut [u32]) {
    match query.len() {
        8 => eights::<1>(query, codes, out),
        16 => eights::<2>(query, codes, out),
        32 => eights::<4>(query, codes, out),
        64 => eights::<8>(query, codes, out),
        _ => any(query, codes, out),
    }
}

/// Codes of `WORDS` 64-bit words (1, 2, 4 or 8): eight codes fill `WORDS` registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn eights<const WORDS: usize>(query: &[u8], codes: &[u8], out: &mut [u32]) {
    let wanted = spread::<WORDS>(query);
    let (groups, rest_out) = out.as_chunks_mut::<8>();
    let (full, rest) = codes.split_at(groups.len() * 64 * WORDS);
    for (group, out) in full.chunks_exact(64 * WORDS).zip(groups) {
        let mut counts = [_mm512_setzero_si512(); WORDS];
        for (counts, block) in counts.iter_mut().zip(group.as_chunks().0) {
            *counts = _mm512_popcnt_epi64(_mm512_xor_si512(load(block), wanted));
        }
        let sums = _mm512_cvtepi64_epi32(eight_sums(&counts));
        // SAFETY: the group has room for the 8 numbers of 4 bytes that are written; no alignment is needed.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), sums) };
    }
    avx2::words::<WORDS>(query, rest, rest_out);
}

/// The query repeated until it fills a register.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn spread<const WORDS: usize>(query: &[u8]) -> __m512i {
    let mut bytes = [0; 64];
    for part in bytes.chunks_exact_mut(8 * WORDS) {
        part.copy_from_slice(query);
    }
    load(&bytes)
}

/// From the lane counts of eight codes, in order, to their eight sums, in order.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn eight_sums(counts: &[__m512i]) -> __m512i {
    match *counts {
        [a] => a,
        [a, b] => _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), pairs(a, b)),
        [a, b, c, d] => {
            // Each code has half a register: after both folds the codes stand as 0 2 1 3 4 6 5 7.
            let sums = halves(pairs(a, b), pairs(c, d));
            _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7), sums)
        }
        [a, b, c, d, e, f, g, h] => {
            // Each code has a whole register, so a second fold of halves brings them together, in order.
            halves(halves(pairs(a, b), pairs(c, d)), halves(pairs(e, f), pairs(g, h)))
        }
        _ => unreachable!("codes of 1, 2, 4 or 8 words"),
    }
}

/// a0+a1, b0+b1, a2+a3, b2+b3, a4+a5, b4+b5, a6+a7, b6+b7.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn pairs(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
}

/// a0+a2, a1+a3, a4+a6, a5+a7, b0+b2, b1+b3, b4+b6, b5+b7.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn halves(a: __m512i, b: __m512i) -> __m512i {
    let first = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 4, 5, 8, 9, 12, 13), b);
    let second = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 6, 7, 10, 11, 14, 15), b);
    _mm512_add_epi64(first, second)
}

/// Codes of any length: blocks of 64 bytes, the last one masked.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn any(query: &[u8], codes: &[u8], out: &mut [u32]) {
    for (code, out) in codes.chunks_exact(query.len()).zip(out) {
        let mut counts = _mm512_setzero_si512();
        for (block, wanted) in code.chunks(64).zip(query.chunks(64)) {
            let bits = _mm512_xor_si512(load_part(block), load_part(wanted));
            counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(bits));
        }
        *out = _mm512_reduce_add_epi64(counts) as u32;
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load(block: &[u8; 64]) -> __m512i {
    // SAFETY: the block has the 64 bytes that are read; no alignment is needed.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// Up to 64 bytes, the rest 0.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_part(block: &[u8]) -> __m512i {
    let mask = u64::MAX >> (64 - block.len());
    // SAFETY: only the first `block.len()` bytes, 1 to 64, are read.
    unsafe { _mm512_maskz_loadu_epi8(mask, block.as_ptr().cast()) }
}
