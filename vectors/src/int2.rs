//! int2, version 1: two bits a dimension, which say in which quarter of the corpus a value lies.
//!
//! **Exact.** The same documents give the same codes and scores on every machine. Arithmetic is IEEE 754 binary64, every
//! operation rounded on its own, every sum in the order that is stated; `tests/golden/int2.py` is a second implementation.
//!
//! **Why so.** Ranges from the least to the greatest value, as Faiss' `SQ8` and `SQ4` have them, waste most of four levels on
//! outliers (and the Faiss that is linked has no two-bit type). Here each dimension is cut at the quartiles of the corpus: the
//! percentile bins of CoRECT (arXiv 2510.19340) and, for a dimension by itself, the bucket cut-offs of ColBERTv2. A value is read
//! back as the mean of its quarter, which loses the least squared error that these cut-offs allow; ColBERTv2 takes the
//! quantile in the middle of the quarter, CoRECT the number of the bin.
//!
//! **Learnt from** the documents alone, as they are (nothing is normalised: the score is an inner product): where there are
//! more than 65,536, from that many, evenly spaced (`row = i * rows / 65,536`). Everything below is done for each dimension.
//!
//! **Cut-offs.** Of `n` values in ascending order `v`: for k = 1, 2, 3 with `p = (n - 1) * k`, `i = p / 4` (whole), `t = (p % 4) / 4`:
//! `v[i] + (v[i + 1] - v[i]) * t` (the last value where there is no next), rounded to float32. This is numpy's `linear` quantile
//! before its rounding.
//!
//! **Code** of a value `x`: how many cut-offs are not above it, 0 to 3. Dimension `d` is in byte `d / 4` at bits `2 * (d % 4)` and the
//! next: the lowest bits first. What is missing to a whole byte is 0.
//!
//! **Levels.** The mean of the values with each code: their sum in the order of the rows, divided by their number, rounded to
//! float32. Of a code that no value has: the cut-off above it, for code 3 the one below.
//!
//! **Score** of a query `q` (float32, as it is) and a code: for each byte `0 + q[d] * level[d] + q[d + 1] * level[d + 1] + …`, then the
//! sum over bytes from 0 in order, rounded to float32. Equal codes tie exactly; an overflow is an error.

use crate::asymmetric;
use crate::error::VectorError;
use crate::hits::Hits;
use crate::matrix::{Codes, Matrix};

/// Documents that are learnt from at most.
const MOST: usize = 65_536;

/// Cut-offs of one dimension.
pub(crate) const CUTOFFS: usize = 3;

/// Levels of one dimension.
pub(crate) const LEVELS: usize = 4;

/// Dimensions in one byte.
const PER_BYTE: usize = 4;

/// Rows that are coded between two looks at the stop flag.
const CHUNK: usize = 1024;

/// Cut-offs and levels of each dimension.
pub(crate) struct Quarters {
    /// `dim × 3`.
    cutoffs: Vec<f32>,
    /// `dim × 4`.
    levels: Vec<f32>,
}

impl Quarters {
    /// Learns from `documents`: finite, at least one. Fails with [`VectorError::Stopped`] where `stop` is true between two
    /// dimensions.
    pub(crate) fn learn(documents: &Matrix, stop: &dyn Fn() -> bool) -> Result<Self, VectorError> {
        let (rows, dim) = (documents.rows, documents.dim);
        let count = rows.min(MOST);
        let mut quarters =
            Self { cutoffs: Vec::with_capacity(CUTOFFS * dim), levels: Vec::with_capacity(LEVELS * dim) };
        for d in 0..dim {
            if stop() {
                return Err(VectorError::Stopped);
            }
            // `+ 0.0` makes -0.0 into 0.0: they are one value.
            let values: Vec<f32> = (0..count).map(|i| documents.data[i * rows / count * dim + d] + 0.0).collect();
            let cutoffs = cutoffs(&values);
            quarters.levels.extend(levels(&values, cutoffs));
            quarters.cutoffs.extend(cutoffs);
        }
        Ok(quarters)
    }

    /// Takes what was learnt as it was stored.
    pub(crate) fn stored(cutoffs: Vec<f32>, levels: Vec<f32>) -> Self {
        Self { cutoffs, levels }
    }

    /// The cut-offs, `dim × 3`.
    pub(crate) fn cutoffs(&self) -> &[f32] {
        &self.cutoffs
    }

    /// The levels, `dim × 4`.
    pub(crate) fn levels(&self) -> &[f32] {
        &self.levels
    }

    /// Bytes of one code of `dim` dimensions.
    pub(crate) fn bytes(dim: usize) -> usize {
        dim.div_ceil(PER_BYTE)
    }

