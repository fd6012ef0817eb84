//! Eigenvalues and eigenvectors of symmetric matrices: Householder's reduction to three diagonals, then QL with implicit
//! shifts (Bowdler, Martin, Reinsch, Wilkinson 1968; EISPACK `tred2`, `imtql2`). Only `+ - * /` and `sqrt` in a fixed order, so
//! that every machine finds the same numbers.

/// Rounds of QL for one eigenvalue; two or three are usual.
const MOST_ROUNDS: usize = 100;

/// What [`symmetric`] finds, greatest eigenvalue first.
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    /// Row after row the vector of each value, of length 1; of each vector the first of the greatest components is positive.
    pub(crate) vectors: Vec<f64>,
}

/// The eigenvalues and eigenvectors of the symmetric `matrix` of `n × n` numbers.
pub(crate) fn symmetric(mut matrix: Vec<f64>, n: usize) -> Eigen {
    let mut vectors = vec![0.0; n * n];
    for i in 0..n {
        vectors[i * n + i] = 1.0;
    }
    let (mut diagonal, mut beside) = three_diagonals(&mut matrix, &mut vectors, n);
    ql(&mut diagonal, &mut beside, &mut vectors, n);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    let mut sorted = Vec::with_capacity(n * n);
    for &i in &order {
        let vector = &vectors[i * n..][..n];
        let greatest = vector.iter().fold(0.0, |greatest: f64, &x| if x.abs() > greatest.abs() { x } else { greatest });
        let sign = if greatest < 0.0 { -1.0 } else { 1.0 };
        sorted.extend(vector.iter().map(|x| sign * x));
    }
    Eigen { values: order.iter().map(|&i| diagonal[i]).collect(), vectors: sorted }
}

/// Makes `matrix` into three diagonals by reflections, which are applied to the rows of `vectors` too. Returns the diagonal
/// and what stands beside it (one shorter, a 0 at the end).
fn three_diagonals(matrix: &mut [f64], vectors: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut beside = vec![0.0; n];
    let mut reflector = vec![0.0; n];
    let mut image = vec![0.0; n];
    for k in 0..n.saturating_sub(2) {
        let from = k + 1;
        let column = |i: usize| matrix[i * n + k];
        let scale = (from..n).fold(0.0, |most: f64, i| most.max(column(i).abs()));
        // The rest of the column is 0 already.
        if (from + 1..n).all(|i| column(i) == 0.0) {
            beside[k] = column(from);
            continue;
        }
        let squares = (from..n).fold(0.0, |sum, i| sum + (column(i) / scale) * (column(i) / scale));
        let length = scale * squares.sqrt();
        let head = if column(from) > 0.0 { -length } else { length };
        for (i, x) in (from..n).zip(&mut reflector[from..]) {
            *x = column(i);
        }
        reflector[from] -= head;
        let norm = (from..n).fold(0.0, |sum, i| sum + (reflector[i] / scale) * (reflector[i] / scale)).sqrt() * scale;
        reflector[from..n].iter_mut().for_each(|x| *x /= norm);
        beside[k] = head;
        // The reflection is 1 - 2 v vᵀ. With p = 2 A v and q = p - (vᵀ p) v it takes A to A - v qᵀ - q vᵀ.
        image[from..n].fill(0.0);
        for i in from..n {
            let factor = 2.0 * reflector[i];
            for (sum, value) in image[from..n].iter_mut().zip(&matrix[i * n + from..][..n - from]) {
                *sum += factor * value;
            }
        }
        let along = (from..n).fold(0.0, |sum, i| sum + reflector[i] * image[i]);
        for i in from..n {
            image[i] -= along * reflector[i];
        }
        for i in from..n {
            let (v, q) = (reflector[i], image[i]);
            for (j, value) in (from..n).zip(&mut matrix[i * n + from..][..n - from]) {
                *value -= v * image[j] + q * reflector[j];
            }
        }
        reflect(vectors, &reflector, from, n);
    }
    if n >= 2 {
        beside[n - 2] = matrix[(n - 1) * n + n - 2];
    }
    ((0..n).map(|i| matrix[i * n + i]).collect(), beside)
}

/// Applies the reflection at `reflector[from..]` to the rows of `vectors`.
fn reflect(vectors: &mut [f64], reflector: &[f64], from: usize, n: usize) {
    let mut along = vec![0.0; n];
    for i in from..n {
        for (sum, value) in along.iter_mut().zip(&vectors[i * n..][..n]) {
            *sum += reflector[i] * value;
        }
    }
    for i in from..n {
        let factor = 2.0 * reflector[i];
        for (value, along) in vectors[i * n..][..n].iter_mut().zip(&along) {
            *value -= factor * along;
        }
    }
}

