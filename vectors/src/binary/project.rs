//! The projection matrix and its kernels. Whatever the instruction set, each dot adds up dimension after dimension;
//! what runs side by side are different bits and different vectors.

use super::gaussian::Gaussians;
use crate::error::VectorError;
use crate::kernels::{Kernels, Set};

/// Bits that are projected side by side: one byte of the code.
const LANES: usize = 8;

/// Vectors that are projected side by side.
const TILE: usize = 4;

/// The Gaussian matrix of one (bits, seed, dim).
pub(super) struct Projection {
    dim: usize,
    /// Eight bits after eight bits; in each, dimension after dimension the eight numbers: `weights[byte * dim + d][bit % 8]`.
    weights: Vec<[f64; LANES]>,
}

impl Projection {
    /// Draws the matrix: `bits * dim` numbers of 8 bytes.
    pub(super) fn new(bits: u32, seed: u32, dim: usize) -> Result<Self, VectorError> {
        if bits == 0 || !bits.is_multiple_of(8) {
            let codec = bitsweep_proto::Codec::Binary { bits, seed };
            let reason = format!("bits must be a multiple of 8 and not 0, found {bits}");
            return Err(VectorError::Unfit { codec, reason });
        }
        let bytes = bits as usize / 8;
        let narrow = u32::try_from(dim).expect("a matrix has less than 2^31 dimensions");
        let mut gaussians = Gaussians::new(seed, narrow);
        let mut weights = vec![[0.0; LANES]; bytes * dim];
        for byte in weights.chunks_exact_mut(dim) {
            for lane in 0..LANES {
                for weight in &mut *byte {
                    weight[lane] = gaussians.draw();
                }
            }
        }
        Ok(Self { dim, weights })
    }

    /// Bytes of one code.
    pub(super) fn bytes(&self) -> usize {
        self.weights.len() / self.dim
    }

    /// Encodes `vectors` (finite, `n × dim`) into `codes` (`n × bytes`).
    pub(super) fn encode(&self, kernels: Kernels, vectors: &[f32], codes: &mut [u8]) {
        let tiles = vectors.chunks(TILE * self.dim).map(|rows| normalised(rows, self.dim));
        let tiles: Vec<_> = tiles.collect();
        for (byte, weights) in self.weights.chunks_exact(self.dim).enumerate() {
            for (tile, codes) in tiles.iter().zip(codes.chunks_mut(TILE * self.bytes())) {
                let dots = dots_with(kernels, tile, weights);
                for (dots, code) in dots.iter().zip(codes.chunks_exact_mut(self.bytes())) {
                    code[byte] = dots.iter().rev().fold(0, |bits, &dot| bits << 1 | u8::from(dot >= 0.0));
                }
            }
        }
    }
}

/// Up to four vectors scaled to length 1, dimension after dimension; what is missing is 0.
fn normalised(rows: &[f32], dim: usize) -> Vec<[f64; TILE]> {
    let mut tile = vec![[0.0; TILE]; dim];
    for (lane, row) in rows.chunks_exact(dim).enumerate() {
        let squares = row.iter().fold(0.0, |sum, &x| sum + f64::from(x) * f64::from(x));
        let norm = f64::sqrt(squares);
        if norm > 0.0 {
            for (out, &x) in tile.iter_mut().zip(row) {
                out[lane] = f64::from(x) / norm;
            }
        }
    }
    tile
}

fn dots_with(kernels: Kernels, tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    match kernels.set() {
        Set::Scalar => dots(tile, weights),
        // SAFETY: `Kernels` values with these sets exist only where the CPU has their features.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { dots_avx2(tile, weights) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { dots_avx512(tile, weights) },
        #[cfg(not(target_arch = "x86_64"))]
        Set::Avx2 | Set::Avx512 => dots(tile, weights),
    }
}

/// The one source of all paths: the compiler may use wider registers, it may neither fuse nor reorder.
#[inline(always)]
fn dots(tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    let mut sums = [[0.0; LANES]; TILE];
    for (values, weights) in tile.iter().zip(weights) {
        for (sums, &value) in sums.iter_mut().zip(values) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dots_avx2(tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    dots(tile, weights)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dots_avx512(tile: &[[f64; TILE]], weights: &[[f64; LANES]]) -> [[f64; LANES]; TILE] {
    dots(tile, weights)
}
