//! Fitting on one set and storing another, and the scores of pairs: those that a search gives.

use bitsweep_proto::Codec;
use bitsweep_vectors::{Matrix, VectorError, build, pair_scores, train};

const DIM: usize = 32;

/// Numbers in -½..½ by an explicit formula.
fn sample(rows: usize, salt: u32) -> Matrix {
    let value = |i: u32| {
        let mixed = (i ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
        ((mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35) >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    Matrix::new(rows, DIM, (0..(rows * DIM) as u32).map(value).collect()).unwrap()
}

fn never() -> bool {
    false
}

fn codecs() -> Vec<Codec> {
    let names = [
        "float32",
        "int8",
        "int4",
        "pq/8",
        "opq/8",
        "pq4fs/8",
        "rabitq",
        "binary/64",
        "binary/16/mean+itq",
        "binary/16/mean+pca/asymmetric",
        "binary/64/median+orthonormal/asymmetric",
    ];
    names.map(|name| Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(1))).unwrap()).to_vec()
}

/// Stored in one index and searched to its end, a document has the same score: neither blocks nor neighbours count.
#[test]
fn scores_are_those_of_a_search() {
    let (fit, a, b) = (sample(400, 1), sample(600, 2), sample(600, 3));
    for codec in codecs() {
        let found = pair_scores(train(codec, &fit, &never).unwrap(), (&a, &b), &never).unwrap();
        let one_way = |queries: &Matrix, documents: &Matrix| -> Vec<f64> {
            let index = train(codec, &fit, &never).unwrap().store(documents, &never).unwrap();
            let hits = index.search(queries, documents.rows, &never).unwrap();
            let own = |(query, (documents, scores)): (usize, (&[u32], &[f32]))| {
                let at = documents.iter().position(|document| *document as usize == query).unwrap();
                f64::from(scores[at])
            };
            hits.iter().enumerate().map(own).collect()
        };
        let expected: Vec<f64> =
            one_way(&a, &b).into_iter().zip(one_way(&b, &a)).map(|(there, back)| 0.5 * (there + back)).collect();
        if codec == Codec::Rabitq {
            // Faiss rotates what it is given by one product of matrices; how many rows that has decides the last bits.
            let far = found.iter().zip(&expected).filter(|(found, expected)| (*found - *expected).abs() > 1e-5).count();
            assert_eq!((found.len(), far), (expected.len(), 0), "{codec}");
        } else {
            assert_eq!(found, expected, "{codec}");
        }
        // Which side is called the first does not matter.
        let turned = pair_scores(train(codec, &fit, &never).unwrap(), (&b, &a), &never).unwrap();
        assert_eq!(found, turned, "{codec}");
    }
}

#[test]
fn what_is_fitted_on_the_documents_themselves_is_what_build_makes() {
    let folder = tempfile::tempdir().unwrap();
    let (documents, others) = (sample(400, 1), sample(300, 2));
    for codec in codecs() {
        let bytes = |index: &bitsweep_vectors::Index, name: &str| {
            index.save(&folder.path().join(name)).unwrap();
            std::fs::read(folder.path().join(name)).unwrap()
        };
        let built = build(codec, documents.clone(), &never).unwrap();
        // Emptied, filled with others, emptied and filled again: nothing of the others is left.
        let other = built.emptied().unwrap().store(&others, &never).unwrap();
        assert_eq!(other.rows(), 300, "{codec}");
        let again = other.emptied().unwrap().store(&documents, &never).unwrap();
        let built = build(codec, documents.clone(), &never).unwrap();
        assert_eq!(bytes(&built, "built"), bytes(&again, "again"), "{codec}");
    }
}

#[test]
fn no_pairs_and_one_pair_are_no_trouble() {
    let fit = sample(400, 1);
    for codec in codecs() {
        for rows in [0, 1] {
            let trained = train(codec, &fit, &never).unwrap();
            assert_eq!(
                pair_scores(trained, (&sample(rows, 2), &sample(rows, 3)), &never).unwrap().len(),
                rows,
                "{codec}"
            );
        }
    }
}

#[test]
fn what_cannot_be_scored_is_told() {
    let (fit, a) = (sample(400, 1), sample(300, 2));
    let of = |codec: Codec, a: &Matrix, b: &Matrix| {
        pair_scores(train(codec, &fit, &never).unwrap(), (a, b), &never).unwrap_err().to_string()
    };
    // A query of zeros gives every document of a fast scan the least score there is, and those are left out.
    let mut zero = a.clone();
    zero.data[280 * DIM..][..DIM].fill(0.0);
    assert_eq!(
        of(Codec::Pq4fs { bytes: 8 }, &zero, &a),
        "the search of codec pq4fs/8 leaves out document 280 (from 0), so the pair has no score: compare pairs by another codec"
    );
    let mut large = a.clone();
    large.data[270 * DIM..][..DIM].fill(f32::MAX);
    assert!(of(Codec::Float32, &large, &large).starts_with("query 270 (from 0) has scores that are not finite"));
    let mut not_finite = a.clone();
    not_finite.data[299 * DIM] = f32::NAN;
    for codec in codecs() {
        assert!(of(codec, &not_finite, &a).starts_with("row 299 has NaN in dimension 0"), "{codec}");
        assert!(of(codec, &a, &not_finite).starts_with("row 299 has NaN in dimension 0"), "{codec}");
    }
    assert!(of(Codec::Float32, &a, &sample(299, 1)).contains("do not fit"));
    let narrow = Matrix::new(1, 1, vec![0.0]).unwrap();
    assert!(of(Codec::Float32, &narrow, &narrow).contains("first vectors have 1 dimensions each, 32 are expected"));
    let trained = train(Codec::Float32, &fit, &never).unwrap();
    assert!(matches!(pair_scores(trained, (&a, &a), &|| true), Err(VectorError::Stopped)));
    let error = train(Codec::Pq { bytes: 8 }, &sample(255, 1), &never).err().unwrap();
    assert!(error.to_string().contains("needs at least 256"), "{error}");
}