    /// The code of each vector. Fails with [`VectorError::Stopped`] where `stop` is true between two chunks of rows.
    pub(crate) fn encode(&self, vectors: &Matrix, stop: &dyn Fn() -> bool) -> Result<Codes, VectorError> {
        let bytes = Self::bytes(vectors.dim);
        let mut data = vec![0; vectors.rows * bytes];
        for (rows, codes) in vectors.data.chunks(CHUNK * vectors.dim).zip(data.chunks_mut(CHUNK * bytes)) {
            if stop() {
                return Err(VectorError::Stopped);
            }
            for (row, code) in rows.chunks_exact(vectors.dim).zip(codes.chunks_exact_mut(bytes)) {
                for (d, (x, cutoffs)) in row.iter().zip(self.cutoffs.as_chunks().0).enumerate() {
                    code[d / PER_BYTE] |= quarter(*x, *cutoffs) << (2 * (d % PER_BYTE));
                }
            }
        }
        Codes::new(vectors.rows, bytes, data)
    }

    /// The best `depth` documents of each query, and all that tie with the last of them.
    pub(crate) fn search(
        &self,
        codes: &Codes,
        (queries, depth): (&Matrix, usize),
        stop: &dyn Fn() -> bool,
    ) -> Result<Hits, VectorError> {
        let fill = |query: usize, sums: &mut [f64]| self.fill(queries.row(query), sums);
        let hits = asymmetric::search_by(codes, (queries.rows, depth), &fill, stop)?;
        let overflown = hits.iter().position(|(_, scores)| scores.iter().any(|score| !score.is_finite()));
        match overflown {
            Some(query) => Err(VectorError::Overflow { query }),
            None => Ok(hits),
        }
    }

    /// The length of each code read back: squares of its levels added up in order of the dimensions.
    pub(crate) fn lengths(&self, codes: &Codes) -> Vec<f64> {
        let level = |code: &[u8], d: usize| {
            f64::from(self.levels[LEVELS * d + usize::from(code[d / PER_BYTE] >> (2 * (d % PER_BYTE)) & 3)])
        };
        let dims = self.levels.len() / LEVELS;
        let length = |code: &[u8]| (0..dims).map(|d| level(code, d)).fold(0.0, |sum, x| sum + x * x).sqrt();
        codes.data.chunks_exact(codes.bytes).map(length).collect()
    }

    /// What each value of each byte adds to the score of `query`.
    fn fill(&self, query: &[f32], sums: &mut [f64]) {
        let levels = self.levels.chunks(LEVELS * PER_BYTE);
        for ((query, levels), sums) in query.chunks(PER_BYTE).zip(levels).zip(sums.chunks_exact_mut(asymmetric::VALUES))
        {
            for (value, sum) in sums.iter_mut().enumerate() {
                let part =
                    |(d, x): (usize, &f32)| f64::from(*x) * f64::from(levels[LEVELS * d + (value >> (2 * d) & 3)]);
                *sum = query.iter().enumerate().map(part).fold(0.0, |sum, part| sum + part);
            }
        }
    }
}

/// How many cut-offs are not above `x`.
fn quarter(x: f32, cutoffs: [f32; CUTOFFS]) -> u8 {
    cutoffs.iter().map(|cutoff| u8::from(x >= *cutoff)).sum()
}

/// The quartiles of at least one value.
fn cutoffs(values: &[f32]) -> [f32; CUTOFFS] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    std::array::from_fn(|k| {
        let place = (sorted.len() - 1) * (k + 1);
        let low = f64::from(sorted[place / 4]);
        let high = f64::from(sorted[(place / 4 + 1).min(sorted.len() - 1)]);
        (low + (high - low) * ((place % 4) as f64 / 4.0)) as f32
    })
}

