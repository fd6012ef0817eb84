//! AVX2 and POPCNT: population counts by a 16-entry table of nibbles (Muła, Kurz, Lemire 2018, "Faster population
//! counts using AVX2 instructions"), four codes at a time for the common lengths, each in a 64-bit lane of its own.

use std::arch::x86_64::{
    __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_unpackhi_epi64, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256,
    _mm256_castsi256_pd, _mm256_castsi256_si128, _mm256_cmpgt_epi64, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_min_epu32, _mm256_movemask_pd, _mm256_permute4x64_epi64, _mm256_sad_epu8, _mm256_set1_epi8,
    _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    _mm256_storeu_si256, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::nearest::Nearest;
use super::{Block, scalar, word_of};

/// Distances of `query` to each code of `codes`: codes of `WORDS` 64-bit words, one by one.
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

/// Distances of `query` to each code of `codes`, which has `out.len()` codes of the query's length, whatever that is:
/// blocks of 32 bytes, and the rest by the scalar code.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn distances(query: &[u8], codes: &[u8], out: &mut [u32]) {
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

/// Offers a block of codes of 8, 16, 32 or 64 bytes to each query of a tile. `scratch` is memory to use.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn offer_block(block: Block, queries: &[u8], nearest: &mut [Nearest], scratch: &mut Vec<__m256i>) {
    match queries.len() / nearest.len() {
        8 => offer_words::<1>(block, queries, nearest, scratch),
        16 => offer_words::<2>(block, queries, nearest, scratch),
        32 => offer_words::<4>(block, queries, nearest, scratch),
        64 => offer_words::<8>(block, queries, nearest, scratch),
        bytes => unreachable!("codes of 8, 16, 32 or 64 bytes, not {bytes}"),
    }
}

/// Groups of four codes that are compared with the bound together.
const GROUPS: usize = 4;

/// Codes that are compared together, laid out by [`by_words`].
type Step<const WORDS: usize> = [[__m256i; WORDS]; GROUPS];

/// Lays the block out once; then each query goes over it.
#[target_feature(enable = "avx2,popcnt")]
fn offer_words<const WORDS: usize>(block: Block, queries: &[u8], nearest: &mut [Nearest], scratch: &mut Vec<__m256i>) {
    let step = 32 * WORDS * GROUPS;
    let (full, rest) = block.codes.split_at(block.codes.len() / step * step);
    scratch.clear();
    for group in full.as_chunks::<32>().0.as_chunks::<WORDS>().0 {
        scratch.extend_from_slice(&by_words(group));
    }
    let rest_row = block.first_row + (full.len() / (8 * WORDS)) as u32;
    let mut rest_distances = [0; 4 * GROUPS];
    let rest_distances = &mut rest_distances[..rest.len() / (8 * WORDS)];
    for (query, nearest) in queries.chunks_exact(8 * WORDS).zip(nearest) {
        offer_groups::<WORDS>(scratch.as_chunks().0, query, block.first_row, nearest);
        words::<WORDS>(query, rest, rest_distances);
        nearest.offer(rest_row, rest_distances);
    }
}

/// Four codes, of which register `i` of the result holds the words [`word_of`] `i`, in the order of codes.
///
/// Each round splits the words of even and of odd place, from one run of registers into two.
#[target_feature(enable = "avx2")]
fn by_words<const WORDS: usize>(group: &[[u8; 32]; WORDS]) -> [__m256i; WORDS] {
    let mut from = [_mm256_setzero_si256(); WORDS];
    for (register, block) in from.iter_mut().zip(group) {
        *register = load(block);
    }
    let mut run = WORDS;
    while run > 1 {
        let mut to = from;
        for (from, to) in from.chunks_exact(run).zip(to.chunks_exact_mut(run)) {
            for i in 0..run / 2 {
                // The unpacked words stand as a0 b0 a2 b2 and a1 b1 a3 b3.
                let (a, b) = (from[2 * i], from[2 * i + 1]);
                to[i] = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_unpacklo_epi64(a, b));
                to[run / 2 + i] = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_unpackhi_epi64(a, b));
            }
        }
        from = to;
        run /= 2;
    }
    from
}

/// Offers the codes of groups laid out by [`by_words`], whose first row is `first_row`, to one query.
#[target_feature(enable = "avx2,popcnt")]
fn offer_groups<const WORDS: usize>(groups: &[[__m256i; WORDS]], query: &[u8], first_row: u32, nearest: &mut Nearest) {
    let mut wanted = [_mm256_setzero_si256(); WORDS];
    for (i, wanted) in wanted.iter_mut().enumerate() {
        let word = query.as_chunks().0[word_of(i, WORDS)];
        *wanted = _mm256_set1_epi64x(i64::from_ne_bytes(word));
    }
    let steps = groups.as_chunks().0;
    let mut done = 0;
    while let Some(next) = first_within(&steps[done..], &wanted, nearest.bound()) {
        let mut distances = [0; 4 * GROUPS];
        for (sum, out) in sums(&steps[done + next], &wanted).iter().zip(distances.as_chunks_mut::<4>().0) {
            let mut lanes = [0u64; 4];
            // SAFETY: there is room for the 4 numbers of 8 bytes that are written; no alignment is needed.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *sum) };
            *out = lanes.map(|lane| lane as u32);
        }
        nearest.offer(first_row + ((done + next) * 4 * GROUPS) as u32, &distances);
        done += next + 1;
    }
}

/// The first step with a code within the bound. A function that calls nothing, so that registers keep what they hold.
#[target_feature(enable = "avx2,popcnt")]
#[inline(never)]
fn first_within<const WORDS: usize>(steps: &[Step<WORDS>], wanted: &[__m256i; WORDS], bound: u32) -> Option<usize> {
    let bound = _mm256_set1_epi64x(i64::from(bound));
    steps.iter().position(|step| {
        // The upper halves of the lanes are 0.
        let [first, rest @ ..] = sums(step, wanted);
        let least = rest.iter().fold(first, |least, sum| _mm256_min_epu32(least, *sum));
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(least, bound))) != 0b1111
    })
}

/// Distances of the codes of a step, in order.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn sums<const WORDS: usize>(step: &Step<WORDS>, wanted: &[__m256i; WORDS]) -> [__m256i; GROUPS] {
    // Counts of bytes, at most 64.
    let mut counts = [_mm256_setzero_si256(); GROUPS];
    for (word, wanted) in wanted.iter().enumerate() {
        for (counts, group) in counts.iter_mut().zip(step) {
            *counts = _mm256_add_epi8(*counts, count_bytes(_mm256_xor_si256(group[word], *wanted)));
        }
    }
    counts.map(|counts| _mm256_sad_epu8(counts, _mm256_setzero_si256()))
}

#[target_feature(enable = "avx2")]
fn load(block: &[u8; 32]) -> __m256i {
    // SAFETY: the block has the 32 bytes that are read; no alignment is needed.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// Bits set in each 64-bit lane.
#[target_feature(enable = "avx2")]
fn count(bits: __m256i) -> __m256i {
    _mm256_sad_epu8(count_bytes(bits), _mm256_setzero_si256())
}

/// Bits set in each byte.
#[target_feature(enable = "avx2")]
fn count_bytes(bits: __m256i) -> __m256i {
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
    );
    let nibble = _mm256_set1_epi8(15);
    let low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
    let high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(bits), nibble));
    _mm256_add_epi8(low, high)
}

/// The sum of four 64-bit lanes, which fits 32 bits as codes are shorter than 2^31 bytes.
#[target_feature(enable = "avx2")]
fn sum(lanes: __m256i) -> u32 {
    let two = _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    _mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))) as u32
}
