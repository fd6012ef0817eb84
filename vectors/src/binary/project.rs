//! What the bits of a code are: projections of the normalised vector, and the thresholds that they are compared with.

use super::gaussian::Gaussians;
use crate::error::VectorError;
use crate::exact::normalised;
use crate::exact::products::{LANES, Panels, TILE, dots, tile};
use crate::kernels::Kernels;
use crate::matrix::{Codes, Matrix};

/// Rows that are normalised and projected together: enough that the projection is read from the cache.
const CHUNK: usize = 64;

/// A matrix of `bits × dim` numbers and a threshold for each bit.
pub(crate) struct Projection {
    weights: Panels,
    thresholds: Vec<f64>,
}

impl Projection {
    /// The Gaussian matrix of one (bits, seed, dim), with thresholds of 0. Fails where `bits` is 0 or not a multiple of 8.
    pub(crate) fn gaussian(bits: u32, seed: u32, dim: usize) -> Result<Self, VectorError> {
        if bits == 0 || !bits.is_multiple_of(8) {
            let codec = bitsweep_proto::Codec::Binary { bits, seed };
            let reason = format!("bits must be a multiple of 8 and not 0, found {bits}");
            return Err(VectorError::Unfit { codec, reason });
        }
        let narrow = u32::try_from(dim).expect("a matrix has less than 2^31 dimensions");
        let mut gaussians = Gaussians::new(seed, narrow);
        let weights = Panels::new(bits as usize, dim, |_, _| gaussians.draw());
        Ok(Self { weights, thresholds: vec![0.0; bits as usize] })
    }

    /// The matrix with these numbers, row-major, and a row for each threshold; their number is a multiple of 8.
    pub(crate) fn new(weights: &[f64], thresholds: Vec<f64>) -> Self {
        let dim = weights.len() / thresholds.len();
        let weights = Panels::new(thresholds.len(), dim, |row, d| weights[row * dim + d]);
        Self { weights, thresholds }
    }

    /// Bytes of one code.
    fn bytes(&self) -> usize {
        self.thresholds.len() / 8
    }

    /// The code of each vector. Fails on a vector that is not finite, and with [`VectorError::Stopped`] where `stop` is true
    /// between two chunks of rows.
    pub(crate) fn encode(
        &self,
        kernels: Kernels,
        vectors: &Matrix,
        stop: &dyn Fn() -> bool,
    ) -> Result<Codes, VectorError> {
        let mut data = vec![0; vectors.rows * self.bytes()];
        self.each((kernels, vectors), stop, |row, byte, projected| {
            let thresholds = &self.thresholds[byte * LANES..][..LANES];
            let signs = projected.iter().zip(thresholds).rev();
            data[row * self.bytes() + byte] =
                signs.fold(0, |bits, (projected, threshold)| bits << 1 | u8::from(projected >= threshold));
        })?;
        Codes::new(vectors.rows, self.bytes(), data)
    }

    /// How far each projection of each vector lies above its threshold: `rows × bits`, row-major. Fails as
    /// [`Projection::encode`] does.
    pub(crate) fn above(
        &self,
        kernels: Kernels,
        vectors: &Matrix,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<f64>, VectorError> {
        let bits = self.thresholds.len();
        let mut data = vec![0.0; vectors.rows * bits];
        self.each((kernels, vectors), stop, |row, byte, projected| {
            let thresholds = &self.thresholds[byte * LANES..][..LANES];
            let out = &mut data[row * bits + byte * LANES..][..LANES];
            for (out, (projected, threshold)) in out.iter_mut().zip(projected.iter().zip(thresholds)) {
                *out = projected - threshold;
            }
        })?;
        Ok(data)
    }

    /// Hands over the projections of every vector, eight at a time.
    fn each(
        &self,
        (kernels, vectors): (Kernels, &Matrix),
        stop: &dyn Fn() -> bool,
        mut take: impl FnMut(usize, usize, &[f64; LANES]),
    ) -> Result<(), VectorError> {
        vectors.check_finite()?;
        let dim = self.weights.width();
        for (chunk, rows) in vectors.data.chunks(CHUNK * dim).enumerate() {
            if stop() {
                return Err(VectorError::Stopped);
            }
            let normal = normalised(rows, dim);
            let tiles = normal.chunks(TILE * dim);
            let tiles: Vec<_> = tiles.map(|rows| tile(rows.len() / dim, dim, |row, d| rows[row * dim + d])).collect();
            for (byte, weights) in self.weights.iter().enumerate() {
                for (number, tile) in tiles.iter().enumerate() {
                    let first = chunk * CHUNK + number * TILE;
                    for (row, projected) in (first..vectors.rows).zip(&dots(kernels, tile, weights)) {
                        take(row, byte, projected);
                    }
                }
            }
        }
        Ok(())
    }
}
