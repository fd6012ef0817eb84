//! Iterative quantisation (Gong and Lazebnik, CVPR 2011): the rotation of centred vectors in their principal directions that
//! takes them closest to the corners of a cube, by 50 rounds of signs and orthogonal Procrustes.
//!
//! Start: the Gaussian rows of (seed, bits) made orthonormal. Round: `B = sign(V R)` with 1 where it is not below 0; then `R` is
//! the orthogonal matrix with the greatest trace of `Rᵀ Vᵀ B`: with `M = Vᵀ B` and `Mᵀ M = W S² Wᵀ`, `R = U Wᵀ`, where `U` has
//! the columns of `M W` made orthonormal, in the order of falling `S`.

use super::gaussian::Gaussians;
use crate::error::VectorError;
use crate::exact::products::{Panels, cross, product};
use crate::exact::{eigen, orthonormalise};
use crate::kernels::Kernels;

/// As many as the paper and Faiss take.
const ROUNDS: usize = 50;

/// The rotation for `vectors` (rows of `bits` numbers), `bits × bits`, to be multiplied from the right.
pub(super) fn rotation(
    kernels: Kernels,
    (vectors, bits): (&[f64], usize),
    seed: u32,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<f64>, VectorError> {
    let narrow = u32::try_from(bits).expect("a code has less than 2^32 bits");
    let mut gaussians = Gaussians::new(seed, narrow);
    let mut rotation: Vec<f64> = (0..bits * bits).map(|_| gaussians.draw()).collect();
    orthonormalise(&mut rotation, bits);
    for _ in 0..ROUNDS {
        if stop() {
            return Err(VectorError::Stopped);
        }
        let columns = Panels::new(bits, bits, |column, row| rotation[row * bits + column]);
        let mut corners = product(kernels, vectors, &columns, bits);
        corners.iter_mut().for_each(|x| *x = if *x >= 0.0 { 1.0 } else { -1.0 });
        rotation = closest(kernels, &cross(kernels, vectors, &corners, (bits, bits)), bits);
    }
    Ok(rotation)
}

/// The orthogonal matrix `R` with the greatest trace of `Rᵀ M`.
fn closest(kernels: Kernels, matrix: &[f64], n: usize) -> Vec<f64> {
    let right = eigen::symmetric(cross(kernels, matrix, matrix, (n, n)), n).vectors;
    // Row i is the i-th column of M W: the rows of `right` are the columns of W.
    let rows = Panels::new(n, n, |row, d| matrix[row * n + d]);
    let mut left = product(kernels, &right, &rows, n);
    orthonormalise(&mut left, n);
    // R[i][j] is the sum over k of U[i][k] W[j][k].
    cross(kernels, &left, &right, (n, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::dot;

    fn number(i: usize) -> f64 {
        ((i * 7919 + i * i * 31 + 13) % 2003) as f64 / 1001.0 - 1.0
    }

    #[test]
    fn the_closest_rotation_is_orthogonal_and_leaves_a_symmetric_product() {
        let n = 16;
        let matrix: Vec<f64> = (0..n * n).map(number).collect();
        for kernels in Kernels::available() {
            let rotation = closest(kernels, &matrix, n);
            for i in 0..n {
                for j in 0..n {
                    let along = dot(&rotation[i * n..][..n], &rotation[j * n..][..n]);
                    assert!((along - f64::from(u8::from(i == j))).abs() < 1e-12);
                }
            }
            // Rᵀ M is symmetric and positive exactly at the maximum.
            let polar = cross(kernels, &rotation, &matrix, (n, n));
            for at in 0..n * n {
                assert!((polar[at] - polar[at % n * n + at / n]).abs() < 1e-9);
            }
            assert!(eigen::symmetric(polar, n).values.iter().all(|value| *value > -1e-9));
        }
    }

    #[test]
    fn a_matrix_without_full_rank_gives_a_rotation_all_the_same() {
        for matrix in [vec![0.0; 64], (0..64).map(|at| number(at / 8)).collect()] {
            let rotation = closest(Kernels::available()[0], &matrix, 8);
            for i in 0..8 {
                let row = &rotation[i * 8..][..8];
                assert!((dot(row, row) - 1.0).abs() < 1e-12, "{row:?}");
            }
        }
    }

    #[test]
    fn rounds_bring_vectors_closer_to_corners() {
        let (rows, bits) = (500, 8);
        let vectors: Vec<f64> = (0..rows * bits).map(|at| number(at) / (1 + at % bits) as f64).collect();
        let kernels = Kernels::available()[0];
        let loss = |rotation: &[f64]| {
            let columns = Panels::new(bits, bits, |column, row| rotation[row * bits + column]);
            let rotated = product(kernels, &vectors, &columns, bits);
            rotated.iter().map(|x| (x.abs() - 1.0) * (x.abs() - 1.0)).sum::<f64>()
        };
        let found = rotation(kernels, (&vectors, bits), 0, &|| false).unwrap();
        let mut gaussians = Gaussians::new(0, 8);
        let mut start: Vec<f64> = (0..bits * bits).map(|_| gaussians.draw()).collect();
        orthonormalise(&mut start, bits);
        let unit: Vec<f64> = (0..64).map(|at| f64::from(u8::from(at / 8 == at % 8))).collect();
        assert!(loss(&found) < loss(&start) && loss(&found) < loss(&unit));
    }
}