/// Takes what stands beside the diagonal to 0 by plane rotations, which are applied to the rows of `vectors` too.
fn ql(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64], n: usize) {
    for l in 0..n {
        for _ in 0..MOST_ROUNDS {
            let is_small = |&m: &usize| beside[m].abs() <= f64::EPSILON * (diagonal[m].abs() + diagonal[m + 1].abs());
            let m = (l..n - 1).find(is_small).unwrap_or(n - 1);
            if m == l {
                break;
            }
            let shift = (diagonal[l + 1] - diagonal[l]) / (2.0 * beside[l]);
            let root = hypotenuse(shift, 1.0);
            let mut g = diagonal[m] - diagonal[l] + beside[l] / (shift + if shift < 0.0 { -root } else { root });
            let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (l..m).rev() {
                let (f, b) = (sine * beside[i], cosine * beside[i]);
                let r = hypotenuse(f, g);
                beside[i + 1] = r;
                if r == 0.0 {
                    diagonal[i + 1] -= moved;
                    beside[m] = 0.0;
                    split = true;
                    break;
                }
                sine = f / r;
                cosine = g / r;
                g = diagonal[i + 1] - moved;
                let r = (diagonal[i] - g) * sine + 2.0 * cosine * b;
                moved = sine * r;
                diagonal[i + 1] = g + moved;
                g = cosine * r - b;
                let (upper, lower) = vectors[i * n..][..2 * n].split_at_mut(n);
                for (upper, lower) in upper.iter_mut().zip(lower) {
                    let old = *lower;
                    *lower = sine * *upper + cosine * old;
                    *upper = cosine * *upper - sine * old;
                }
            }
            if !split {
                diagonal[l] -= moved;
                beside[l] = g;
                beside[m] = 0.0;
            }
        }
    }
}

/// √(a² + b²) without overflow.
fn hypotenuse(a: f64, b: f64) -> f64 {
    let (greater, lesser) = if a.abs() >= b.abs() { (a.abs(), b.abs()) } else { (b.abs(), a.abs()) };
    if greater == 0.0 {
        return 0.0;
    }
    let ratio = lesser / greater;
    greater * (1.0 + ratio * ratio).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest deviation of A v from λ v, and of the vectors from an orthonormal basis.
    fn errors(matrix: &[f64], n: usize, eigen: &Eigen) -> (f64, f64) {
        let row = |i: usize| &eigen.vectors[i * n..][..n];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let (mut residual, mut skew) = (0.0f64, 0.0f64);
        for i in 0..n {
            for j in 0..n {
                residual = residual.max((dot(&matrix[j * n..][..n], row(i)) - eigen.values[i] * row(i)[j]).abs());
                skew = skew.max((dot(row(i), row(j)) - f64::from(u8::from(i == j))).abs());
            }
        }
        (residual, skew)
    }

    #[test]
    fn vectors_are_orthonormal_and_are_eigenvectors() {
        for n in [1, 2, 3, 8, 50, 120] {
            let number = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0;
            let matrix: Vec<f64> = (0..n * n).map(|at| number(at / n * (at % n) + at / n + at % n)).collect();
            let eigen = symmetric(matrix.clone(), n);
            let (residual, skew) = errors(&matrix, n, &eigen);
            assert!(residual < 1e-12 * n as f64 && skew < 1e-13 * n as f64, "{n}: {residual} {skew}");
            assert!(eigen.values.is_sorted_by(|a, b| a >= b));
            let trace: f64 = (0..n).map(|i| matrix[i * n + i]).sum();
            assert!((trace - eigen.values.iter().sum::<f64>()).abs() < 1e-11 * n as f64);
        }
    }

    #[test]
    fn matrices_with_equal_and_zero_eigenvalues_are_no_trouble() {
        // All ones: one eigenvalue n, the others 0. The unit matrix. Nothing but zeros. Scales far apart.
        let n = 30;
        let diagonal = |value: fn(usize) -> f64| -> Vec<f64> {
            (0..n * n).map(|at| if at / n == at % n { value(at / n) } else { 0.0 }).collect()
        };
        for matrix in
            [vec![1.0; n * n], diagonal(|_| 1.0), diagonal(|_| 0.0), diagonal(|i| 10f64.powi(-(i as i32) * 9))]
        {
            let eigen = symmetric(matrix.clone(), n);
            let (residual, skew) = errors(&matrix, n, &eigen);
            assert!(residual < 1e-12 && skew < 1e-12, "{residual} {skew}");
        }
        let ones = symmetric(vec![1.0; n * n], n);
        assert!((ones.values[0] - n as f64).abs() < 1e-12 && ones.values[1].abs() < 1e-12);
        assert!(symmetric(Vec::new(), 0).values.is_empty());
    }
}
