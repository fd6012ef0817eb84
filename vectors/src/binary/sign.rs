//! The variants of the binary instrument, version 1: L2-normalise → project → compare with thresholds → pack.
//!
//! Arithmetic, normalisation (`y`), generator, order of sums and packing are those of the [frozen instrument](super), so
//! every variant is exact: the same documents give the same codes on every machine. Bit `i` is 1 where
//! `dot(y, w[i]) >= t[i]`.
//!
//! **Rotation** `w`: `none`: `w[i]` is the unit vector of dimension `i`. `gaussian`: as frozen, of the same seed.
//! `orthonormal`: the Gaussian rows in blocks of `dim`, in each block made orthonormal by Gram and Schmidt, twice (a last
//! block may be shorter). `pca`: the eigenvectors of the covariance with the greatest eigenvalues. `itq`: those, rotated, see
//! `vectors/src/binary/itq.rs`.
//!
//! **Thresholds** `t`: `none`: 0. `mean`: `dot(m, w[i])` with the mean `m` of the normalised documents. `median`: the
//! median of `dot(y, w[i])` over the documents; of an even number, the mean of the two in the middle. Equal values on the
//! threshold all have bit 1.
//!
//! **Learnt from** the documents alone, never from a query: where there are more than 65,536, from that many, evenly spaced
//! (`row = i * rows / 65,536`); the rotation of `itq` from 16,384. A code that is shorter is a prefix of one that is longer,
//! with the same seed, but for `itq`.
//!
//! **Asymmetric score** of a query `q` (normalised) and a code: the sum over bits of `dot(q, w[i]) - t[i]`, added where the
//! bit is 1 and subtracted where it is 0. For Gaussian rows its expectation is √(2/π) cos θ for each bit, which is linear in
//! the cosine where Hamming distance is linear in the angle.
//!
//! Directions without variance (`pca`, `itq` with fewer documents than bits, constant vectors) are rounding noise; so are
//! their bits: the same for all documents but for noise.

use bitsweep_proto::codec::{Centre, Rotation, Scoring, Sign};

use super::gaussian::Gaussians;
use super::itq;
use super::project::Projection;
use crate::error::VectorError;
use crate::exact::products::{Panels, cross, product};
use crate::exact::{dot, eigen, normalised, orthonormalise};
use crate::hits::Hits;
use crate::kernels::Kernels;
use crate::matrix::{Codes, Matrix};
use crate::{asymmetric, hamming};

/// Documents that thresholds and directions are learnt from at most.
const MOST: usize = 65_536;

/// Documents that the rotation of `itq` is learnt from at most.
const MOST_ITQ: usize = 16_384;

/// Rows that are normalised at once.
const CHUNK: usize = 1024;

/// What turns vectors into bits, and queries into scores.
pub(crate) struct Signs {
    sign: Sign,
    projection: Projection,
    /// The learnt matrix, as it is stored; empty where it is drawn.
    weights: Vec<f64>,
    /// The learnt thresholds, as they are stored; empty where they are 0.
    thresholds: Vec<f64>,
}

impl Signs {
    /// Learns from `documents` (finite) what is not drawn.
    pub(crate) fn learn(sign: Sign, documents: &Matrix, stop: &dyn Fn() -> bool) -> Result<Self, VectorError> {
        Self::learn_with(Kernels::chosen()?, sign, documents, stop)
    }

