//! The same bits on every instruction set, and the values of candle, of the C library, and of plain loops.

use bitsweep_proto::Precision;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use proptest::prelude::*;

use super::instructions::With;
use super::linear::{Apply, Form, Inputs, Linear};
use super::product::{BLOCK, Pair, Plain, Product, Rows, RowsMut, columns, stride};
use super::simd::{LANES, Simd, Work};
use super::{How, Instructions, Network, Scratch, functions, short};
use crate::weights;

/// A function of float32 over all lanes.
struct Each<'a> {
    function: Function,
    values: &'a mut [f32],
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Exp,
    Gelu,
}

impl With for Each<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        simd.run(self);
    }
}

impl Work for Each<'_> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) {
        for chunk in self.values.chunks_exact_mut(LANES) {
            // SAFETY: a chunk has sixteen numbers.
            unsafe {
                let value = simd.load(chunk.as_ptr());
                let value = match self.function {
                    Function::Exp => functions::exp(simd, value),
                    Function::Gelu => functions::gelu(simd, value),
                };
                simd.store(chunk.as_mut_ptr(), value);
            }
        }
    }
}

/// Numbers from -100 to 100, denser near 0, and those that are none.
fn numbers() -> Vec<f32> {
    let mut numbers: Vec<f32> = (-100_000..100_000).map(|i| (i as f32 / 1e5).powi(3) * 100.0).collect();
    numbers.extend([0.0, -0.0, f32::MIN_POSITIVE, 1e-40, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 3.92, -3.93]);
    numbers.resize(numbers.len().next_multiple_of(LANES), 1.0);
    numbers
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn functions_are_the_same_on_every_set_and_near_the_truth() {
    for (function, truth, tolerance) in [
        (Function::Exp, (|x: f64| x.clamp(-87.0, 88.0).exp()) as fn(f64) -> f64, 1.2e-7),
        (Function::Gelu, |x| x * 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2), 3e-7),
    ] {
        let numbers = numbers();
        let of = |set: Instructions| {
            let mut values = numbers.clone();
            set.run(Each { function, values: &mut values });
            values
        };
        let [first, rest @ ..] = &Instructions::available()[..] else { unreachable!("scalar is always there") };
        let found = of(*first);
        for set in rest {
            assert_eq!(bits(&of(*set)), bits(&found), "{function:?} on {}", set.name());
        }
        let mut worst = 0.0f64;
        for (x, found) in numbers.iter().zip(&found) {
            if x.is_finite() {
                let truth = truth(f64::from(*x));
                let size = match function {
                    Function::Exp => truth,
                    Function::Gelu => f64::from(x.abs()).max(1e-30),
                };
                worst = worst.max((f64::from(*found) - truth).abs() / size);
            } else {
                assert!(found.is_nan() || !x.is_nan(), "{x}: {found}");
            }
        }
        println!("{function:?}: {worst:.2e}");
        assert!(worst <= tolerance, "{function:?}: {worst}");
    }
}

/// `rows` × `depth` times `depth` × `width`, `columns` of them stored.
struct Multiply<'a> {
    left: Rows<'a>,
    right: &'a [f32],
    shape: [usize; 3],
    out: &'a mut Vec<f32>,
}

impl With for Multiply<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        let [rows, depth, width] = self.shape;
        // Panels of this set's width; what is beyond the columns must not matter.
        for column in (0..width).step_by(columns::<S>()) {
            let step = columns::<S>();
            let mut panel = vec![f32::NAN; depth * step];
            for (to, from) in panel.chunks_exact_mut(step).zip(self.right.chunks_exact(width)) {
                let count = step.min(width - column);
                to[..count].copy_from_slice(&from[column..column + count]);
            }
            simd.run(Product {
                left: self.left,
                rows,
                depth,
                panel: Rows { values: &panel, stride: step },
                columns: step.min(width - column),
                to: RowsMut { values: &mut self.out[column..], stride: width },
                finish: &Plain,
                column,
            });
        }
    }
}

proptest! {
    #[test]
    fn a_product_is_a_chain_of_fused_steps(rows in 1usize..30, depth in 1usize..70, width in 1usize..70, seed in 0u64..99) {
        let numbers = |count, salt| -> Vec<f32> {
            weights::tensor("numbers", &[count], seed + salt).unwrap().to_vec1().unwrap()
        };
        let (step, right) = (stride(depth), numbers(depth * width, 100));
        let left = numbers(rows * step, 0);
        let chain = |row: usize, column: usize| {
            (0..depth).fold(0.0f32, |sum, k| left[row * step + k].mul_add(right[k * width + column], sum))
        };
        let expected: Vec<f32> = (0..rows * width).map(|i| chain(i / width, i % width)).collect();
        for set in Instructions::available() {
            let mut out = vec![0.0; rows * width];
            let left = Rows { values: &left, stride: step };
            set.run(Multiply { left, right: &right, shape: [rows, depth, width], out: &mut out });
            prop_assert_eq!(bits(&out), bits(&expected), "{}", set.name());
        }
    }
}

