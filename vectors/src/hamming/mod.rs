//! Hamming distances and exhaustive search over binary codes.
//!
//! The distance of two codes of equal length is the number of bits that differ. Bit order and padding do not matter to
//! it: codes are whole bytes. [`distance`] is the scalar reference; `avx2` and `avx512` hold one instruction set each
//! and equal it bit for bit.
//!
//! Search keeps for each query a bound, the distance of the document at rank `depth` so far (`nearest`), and only
//! documents within it, which soon are few: the others leave no trace but a comparison. Ties cost nothing and are kept
//! whole. Queries are taken in tiles, which share a pass over the documents, and documents in blocks that stay in the
//! first cache. For codes of 8, 16, 32 and 64 bytes the two instruction sets lay a block out by words, once for all
//! queries of a tile: so the counts of a document are added in one lane, not across a register, and stay there unless
//! one of a few documents is within the bound. Other lengths, and portable code, write the distances of a block and
//! look through them.
//!
//! It runs on the calling thread alone, as what is measured of it is of one thread.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod nearest;
mod scalar;
#[cfg(test)]
mod tests;

pub use scalar::distance;

use self::nearest::Nearest;
use crate::error::VectorError;
use crate::hits::Hits;
use crate::kernels::{Kernels, Set};
use crate::matrix::Codes;

/// At most so many queries share a pass over the documents.
const TILE: usize = 64;

/// Bytes of codes in one block, for tiles of at least [`LONG_TILE`] queries and for shorter ones, which wait for
/// memory: a small block is counted while the next one arrives. Multiples of what a kernel takes in one step.
const BLOCK_BYTES: [usize; 2] = [16 * 1024, 4 * 1024];

/// See [`BLOCK_BYTES`].
const LONG_TILE: usize = 8;

/// The nearest `depth` documents of each query, and all that tie with the last of them.
///
/// Score: minus the distance, as float32 (exact, as codes are shorter than 2^24 bits). Order: score descending, then
/// document row ascending. `depth` 0 finds nothing; no documents, nothing is found. Fails where the codes differ in
/// width, where `stop` is true between two tiles of queries ([`VectorError::Stopped`]), and where `BITSWEEP_KERNELS`
/// cannot be had.
pub fn search(codes: &Codes, queries: &Codes, depth: usize, stop: &dyn Fn() -> bool) -> Result<Hits, VectorError> {
    search_with(Kernels::chosen()?, (codes, queries), depth, stop)
}

/// `pair`: documents, queries.
fn search_with(
    kernels: Kernels,
    pair: (&Codes, &Codes),
    depth: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Hits, VectorError> {
    let (codes, queries) = pair;
    if codes.bytes != queries.bytes {
        return Err(VectorError::Width {
            what: "query codes",
            unit: "bytes",
            expected: codes.bytes,
            found: queries.bytes,
        });
    }
    let wanted = depth.min(codes.rows);
    // Tiles as equal as can be: a short one would pay for a pass of its own.
    let tile = queries.rows.div_ceil(queries.rows.div_ceil(TILE).max(1)).max(1);
    let block = (BLOCK_BYTES[usize::from(tile < LONG_TILE)] / codes.bytes).max(1);
    let mut nearest: Vec<_> = (0..tile).map(|_| Nearest::new(8 * codes.bytes)).collect();
    let mut scratch = Scratch::default();
    let mut hits = Hits::default();
    for first in (0..queries.rows).step_by(tile) {
        if stop() {
            return Err(VectorError::Stopped);
        }
        let rows = first..queries.rows.min(first + tile);
        if wanted == 0 {
            rows.for_each(|_| hits.end_query());
            continue;
        }
        let nearest = &mut nearest[..rows.len()];
        nearest.iter_mut().for_each(|nearest| nearest.start(wanted));
        let queries = &queries.data[rows.start * codes.bytes..rows.end * codes.bytes];
        for start in (0..codes.rows).step_by(block) {
            let len = block.min(codes.rows - start);
            let documents =
                Block { first_row: start as u32, codes: &codes.data[start * codes.bytes..][..len * codes.bytes] };
            offer_block(kernels, documents, (queries, nearest), &mut scratch);
        }
        nearest.iter_mut().for_each(|nearest| nearest.finish(&mut hits));
    }
    Ok(hits)
}

/// Documents of consecutive rows.
#[derive(Clone, Copy)]
struct Block<'a> {
    first_row: u32,
    codes: &'a [u8],
}

/// Memory that is used again for each block.
#[derive(Default)]
struct Scratch {
    /// Distances of one query.
    distances: Vec<u32>,
    /// The block by words.
    #[cfg(target_arch = "x86_64")]
    avx2: Vec<std::arch::x86_64::__m256i>,
    /// The same.
    #[cfg(target_arch = "x86_64")]
    avx512: Vec<std::arch::x86_64::__m512i>,
}

/// Offers the documents of a block to all queries of a tile: codes of equal length, one for each of the other side.
fn offer_block(kernels: Kernels, block: Block, tile: (&[u8], &mut [Nearest]), scratch: &mut Scratch) {
    let (queries, nearest) = tile;
    let bytes = queries.len() / nearest.len();
    #[cfg(target_arch = "x86_64")]
    if matches!(bytes, 8 | 16 | 32 | 64) {
        match kernels.set() {
            Set::Scalar => {}
            // SAFETY: `Kernels` values with these sets exist only where the CPU has their features.
            Set::Avx2 => return unsafe { avx2::offer_block(block, queries, nearest, &mut scratch.avx2) },
            // SAFETY: as above.
            Set::Avx512 => return unsafe { avx512::offer_block(block, queries, nearest, &mut scratch.avx512) },
        }
    }
    scratch.distances.resize(block.codes.len() / bytes, 0);
    for (query, nearest) in queries.chunks_exact(bytes).zip(nearest) {
        distances_with(kernels, query, block.codes, &mut scratch.distances);
        nearest.offer(block.first_row, &scratch.distances);
    }
}

/// The word of each code that register `i` of `words` has after codes were laid out by words: rounds that split even
/// from odd places, the lowest bit first, leave the bits of a place in reverse.
#[cfg(target_arch = "x86_64")]
const fn word_of(i: usize, words: usize) -> usize {
    if words == 1 { 0 } else { i.reverse_bits() >> (usize::BITS - words.ilog2()) }
}

/// Distances of `query` to each code of `codes`, whose length is `query.len() * out.len()`.
fn distances_with(kernels: Kernels, query: &[u8], codes: &[u8], out: &mut [u32]) {
    assert_eq!(codes.len(), query.len() * out.len(), "codes have the width of the query");
    match kernels.set() {
        Set::Scalar => scalar::distances(query, codes, out),
        // SAFETY: `Kernels` values with these sets exist only where the CPU has their features.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { avx2::distances(query, codes, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { avx512::distances(query, codes, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Set::Avx2 | Set::Avx512 => scalar::distances(query, codes, out),
    }
}
