//! The scalar reference against counting bit by bit, the other paths against the reference, search against sorting.

use std::cell::Cell;

use proptest::prelude::*;

use super::{TILE, distance, distances_with, scalar, search, search_with};
use crate::error::VectorError;
use crate::hits::Hits;
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
            prop_assert_eq!(hits, sorted(&codes, &queries, depth), "{:?}", kernels);
        }
    }
}

/// All documents of each query by distance, then row, cut behind those that tie with the one at rank `depth`.
fn sorted(codes: &Codes, queries: &Codes, depth: usize) -> Hits {
    let mut hits = Hits::default();
    for query in 0..queries.rows {
        let mut all: Vec<(u32, u32)> =
            (0..codes.rows).map(|d| (distance(queries.row(query), codes.row(d)), d as u32)).collect();
        all.sort_unstable();
        let cut = all.get(depth.min(all.len()).wrapping_sub(1)).map(|last| last.0);
        all.retain(|(distance, _)| cut.is_some_and(|cut| *distance <= cut));
        hits.documents.extend(all.iter().map(|(_, document)| *document));
        hits.scores.extend(all.iter().map(|(distance, _)| 0.0 - *distance as f32));
        hits.end_query();
    }
    hits
}

fn check(codes: &Codes, queries: &Codes, depth: usize) {
    let expected = sorted(codes, queries, depth);
    for kernels in Kernels::available() {
        let found = search_with(kernels, (codes, queries), depth, &|| false).unwrap();
        // Not assert_eq: its message would be long.
        assert!(found == expected, "{kernels:?}: {} codes of {} bytes, depth {depth}", codes.rows, codes.bytes);
    }
}

#[test]
fn search_is_sorting_on_awkward_lengths_and_depths() {
    for len in LENGTHS {
        // More than a block of most lengths, and neither a multiple of a block nor of what a kernel takes at once.
        for rows in [1, 31, 32, 33, 127, 2181] {
            let codes = Codes::new(rows, len, bytes(rows * len, 5)).unwrap();
            let queries = Codes::new(3, len, bytes(3 * len, 6)).unwrap();
            for depth in [0, 1, 10, rows, rows + 1] {
                check(&codes, &queries, depth);
            }
        }
    }
}

#[test]
fn tiles_join() {
    // One tile that is full, two of unequal size; blocks are longer than those of the few queries above.
    for rows in [TILE, TILE + 1] {
        for len in [1, 8, 16, 32, 64] {
            let codes = Codes::new(3000, len, bytes(3000 * len, 5)).unwrap();
            let queries = Codes::new(rows, len, bytes(rows * len, 6)).unwrap();
            check(&codes, &queries, 10);
        }
    }
}

#[test]
fn the_order_of_documents_changes_nothing() {
    // So many that the list of a query is gone through several times, where each document is at least as near as those
    // before.
    let rows = 20_000;
    for len in [1, 8, 16, 32, 64] {
        let far = |row: usize| row * 8 * len / rows;
        let code = |bits: usize| (0..len).map(move |byte| (0xff_u16 << bits.saturating_sub(8 * byte).min(8)) as u8);
        let queries = Codes::new(2, len, [vec![0; len], vec![255; len]].concat()).unwrap();
        let codes = Codes::new(rows, len, (0..rows).flat_map(|row| code(far(row))).collect()).unwrap();
        for depth in [1, 100, 6000] {
            check(&codes, &queries, depth);
        }
        // All tied.
        let codes = Codes::new(rows, len, vec![15; rows * len]).unwrap();
        check(&codes, &queries, 1);
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
    // It is asked before each tile, whatever is wanted of them.
    let queries = Codes::new(TILE + 1, 8, vec![0; 8 * (TILE + 1)]).unwrap();
    for depth in [0, 1] {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == 1;
        assert!(matches!(search(&one, &queries, depth, &stop), Err(VectorError::Stopped)));
        assert_eq!(asked.get(), 2);
    }
}
