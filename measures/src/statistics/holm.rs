//! Holm's step-down adjustment for a family of tests (S. Holm, "A simple sequentially rejective multiple test procedure",
//! Scandinavian Journal of Statistics 1979): the chance of one false discovery in the whole family stays below the level
//! that the adjusted p are held against, whatever depends on what.

/// The adjusted p of each test, in the order given. The family is what is given: to say which tests those are is the
/// caller's business, and must be said where the numbers are shown.
pub fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]));
    let (mut adjusted, mut so_far) = (vec![0.0; ps.len()], 0.0_f64);
    for (rank, at) in order.into_iter().enumerate() {
        so_far = so_far.max(ps[at] * (ps.len() - rank) as f64).min(1.0);
        adjusted[at] = so_far;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// statsmodels 0.14, `multipletests([.01, .04, .03, .005, .5], method='holm')`: .04, .09, .09, .025, .5.
    #[test]
    fn agrees_with_statsmodels() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (found, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.6, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
