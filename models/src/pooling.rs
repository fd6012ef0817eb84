//! Token vectors to one vector a text. Plain loops in a fixed order: the same bits on every CPU for the same input.

/// The mean of the first `lengths[i]` token vectors of each text i: the sum in float32 in the order of the tokens, divided
/// by their number (sentence-transformers, `Pooling` with `pooling_mode_mean_tokens`).
///
/// `hidden` is texts × `width` × `dim`, row-major; lengths are 1 to `width`. Gives texts × `dim`.
pub(crate) fn mean(hidden: &[f32], lengths: &[usize], dim: usize) -> Vec<f32> {
    if lengths.is_empty() {
        return Vec::new();
    }
    let mut means = Vec::with_capacity(lengths.len() * dim);
    for (text, length) in hidden.chunks_exact(hidden.len() / lengths.len()).zip(lengths) {
        let mut tokens = text.chunks_exact(dim).take(*length);
        let mut sum = tokens.next().expect("a text has at least one token").to_vec();
        for token in tokens {
            sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
        }
        means.extend(sum.iter().map(|sum| sum / *length as f32));
    }
    means
}

/// Scales a vector to length 1: divides by max(‖v‖₂, 10⁻¹²), as `torch.nn.functional.normalize` does, so the zero vector
/// stays zero. The sum of squares is float64, in order: it cannot overflow. Values that are not finite give NaN.
pub(crate) fn normalize(vector: &mut [f32]) {
    let squares: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    let length = squares.sqrt().max(1e-12) as f32;
    vector.iter_mut().for_each(|value| *value /= length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_leaves_padding_out() {
        let hidden = [1.0, 2.0, 3.0, 6.0, 9.0, 9.0, /**/ 5.0, 7.0, f32::NAN, 0.0, 0.0, 0.0];
        assert_eq!(mean(&hidden, &[2, 1], 2), [2.0, 4.0, 5.0, 7.0]);
        assert_eq!(mean(&hidden[..6], &[3], 2), [13.0 / 3.0, 17.0 / 3.0]);
        assert!(mean(&[], &[], 2).is_empty());
    }

    #[test]
    fn length_one_but_for_the_zero_vector() {
        let mut vectors = [[3.0, 4.0], [0.0, 0.0], [3e30, 0.0], [3e-30, 4e-30]];
        vectors.iter_mut().for_each(|vector| normalize(vector));
        assert_eq!(vectors, [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0], [3e-18, 4e-18]]);
        let mut broken = [f32::INFINITY, 1.0];
        normalize(&mut broken);
        assert!(broken[0].is_nan());
    }
}
