//! Vectors of fewer dimensions, of models that were trained so that the first dimensions of a vector are a vector too (Matryoshka
//! representation learning; Kusupati et al. 2022).
//!
//! The same bits on every machine, see `exact`.

use crate::error::VectorError;
use crate::exact::normalised;
use crate::matrix::Matrix;

/// The first `dims` dimensions of each vector, float32, rows × dims; without rows it is empty.
///
/// Where `normalize`, each is scaled to length 1 again: in float64 the squares are added up in the order of the dimensions, each
/// value is divided by the square root of the sum, and the quotient is rounded to float32. A vector that is 0 in all of these
/// dimensions stays 0. Else the values keep their bits.
///
/// Fails where `dims` is 0 or more than the vectors have. Values are taken as they are: whoever needs finite ones checks.
pub fn truncated(vectors: &Matrix, dims: usize, normalize: bool) -> Result<Matrix, VectorError> {
    if dims == 0 || dims > vectors.dim {
        return Err(VectorError::Width {
            what: "vectors to be truncated",
            unit: "dimensions",
            expected: dims,
            found: vectors.dim,
        });
    }
    let mut data = Vec::with_capacity(vectors.rows * dims);
    for row in 0..vectors.rows {
        data.extend_from_slice(&vectors.row(row)[..dims]);
    }
    if normalize {
        data = normalised(&data, dims).into_iter().map(|value| value as f32).collect();
    }
    Matrix::new(vectors.rows, dims, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: usize, dim: usize, data: &[f32]) -> Matrix {
        Matrix::new(rows, dim, data.to_vec()).unwrap()
    }

    #[test]
    fn known_answers() {
        let vectors = of(3, 4, &[3.0, 4.0, 12.0, 84.0, 0.0, 0.0, 5.0, 1.0, -2.0, 0.0, 0.0, 7.0]);
        let two = truncated(&vectors, 2, true).unwrap();
        assert_eq!((two.rows, two.dim), (3, 2));
        assert_eq!(two.data, [0.6, 0.8, 0.0, 0.0, -1.0, 0.0]);
        assert_eq!(truncated(&vectors, 3, true).unwrap().data[..3], [3.0 / 13.0, 4.0 / 13.0, 12.0 / 13.0]);
        // One dimension has a sign and nothing else.
        assert_eq!(truncated(&vectors, 1, true).unwrap().data, [1.0, 0.0, -1.0]);
        assert_eq!(truncated(&vectors, 2, false).unwrap().data, [3.0, 4.0, 0.0, 0.0, -2.0, 0.0]);
        // All dimensions of vectors that are not scaled are the vectors.
        assert_eq!(truncated(&vectors, 4, false).unwrap(), vectors);
    }

    /// Any value but 0 keeps a direction, be it ever so small or large.
    #[test]
    fn lengths_are_1_whatever_the_values_are() {
        for scale in [f32::from_bits(1), f32::MIN_POSITIVE, 2.0_f32.powi(-60), 1.0, 2.0_f32.powi(60), 2.0_f32.powi(124)]
        {
            let vectors = of(1, 3, &[4.0 * scale, -3.0 * scale, scale]);
            let found = truncated(&vectors, 2, true).unwrap();
            assert_eq!(found.data, [0.8, -0.6], "{scale}");
        }
        let vectors = of(1, 8, &[0.1, 0.7, -0.2, 0.4, 0.9, 0.3, -0.8, 0.5]);
        for dims in 1..=8 {
            let found = truncated(&vectors, dims, true).unwrap();
            let length = found.data.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            assert!((length - 1.0).abs() < 1e-7, "{dims}: {length}");
            for pair in found.data.windows(2).zip(vectors.data.windows(2)) {
                let (found, whole) = pair;
                assert!((found[0] * whole[1] - found[1] * whole[0]).abs() < 1e-6, "the direction stays");
            }
        }
    }

    #[test]
    fn what_is_left_of_nothing() {
        assert_eq!(truncated(&of(0, 4, &[]), 2, true).unwrap(), of(0, 2, &[]));
        let minus_zero = of(1, 2, &[-0.0, 1.0]);
        assert_eq!(truncated(&minus_zero, 1, true).unwrap().data[0].to_bits(), 0);
        assert_eq!(truncated(&minus_zero, 1, false).unwrap().data[0].to_bits(), (-0.0_f32).to_bits());
        for wrong in [0, 3] {
            assert!(matches!(truncated(&minus_zero, wrong, true), Err(VectorError::Width { .. })), "{wrong}");
        }
    }
}
