//! Indexes built by Faiss: ties, files, weights, errors, threads.

use std::path::Path;

use bitsweep_proto::codec::{Centre, Hnsw, Ivfpq, Pq, PqScoring, Rotation, Scoring, Sign};
use bitsweep_proto::{Codec, Digest};
use bitsweep_vectors::{Index, Matrix, VectorError, build};
use proptest::prelude::*;

/// Numbers in -½..½ by an explicit formula.
fn sample(rows: usize, dim: usize, salt: u32) -> Matrix {
    let value = |i: u32| {
        let mixed = (i ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
        ((mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35) >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    Matrix::new(rows, dim, (0..(rows * dim) as u32).map(value).collect()).unwrap()
}

fn never() -> bool {
    false
}

const CODECS: [Codec; 11] = [
    Codec::Float32,
    Codec::Int8,
    Codec::Int4,
    Codec::Int2,
    Codec::pq(4),
    Codec::opq(4),
    Codec::pq4fs(4),
    Codec::Rabitq,
    Codec::Binary { bits: 64, seed: 1 },
    variant(Centre::Mean, Rotation::Itq, Scoring::Symmetric),
    variant(Centre::Median, Rotation::Orthonormal, Scoring::Asymmetric),
];

/// Those whose searches do not look at all documents; `approximate.rs` has their other tests.
const APPROXIMATE: [Codec; 2] = [
    Codec::Hnsw(Hnsw { m: 8, ef_construction: 20, ef_search: Some(30) }),
    Codec::Ivfpq(Ivfpq { nlist: 6, bytes: 4, nprobe: Some(2) }),
];

fn all() -> impl Iterator<Item = Codec> {
    CODECS.into_iter().chain(APPROXIMATE)
}

const fn variant(centre: Centre, rotation: Rotation, scoring: Scoring) -> Codec {
    Codec::Sign(Sign { bits: 16, centre, rotation, scoring, seed: Some(1) })
}

#[test]
fn float32_finds_what_sorting_finds() {
    let (documents, queries) = (sample(500, 24, 1), sample(9, 24, 2));
    let index = Index::flat(documents.clone()).unwrap();
    let hits = index.search(&queries, 10, &never).unwrap();
    for (query, (found, scores)) in hits.iter().enumerate() {
        let dot = |row: usize| -> f64 {
            queries.row(query).iter().zip(documents.row(row)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let mut all: Vec<usize> = (0..500).collect();
        all.sort_by(|a, b| dot(*b).total_cmp(&dot(*a)));
        assert_eq!(found, all[..10].iter().map(|row| *row as u32).collect::<Vec<_>>());
        for (row, score) in all.iter().zip(scores) {
            assert!((dot(*row) - f64::from(*score)).abs() < 1e-5);
        }
    }
}

#[test]
fn scores_do_not_depend_on_the_batch_or_the_depth() {
    let (documents, queries) = (sample(400, 32, 1), sample(45, 32, 2));
    for codec in all() {
        let index = build(codec, documents.clone(), &never).unwrap();
        let all = index.search(&queries, 400, &never).unwrap();
        for query in 0..queries.rows {
            let alone = Matrix::new(1, 32, queries.row(query).to_vec()).unwrap();
            let (documents, scores) = all.get(query);
            let shallow = index.search(&alone, 7, &never).unwrap();
            assert_eq!(shallow.documents, documents[..shallow.documents.len()], "{codec}");
            assert_eq!(shallow.scores, scores[..shallow.scores.len()], "{codec}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Each document stands several times, far apart, so every cut goes through a tied group.
    #[test]
    fn the_tied_group_at_the_cut_is_whole(copies in 1usize..60, depth in 1usize..50, which in 0usize..CODECS.len()) {
        let distinct = sample(300, 16, 3);
        let documents = Matrix::new(300 * copies, 16, distinct.data.repeat(copies)).unwrap();
        // What is trained takes long with many documents.
        let quick = [Codec::Float32, Codec::Binary { bits: 64, seed: 1 }];
        let codec = if copies > 8 { quick[which % 2] } else { CODECS[which] };
        let index = build(codec, documents, &never).unwrap();
        let queries = sample(3, 16, 4);
        let hits = index.search(&queries, depth, &never).unwrap();
        let everything = index.search(&queries, 300 * copies, &never).unwrap();
        for ((documents, scores), (all, all_scores)) in hits.iter().zip(everything.iter()) {
            let cut = all_scores[depth - 1];
            let wanted = all_scores.partition_point(|score| *score >= cut);
            prop_assert_eq!(documents, &all[..wanted]);
            prop_assert_eq!(scores, &all_scores[..wanted]);
            prop_assert!(wanted >= depth && wanted.is_multiple_of(copies));
            for pair in 1..wanted {
                let ordered = scores[pair - 1] > scores[pair]
                    || scores[pair - 1] == scores[pair] && documents[pair - 1] < documents[pair];
                prop_assert!(ordered);
            }
        }
    }
}

#[test]
fn indexes_read_back_and_weigh_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let (documents, queries) = (sample(300, 32, 1), sample(5, 32, 2));
    // Bytes of the file's header, counted from Faiss' format (and the length of safetensors' JSON); of others not too many.
    let headers =
        [(Codec::Float32, 45), (Codec::Int8, 81), (Codec::pq(4), 86), (Codec::Binary { bits: 64, seed: 1 }, 8 + 64)];
    for codec in CODECS {
        let index = build(codec, documents.clone(), &never).unwrap();
        let (path, again) = (folder.path().join("index"), folder.path().join("again"));
        index.save(&path).unwrap();
        let read = Index::load(codec, 32, &path).unwrap();
        read.save(&again).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap(), "{codec}");
        assert_eq!(index.search(&queries, 9, &never).unwrap(), read.search(&queries, 9, &never).unwrap(), "{codec}");
        assert_eq!((read.rows(), read.dim(), read.codec()), (300, 32, codec));
        let footprint = codec.footprint(32, 300);
        assert_eq!(read.footprint(), footprint);
        let rows: u64 = if matches!(codec, Codec::Pq4fs(_)) { 320 } else { 300 };
        let len = std::fs::metadata(&path).unwrap().len();
        let header = len - rows * footprint.bytes_per_vector - codec.stored_shared_bytes(32, 300);
        match headers.iter().find(|(known, _)| *known == codec) {
            Some((_, expected)) => assert_eq!(header, *expected, "{codec}"),
            None => assert!((40..320).contains(&header), "{codec}: {header}"),
        }
    }
}

#[test]
fn wrong_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let load = |codec, dim, path: &Path| Index::load(codec, dim, path).err().expect("it cannot be loaded").to_string();
    for codec in all() {
        let missing = load(codec, 32, &path.with_extension("none"));
        assert!(missing.starts_with("failed to read "), "{missing}");
        build(codec, sample(300, 32, 1), &never).unwrap().save(&path).unwrap();
        for other in all().filter(|other| *other != codec) {
            let message = load(other, 32, &path);
            let tells = [format!("is not an index of codec {other}"), format!("codec {other} was built with")];
            assert!(tells.iter().any(|told| message.contains(told)), "{message}");
        }
        let whole = std::fs::read(&path).unwrap();
        for len in [0, 3, 40, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).unwrap();
            let message = load(codec, 32, &path);
            assert!(message.contains("is not an index") || message.contains("faiss failed to read"), "{message}");
        }
    }
    build(Codec::Int8, sample(9, 32, 1), &never).unwrap().save(&path).unwrap();
    let message = load(Codec::Int8, 31, &path);
    assert!(message.ends_with("is not an index of codec int8: it has 32 dimensions, 31 are expected"), "{message}");
    let pq8 = Codec::pq(8);
    build(Codec::pq(4), sample(300, 32, 1), &never).unwrap().save(&path).unwrap();
    let message = load(pq8, 32, &path);
    assert!(message.starts_with("codec pq/8 was built with"), "{message}");
    let binary = Codec::Binary { bits: 128, seed: 1 };
    build(Codec::Binary { bits: 64, seed: 1 }, sample(3, 32, 1), &never).unwrap().save(&path).unwrap();
    let message = load(binary, 32, &path);
    assert!(message.ends_with("tensor \"codes\" is U8 [3, 8], uint8 with 16 bytes a row is expected"), "{message}");
}

#[test]
fn bad_input_is_named() {
    let error = |codec, documents| build(codec, documents, &never).err().expect("it cannot be built").to_string();
    let few = error(Codec::pq(4), sample(255, 32, 1));
    assert_eq!(few, "codec pq/4 trains on the documents and needs at least 256 of them, the corpus has 255");
    assert!(build(Codec::pq(4), sample(256, 32, 1), &never).is_ok());
    let few = error(variant(Centre::Mean, Rotation::Itq, Scoring::Symmetric), sample(16, 32, 1));
    assert!(few.ends_with("needs at least 17 of them, the corpus has 16"), "{few}");
    let none = error(Codec::Int8, sample(0, 32, 1));
    assert_eq!(none, "codec int8 trains on the documents and needs at least 1 of them, the corpus has 0");
    let unfit = error(Codec::pq(5), sample(300, 32, 1));
    assert!(unfit.starts_with("codec pq/5 does not fit: pq needs a dimension that its bytes divide"), "{unfit}");
    let unfit = error(Codec::Binary { bits: 12, seed: 0 }, sample(300, 32, 1));
    assert!(unfit.contains("multiple of 8"), "{unfit}");
    for codec in all() {
        let mut documents = sample(300, 32, 1);
        documents.data[32 * 7 + 3] = f32::NAN;
        let expected = "row 7 has NaN in dimension 3 (both from 0): vectors must be finite";
        assert_eq!(error(codec, documents.clone()), expected);
        let index = build(codec, sample(300, 32, 1), &never).unwrap();
        assert_eq!(index.search(&documents, 5, &never).unwrap_err().to_string(), expected);
        let message = index.search(&sample(1, 31, 1), 5, &never).unwrap_err().to_string();
        assert_eq!(message, "queries have 31 dimensions each, 32 are expected");
        assert!(matches!(index.search(&sample(1, 32, 1), 5, &|| true), Err(VectorError::Stopped)));
        assert_eq!(index.codec(), codec);
        assert!(matches!(build(codec, sample(300, 32, 1), &|| true), Err(VectorError::Stopped)));
    }
    let huge = Matrix::new(2, 1, vec![1e30, -1e30]).unwrap();
    let message = Index::flat(huge.clone()).unwrap().search(&huge, 1, &never).unwrap_err().to_string();
    assert!(message.starts_with("query 0 (from 0) has scores that are not finite"), "{message}");
}

#[test]
fn small_corpora_and_depths() {
    let drawn =
        Sign { bits: 8, centre: Centre::Mean, rotation: Rotation::None, scoring: Scoring::Symmetric, seed: None };
    let median = Sign { centre: Centre::Median, scoring: Scoring::Asymmetric, ..drawn };
    let codecs = [Codec::Float32, Codec::Int8, Codec::Int4, Codec::Int2, Codec::Rabitq];
    let more = [Codec::Binary { bits: 64, seed: 1 }, APPROXIMATE[0]];
    for codec in codecs.into_iter().chain(more).chain([drawn, median].map(Codec::Sign)) {
        let index = build(codec, sample(1, 8, 1), &never).unwrap();
        assert_eq!(index.search(&sample(2, 8, 2), 1000, &never).unwrap().documents, [0, 0], "{codec}");
        assert_eq!(index.search(&sample(2, 8, 2), 0, &never).unwrap().offsets, [0, 0, 0], "{codec}");
        assert_eq!(index.search(&sample(0, 8, 2), 5, &never).unwrap().queries(), 0, "{codec}");
    }
    let empty = Index::flat(sample(0, 8, 1)).unwrap();
    assert_eq!(empty.search(&sample(1, 8, 2), 5, &never).unwrap().offsets, [0, 0]);
}

/// An index that was stored by the codec without its scoring is read by each scoring.
#[test]
fn scorings_share_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for (centre, rotation) in
        [(Centre::None, Rotation::Gaussian), (Centre::Mean, Rotation::Pca), (Centre::Median, Rotation::Orthonormal)]
    {
        let seed = Some(1).filter(|_| rotation.is_drawn());
        let codec = Codec::Sign(Sign { bits: 16, centre, rotation, scoring: Scoring::Asymmetric, seed });
        build(codec.stored(), sample(300, 32, 1), &never).unwrap().save(&path).unwrap();
        let read = Index::load(codec, 32, &path).unwrap();
        let built = build(codec, sample(300, 32, 1), &never).unwrap();
        let queries = sample(4, 32, 2);
        assert_eq!(read.search(&queries, 9, &never).unwrap(), built.search(&queries, 9, &never).unwrap(), "{codec}");
    }
}

/// A fast scan of Faiss leaves out documents whose rounded score is 0.
#[test]
fn a_fast_scan_returns_all_documents() {
    let zero = Matrix::new(2, 8, vec![0.0; 16]).unwrap();
    let same = Matrix::new(40, 8, sample(1, 8, 1).data.repeat(40)).unwrap();
    for (documents, queries) in
        [(sample(200, 8, 1), sample(50, 8, 2)), (sample(200, 8, 1), zero), (same, sample(5, 8, 2))]
    {
        let rows = documents.rows;
        for bytes in [1, 2, 4] {
            let index = build(Codec::pq4fs(bytes), documents.clone(), &never).unwrap();
            let all = index.search(&queries, rows, &never).unwrap();
            for (query, (documents, scores)) in all.iter().enumerate() {
                let mut sorted = documents.to_vec();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..rows as u32) && scores.is_sorted_by(|a, b| a >= b));
                let alone = Matrix::new(1, 8, queries.row(query).to_vec()).unwrap();
                let few = index.search(&alone, 7, &never).unwrap();
                assert_eq!(few.documents, documents[..few.documents.len()]);
            }
        }
    }
}

/// Not a test of its own: [`results_do_not_depend_on_the_number_of_threads`] runs it in other environments.
#[test]
fn print_digests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (documents, queries) = (sample(5000, 48, 1), sample(40, 48, 2));
    let four = [Codec::pq(4), Codec::opq(4), Codec::pq4fs(4), Codec::Rabitq];
    let exhaustive = [Codec::Float32, Codec::Int8, Codec::Int4, Codec::pq(1)].into_iter().chain(four);
    for codec in exhaustive.chain(APPROXIMATE) {
        let index = build(codec, documents.clone(), &never).unwrap();
        index.save(&path).unwrap();
        let hits = index.search(&queries, 50, &never).unwrap();
        let scores: Vec<u8> = hits.scores.iter().flat_map(|score| score.to_le_bytes()).collect();
        println!("digest {codec} {} {}", Digest::of(&std::fs::read(&path).unwrap()), Digest::of(&scores));
    }
    println!("digest profile {}", bitsweep_vectors::profile().unwrap().self_test);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let digests = |threads: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "print_digests", "--nocapture"])
            .env("OMP_NUM_THREADS", threads)
            .env("OPENBLAS_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<String> = text.lines().filter_map(|l| Some(l[l.find("digest ")?..].to_owned())).collect();
        assert_eq!(lines.len(), 11, "{text}");
        lines
    };
    let one = digests("1");
    for threads in ["2", "4"] {
        assert_eq!(one, digests(threads), "{threads} threads");
    }
}

