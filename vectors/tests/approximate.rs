//! Graphs and inverted lists: what they find, return, weigh and share, and when they refuse.

use std::collections::BTreeSet;
use std::path::Path;

use bitsweep_proto::Codec;
use bitsweep_proto::codec::{Hnsw, Ivfpq};
use bitsweep_vectors::{Hits, Index, Matrix, build};

/// Numbers in -½..½ by an explicit formula.
fn sample(rows: usize, dim: usize, salt: u32) -> Matrix {
    let value = |i: u32| {
        let mixed = (i ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
        ((mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35) >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut matrix = Matrix::new(rows, dim, (0..(rows * dim) as u32).map(value).collect()).unwrap();
    for row in matrix.data.chunks_exact_mut(dim) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    matrix
}

fn never() -> bool {
    false
}

fn hnsw(m: u32, ef_construction: u32, ef_search: u32) -> Codec {
    Codec::Hnsw(Hnsw { m, ef_construction, ef_search: Some(ef_search) })
}

fn ivfpq(nlist: u32, bytes: u32, nprobe: u32) -> Codec {
    Codec::Ivfpq(Ivfpq { nlist, bytes, nprobe: Some(nprobe) })
}

fn searched(codec: Codec, documents: &Matrix, (queries, depth): (&Matrix, usize)) -> Hits {
    build(codec, documents.clone(), &never).unwrap().search(queries, depth, &never).unwrap()
}

/// Each list as pairs of a document and the bits of its score.
fn sets(hits: &Hits) -> Vec<BTreeSet<(u32, u32)>> {
    let set = |(documents, scores): (&[u32], &[f32])| {
        documents.iter().copied().zip(scores.iter().map(|score| score.to_bits())).collect()
    };
    hits.iter().map(set).collect()
}

#[test]
fn a_walk_that_keeps_everything_finds_what_float32_finds() {
    let (documents, queries) = (sample(700, 24, 1), sample(20, 24, 2));
    let exact = searched(Codec::Float32, &documents, (&queries, 10));
    assert_eq!(searched(hnsw(16, 40, 700), &documents, (&queries, 10)), exact);
    assert_eq!(searched(hnsw(16, 40, 100_000), &documents, (&queries, 10)), exact);
}

#[test]
fn a_walk_scores_as_float32_does_and_returns_no_more_than_it_keeps() {
    let (documents, queries) = (sample(3000, 21, 1), sample(30, 21, 2));
    let every = sets(&searched(Codec::Float32, &documents, (&queries, 3000)));
    let best = sets(&searched(Codec::Float32, &documents, (&queries, 5)));
    let mut recalls = Vec::new();
    for kept in [1, 5, 20, 200] {
        let hits = searched(hnsw(8, 20, kept), &documents, (&queries, 1000));
        assert!(hits.iter().all(|(found, _)| found.len() == kept as usize), "{kept}");
        let found = sets(&hits);
        assert!(found.iter().zip(&every).all(|(found, every)| found.is_subset(every)));
        recalls.push(found.iter().zip(&best).map(|(found, best)| found.intersection(best).count()).sum::<usize>());
        // What is found does not depend on how much is asked for.
        let few = searched(hnsw(8, 20, kept), &documents, (&queries, 3));
        for ((few, _), (all, _)) in few.iter().zip(hits.iter()) {
            assert_eq!(few, &all[..3.min(kept as usize)]);
        }
    }
    assert!(recalls.is_sorted() && recalls[0] < 50 && recalls[3] == 150, "{recalls:?}");
}

#[test]
fn documents_that_are_equal_tie_exactly_where_a_walk_meets_them() {
    let distinct = sample(200, 19, 3);
    let documents = Matrix::new(600, 19, distinct.data.repeat(3)).unwrap();
    let hits = searched(hnsw(16, 60, 90), &documents, (&sample(20, 19, 4), 600));
    let mut tied = 0;
    for (found, scores) in hits.iter() {
        for pair in 1..found.len() {
            let same = found[pair] % 200 == found[pair - 1] % 200;
            assert_eq!(same, scores[pair] == scores[pair - 1]);
            assert!(!same || found[pair] > found[pair - 1]);
            tied += usize::from(same);
        }
    }
    assert!(tied > 300, "{tied}");
}

#[test]
fn lists_are_looked_through_whole_and_only_as_many_as_asked() {
    let (documents, queries) = (sample(900, 16, 1), sample(15, 16, 2));
    let depth = 900;
    let mut last = vec![BTreeSet::new(); 15];
    let mut found = Vec::new();
    for nprobe in 1..=8 {
        let hits = searched(ivfpq(8, 4, nprobe), &documents, (&queries, depth));
        let sets = sets(&hits);
        assert!(last.iter().zip(&sets).all(|(last, set)| last.is_subset(set)), "{nprobe}");
        found.push(hits.documents.len());
        last = sets;
    }
    assert_eq!(found[7], 15 * 900, "all lists hold all documents");
    assert!(found[0] < 15 * 300 && found.is_sorted(), "{found:?}");
    let shallow = searched(ivfpq(8, 4, 3), &documents, (&queries, 5));
    let deep = searched(ivfpq(8, 4, 3), &documents, (&queries, depth));
    for ((few, _), (all, _)) in shallow.iter().zip(deep.iter()) {
        assert_eq!(few, &all[..few.len()]);
    }
}

#[test]
fn the_tied_group_at_the_cut_is_whole_in_lists() {
    let distinct = sample(300, 16, 3);
    for copies in [2, 7] {
        let documents = Matrix::new(300 * copies, 16, distinct.data.repeat(copies)).unwrap();
        let hits = searched(ivfpq(4, 4, 2), &documents, (&sample(20, 16, 4), 10));
        for (found, scores) in hits.iter() {
            assert!(found.len() >= 10 && found.len().is_multiple_of(copies), "{found:?}");
            assert!(scores.is_sorted_by(|a, b| a >= b));
        }
    }
}

/// `Index::save` compares with what is stated, but for a header; this compares every layer.
#[test]
fn graphs_weigh_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for (m, documents) in [(4, 900), (16, 1), (16, 3000), (32, 2000), (64, 500)] {
        let codec = hnsw(m, m.max(20), 10);
        let index = build(codec, sample(documents, 8, 1), &never).unwrap();
        index.save(&path).unwrap();
        let footprint = codec.footprint(8, documents as u64);
        assert_eq!(index.footprint(), footprint);
        assert_eq!(footprint.bytes_per_vector, 4 * 8 + 8 * u64::from(m) + 12);
        let above: u64 = layers(&path).iter().map(|layers| u64::from(*layers) - 1).sum();
        assert_eq!(footprint.shared_bytes, 4 * u64::from(m) * above, "{m} {documents}");
    }
}

/// The layers of each document, from a file: after Faiss' header of 37 bytes stand vectors with their lengths, chances (float64),
/// links (int32) and layers (int32).
fn layers(path: &Path) -> Vec<u32> {
    let bytes = std::fs::read(path).unwrap();
    let length = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let chances = 37;
    let links = chances + 8 + 8 * length(chances);
    let layers = links + 8 + 4 * length(links);
    let numbers = bytes[layers + 8..][..4 * length(layers)].as_chunks().0;
    numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

#[test]
fn searches_share_the_index_that_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (path, again) = (folder.path().join("index"), folder.path().join("again"));
    let (documents, queries) = (sample(600, 32, 1), sample(9, 32, 2));
    for codecs in [[1, 40].map(|kept| hnsw(8, 20, kept)), [1, 4].map(|lists| ivfpq(5, 4, lists))] {
        let stored = build(codecs[0].stored(), documents.clone(), &never).unwrap();
        stored.save(&path).unwrap();
        for codec in codecs {
            let read = Index::load(codec, 32, &path).unwrap();
            assert_eq!(read.codec(), codec);
            let found = read.search(&queries, 20, &never).unwrap();
            assert_eq!(found, searched(codec, &documents, (&queries, 20)), "{codec}");
        }
        Index::load(codecs[0].stored(), 32, &path).unwrap().save(&again).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
        let error = stored.search(&queries, 20, &never).unwrap_err().to_string();
        assert!(error.ends_with("without saying how far a search goes (ef_search, nprobe)"), "{error}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let error = |codec, documents| build(codec, documents, &never).err().expect("it cannot be built").to_string();
    let few = error(ivfpq(301, 4, 1), sample(300, 32, 1));
    assert_eq!(few, "codec ivfpq/301/4/1 trains on the documents and needs at least 301 of them, the corpus has 300");
    let few = error(ivfpq(2, 4, 1), sample(255, 32, 1));
    assert!(few.ends_with("needs at least 256 of them, the corpus has 255"), "{few}");
    let unfit = error(ivfpq(2, 4, 3), sample(300, 32, 1));
    assert!(unfit.ends_with("ivfpq cannot look into 3 lists (nprobe) where there are 2 (nlist)"), "{unfit}");
    let unfit = error(hnsw(3, 40, 10), sample(300, 32, 1));
    assert_eq!(unfit, "codec hnsw/3/40/10 does not fit: hnsw has 4 to 512 links (m), not 3");
    let mut huge = sample(300, 32, 1);
    huge.data[32 * 7] = 3e19;
    for codec in [hnsw(8, 20, 10), ivfpq(2, 4, 1)] {
        let message = error(codec, huge.clone());
        assert!(message.contains("the values of document 7 (from 0) are too large"), "{message}");
        let index = build(codec, sample(300, 32, 1), &never).unwrap();
        let message = index.search(&huge, 5, &never).unwrap_err().to_string();
        assert!(message.starts_with("query 7 (from 0) has scores that are not finite"), "{message}");
    }
}

#[test]
fn an_index_of_another_shape_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for [built, other] in [[hnsw(8, 20, 10), hnsw(9, 20, 10)], [ivfpq(5, 4, 1), ivfpq(50, 4, 1)]] {
        build(built, sample(300, 32, 1), &never).unwrap().save(&path).unwrap();
        let message = Index::load(other, 32, &path).err().expect("it is another").to_string();
        assert!(message.starts_with(&format!("codec {other} was built with")), "{message}");
    }
}

/// Most lists are empty where documents are all alike; a file then leaves out their sizes.
#[test]
fn documents_that_are_all_the_same_are_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let documents = Matrix::new(400, 8, sample(1, 8, 1).data.repeat(400)).unwrap();
    for codec in [ivfpq(40, 4, 40), hnsw(8, 20, 30)] {
        let index = build(codec, documents.clone(), &never).unwrap();
        index.save(&path).unwrap();
        let hits = Index::load(codec, 8, &path).unwrap().search(&sample(3, 8, 2), 10, &never).unwrap();
        assert!(hits.iter().all(|(_, scores)| scores.iter().all(|score| *score == scores[0])), "{codec}");
    }
}
