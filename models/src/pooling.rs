//! Token vectors to one vector a text. Plain loops in a fixed order: the same bits on every CPU for the same input.

/// The mean of some token vectors: the sum in float32 in the order of the tokens, divided by their number
/// (sentence-transformers, `Pooling` with `pooling_mode_mean_tokens`).
///
/// A row of `hidden` begins every `stride` numbers, at least one of them; its first `dim` numbers are the token's. Gives `dim`.
pub(crate) fn mean(hidden: &[f32], stride: usize, dim: usize) -> Vec<f32> {
    let mut tokens = hidden.chunks(stride).map(|token| &token[..dim]);
    let mut sum = tokens.next().expect("a text has at least one token").to_vec();
    let mut count = 1usize;
    for token in tokens {
        sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
        count += 1;
    }
    sum.iter_mut().for_each(|sum| *sum /= count as f32);
    sum
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
    fn the_mean_leaves_out_what_is_no_number_of_a_token() {
        assert_eq!(mean(&[1.0, 2.0, f32::NAN, 3.0, 6.0, 9.0], 3, 2), [2.0, 4.0]);
        assert_eq!(mean(&[5.0, 7.0], 2, 2), [5.0, 7.0]);
        assert_eq!(mean(&[1.0, 2.0, 3.0, 6.0, 9.0, 9.0], 2, 2), [13.0 / 3.0, 17.0 / 3.0]);
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