/// Shapes with heads of 8, 24, 32, 48 and 64, and sizes that are no multiple of sixteen.
fn shapes() -> Vec<Config> {
    [(32, 4, 128), (72, 3, 100), (96, 2, 40), (384, 12, 1536), (128, 2, 65)]
        .map(|(hidden_size, num_attention_heads, intermediate_size)| Config {
            vocab_size: 64,
            hidden_size,
            num_hidden_layers: 2,
            num_attention_heads,
            intermediate_size,
            max_position_embeddings: 300,
            ..Config::default()
        })
        .into()
}

fn texts(lengths: &[usize]) -> Vec<Vec<u32>> {
    lengths.iter().map(|length| (0..*length).map(|i| (i * i + length) as u32 % 61).collect()).collect()
}

fn builder(config: &Config) -> VarBuilder<'static> {
    VarBuilder::from_tensors(weights::by_formula(config, 3).unwrap(), DType::F32, &Device::Cpu)
}

/// Rows of each text.
fn forward(network: &Network, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let mut rows = Vec::new();
    network.forward(&texts, &mut Scratch::default(), |hidden, stride| {
        rows.push(hidden.chunks_exact(stride).flat_map(|row| &row[..network.hidden()]).copied().collect());
    });
    rows
}

const LENGTHS: [usize; 9] = [1, 2, 12, 13, 31, 33, 64, 97, 257];

fn load(config: &Config, instructions: Instructions, precision: Precision) -> Network {
    Network::load(&builder(config), config, How { instructions, precision }).unwrap()
}

