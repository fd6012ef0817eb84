//! AVX-512 with VPOPCNTDQ: eight codes at a time for the common lengths, each in a 64-bit lane of its own. What does
//! not fill the registers of a step goes to the 64-bit population counts of the AVX2 file.

use std::arch::x86_64::{
    __m512i, _mm256_storeu_si256, _mm512_add_epi64, _mm512_cmple_epu64_mask, _mm512_cvtepi64_epi32, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_min_epu64, _mm512_permutex2var_epi64, _mm512_popcnt_epi64, _mm512_reduce_add_epi64,
    _mm512_set1_epi64, _mm512_setr_epi64, _mm512_setzero_si512, _mm512_xor_si512,
};

use super::nearest::Nearest;
use super::{Block, avx2, word_of};

/// Offers a block of codes of 8, 16, 32 or 64 bytes to each query of a tile. `scratch` is memory to use.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
pub(super) fn offer_block(block: Block, queries: &[u8], nearest: &mut [Nearest], scratch: &mut Vec<__m512i>) {
    match queries.len() / nearest.len() {
        8 => offer_words::<1>(block, queries, nearest, scratch),
        16 => offer_words::<2>(block, queries, nearest, scratch),
        32 => offer_words::<4>(block, queries, nearest, scratch),
        64 => offer_words::<8>(block, queries, nearest, scratch),
        bytes => unreachable!("codes of 8, 16, 32 or 64 bytes, not {bytes}"),
    }
}

/// Groups of eight codes that are compared with the bound together.
const GROUPS: usize = 4;

/// Codes that are compared together, laid out by [`by_words`].
type Step<const WORDS: usize> = [[__m512i; WORDS]; GROUPS];

/// Lays the block out once; then each query goes over it.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn offer_words<const WORDS: usize>(block: Block, queries: &[u8], nearest: &mut [Nearest], scratch: &mut Vec<__m512i>) {
    let step = 64 * WORDS * GROUPS;
    let (full, rest) = block.codes.split_at(block.codes.len() / step * step);
    scratch.clear();
    for group in full.as_chunks::<64>().0.as_chunks::<WORDS>().0 {
        scratch.extend_from_slice(&by_words(group));
    }
    let rest_row = block.first_row + (full.len() / (8 * WORDS)) as u32;
    let mut rest_distances = [0; 8 * GROUPS];
    let rest_distances = &mut rest_distances[..rest.len() / (8 * WORDS)];
    for (query, nearest) in queries.chunks_exact(8 * WORDS).zip(nearest) {
        offer_groups::<WORDS>(scratch.as_chunks().0, query, block.first_row, nearest);
        avx2::words::<WORDS>(query, rest, rest_distances);
        nearest.offer(rest_row, rest_distances);
    }
}

/// Eight codes, of which register `i` of the result holds the words [`word_of`] `i`, in the order of codes.
///
/// Each round splits the words of even and of odd place, from one run of registers into two.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn by_words<const WORDS: usize>(group: &[[u8; 64]; WORDS]) -> [__m512i; WORDS] {
    let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    let mut from = [_mm512_setzero_si512(); WORDS];
    for (register, block) in from.iter_mut().zip(group) {
        *register = load(block);
    }
    let mut run = WORDS;
    while run > 1 {
        let mut to = from;
        for (from, to) in from.chunks_exact(run).zip(to.chunks_exact_mut(run)) {
            for i in 0..run / 2 {
                to[i] = _mm512_permutex2var_epi64(from[2 * i], even, from[2 * i + 1]);
                to[run / 2 + i] = _mm512_permutex2var_epi64(from[2 * i], odd, from[2 * i + 1]);
            }
        }
        from = to;
        run /= 2;
    }
    from
}

/// Offers the codes of groups laid out by [`by_words`], whose first row is `first_row`, to one query.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn offer_groups<const WORDS: usize>(groups: &[[__m512i; WORDS]], query: &[u8], first_row: u32, nearest: &mut Nearest) {
    let mut wanted = [_mm512_setzero_si512(); WORDS];
    for (i, wanted) in wanted.iter_mut().enumerate() {
        let word = query.as_chunks().0[word_of(i, WORDS)];
        *wanted = _mm512_set1_epi64(i64::from_ne_bytes(word));
    }
    let steps = groups.as_chunks().0;
    let mut done = 0;
    while let Some(next) = first_within(&steps[done..], &wanted, nearest.bound()) {
        let mut distances = [0; 8 * GROUPS];
        for (sum, out) in sums(&steps[done + next], &wanted).iter().zip(distances.as_chunks_mut::<8>().0) {
            // SAFETY: there is room for the 8 numbers of 4 bytes that are written; no alignment is needed.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(*sum)) };
        }
        nearest.offer(first_row + ((done + next) * 8 * GROUPS) as u32, &distances);
        done += next + 1;
    }
}

/// The first step with a code within the bound. A function that calls nothing, so that the query stays in registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
#[inline(never)]
fn first_within<const WORDS: usize>(steps: &[Step<WORDS>], wanted: &[__m512i; WORDS], bound: u32) -> Option<usize> {
    let (wanted, bound) = (*wanted, _mm512_set1_epi64(i64::from(bound)));
    steps.iter().position(|step| {
        let [first, rest @ ..] = sums(step, &wanted);
        let least = rest.iter().fold(first, |least, sum| _mm512_min_epu64(least, *sum));
        _mm512_cmple_epu64_mask(least, bound) != 0
    })
}

/// Distances of the codes of a step, in order.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
#[inline]
fn sums<const WORDS: usize>(step: &Step<WORDS>, wanted: &[__m512i; WORDS]) -> [__m512i; GROUPS] {
    let mut sums = [_mm512_setzero_si512(); GROUPS];
    for (sum, group) in sums.iter_mut().zip(step) {
        for (words, wanted) in group.iter().zip(wanted) {
            *sum = _mm512_add_epi64(*sum, _mm512_popcnt_epi64(_mm512_xor_si512(*words, *wanted)));
        }
    }
    sums
}

/// Distances of `query` to each code of `codes`, which has `out.len()` codes of the query's length, whatever that is:
/// blocks of 64 bytes, the last one masked.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
pub(super) fn distances(query: &[u8], codes: &[u8], out: &mut [u32]) {
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