    fn learn_with(
        kernels: Kernels,
        sign: Sign,
        documents: &Matrix,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, VectorError> {
        let dim = documents.dim;
        let sample = Sample { documents, kernels, stop };
        let mean = match sign.centre {
            Centre::None => vec![0.0; dim],
            Centre::Mean | Centre::Median => sample.mean()?,
        };
        let learnt = match sign.rotation {
            Rotation::None | Rotation::Gaussian | Rotation::Orthonormal => Vec::new(),
            Rotation::Pca => sample.directions(&mean, sign.bits as usize)?,
            Rotation::Itq => {
                let directions = sample.directions(&mean, sign.bits as usize)?;
                sample.rotated(&mean, &directions, sign)?
            }
        };
        let drawn = draw(sign, dim);
        let matrix = if learnt.is_empty() { &drawn } else { &learnt };
        let thresholds = match sign.centre {
            Centre::None => Vec::new(),
            Centre::Mean => matrix.chunks_exact(dim).map(|row| dot(&mean, row)).collect(),
            Centre::Median => sample.medians(matrix, sign.bits as usize)?,
        };
        Ok(Self::of(sign, &drawn, learnt, thresholds))
    }

    /// Takes what was learnt as it was stored: the numbers that [`Signs::weights`] and [`Signs::thresholds`] gave.
    pub(crate) fn stored(sign: Sign, dim: usize, weights: Vec<f64>, thresholds: Vec<f64>) -> Self {
        let drawn = if weights.is_empty() { draw(sign, dim) } else { Vec::new() };
        Self::of(sign, &drawn, weights, thresholds)
    }

    fn of(sign: Sign, drawn: &[f64], weights: Vec<f64>, thresholds: Vec<f64>) -> Self {
        let matrix = if weights.is_empty() { drawn } else { &weights };
        let zero = vec![0.0; sign.bits as usize];
        let projection = Projection::new(matrix, if thresholds.is_empty() { zero } else { thresholds.clone() });
        Self { sign, projection, weights, thresholds }
    }

    /// How many numbers of each are stored for vectors of `dim` dimensions: of the matrix, of the thresholds.
    pub(crate) fn shape(sign: Sign, dim: usize) -> (usize, usize) {
        let bits = sign.bits as usize;
        let weights = if sign.rotation.is_learnt() { bits * dim } else { 0 };
        (weights, if sign.centre == Centre::None { 0 } else { bits })
    }

    /// The learnt matrix, `bits × dim`; empty where it is drawn.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The learnt thresholds; empty where they are 0.
    pub(crate) fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// The code of each vector.
    pub(crate) fn encode(&self, vectors: &Matrix, stop: &dyn Fn() -> bool) -> Result<Codes, VectorError> {
        self.projection.encode(Kernels::chosen()?, vectors, stop)
    }

    /// Searches `codes` as the codec scores.
    pub(crate) fn search(
        &self,
        codes: &Codes,
        (queries, depth): (&Matrix, usize),
        stop: &dyn Fn() -> bool,
    ) -> Result<Hits, VectorError> {
        match self.sign.scoring {
            Scoring::Symmetric => hamming::search(codes, &self.encode(queries, stop)?, depth, stop),
            Scoring::Asymmetric => {
                let projected = self.projection.above(Kernels::chosen()?, queries, stop)?;
                asymmetric::search(codes, &projected, depth, stop)
            }
        }
    }
}

impl Signs {
    /// The length of the projections of each query, where they are what is scored: squares added up in order. `None` where the
    /// query is coded too.
    pub(crate) fn lengths(&self, queries: &Matrix, stop: &dyn Fn() -> bool) -> Result<Option<Vec<f64>>, VectorError> {
        if self.sign.scoring == Scoring::Symmetric {
            return Ok(None);
        }
        let projected = self.projection.above(Kernels::chosen()?, queries, stop)?;
        let length = |numbers: &[f64]| numbers.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
        Ok(Some(projected.chunks_exact(self.sign.bits as usize).map(length).collect()))
    }
}

/// The matrix of a rotation that no document decides; empty for the others.
fn draw(sign: Sign, dim: usize) -> Vec<f64> {
    let bits = sign.bits as usize;
    let gaussians = || {
        let narrow = u32::try_from(dim).expect("a matrix has less than 2^31 dimensions");
        let mut gaussians = Gaussians::new(sign.seed.unwrap_or_default(), narrow);
        (0..bits * dim).map(|_| gaussians.draw()).collect()
    };
    match sign.rotation {
        Rotation::None => (0..bits * dim).map(|at| f64::from(u8::from(at / dim == at % dim))).collect(),
        Rotation::Gaussian => gaussians(),
        Rotation::Orthonormal => {
            let mut rows: Vec<f64> = gaussians();
            rows.chunks_mut(dim * dim).for_each(|block| orthonormalise(block, dim));
            rows
        }
        Rotation::Pca | Rotation::Itq => Vec::new(),
    }
}

/// The mean of the normalised `documents` (finite, at least one), as codecs that centre learn it.
pub(crate) fn mean(kernels: Kernels, documents: &Matrix, stop: &dyn Fn() -> bool) -> Result<Vec<f64>, VectorError> {
    Sample { documents, kernels, stop }.mean()
}

/// The documents that are learnt from.
struct Sample<'a> {
    documents: &'a Matrix,
    kernels: Kernels,
    stop: &'a dyn Fn() -> bool,
}