/// The mean of each quarter.
fn levels(values: &[f32], cutoffs: [f32; CUTOFFS]) -> [f32; LEVELS] {
    let (mut sums, mut counts) = ([0.0; LEVELS], [0u32; LEVELS]);
    for x in values {
        let code = usize::from(quarter(*x, cutoffs));
        sums[code] += f64::from(*x);
        counts[code] += 1;
    }
    std::array::from_fn(|code| match counts[code] {
        0 => cutoffs[code.min(CUTOFFS - 1)],
        count => (sums[code] / f64::from(count)) as f32,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The inputs of `tests/golden/int2.py`.
    fn golden_inputs(rows: usize, dim: usize) -> Matrix {
        let value = |r: usize, d: usize| ((r * r * 7919 + d * d * 31 + r * d * 104_729 + 17) % 2003) as f32 - 1001.0;
        let data = (0..rows * dim).map(|i| value(i / dim, i % dim) / 512.0 / (1 + i % dim) as f32).collect();
        Matrix::new(rows, dim, data).unwrap()
    }

    fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
        bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bits(numbers: &[f32]) -> String {
        hex(numbers.iter().flat_map(|number| number.to_be_bytes()))
    }

    #[test]
    fn version_1_is_what_it_was() {
        let golden = include_str!("../tests/golden/int2_v1.txt");
        let mut lines = 0;
        for line in golden.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let number = |i: usize| fields[i].parse::<usize>().unwrap();
            let documents = golden_inputs(number(1), number(2));
            let quarters = Quarters::learn(&documents, &|| false).unwrap();
            let codes = quarters.encode(&documents, &|| false).unwrap();
            let found = match fields[0] {
                "cutoffs" => bits(quarters.cutoffs()),
                "levels" => bits(quarters.levels()),
                "codes" => hex(codes.data),
                "scores" => {
                    let query = Matrix::new(1, documents.dim, documents.row(0).to_vec()).unwrap();
                    let hits = quarters.search(&codes, (&query, documents.rows), &|| false).unwrap();
                    let mut scores = vec![0.0; documents.rows];
                    hits.documents.iter().zip(&hits.scores).for_each(|(row, score)| scores[*row as usize] = *score);
                    bits(&scores)
                }
                other => panic!("a line of an unknown kind: {other}"),
            };
            assert_eq!(found, fields[3], "{} {} {}", fields[0], fields[1], fields[2]);
            lines += 1;
        }
        assert_eq!(lines, 4 * 6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// The specification once more, one number at a time.
        #[test]
        fn scores_are_inner_products_with_the_levels(rows in 1usize..40, dim in 1usize..20, seed in 0u32..1000) {
            let value = |i: usize| ((i as u32 + 1).wrapping_mul(seed * 2 + 0x85EB_CA6B) >> 16) as f32 / 65536.0 - 0.5;
            let documents = Matrix::new(rows, dim, (0..rows * dim).map(value).collect()).unwrap();
            let query = Matrix::new(1, dim, (0..dim).map(|d| value(d + 7919)).collect()).unwrap();
            let quarters = Quarters::learn(&documents, &|| false).unwrap();
            let codes = quarters.encode(&documents, &|| false).unwrap();
            let hits = quarters.search(&codes, (&query, rows), &|| false).unwrap();
            for (row, score) in hits.documents.iter().zip(&hits.scores) {
                let mut expected = 0.0;
                for d in 0..dim {
                    let x = documents.row(*row as usize)[d];
                    let code = (0..3).filter(|k| x >= quarters.cutoffs[3 * d + k]).count();
                    prop_assert_eq!(usize::from(codes.row(*row as usize)[d / 4] >> (2 * (d % 4)) & 3), code);
                    expected += f64::from(query.data[d]) * f64::from(quarters.levels[4 * d + code]);
                }
                prop_assert!((expected - f64::from(*score)).abs() <= 1e-6 * expected.abs().max(1.0));
            }
        }

        #[test]
        fn quarters_hold_a_quarter_each_and_levels_rise(rows in 1usize..300, seed in 0u32..1000) {
            let value = |i: usize| (i as u32 + 1).wrapping_mul(seed * 2 + 0x85EB_CA6B) as f32;
            let values: Vec<f32> = (0..rows).map(value).collect();
            let cut = cutoffs(&values);
            prop_assert!(cut.is_sorted() && levels(&values, cut).is_sorted());
            for code in 0..4 {
                let count = values.iter().filter(|x| quarter(**x, cut) == code).count();
                prop_assert!(count.abs_diff(rows / 4) <= 2, "{count} of {rows}");
            }
        }
    }

    #[test]
    fn constant_dimensions_and_zeros_of_both_signs_are_no_trouble() {
        let documents = Matrix::new(3, 2, vec![0.0, 5.0, -0.0, 5.0, 0.0, 5.0]).unwrap();
        let quarters = Quarters::learn(&documents, &|| false).unwrap();
        assert_eq!(quarters.encode(&documents, &|| false).unwrap().data, [0b1111; 3]);
        assert_eq!(bits(quarters.levels()), bits(&[0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0]));
    }

    #[test]
    fn an_overflow_is_an_error() {
        let huge = Matrix::new(1, 1, vec![3e38]).unwrap();
        let quarters = Quarters::learn(&huge, &|| false).unwrap();
        let codes = quarters.encode(&huge, &|| false).unwrap();
        let error = quarters.search(&codes, (&huge, 1), &|| false).unwrap_err();
        assert!(matches!(error, VectorError::Overflow { query: 0 }));
    }
}
