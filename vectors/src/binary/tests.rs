//! The instrument against its golden file, a naive reference and its theory.

use bitsweep_proto::Digest;
use proptest::prelude::*;

use super::encode;
use super::gaussian::Gaussians;
use super::project::Projection;
use crate::kernels::Kernels;
use crate::matrix::{Codes, Matrix};

/// The inputs of `tests/golden/binary.py`.
fn golden_inputs(rows: usize, dim: usize) -> Matrix {
    let value = |r: usize, d: usize| ((r * 7919 + d * d * 31 + d * 104_729 + 17) % 2003) as f32 - 1001.0;
    let mut data: Vec<f32> = (0..(rows - 1) * dim).map(|i| value(i / dim, i % dim) / 512.0).collect();
    data.resize(rows * dim, 0.0);
    Matrix::new(rows, dim, data).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn version_1_is_what_it_was() {
    let golden = include_str!("../../tests/golden/binary_v1.txt");
    let (mut codes, mut streams) = (0, 0);
    for line in golden.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| fields[i].parse::<u32>().unwrap();
        match fields[0] {
            "gaussians" => {
                let mut gaussians = Gaussians::new(number(1), number(2));
                let bytes: Vec<u8> = (0..number(3)).flat_map(|_| gaussians.draw().to_le_bytes()).collect();
                assert_eq!(Digest::of(&bytes).to_string(), fields[4], "{line}");
                streams += 1;
            }
            "code" => {
                let inputs = golden_inputs(6, number(1) as usize);
                for kernels in Kernels::available() {
                    let projection = Projection::gaussian(number(2), number(3), inputs.dim).unwrap();
                    let found = projection.encode(kernels, &inputs, &|| false).unwrap();
                    assert_eq!(hex(found.row(number(4) as usize)), fields[5], "{kernels:?} {line}");
                }
                codes += 1;
            }
            other => panic!("a line of an unknown kind: {other}"),
        }
    }
    assert_eq!((streams, codes), (3, 48));
}

/// The specification once more, one number at a time.
fn naive(vectors: &Matrix, bits: u32, seed: u32) -> Codes {
    let mut gaussians = Gaussians::new(seed, vectors.dim as u32);
    let projection: Vec<Vec<f64>> = (0..bits).map(|_| (0..vectors.dim).map(|_| gaussians.draw()).collect()).collect();
    let mut data = Vec::new();
    for row in 0..vectors.rows {
        let x: Vec<f64> = vectors.row(row).iter().map(|&x| f64::from(x)).collect();
        let mut squares = 0.0;
        for value in &x {
            squares += value * value;
        }
        let norm = squares.sqrt();
        let y: Vec<f64> = x.iter().map(|value| if norm == 0.0 { 0.0 } else { value / norm }).collect();
        let mut code = vec![0u8; bits as usize / 8];
        for (i, weights) in projection.iter().enumerate() {
            let mut dot = 0.0;
            for d in 0..vectors.dim {
                dot += y[d] * weights[d];
            }
            if dot >= 0.0 {
                code[i / 8] |= 1 << (i % 8);
            }
        }
        data.extend(code);
    }
    Codes::new(vectors.rows, bits as usize / 8, data).unwrap()
}

/// Values over the whole range of float32, with zeros of both signs and pairs that cancel.
fn vectors() -> impl Strategy<Value = Matrix> {
    matrices(prop_oneof![
        4 => -1.0f32..1.0,
        2 => proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO,
        1 => Just(0.0f32),
        1 => Just(1.0f32),
    ])
}

/// As [`vectors`], with values whose products with small powers of two are exact.
fn moderate_vectors() -> impl Strategy<Value = Matrix> {
    let spread = (1.0f32..2.0, -99i32..99, any::<bool>());
    let spread =
        spread.prop_map(|(value, power, negative)| value * 2f32.powi(power) * if negative { -1.0 } else { 1.0 });
    matrices(prop_oneof![4 => 1e-3f32..1.0, 4 => -1.0f32..-1e-3, 2 => spread, 1 => Just(0.0f32), 1 => Just(1.0f32)])
}