impl Sample<'_> {
    /// Hands over normalised documents, 1,024 at a time: at most `most`, evenly spaced.
    fn each(&self, most: usize, mut take: impl FnMut(&[f64])) -> Result<usize, VectorError> {
        let (rows, dim) = (self.documents.rows, self.documents.dim);
        let count = rows.min(most);
        for first in (0..count).step_by(CHUNK) {
            if (self.stop)() {
                return Err(VectorError::Stopped);
            }
            let chosen = first..count.min(first + CHUNK);
            let vectors: Vec<f32> = chosen.flat_map(|i| self.documents.row(i * rows / count)).copied().collect();
            take(&normalised(&vectors, dim));
        }
        Ok(count)
    }

    /// The mean.
    fn mean(&self) -> Result<Vec<f64>, VectorError> {
        let dim = self.documents.dim;
        let mut sum = vec![0.0; dim];
        let count = self.each(MOST, |chunk| {
            for row in chunk.chunks_exact(dim) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        })?;
        sum.iter_mut().for_each(|sum| *sum /= count as f64);
        Ok(sum)
    }

    /// The `count` directions of greatest variance about `mean`, row after row.
    fn directions(&self, mean: &[f64], count: usize) -> Result<Vec<f64>, VectorError> {
        let dim = mean.len();
        let mut covariance = vec![0.0; dim * dim];
        let rows = self.each(MOST, |chunk| {
            let centred = about(mean, chunk);
            let part = cross(self.kernels, &centred, &centred, (dim, dim));
            covariance.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        })?;
        covariance.iter_mut().for_each(|sum| *sum /= rows as f64);
        let mut vectors = eigen::symmetric(covariance, dim).vectors;
        vectors.truncate(count * dim);
        Ok(vectors)
    }

    /// The directions after the rotation of `itq`.
    fn rotated(&self, mean: &[f64], directions: &[f64], sign: Sign) -> Result<Vec<f64>, VectorError> {
        let (dim, bits) = (mean.len(), sign.bits as usize);
        let panels = Panels::new(bits, dim, |row, d| directions[row * dim + d]);
        let mut reduced = Vec::new();
        self.each(MOST_ITQ, |chunk| reduced.extend(product(self.kernels, &about(mean, chunk), &panels, bits)))?;
        let rotation = itq::rotation(self.kernels, (&reduced, bits), sign.seed.unwrap_or_default(), self.stop)?;
        // Bit i looks along the directions weighted by column i.
        let transposed: Vec<f64> = (0..bits * bits).map(|at| rotation[at % bits * bits + at / bits]).collect();
        let directions = Panels::new(dim, bits, |d, row| directions[row * dim + d]);
        Ok(product(self.kernels, &transposed, &directions, dim))
    }

    /// The median of each of `bits` projections.
    fn medians(&self, matrix: &[f64], bits: usize) -> Result<Vec<f64>, VectorError> {
        let dim = self.documents.dim;
        let panels = Panels::new(bits, dim, |row, d| matrix[row * dim + d]);
        let mut columns: Vec<Vec<f64>> = vec![Vec::new(); bits];
        self.each(MOST, |chunk| {
            for row in product(self.kernels, chunk, &panels, bits).chunks_exact(bits) {
                columns.iter_mut().zip(row).for_each(|(column, value)| column.push(*value));
            }
        })?;
        Ok(columns.into_iter().map(median).collect())
    }
}

