//! The whole: simulations with fixed seeds, definitions once more, and corners.

use bitsweep_proto::Codec;

use super::*;
use crate::index::build;

const DIM: usize = 48;

/// A query, and 30 documents at 3°, 6° … 90° to it, each in a plane of its own.
fn fan() -> (Matrix, Matrix) {
    let mut data = vec![0.0_f32; 30 * DIM];
    for (at, row) in data.chunks_exact_mut(DIM).enumerate() {
        let angle = (3.0 * (at as f64 + 1.0)).to_radians();
        (row[0], row[at + 1]) = (angle.cos() as f32, angle.sin() as f32);
    }
    let mut query = vec![0.0; DIM];
    query[0] = 1.0;
    (Matrix::new(30, DIM, data).unwrap(), Matrix::new(1, DIM, query).unwrap())
}

/// Vectors by formula around a common one, as some models give them.
fn cone(rows: usize, salt: usize) -> Matrix {
    let number = |at: usize| ((at * 7919 + at / DIM * 31 + at * at % 977 + salt) % 2003) as f32 / 1001.0 - 1.0;
    let value = |at: usize| number(at) / (1 + at % DIM / 8) as f32 + if at % DIM == 5 { 6.0 } else { 0.0 };
    Matrix::new(rows, DIM, (0..rows * DIM).map(value).collect()).unwrap()
}

fn codec(name: &str, seed: u32) -> Codec {
    Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(seed))).unwrap()
}

fn of(codec: Codec, documents: &Matrix, queries: &Matrix) -> Inspection {
    let index = build(codec, documents.clone(), &|| false).unwrap();
    inspect(&index, (documents, queries), &|| false).unwrap()
}

#[test]
fn distances_of_long_codes_are_those_of_the_angles() {
    let (documents, queries) = fan();
    let found = of(codec("binary/4000", 1), &documents, &queries);
    let near = found.near.unwrap();
    // 3° to 30°.
    assert_eq!(near.pairs, 10);
    assert!((near.as_is.share - 16.5 / 180.0).abs() < 1e-5, "{near:?}");
    assert!(near.bias().abs() < 4.0 * near.as_is.error, "{near:?}");
    // Ten of 33° to 90°.
    let far = found.far.unwrap();
    assert_eq!(far.pairs, 10);
    assert!((33.0..=90.0).contains(&(180.0 * far.as_is.share)), "{far:?}");
    assert!(far.bias().abs() < 4.0 * far.as_is.error, "{far:?}");
}

#[test]
fn errors_over_draws_are_those_of_the_binomial() {
    let (documents, queries) = fan();
    let (mut observed, mut predicted) = (0.0, 0.0);
    for seed in 0..60 {
        let all = of(codec("binary/400", seed), &documents, &queries).all.unwrap();
        observed += all.error * all.error;
        predicted += all.predicted().error * all.predicted().error;
    }
    // Pairs of one draw are not independent: 60 draws tell the variance to a fifth or better.
    let ratio: f64 = observed / predicted;
    assert!((0.6..1.5).contains(&ratio), "{ratio}");
}

#[test]
fn the_prediction_is_that_of_what_the_codec_does() {
    let (documents, queries) = (cone(300, 1), cone(40, 7));
    let raw = of(codec("binary/64", 0), &documents, &queries).values();
    let centred = of(codec("binary/64/mean+gaussian", 0), &documents, &queries).values();
    let median = of(codec("binary/64/median+gaussian", 0), &documents, &queries).values();
    for kind in ["near", "far"] {
        for values in [&raw, &centred, &median] {
            let of = |name: &str| values[&format!("{kind}_{name}")];
            assert!((of("bias") - (of("observed") - of("predicted"))).abs() < 1e-15);
            assert!((of("error_ratio") - of("error") / of("error_predicted")).abs() < 1e-12);
        }
        let predicted = format!("{kind}_predicted");
        assert_eq!(raw[&predicted], raw[&format!("{kind}_as_is")]);
        assert_eq!(centred[&predicted], centred[&format!("{kind}_centred")]);
        assert_eq!(median[&predicted], median[&format!("{kind}_centred")]);
        assert!((centred[&predicted] - centred[&format!("{kind}_observed")]).abs() < 0.1);
    }
    // As many near pairs as far ones.
    for values in [&raw, &centred, &median] {
        let scatter = |kind: &str| values[&format!("{kind}_error")].powi(2) - values[&format!("{kind}_bias")].powi(2);
        let noise = f64::midpoint(scatter("near"), scatter("far")).sqrt();
        let signal = (values["far_observed"] - values["near_observed"]) / noise;
        assert!((values["signal_observed"] - signal).abs() < 1e-9, "{values:?}");
    }
    // All vectors lie close to one direction: centring spreads them, and is told to do so by both codecs.
    assert_eq!(raw["signal_centred"], centred["signal_centred"]);
    assert!(raw["signal_centred"] > 1.5 * raw["signal_as_is"], "{raw:?}");
    assert!(centred["signal_observed"] > 1.5 * raw["signal_observed"], "{centred:?} {raw:?}");
    assert!(raw["mean_entropy"] < centred["mean_entropy"]);
}

