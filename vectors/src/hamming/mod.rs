//! Hamming distances and exhaustive search over binary codes.
//!
//! The distance of two codes of equal length is the number of bits that differ. Bit order and padding do not matter to it:
//! codes are whole bytes. [`distance`] is the scalar reference; `avx2` and `avx512` hold one instruction set each and equal
//! it bit for bit. Codes of 8, 16, 32 and 64 bytes have loops of their own, as calls and horizontal sums cost more than the
//! counting there.
//!
//! Search counts: distances of one query to all documents, a histogram over the `8 * bytes + 1` possible distances, the
//! cut, and one pass that puts the documents in their places. So ties cost nothing and are kept whole. Queries are taken
//! in tiles and documents in blocks that stay in the first cache.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(test)]
mod tests;

pub use scalar::distance;

use crate::error::VectorError;
use crate::hits::Hits;
use crate::kernels::{Kernels, Set};
use crate::matrix::Codes;

/// Queries that share a pass over the documents.
const TILE: usize = 8;

/// Bytes of codes in one block.
const BLOCK_BYTES: usize = 16 * 1024;

/// The nearest `depth` documents of each query, and all that tie with the last of them.
///
/// Score: minus the distance, as float32 (exact, as codes are shorter than 2^24 bits). Order: score descending, then
/// document row ascending. `depth` 0 finds nothing; no documents, nothing is found. Fails where the codes differ in width,
/// where `stop` is true between two tiles of queries ([`VectorError::Stopped`]), and where `BITSWEEP_KERNELS` cannot be had.
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
    let block = (BLOCK_BYTES / codes.bytes).max(1);
    let mut distances = vec![0u32; TILE.min(queries.rows) * codes.rows];
    let mut hits = Hits::default();
    for first in (0..queries.rows).step_by(TILE) {
        if stop() {
            return Err(VectorError::Stopped);
        }
        let tile = TILE.min(queries.rows - first);
        for start in (0..codes.rows).step_by(block) {
            let len = block.min(codes.rows - start);
            let documents = &codes.data[start * codes.bytes..][..len * codes.bytes];
            for query in 0..tile {
                let out = &mut distances[query * codes.rows + start..][..len];
                distances_with(kernels, queries.row(first + query), documents, out);
            }
        }
        for query in 0..tile {
            select(&distances[query * codes.rows..][..codes.rows], 8 * codes.bytes, depth, &mut hits);
        }
    }
    Ok(hits)
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

/// Adds one query's list: a counting sort of the documents not farther than the one at rank `depth`.
fn select(distances: &[u32], bits: usize, depth: usize, hits: &mut Hits) {
    let mut counts = vec![0usize; bits + 1];
    for &distance in distances {
        counts[distance as usize] += 1;
    }
    let wanted = depth.min(distances.len());
    // From counts to places: `counts[d]` becomes the place of the next document at distance d.
    let base = hits.documents.len();
    let (mut total, mut kept) = (0, 0);
    for (distance, count) in counts.iter_mut().enumerate() {
        if total >= wanted {
            break;
        }
        let first = base + total;
        total += *count;
        hits.scores.resize(base + total, 0.0 - distance as f32);
        *count = first;
        kept = distance + 1;
    }
    hits.documents.resize(base + total, 0);
    for (document, &distance) in (0..).zip(distances) {
        if (distance as usize) < kept {
            let place = &mut counts[distance as usize];
            hits.documents[*place] = document;
            *place += 1;
        }
    }
    hits.end_query();
}