fn about(mean: &[f64], rows: &[f64]) -> Vec<f64> {
    rows.iter().zip(mean.iter().cycle()).map(|(x, mean)| x - mean).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 24;

    /// Vectors with unlike variances and a mean far from 0.
    fn sample(rows: usize) -> Matrix {
        let number = |at: usize| ((at * 7919 + at / DIM * 31 + 13) % 2003) as f32 / 1001.0 - 1.0;
        let value = |at: usize| 0.3 + number(at) / (1 + at % DIM) as f32;
        Matrix::new(rows, DIM, (0..rows * DIM).map(value).collect()).unwrap()
    }

    fn sign(bits: u32, centre: Centre, rotation: Rotation) -> Sign {
        Sign { bits, centre, rotation, scoring: Scoring::Symmetric, seed: rotation.is_drawn().then_some(5) }
    }

    /// Every variant that makes sense with 16 bits.
    fn all() -> Vec<Sign> {
        let mut all = Vec::new();
        for centre in [Centre::None, Centre::Mean, Centre::Median] {
            let rotations = [Rotation::None, Rotation::Gaussian, Rotation::Orthonormal, Rotation::Pca, Rotation::Itq];
            let signs = rotations.into_iter().map(|rotation| sign(16, centre, rotation));
            all.extend(signs.filter(|sign| bitsweep_proto::Codec::binary(*sign).unfit(DIM as u32).is_none()));
        }
        assert_eq!(all.len(), 12);
        all
    }

    #[test]
    fn every_path_learns_and_encodes_the_same() {
        let documents = sample(1500);
        for sign in all() {
            let of = |kernels: Kernels| {
                let signs = Signs::learn_with(kernels, sign, &documents, &|| false).unwrap();
                let codes = signs.projection.encode(kernels, &documents, &|| false).unwrap();
                (signs.weights, signs.thresholds, codes)
            };
            let first = of(Kernels::available()[0]);
            for kernels in Kernels::available() {
                assert!(of(kernels) == first, "{kernels:?} {sign}");
            }
        }
    }

    #[test]
    fn signs_about_the_mean_are_those_of_the_centred_vector() {
        let documents = sample(101);
        let codes = Signs::learn(sign(16, Centre::Mean, Rotation::None), &documents, &|| false)
            .unwrap()
            .encode(&documents, &|| false)
            .unwrap();
        let normal = normalised(&documents.data, DIM);
        for bit in 0..16 {
            let mean = (0..101).map(|row| normal[row * DIM + bit]).sum::<f64>() / 101.0;
            for row in 0..101 {
                let expected = normal[row * DIM + bit] >= mean;
                assert_eq!(codes.row(row)[bit / 8] >> (bit % 8) & 1 == 1, expected);
            }
        }
    }

    #[test]
    fn a_bit_about_its_median_is_set_in_half_of_the_documents() {
        for rows in [1usize, 2, 100, 101] {
            let documents = sample(rows);
            // Two documents have one direction of variance; about it all others tie.
            let pca = Some(Rotation::Pca).filter(|_| rows > 16);
            for rotation in [Rotation::None, Rotation::Gaussian, Rotation::Orthonormal].into_iter().chain(pca) {
                let signs = Signs::learn(sign(16, Centre::Median, rotation), &documents, &|| false).unwrap();
                let codes = signs.encode(&documents, &|| false).unwrap();
                for bit in 0..16 {
                    let set = (0..rows).filter(|row| codes.row(*row)[bit / 8] >> (bit % 8) & 1 == 1).count();
                    assert_eq!(set, rows.div_ceil(2), "{rows} {rotation:?} {bit}");
                }
            }
        }
    }

    #[test]
    fn orthonormal_rows_are_so_in_blocks_and_begin_with_the_gaussian_direction() {
        let rows = draw(sign(64, Centre::None, Rotation::Orthonormal), DIM);
        let gaussian = draw(sign(64, Centre::None, Rotation::Gaussian), DIM);
        for block in rows.chunks(DIM * DIM) {
            for (i, a) in block.chunks_exact(DIM).enumerate() {
                for (j, b) in block.chunks_exact(DIM).enumerate() {
                    assert!((dot(a, b) - f64::from(u8::from(i == j))).abs() < 1e-14);
                }
            }
        }
        let scale = dot(&gaussian[..DIM], &gaussian[..DIM]).sqrt();
        assert!(rows[..DIM].iter().zip(&gaussian).all(|(row, drawn)| (row - drawn / scale).abs() < 1e-15));
    }

    #[test]
    fn principal_directions_have_falling_variances_and_no_covariance() {
        let documents = sample(700);
        let signs = Signs::learn(sign(16, Centre::Mean, Rotation::Pca), &documents, &|| false).unwrap();
        let above = signs.projection.above(Kernels::available()[0], &documents, &|| false).unwrap();
        let covariance = |i: usize, j: usize| above.chunks_exact(16).map(|row| row[i] * row[j]).sum::<f64>() / 700.0;
        for i in 0..16 {
            assert!(i == 0 || covariance(i, i) <= covariance(i - 1, i - 1));
            for j in 0..i {
                assert!(covariance(i, j).abs() < 1e-12, "{i} {j}");
            }
        }
    }

    #[test]
    fn itq_loses_less_than_principal_directions() {
        let documents = sample(700);
        let loss = |rotation| {
            let signs = Signs::learn(sign(16, Centre::Mean, rotation), &documents, &|| false).unwrap();
            let above = signs.projection.above(Kernels::available()[0], &documents, &|| false).unwrap();
            // The angle between a vector and its corner.
            let cosine = |row: &[f64]| row.iter().map(|x| x.abs()).sum::<f64>() / (4.0 * dot(row, row).sqrt());
            above.chunks_exact(16).map(cosine).sum::<f64>() / 700.0
        };
        assert!(loss(Rotation::Itq) > loss(Rotation::Pca) + 0.01, "{} {}", loss(Rotation::Itq), loss(Rotation::Pca));
    }

    #[test]
    fn documents_that_are_all_the_same_are_no_trouble() {
        let same = Matrix::new(40, DIM, sample(1).data.repeat(40)).unwrap();
        let zero = Matrix::new(3, DIM, vec![0.0; 3 * DIM]).unwrap();
        for sign in all() {
            for documents in [&same, &zero] {
                let signs = Signs::learn(sign, documents, &|| false).unwrap();
                let codes = signs.encode(documents, &|| false).unwrap();
                assert!((1..documents.rows).all(|row| codes.row(row) == codes.row(0)), "{sign}");
            }
        }
    }

    #[test]
    fn large_corpora_are_sampled_evenly() {
        let documents = sample(10);
        let sample = Sample { documents: &documents, kernels: Kernels::available()[0], stop: &|| false };
        let mut seen = Vec::new();
        assert_eq!(sample.each(4, |chunk| seen.extend_from_slice(chunk)).unwrap(), 4);
        let normal = normalised(&documents.data, DIM);
        let expected: Vec<f64> = [0, 2, 5, 7].iter().flat_map(|row| &normal[row * DIM..][..DIM]).copied().collect();
        assert_eq!(seen, expected);
    }
}
