//! Where variance comes from when a codec was run with several seeds: seeds and queries are crossed random effects without
//! repetition (S. R. Searle, G. Casella and C. McCulloch, "Variance components", 1992, section 4.3), estimated by the
//! analysis of variance.

use super::{mean, squares};

/// Components of the variance of one value, and what they make of the error of the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components {
    /// Between seeds.
    pub seed: f64,
    /// Between queries.
    pub query: f64,
    /// What is left: how differently seeds do on different queries.
    pub rest: f64,
    /// The standard error of the mean over all seeds and queries, for other seeds *and* other queries.
    pub standard_error: f64,
}

/// Splits the variance of `values[seed][query]`; `None` with fewer than two seeds or two queries, of which none can be
/// told. An estimate below 0 is shown as 0.
///
/// # Panics
/// Where seeds have different numbers of queries.
pub fn components(values: &[Vec<f64>]) -> Option<Components> {
    let (seeds, queries) = (values.len(), values.first()?.len());
    assert!(values.iter().all(|of_seed| of_seed.len() == queries), "each seed has a value for each query");
    if seeds < 2 || queries < 2 {
        return None;
    }
    let of_seeds: Vec<f64> = values.iter().map(|of_seed| mean(of_seed)).collect();
    let of_queries: Vec<f64> =
        (0..queries).map(|query| values.iter().map(|of_seed| of_seed[query]).sum::<f64>() / seeds as f64).collect();
    let all = mean(&of_seeds);
    let mut left = 0.0;
    for (of_seed, seed) in values.iter().zip(&of_seeds) {
        for (value, query) in of_seed.iter().zip(&of_queries) {
            let rest = value - seed - query + all;
            left += rest * rest;
        }
    }
    let (seeds, queries) = (seeds as f64, queries as f64);
    let rest = left / ((seeds - 1.0) * (queries - 1.0));
    let seed = (queries * squares(&of_seeds) / (seeds - 1.0) - rest).max(0.0) / queries;
    let query = (seeds * squares(&of_queries) / (queries - 1.0) - rest).max(0.0) / seeds;
    let standard_error = (seed / seeds + query / queries + rest / (seeds * queries)).sqrt();
    Some(Components { seed, query, rest, standard_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: two seeds, three queries. Means of seeds 2 and 4, of queries 1, 3, 5, nothing left.
    #[test]
    fn what_adds_up_leaves_no_rest() {
        let found = components(&[vec![0.0, 2.0, 4.0], vec![2.0, 4.0, 6.0]]).unwrap();
        assert!((found.seed - 2.0).abs() < 1e-12 && (found.query - 4.0).abs() < 1e-12, "{found:?}");
        assert!(found.rest.abs() < 1e-12);
        assert!((found.standard_error - (2.0_f64 / 2.0 + 4.0 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_differ_has_no_share() {
        let found = components(&[vec![0.5, 1.0], vec![0.5, 1.0], vec![0.5, 1.0]]).unwrap();
        assert_eq!((found.seed, found.rest), (0.0, 0.0));
        assert_eq!(components(&[vec![1.0, 2.0]]), None);
        assert_eq!(components(&[]), None);
    }
}
