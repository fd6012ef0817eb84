//! A layer of weights, packed once for the way that it is read.

use rayon::prelude::*;

use super::byte::{self, ToBytes};
use super::functions::gelu;
use super::product::{BLOCK, Finish, Number, Pair, Place, Product, Quad, Rows, RowsMut, columns, stride};
use super::short::{self, Shorten};
use super::simd::{Simd, Work};

/// What the products of a layer are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Float,
    /// 16-bit integers, see [`short`].
    Short,
    /// Bytes, see [`byte`].
    Byte,
}

/// y = x Wᵀ + b.
pub(super) struct Linear {
    weights: Weights,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

/// Panels of columns: panel, input, column; the last panel is filled up with zeros.
enum Weights {
    Float(Vec<f32>),
    Short(Vec<Pair>, Scales),
    Byte(Vec<Quad>, Scales),
}

/// Of the integers of each output: 1 / scale, and their sum where inputs have zero points. Filled up to whole panels.
struct Scales {
    units: Vec<f32>,
    sums: Vec<f32>,
}

impl Linear {
    /// Packs `weights` (outputs × inputs, row-major, as PyTorch stores them) for `S`.
    pub(super) fn pack<S: Simd>(weights: &[f32], bias: &[f32], inputs: usize, form: Form) -> Self {
        let outputs = bias.len();
        assert_eq!(weights.len(), outputs * inputs);
        let filled = |mut values: Vec<f32>| {
            values.resize(outputs.next_multiple_of(columns::<S>()), 0.0);
            values
        };
        let rows = weights.par_chunks_exact(inputs);
        let weights = match form {
            Form::Float => Weights::Float(panels::<S, f32>(rows.map(<[f32]>::to_vec).collect(), inputs, 0.0)),
            Form::Short => {
                let (rows, units): (Vec<_>, Vec<_>) = rows.map(short::weights).unzip();
                let panels = panels::<S, Pair>(rows, short::pairs(inputs), Pair::default());
                Weights::Short(panels, Scales { units: filled(units), sums: filled(Vec::new()) })
            }
            Form::Byte => {
                let rows: Vec<byte::Weights> = rows.map(byte::weights).collect();
                let units = filled(rows.iter().map(|row| row.unit).collect());
                let sums = filled(rows.iter().map(|row| row.sum).collect());
                let rows = rows.into_iter().map(|row| row.quads).collect();
                let panels = panels::<S, Quad>(rows, byte::quads(inputs), Quad::default());
                Weights::Byte(panels, Scales { units, sums })
            }
        };
        Self { weights, bias: filled(bias.to_vec()), inputs, outputs }
    }
}

/// Rows of `depth` numbers as columns of panels.
fn panels<S: Simd, N: Number>(rows: Vec<Vec<N>>, depth: usize, zero: N) -> Vec<N> {
    let width = columns::<S>();
    let mut panels = vec![zero; rows.len().next_multiple_of(width) * depth];
    for (output, row) in rows.into_iter().enumerate() {
        let panel = &mut panels[output / width * width * depth..][..width * depth];
        for (place, value) in panel[output % width..].iter_mut().step_by(width).zip(row) {
            *place = value;
        }
    }
    panels
}

/// Inputs of a layer as integers, kept from one to the next.
#[derive(Default)]
pub(super) struct Inputs {
    shorts: Vec<Pair>,
    bytes: Vec<Quad>,
    units: Vec<f32>,
    zeros: Vec<f32>,
}

/// One layer over at most [`BLOCK`] rows, which are filled up with zeros to a multiple of sixteen numbers.
pub(super) struct Apply<'a, F> {
    pub(super) layer: &'a Linear,
    pub(super) from: Rows<'a>,
    pub(super) rows: usize,
    pub(super) to: RowsMut<'a>,
    pub(super) then: F,
    pub(super) inputs: &'a mut Inputs,
}

