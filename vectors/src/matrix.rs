//! Rows of float32 values and rows of code bytes: plain row-major buffers with checked shapes.

use crate::error::VectorError;

/// Vectors, row-major: `data[row * dim + dimension]`, float32.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Number of vectors; may be 0.
    pub rows: usize,
    /// Dimensions of each; at least 1.
    pub dim: usize,
    /// `rows * dim` values.
    pub data: Vec<f32>,
}

impl Matrix {
    /// Takes `data` as `rows` vectors of `dim` dimensions. Any values are accepted; whoever needs finite ones checks.
    pub fn new(rows: usize, dim: usize, data: Vec<f32>) -> Result<Self, VectorError> {
        check_shape(rows, dim, data.len())?;
        Ok(Self { rows, dim, data })
    }

    /// The vector at `row`.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.dim..][..self.dim]
    }

    /// Fails on the first NaN or infinity and names its row.
    pub fn check_finite(&self) -> Result<(), VectorError> {
        // Without an early exit this is one vectorised pass.
        if self.data.iter().fold(true, |all, value| all & value.is_finite()) {
            return Ok(());
        }
        let at = self.data.iter().position(|value| !value.is_finite()).unwrap_or_default();
        Err(VectorError::NotFinite { row: at / self.dim, dimension: at % self.dim, value: self.data[at] })
    }
}

/// Codes, row-major: `data[row * bytes + byte]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Number of codes; may be 0.
    pub rows: usize,
    /// Bytes of each; at least 1.
    pub bytes: usize,
    /// `rows * bytes` bytes.
    pub data: Vec<u8>,
}

impl Codes {
    /// Takes `data` as `rows` codes of `bytes` bytes.
    pub fn new(rows: usize, bytes: usize, data: Vec<u8>) -> Result<Self, VectorError> {
        check_shape(rows, bytes, data.len())?;
        Ok(Self { rows, bytes, data })
    }

    /// The code at `row`.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.data[row * self.bytes..][..self.bytes]
    }
}

/// Documents are numbered by u32 and Faiss counts dimensions in an int.
fn check_shape(rows: usize, width: usize, len: usize) -> Result<(), VectorError> {
    let fits =
        u32::try_from(rows).is_ok() && (1..=i32::MAX as usize).contains(&width) && rows.checked_mul(width) == Some(len);
    if fits { Ok(()) } else { Err(VectorError::Shape { rows, width, len }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_checked() {
        assert!(Matrix::new(2, 3, vec![0.0; 6]).is_ok());
        assert!(Matrix::new(0, 3, vec![]).is_ok());
        assert!(Matrix::new(2, 3, vec![0.0; 5]).is_err());
        assert!(Matrix::new(2, 0, vec![]).is_err());
        assert!(Codes::new(1, 2, vec![0; 2]).is_ok());
        assert!(Codes::new(usize::MAX, 2, vec![0; 2]).is_err());
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        let mut matrix = Matrix::new(3, 2, vec![1.0; 6]).unwrap();
        assert!(matrix.check_finite().is_ok());
        matrix.data[5] = f32::NAN;
        matrix.data[3] = f32::NEG_INFINITY;
        let message = matrix.check_finite().unwrap_err().to_string();
        assert_eq!(message, "row 1 has -inf in dimension 1 (both from 0): vectors must be finite");
    }
}
