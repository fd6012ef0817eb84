//! The order in which documents are learnt from: k-means starts from the first of them that it draws, so another order is
//! another start.
//!
//! Faiss draws its centroids from a fixed seed, by position: 256 of the rows that it is given (`pq4fs`: 16, and it learns from 4,096
//! rows at most, which it draws too).
//! The order of a seed s is drawn once for all rows: ChaCha20 with the key SHA-256("bitsweep pq order 1" ‖ s as 4 bytes, least
//! first); for i = 0, 1, … the row at i changes places with the one at i + ⌊u (n − i) / 2⁶⁴⌋, u the next 64 bits. Only as many as
//! Faiss looks at ([`MOST`]) are kept, so that a large corpus is not copied. `opq` also starts from a rotation: that one stays,
//! for Faiss draws it whatever the order is. What is stored is not reordered.

use bitsweep_proto::Digest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::matrix::Matrix;

/// Faiss learns 256 centroids, and OPQ's rotation, from at most as many documents (256 a centroid); it would draw them itself.
const MOST: usize = 65_536;

/// The first [`MOST`] of the documents in the order of `seed`; all where there are no more.
pub(crate) fn drawn(documents: &Matrix, seed: u32) -> Matrix {
    let rows = rows(documents.rows, seed);
    let data = rows.iter().flat_map(|row| documents.row(*row)).copied().collect();
    Matrix { rows: rows.len(), dim: documents.dim, data }
}

fn rows(count: usize, seed: u32) -> Vec<usize> {
    let mut label = b"bitsweep pq order 1".to_vec();
    label.extend_from_slice(&seed.to_le_bytes());
    let mut stream = ChaCha20Rng::from_seed(Digest::of(&label).0);
    let mut rows: Vec<usize> = (0..count).collect();
    let kept = count.min(MOST);
    for place in 0..kept {
        let left = (count - place) as u128;
        let ahead = (u128::from(stream.next_u64()) * left) >> 64;
        rows.swap(place, place + ahead as usize);
    }
    rows.truncate(kept);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_comes_once_and_each_seed_has_its_order() {
        for count in [0, 1, 2, 1000] {
            let mut all = rows(count, 7);
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count));
        }
        // As a second implementation has them: ChaCha20 of vectors/tests/golden/binary.py.
        assert_eq!(rows(10, 0), [0, 2, 7, 9, 6, 1, 8, 5, 3, 4]);
        assert_eq!(rows(10, 1), [0, 2, 6, 3, 4, 1, 7, 8, 9, 5]);
        assert_eq!(rows(10, 7), [2, 0, 9, 1, 5, 3, 6, 7, 4, 8]);
        // Any row is first about as often as another.
        let mut first = [0; 4];
        (0..4000).for_each(|seed| first[rows(4, seed)[0]] += 1);
        assert!(first.iter().all(|times| (900..1100).contains(times)), "{first:?}");
    }

    #[test]
    fn of_a_large_corpus_as_many_as_faiss_looks_at() {
        let all = rows(70_000, 1);
        assert_eq!(all.len(), MOST);
        assert!(all.iter().any(|row| *row >= MOST));
    }
}