fn matrices(value: impl Strategy<Value = f32> + Clone) -> impl Strategy<Value = Matrix> {
    (0usize..11, 1usize..40).prop_flat_map(move |(rows, dim)| {
        prop::collection::vec(value.clone(), rows * dim).prop_map(move |data| Matrix::new(rows, dim, data).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_path_equals_the_naive_reference(vectors in vectors(), bytes in 1u32..12, seed: u32) {
        let expected = naive(&vectors, 8 * bytes, seed);
        for kernels in Kernels::available() {
            let projection = Projection::gaussian(8 * bytes, seed, vectors.dim).unwrap();
            prop_assert_eq!(&projection.encode(kernels, &vectors, &|| false).unwrap(), &expected, "{:?}", kernels);
        }
    }

    #[test]
    fn short_codes_are_prefixes_of_long_ones(vectors in vectors(), short in 1u32..8, more in 1u32..8, seed: u32) {
        let (short, long) =
            (encode(&vectors, 8 * short, seed).unwrap(), encode(&vectors, 8 * (short + more), seed).unwrap());
        for row in 0..vectors.rows {
            prop_assert_eq!(short.row(row), &long.row(row)[..short.bytes]);
        }
    }

    #[test]
    fn codes_depend_on_the_vector_and_not_on_its_length_or_place(vectors in moderate_vectors(), power in -3i32..3) {
        let scaled = vectors.data.iter().rev().map(|x| x * 2f32.powi(power)).collect();
        let mut scaled = Matrix::new(vectors.rows, vectors.dim, scaled).unwrap();
        for row in scaled.data.chunks_exact_mut(vectors.dim) {
            row.reverse();
        }
        let (codes, other) = (encode(&vectors, 64, 1).unwrap(), encode(&scaled, 64, 1).unwrap());
        for row in 0..vectors.rows {
            prop_assert_eq!(codes.row(row), other.row(vectors.rows - 1 - row));
        }
    }
}

#[test]
fn zero_is_all_ones_and_opposite_vectors_are_complements() {
    let vectors = Matrix::new(4, 2, vec![0.0, -0.0, -0.0, -0.0, 1.0, -2.0, -1.0, 2.0]).unwrap();
    let codes = encode(&vectors, 64, 3).unwrap();
    assert_eq!(codes.row(0), [255; 8]);
    assert_eq!(codes.row(1), [255; 8]);
    let complement: Vec<u8> = codes.row(2).iter().map(|byte| !byte).collect();
    assert_eq!(codes.row(3), complement);
}

#[test]
fn bad_input_is_named() {
    let bad = |value| Matrix::new(2, 2, vec![0.0, 1.0, value, 1.0]).unwrap();
    let message = encode(&bad(f32::NAN), 64, 0).unwrap_err().to_string();
    assert_eq!(message, "row 1 has NaN in dimension 0 (both from 0): vectors must be finite");
    assert!(encode(&bad(f32::INFINITY), 64, 0).unwrap_err().to_string().starts_with("row 1 has inf"));
    for bits in [0, 12] {
        let message = encode(&bad(1.0), bits, 0).unwrap_err().to_string();
        let reason = "bits must be a multiple of 8 and not 0";
        assert_eq!(message, format!("codec binary/{bits} does not fit: {reason}, found {bits}"));
    }
}

#[test]
fn the_share_of_bits_that_differ_estimates_the_angle() {
    use std::f64::consts::PI;
    let (dim, bits, seeds) = (48, 4096u32, 8);
    for degrees in [1.0f64, 15.0, 45.0, 60.0, 90.0, 120.0, 179.0] {
        let angle = degrees / 180.0 * PI;
        let mut data = vec![0.0; 2 * dim];
        (data[0], data[dim], data[dim + 1]) = (1.0, angle.cos() as f32, angle.sin() as f32);
        let pair = Matrix::new(2, dim, data).unwrap();
        let distances = (0..seeds).map(|seed| {
            let codes = encode(&pair, bits, seed).unwrap();
            f64::from(crate::hamming::distance(codes.row(0), codes.row(1)))
        });
        let share = distances.sum::<f64>() / f64::from(bits * seeds);
        let expected = degrees / 180.0;
        let error = (expected * (1.0 - expected) / f64::from(bits * seeds)).sqrt();
        assert!((share - expected).abs() < 4.0 * error, "{degrees}°: {share} ± {error}");
    }
}
