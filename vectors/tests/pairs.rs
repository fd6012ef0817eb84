//! Fitting on one set and storing another, and the scores of pairs: those that a search gives.

use bitsweep_proto::Codec;
use bitsweep_proto::codec::Scoring;
use bitsweep_vectors::{Index, Matrix, VectorError, build, pair_scores, train};

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

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

/// What a score of a search is divided by; `None` for projections, which no search shows.
fn lengths(codec: Codec, index: &Index, (query, document): (&[f32], &[f32]), row: u32) -> Option<f64> {
    if let Some(sign) = codec.as_sign() {
        return (sign.scoring == Scoring::Symmetric).then_some(1.0);
    }
    let axis = |d: usize| (0..DIM).map(|other| f32::from(u8::from(other == d))).collect::<Vec<f32>>();
    let stored: Vec<f32> = match codec {
        Codec::Rabitq => document.to_vec(),
        _ => (0..DIM).map(|d| index.inner_product(&axis(d), row).unwrap()).collect(),
    };
    Some(length(query) * length(&stored))
}

/// Stored in one index and searched to its end, a document has the same score: neither blocks nor neighbours count.
#[test]
fn scores_are_the_cosines_of_a_search() {
    let (fit, a, b) = (sample(400, 1), sample(600, 2), sample(600, 3));
    for codec in codecs() {
        let found = pair_scores(train(codec, &fit, &never).unwrap(), (&a, &b), &never).unwrap();
        let one_way = |queries: &Matrix, documents: &Matrix| -> Vec<f64> {
            let index = train(codec, &fit, &never).unwrap().store(documents, &never).unwrap();
            let hits = index.search(queries, documents.rows, &never).unwrap();
            let own = |(query, (found, scores)): (usize, (&[u32], &[f32]))| {
                let at = found.iter().position(|document| *document as usize == query).unwrap();
                let vectors = (queries.row(query), documents.row(query));
                f64::from(scores[at]) / lengths(codec, &index, vectors, query as u32).unwrap_or(f64::NAN)
            };
            hits.iter().enumerate().map(own).collect()
        };
        let expected: Vec<f64> =
            one_way(&a, &b).into_iter().zip(one_way(&b, &a)).map(|(there, back)| 0.5 * (there + back)).collect();
        // Faiss rotates what it is given by one product of matrices; how many rows that has decides the last bits.
        let within = if codec == Codec::Rabitq { 1e-5 } else { 1e-12 };
        let is_far = |(found, expected): (&f64, &f64)| (found - expected).abs() > within;
        let far = found.iter().zip(&expected).filter(|(found, expected)| is_far((found, expected))).count();
        assert_eq!((found.len(), far), (expected.len(), 0), "{codec}");
        if codec.as_sign().is_none_or(|sign| sign.scoring == Scoring::Asymmetric) {
            assert!(found.iter().all(|cosine| cosine.abs() <= 1.1), "{codec}");
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
        of(Codec::pq4fs(8), &zero, &a),
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
    let error = train(Codec::pq(8), &sample(255, 1), &never).err().unwrap();
    assert!(error.to_string().contains("needs at least 256"), "{error}");
}

/// Twice as long a vector makes the same pair, where the codec has learnt nothing of lengths; a vector of zeros is like none.
#[test]
fn lengths_do_not_count() {
    let (fit, a, b) = (sample(400, 1), sample(50, 2), sample(50, 3));
    let scaled = |by: f32| Matrix::new(a.rows, DIM, a.data.iter().map(|x| by * x).collect()).unwrap();
    let named = ["binary/64", "binary/64/none+gaussian/asymmetric"].map(|name| Codec::parse(name, Some(1)).unwrap());
    for codec in named.into_iter().chain([Codec::Float32]) {
        let of = |a: &Matrix| pair_scores(train(codec, &fit, &never).unwrap(), (a, &b), &never).unwrap();
        for (once, twice) in of(&a).into_iter().zip(of(&scaled(2.0))) {
            assert!((once - twice).abs() < 1e-6, "{codec}: {once} {twice}");
        }
    }
    let zeros = pair_scores(train(Codec::Float32, &fit, &never).unwrap(), (&scaled(0.0), &b), &never).unwrap();
    assert!(zeros.iter().all(|score| *score == 0.0));
}
