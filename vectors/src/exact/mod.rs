//! Arithmetic that gives the same bits on every machine: IEEE 754 binary64, only `+ - * /` and `sqrt`, every sum in one stated order,
//! no fused multiply-add, no BLAS, no system mathematics library.

mod arccos;
pub(crate) mod eigen;
mod ln;
pub(crate) mod products;

pub(crate) use arccos::arccos;
pub(crate) use ln::ln;

/// The vectors scaled to length 1, in float64; a zero vector stays what it is.
pub(crate) fn normalised(rows: &[f32], dim: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(dim) {
        let squares = row.iter().fold(0.0, |sum, &x| sum + f64::from(x) * f64::from(x));
        let norm = f64::sqrt(squares);
        out.extend(row.iter().map(|&x| if norm > 0.0 { f64::from(x) / norm } else { 0.0 }));
    }
    out
}

/// Makes rows (at most as many as they are wide) orthonormal, each against those before it: Gram and Schmidt, twice. A row that
/// depends on those before it becomes the first unit vector that does not.
pub(crate) fn orthonormalise(rows: &mut [f64], width: usize) {
    for i in 0..rows.len() / width {
        let (before, rest) = rows.split_at_mut(i * width);
        let row = &mut rest[..width];
        let mut units = 0..width;
        while !is_new(before, row) {
            let Some(unit) = units.next() else { break };
            row.fill(0.0);
            row[unit] = 1.0;
        }
    }
}

/// Takes what lies along the rows `before` off `row` and scales it to length 1. False where too little is left.
fn is_new(before: &[f64], row: &mut [f64]) -> bool {
    /// Less than this share of a row's length is rounding noise.
    const LEAST: f64 = 1e-10;
    let whole = dot(row, row).sqrt();
    for _ in 0..2 {
        for other in before.chunks_exact(row.len()) {
            let along = dot(row, other);
            row.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
        }
    }
    let left = dot(row, row).sqrt();
    if left <= LEAST * whole {
        return false;
    }
    row.iter_mut().for_each(|x| *x /= left);
    true
}

/// In order.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}
