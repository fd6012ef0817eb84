//! The scalar reference against counting bit by bit, the other paths against the reference, search against sorting.

use proptest::prelude::*;

use super::{distance, distances_with, scalar, search, search_with};
use crate::error::VectorError;
use crate::kernels::Kernels;
use crate::matrix::Codes;

/// Bytes without a pattern, by an explicit formula.
fn bytes(len: usize, salt: u32) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503)) >> 13) as u8)
        .collect()
}

const LENGTHS: [usize; 24] =
    [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 95, 96, 127, 128, 129, 257, 512, 513];

#[test]
fn the_reference_counts_bits() {
    assert_eq!(distance(&[0b1010_0000, 1], &[0b0010_0001, 1]), 2);
    for len in LENGTHS {
        let (a, b) = (bytes(len, 1), bytes(len, 2));
        let naive: u32 = (0..8 * len).map(|i| u32::from((a[i / 8] ^ b[i / 8]) >> (i % 8) & 1)).sum();
        assert_eq!(distance(&a, &b), naive, "{len} bytes");
        assert_eq!(distance(&vec![0; len], &vec![255; len]), 8 * len as u32);
    }
}

#[test]
fn every_path_equals_the_reference_on_awkward_lengths() {
    let paths = Kernels::available();
    for len in LENGTHS {
        for count in [0usize, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 64, 65, 257, 513] {
            // One byte more in front moves everything off its alignment.
            let codes = &bytes(len * count + 1, 3)[1..];
            let query = &bytes(len + 1, 4)[1..];
            let mut expected = vec![0; count];
            scalar::distances(query, codes, &mut expected);
            for kernels in &paths {
                let mut found = vec![u32::MAX; count];
                distances_with(*kernels, query, codes, &mut found);
                assert_eq!(found, expected, "{kernels:?}: {count} codes of {len} bytes");
            }
        }
    }
}

#[test]
fn extreme_codes_do_not_overflow() {
    for len in LENGTHS {
        for kernels in Kernels::available() {
            let mut found = vec![0; 9];
            distances_with(kernels, &vec![0; len], &vec![255; 9 * len], &mut found);
            assert_eq!(found, vec![8 * len as u32; 9], "{kernels:?} {len}");
        }
    }
}

fn codes(max_rows: usize, bytes: usize) -> impl Strategy<Value = Codes> {
    // Few values, so that ties are many.
    prop::collection::vec(prop::collection::vec(prop::sample::select(vec![0u8, 1, 3, 255]), bytes), 0..max_rows)
        .prop_map(move |rows| Codes::new(rows.len(), bytes, rows.concat()).unwrap())
}

proptest! {
    #[test]
    fn search_is_sorting_cut_behind_the_tied_group(
        (codes, queries) in prop::sample::select(vec![1usize, 3, 8, 16, 32, 64, 70])
            .prop_flat_map(|bytes| (codes(300, bytes), codes(20, bytes))),
        depth in 0usize..40,
    ) {
        for kernels in Kernels::available() {
            let hits = search_with(kernels, (&codes, &queries), depth, &|| false).unwrap();
            prop_assert_eq!(hits.queries(), queries.rows);
            for (query, (documents, scores)) in hits.iter().enumerate() {
                let mut all: Vec<(u32, u32)> =
                    (0..codes.rows).map(|d| (distance(queries.row(query), codes.row(d)), d as u32)).collect();
                all.sort_unstable();
                let cut = all.get(depth.min(all.len()).wrapping_sub(1)).map(|last| last.0);
                all.retain(|(distance, _)| cut.is_some_and(|cut| *distance <= cut));
                prop_assert_eq!(documents, all.iter().map(|(_, d)| *d).collect::<Vec<_>>());
                prop_assert_eq!(scores, all.iter().map(|(distance, _)| 0.0 - *distance as f32).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn blocks_and_tiles_join() {
    // More documents than a block, more queries than a tile.
    for width in [1, 8, 32] {
        let codes = Codes::new(3000, width, bytes(3000 * width, 5)).unwrap();
        let queries = Codes::new(19, width, bytes(19 * width, 6)).unwrap();
        let hits = search(&codes, &queries, codes.rows, &|| false).unwrap();
        for (query, (documents, scores)) in hits.iter().enumerate() {
            assert_eq!(documents.len(), codes.rows);
            for (document, score) in documents.iter().zip(scores) {
                assert_eq!(distance(queries.row(query), codes.row(*document as usize)) as f32, -score);
            }
        }
    }
}

#[test]
fn no_documents_no_queries_and_wrong_widths() {
    let none = Codes::new(0, 8, vec![]).unwrap();
    let one = Codes::new(1, 8, vec![0; 8]).unwrap();
    assert_eq!(search(&none, &one, 10, &|| false).unwrap().get(0), (&[][..], &[][..]));
    assert_eq!(search(&one, &none, 10, &|| false).unwrap().queries(), 0);
    assert_eq!(search(&one, &one, 0, &|| false).unwrap().get(0).0.len(), 0);
    assert!(search(&one, &one, 1, &|| false).unwrap().scores[0].is_sign_positive());
    let wide = Codes::new(1, 16, vec![0; 16]).unwrap();
    let message = search(&one, &wide, 1, &|| false).unwrap_err().to_string();
    assert_eq!(message, "query codes have 16 bytes each, 8 are expected");
}

#[test]
fn the_stop_flag_ends_a_search() {
    let one = Codes::new(1, 8, vec![0; 8]).unwrap();
    assert!(matches!(search(&one, &one, 1, &|| true), Err(VectorError::Stopped)));
}