#[test]
fn a_seed_is_another_start_and_the_same_whenever_it_is_repeated() {
    let documents = sample(400, 8, 1);
    let bytes = |codec: Codec| {
        let path = tempfile::NamedTempFile::new().unwrap();
        build(codec, documents.clone(), &never).unwrap().save(path.path()).unwrap();
        std::fs::read(path.path()).unwrap()
    };
    for of in [Codec::Pq, Codec::Opq, Codec::Pq4fs] {
        let starts = [None, Some(0), Some(1)].map(|seed| of(Pq { seed, ..Pq::new(4) }));
        let built = starts.map(bytes);
        assert!(built[0] != built[1] && built[1] != built[2] && built[0] != built[2], "{}", starts[0]);
        assert!(built.iter().all(|one| one.len() == built[0].len()));
        assert_eq!(bytes(starts[1]), built[1]);
        // What is stored keeps its place: a document is what is found for it.
        let index = build(starts[2], documents.clone(), &never).unwrap();
        let hits = index.search(&documents, 40, &never).unwrap();
        let found = hits.iter().enumerate().filter(|(row, (found, _))| found.contains(&(*row as u32))).count();
        assert!(found > 380, "{found} of 400 by {}", starts[2]);
    }
}

/// The cosine is the inner product over the length of what is decoded: against decoding by hand, with ties whole.
#[test]
fn by_the_cosine_decoded_vectors_count_by_their_direction() {
    let (documents, queries) = (sample(400, 8, 1), sample(20, 8, 2));
    for of in [Codec::Pq, Codec::Opq] {
        let cosine = of(Pq { scoring: PqScoring::Cosine, ..Pq::new(2) });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        build(cosine.stored(), documents.clone(), &never).unwrap().save(&path).unwrap();
        let index = Index::load(cosine, 8, &path).unwrap();
        let axis = |d: usize| (0..8).map(|other| f32::from(u8::from(other == d))).collect::<Vec<f32>>();
        let decoded: Vec<Vec<f32>> =
            (0..400).map(|row| (0..8).map(|d| index.inner_product(&axis(d), row).unwrap()).collect()).collect();
        let hits = index.search(&queries, 10, &never).unwrap();
        for (query, (found, scores)) in hits.iter().enumerate() {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let score = |row: usize| dot(queries.row(query), &decoded[row]) / dot(&decoded[row], &decoded[row]).sqrt();
            let mut all: Vec<f64> = (0..400).map(score).collect();
            for (row, found) in found.iter().zip(scores) {
                assert!((all[*row as usize] - f64::from(*found)).abs() < 1e-5, "{cosine}");
            }
            all.sort_by(|a, b| b.total_cmp(a));
            assert!((f64::from(scores[0]) - all[0]).abs() < 1e-5 && found.len() >= 10, "{cosine}");
            assert!(scores.iter().skip(10).all(|score| *score == scores[9]), "{cosine}: the tied group, nothing else");
        }
        let other = build(cosine.stored(), documents.clone(), &never).unwrap().search(&queries, 10, &never).unwrap();
        assert_ne!(other.documents, hits.documents, "{cosine}: lengths counted before");
    }
    let refused = build(Codec::Pq4fs(Pq { scoring: PqScoring::Cosine, ..Pq::new(4) }), documents, &never);
    assert!(refused.err().unwrap().to_string().contains("pq4fs cannot be scored by the cosine"));
}

/// Faiss writes beyond its memory there.
#[test]
fn opq_wants_as_many_documents_as_dimensions() {
    let built = |rows: usize, dim: usize| {
        let data = (0..rows * dim).map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5).collect();
        build(Codec::opq(8), Matrix::new(rows, dim, data).unwrap(), &|| false)
    };
    let few = built(300, 384).map(drop).unwrap_err();
    assert!(matches!(few, VectorError::TooFewDocuments { needed: 384, found: 300, .. }), "{few}");
    assert_eq!(built(300, 16).unwrap().rows(), 300);
}