impl<F: Finish> Apply<'_, F> {
    pub(super) fn run<S: Simd>(self, simd: S) {
        let Self { layer, from, rows, to, then, inputs: Inputs { shorts, bytes, units, zeros } } = self;
        let Linear { weights, bias, inputs: depth, outputs } = layer;
        let (outputs, depth) = (*outputs, *depth);
        units.resize(BLOCK, 0.0);
        zeros.resize(BLOCK, 0.0);
        match weights {
            Weights::Float(panels) => {
                let finish = Scaled { bias, then, scales: None };
                simd.run(Panels { left: from, rows, depth, panels, outputs, to, finish });
            }
            Weights::Short(panels, Scales { units: of_columns, .. }) => {
                let (pairs, step) = (short::pairs(depth), stride(short::pairs(depth)));
                shorts.resize(shorts.len().max(BLOCK * step), Pair::default());
                let integers = RowsMut { values: &mut *shorts, stride: step };
                simd.run(Shorten { from, depth, to: integers, units: &mut units[..rows] });
                let left = Rows { values: &*shorts, stride: step };
                let finish = Scaled { bias, then, scales: Some(OfSums { units, of_columns, zeros: None }) };
                simd.run(Panels { left, rows, depth: pairs, panels, outputs, to, finish });
            }
            Weights::Byte(panels, Scales { units: of_columns, sums }) => {
                let (quads, step) = (byte::quads(depth), stride(byte::quads(depth)));
                bytes.resize(bytes.len().max(BLOCK * step), Quad::default());
                let integers = RowsMut { values: &mut *bytes, stride: step };
                let (of_rows, zeros) = (&mut units[..rows], &mut zeros[..rows]);
                simd.run(ToBytes { from, depth, to: integers, units: of_rows, zeros });
                let left = Rows { values: &*bytes, stride: step };
                let scales = OfSums { units, of_columns, zeros: Some([zeros, sums]) };
                let finish = Scaled { bias, then, scales: Some(scales) };
                simd.run(Panels { left, rows, depth: quads, panels, outputs, to, finish });
            }
        }
    }
}

/// Some rows times all panels.
struct Panels<'a, N, F> {
    left: Rows<'a, N>,
    rows: usize,
    depth: usize,
    panels: &'a [N],
    outputs: usize,
    to: RowsMut<'a>,
    finish: F,
}

impl<N: Number, F: Finish> Work for Panels<'_, N, F> {
    type Output = ();

    #[inline(always)]
    fn work<S: Simd>(self, simd: S) {
        let width = columns::<S>();
        for (at, panel) in self.panels.chunks_exact(width * self.depth).enumerate() {
            let column = at * width;
            let product = Product {
                left: self.left,
                rows: self.rows,
                depth: self.depth,
                panel: Rows { values: panel, stride: width },
                columns: width.min(self.outputs - column),
                to: RowsMut { values: &mut self.to.values[column..], stride: self.to.stride },
                finish: &self.finish,
                column,
            };
            product.work(simd);
        }
    }
}

/// What makes numbers of sums of integers: units of rows and of columns, and before them zero points of rows times the sums of
/// columns, which go off.
struct OfSums<'a> {
    units: &'a [f32],
    of_columns: &'a [f32],
    zeros: Option<[&'a [f32]; 2]>,
}

/// Sums of integers become numbers, and the bias is added.
struct Scaled<'a, F> {
    bias: &'a [f32],
    scales: Option<OfSums<'a>>,
    then: F,
}

impl<F: Finish> Finish for Scaled<'_, F> {
    #[inline(always)]
    fn covers(&self, rows: usize, columns: usize) -> bool {
        let scales = self.scales.as_ref().is_none_or(|OfSums { units, of_columns, zeros }| {
            let zeros = zeros.is_none_or(|[zeros, sums]| zeros.len() >= rows && sums.len() >= columns);
            units.len() >= rows && of_columns.len() >= columns && zeros
        });
        self.bias.len() >= columns && scales && self.then.covers(rows, columns)
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, simd: S, sum: S::V, at: Place) -> S::V {
        // SAFETY: the caller's: all is covered.
        unsafe {
            let bias = simd.load(self.bias.as_ptr().add(at.column));
            let sum = match &self.scales {
                None => simd.add(sum, bias),
                Some(OfSums { units, of_columns, zeros }) => {
                    let sum = match zeros {
                        None => sum,
                        Some([zeros, sums]) => {
                            let zero = simd.splat(-*zeros.get_unchecked(at.row));
                            simd.mul_add(zero, simd.load(sums.as_ptr().add(at.column)), sum)
                        }
                    };
                    let unit = simd.splat(*units.get_unchecked(at.row));
                    simd.mul_add(simd.mul(sum, unit), simd.load(of_columns.as_ptr().add(at.column)), bias)
                }
            };
            self.then.finish(simd, sum, at)
        }
    }
}

/// GELU.
pub(super) struct Gelu;

impl Finish for Gelu {
    #[inline(always)]
    fn covers(&self, _: usize, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, simd: S, sum: S::V, _: Place) -> S::V {
        gelu(simd, sum)
    }
}

/// The rows of a residual connection are added. They have room to read past their last column.
pub(super) struct Add<'a>(pub(super) Rows<'a>);

impl Finish for Add<'_> {
    #[inline(always)]
    fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || self.0.values.len() >= (rows - 1) * self.0.stride + columns
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, simd: S, sum: S::V, at: Place) -> S::V {
        // SAFETY: the caller's.
        unsafe { simd.add(sum, simd.load(self.0.values.as_ptr().add(at.row * self.0.stride + at.column))) }
    }
}