/// Rows that are orthonormal cut space more evenly than rows drawn one by one.
#[test]
fn orthonormal_rows_err_less() {
    let (documents, queries) = fan();
    let errors = |name: &str| -> f64 {
        let each = (0..40).map(|seed| of(codec(name, seed), &documents, &queries).all.unwrap().error);
        each.map(|error| error * error).sum()
    };
    assert!(errors("binary/48/none+orthonormal") < errors("binary/48"));
}

#[test]
fn every_path_finds_the_same() {
    let (documents, queries) = (cone(300, 1), cone(40, 7));
    for name in ["binary/64", "binary/32/mean+itq/asymmetric"] {
        let index = build(codec(name, 3), documents.clone(), &|| false).unwrap();
        let first = inspect(&index, (&documents, &queries), &|| false).unwrap();
        for kernels in Kernels::available() {
            let found = inspect_with(kernels, &index, (&documents, &queries), &|| false).unwrap();
            assert_eq!(found, first, "{kernels:?} {name}");
        }
    }
    // Queries are coded whatever the score.
    let both = ["binary/32/mean+itq", "binary/32/mean+itq/asymmetric"];
    let [symmetric, asymmetric] = both.map(|name| of(codec(name, 3), &documents, &queries));
    assert_eq!(symmetric, asymmetric);
}

#[test]
fn many_queries_are_a_sample() {
    let (documents, queries) = (cone(60, 1), cone(700, 7));
    let found = of(codec("binary/16", 0), &documents, &queries);
    assert_eq!((found.queries, found.near.unwrap().pairs, found.far.unwrap().pairs), (256, 2560, 2560));
    assert_eq!(found.all.unwrap().pairs, 5120);
}

#[test]
fn what_cannot_be_told_is_not_there() {
    let empty = Matrix::new(0, DIM, Vec::new()).unwrap();
    let none = of(codec("binary/16", 0), &empty, &cone(3, 7));
    assert_eq!((none.bits, none.near, none.values().len()), (None, None, 0));
    let silent = of(codec("binary/16/median+gaussian", 0), &cone(30, 1), &empty);
    assert_eq!((silent.queries, silent.near, silent.values().len()), (0, None, 10));
    // Ten documents are all near.
    let few = of(codec("binary/16", 0), &cone(10, 1), &cone(3, 7));
    assert!(few.near.is_some() && few.far.is_none() && !few.values().contains_key("signal_as_is"));
    // A vector of length 0 has no angle, and a lone document is its own mean.
    let mut zero = cone(20, 1);
    zero.data[..DIM].fill(0.0);
    assert_eq!(of(codec("binary/16", 0), &zero, &cone(3, 7)).all.unwrap().pairs, 60 - 3);
    let lone = of(codec("binary/16", 0), &cone(1, 1), &cone(3, 7));
    assert_eq!((lone.near, lone.bits.unwrap().dead), (None, 16));
}

/// What is left of a vector at the mean is rounding, and has no direction.
#[test]
fn copies_of_one_vector_have_no_angle_about_their_mean() {
    let (one, queries) = (cone(5, 1), cone(3, 7));
    let copies = Matrix::new(100, DIM, one.row(3).repeat(100)).unwrap();
    let found = of(codec("binary/16/mean+gaussian", 0), &copies, &queries);
    assert_eq!((found.near, found.far, found.groups.largest), (None, None, 100));
    // Those of the bits, which are dead and correlated with nothing.
    assert_eq!(found.values().len(), 9);
    // A query at the mean has none either; beside others the copies have one.
    let same = Matrix::new(1, DIM, one.row(3).to_vec()).unwrap();
    assert_eq!(of(codec("binary/16", 0), &copies, &same).all, None);
    let mut mixed = copies;
    mixed.data[..DIM].copy_from_slice(one.row(1));
    assert_eq!(of(codec("binary/16", 0), &mixed, &queries).all.unwrap().pairs, 60);
}

#[test]
fn what_does_not_belong_together_is_an_error() {
    let (documents, queries) = (cone(30, 1), cone(3, 7));
    let index = build(codec("binary/16", 0), documents.clone(), &|| false).unwrap();
    let message = |documents: &Matrix, queries: &Matrix| {
        inspect(&index, (documents, queries), &|| false).unwrap_err().to_string()
    };
    assert!(message(&cone(29, 1), &queries).starts_with("30 rows of 48 values do not fit"));
    let narrow = Matrix::new(1, 2, vec![1.0, 0.0]).unwrap();
    assert_eq!(message(&documents, &narrow), "queries have 2 dimensions each, 48 are expected");
    let mut bad = queries.clone();
    bad.data[0] = f32::NAN;
    assert!(message(&documents, &bad).starts_with("row 0 has NaN"));
    assert!(matches!(inspect(&index, (&documents, &queries), &|| true), Err(VectorError::Stopped)));
    let other = build(Codec::Int2, documents.clone(), &|| false).unwrap();
    let message = inspect(&other, (&documents, &queries), &|| false).unwrap_err().to_string();
    assert_eq!(message, "codec int2 does not fit: only binary codes have bits to look at");
}
