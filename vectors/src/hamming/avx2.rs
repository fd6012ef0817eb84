//! AVX2 and POPCNT: short codes by 64-bit population counts, long ones by a 16-entry table of nibbles (Muła, Kurz, Lemire
//! 2018, "Faster population counts using AVX2 instructions").

use std::arch::x86_64::{
    __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_sad_epu8, _mm256_set1_epi8,
    _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_xor_si256,
};

use super::scalar;

/// Distances of `query` to each code of `codes`, which has `out.len()` codes of the query's length.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn distances(query: &[u8], codes: &[u8], out: &mut [u32]) {
    match query.len() {
        8 => words::<1>(query, codes, out),
        16 => words::<2>(query, codes, out),
        32 => blocks::<1>(query, codes, out),
        64 => blocks::<2>(query, codes, out),
        _ => any(query, codes, out),
    }
}

/// Codes of `WORDS` 64-bit words.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn words<const WORDS: usize>(query: &[u8], codes: &[u8], out: &mut [u32]) {
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let mut wanted = [0; WORDS];
    for (wanted, bytes) in wanted.iter_mut().zip(query.as_chunks().0) {
        *wanted = word(bytes);
    }
    for (code, out) in codes.chunks_exact(8 * WORDS).zip(out) {
        *out = code.as_chunks().0.iter().zip(&wanted).map(|(bytes, wanted)| (word(bytes) ^ wanted).count_ones()).sum();
    }
}

/// Codes of `BLOCKS` blocks of 32 bytes.
#[target_feature(enable = "avx2,popcnt")]
fn blocks<const BLOCKS: usize>(query: &[u8], codes: &[u8], out: &mut [u32]) {
    let mut wanted = [_mm256_setzero_si256(); BLOCKS];
    for (wanted, block) in wanted.iter_mut().zip(query.as_chunks().0) {
        *wanted = load(block);
    }
    for (code, out) in codes.chunks_exact(32 * BLOCKS).zip(out) {
        let mut counts = _mm256_setzero_si256();
        for (block, wanted) in code.as_chunks().0.iter().zip(wanted) {
            counts = _mm256_add_epi64(counts, count(_mm256_xor_si256(load(block), wanted)));
        }
        *out = sum(counts);
    }
}

/// Codes of any length: blocks of 32 bytes, and the rest by the scalar code.
#[target_feature(enable = "avx2,popcnt")]
fn any(query: &[u8], codes: &[u8], out: &mut [u32]) {
    let (wanted, rest) = query.as_chunks();
    for (code, out) in codes.chunks_exact(query.len()).zip(out) {
        let (blocks, tail) = code.as_chunks();
        let mut counts = _mm256_setzero_si256();
        for (block, wanted) in blocks.iter().zip(wanted) {
            counts = _mm256_add_epi64(counts, count(_mm256_xor_si256(load(block), load(wanted))));
        }
        *out = sum(counts) + scalar::distance(tail, rest);
    }
}

#[target_feature(enable = "avx2")]
fn load(block: &[u8; 32]) -> __m256i {
    // SAFETY: the block has the 32 bytes that are read; no alignment is needed.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// Bits set in each 64-bit lane.
#[target_feature(enable = "avx2")]
fn count(bits: __m256i) -> __m256i {
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
    );
    let nibble = _mm256_set1_epi8(15);
    let low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
    let high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(bits), nibble));
    _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256())
}

/// The sum of four 64-bit lanes, which fits 32 bits as codes are shorter than 2^31 bytes.
#[target_feature(enable = "avx2")]
fn sum(lanes: __m256i) -> u32 {
    let two = _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    _mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))) as u32
}