#[test]
fn every_set_gives_the_same_bits_alone_and_in_company() {
    for (config, precision) in
        shapes().into_iter().flat_map(|c| [(c.clone(), Precision::Float32), (c, Precision::Int8)])
    {
        let texts = texts(&LENGTHS);
        let of = |set| forward(&load(&config, set, precision), &texts);
        let sets = Instructions::available();
        let expected = of(sets[0]);
        for set in &sets[1..] {
            for (found, expected) in of(*set).iter().zip(&expected) {
                assert_eq!(bits(found), bits(expected), "{}, {precision:?} of {config:?}", set.name());
            }
        }
        let network = load(&config, *sets.last().unwrap(), precision);
        for (text, expected) in texts.chunks(1).zip(&expected) {
            assert_eq!(bits(&forward(&network, text)[0]), bits(expected));
        }
        // And with a scratch that has seen others.
        let backwards: Vec<Vec<u32>> = texts.iter().rev().cloned().collect();
        assert_eq!(forward(&network, &backwards).into_iter().rev().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn the_values_are_those_of_candle() {
    for (precision, tolerance) in [(Precision::Float32, 1e-5), (Precision::Int8, 5e-2)] {
        for config in shapes() {
            let reference = BertModel::load(builder(&config), &config).unwrap();
            let network = load(&config, Instructions::chosen().unwrap(), precision);
            let texts = texts(&LENGTHS);
            let mut worst = 0.0f32;
            for (text, found) in texts.iter().zip(forward(&network, &texts)) {
                let ids = Tensor::from_vec(text.clone(), (1, text.len()), &Device::Cpu).unwrap();
                let expected = reference.forward(&ids, &ids.zeros_like().unwrap(), None).unwrap();
                let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                for (found, expected) in found.chunks(config.hidden_size).zip(expected.chunks(config.hidden_size)) {
                    let norm = |row: &[f32]| row.iter().map(|value| value * value).sum::<f32>().sqrt();
                    worst = worst.max((norm(found) / norm(expected) - 1.0).abs());
                    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
                    worst = differences.fold(worst, f32::max);
                }
            }
            println!("{precision:?}, {} × {}: {worst:.1e}", config.hidden_size, config.num_attention_heads);
            assert!(worst <= tolerance, "{worst} for {precision:?}, {config:?}");
        }
    }
}

/// What is no number in the weights reaches the states: integers do not hide it.
#[test]
fn broken_weights_are_passed_on() {
    let config = shapes().remove(0);
    for name in ["embeddings.word_embeddings.weight", "encoder.layer.0.intermediate.dense.weight"] {
        let mut weights = weights::by_formula(&config, 3).unwrap();
        let broken = (&weights[name] * f64::NAN).unwrap();
        weights.insert(name.to_owned(), broken);
        let builder = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        for precision in [Precision::Float32, Precision::Int8] {
            let instructions = Instructions::chosen().unwrap();
            let network = Network::load(&builder, &config, How { instructions, precision }).unwrap();
            let states = forward(&network, &texts(&[5]));
            assert!(states[0].iter().all(|value| value.is_nan()), "{name}, {precision:?}");
        }
    }
}

/// Weights and inputs that are as long as 16-bit integers allow, and all in one direction: the largest sums there can be.
#[test]
fn sums_of_short_integers_never_wrap() {
    for numbers in [1usize, 2, 33, 384, 4096, 16_384] {
        for row in [vec![1.0; numbers], (0..numbers).map(|i| if i == 0 { 1.0 } else { 1e-3 }).collect()] {
            let (pairs, unit) = short::weights(&row);
            let sum: i64 = pairs
                .iter()
                .flat_map(|pair| [pair.0 >> 16, i32::from(pair.0 as i16)])
                .map(|x| i64::from(x) * i64::from(x))
                .sum();
            assert!(sum <= i64::from(i32::MAX), "{numbers}: {sum}");
            let squares: f32 = row.iter().map(|value| value * value).sum();
            assert!((sum as f32 * unit * unit / squares - 1.0).abs() < 5e-3, "{numbers}");
        }
    }
}

/// Rows of zeros stay so; what is no number is not hidden.
#[test]
fn zeros_and_broken_numbers_as_short_integers() {
    assert_eq!(short::weights(&[0.0; 3]), (vec![Pair::default(); 2], 1.0));
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(short::weights(&[1.0, broken]).1.is_nan());
    }
}

/// Products of a layer of 384 × 1536, or with `None` of a chain with nothing to wait for, in billions a second.
struct Rate(Option<Form>);

impl With for Rate {
    type Output = f64;

    fn with<S: Simd>(self, simd: S) -> f64 {
        let (inputs, outputs, passes) = (384, 1536, 20);
        let weights = weights::tensor("w", &[outputs * inputs], 1).unwrap().to_vec1::<f32>().unwrap();
        let layer = self.0.map(|form| Linear::pack::<S>(&weights, &vec![0.0; outputs], inputs, form));
        let from = vec![0.5; BLOCK * stride(inputs)];
        let mut to = vec![0.0; BLOCK * stride(outputs)];
        let mut integers = Inputs::default();
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let start = std::time::Instant::now();
            for _ in 0..passes {
                let Some(layer) = &layer else {
                    std::hint::black_box(simd.run(Chain(BLOCK * inputs * outputs / S::ROWS / LANES)));
                    continue;
                };
                let (from, to) = (Rows { values: &from, stride: stride(inputs) }, &mut to);
                let to = RowsMut { values: to, stride: stride(outputs) };
                Apply { layer, from, rows: BLOCK, to, then: Plain, inputs: &mut integers }.run(simd);
            }
            best = start.elapsed().as_secs_f64().min(best);
        }
        (passes * BLOCK * inputs * outputs) as f64 / best / 1e9
    }
}

/// Steps of sums that do not wait for one another: as many as a product has rows, enough for the processor to be busy all the time
/// and few enough for its registers.
struct Chain(usize);

impl Work for Chain {
    type Output = f32;

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) -> f32 {
        let factor = simd.splat(std::hint::black_box(0.9));
        let mut sums = [factor; 12];
        for _ in 0..self.0 {
            for sum in &mut sums[..S::ROWS] {
                *sum = simd.mul_add(factor, *sum, factor);
            }
        }
        let mut all = sums[0];
        for sum in &sums[1..S::ROWS] {
            all = simd.add(all, *sum);
        }
        simd.sum(all)
    }
}

/// What one core does, for whoever wants to know: `cargo test -p bitsweep-models -- --ignored --nocapture products_a_second`.
#[test]
#[ignore = "a measurement"]
fn products_a_second() {
    let set = Instructions::chosen().unwrap();
    println!("{}: {:.1} billion products a second at most in float32", set.name(), set.run(Rate(None)));
    for form in [Form::Float, Form::Short, Form::Byte] {
        println!("{form:?}: {:.1} billion", set.run(Rate(Some(form))));
    }
}
