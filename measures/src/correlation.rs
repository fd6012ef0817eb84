//! Spearman's and Pearson's correlation of the scores of pairs with those that people gave.
//!
//! **Spearman** (C. Spearman, "The proof and measurement of association between two things", 1904) is Pearson's correlation of
//! ranks; equal scores share the mean of their ranks, as in `scipy.stats.spearmanr`. Average ranks already say what ties are
//! worth, so a value has no envelope: least and greatest are the value itself.
//!
//! Twice a centred average rank is a whole number: sums are exact, and Spearman depends on the order of scores alone. Pearson is
//! computed in float64 about the means, from first to last.
//!
//! Scores that are all equal say nothing of any pair: their correlation is 0 (scipy gives NaN), as a query without relevant
//! documents counts 0. So it is with fewer than two pairs. Datasets whose own scores are all equal are refused on import.

use bitsweep_proto::outcome::Measured;
use bitsweep_proto::{Measure, Task};

use crate::MeasureError;

/// Measures `scores` against `gold`, pair by pair. Both have as many values, all of them finite.
///
/// Fails on a score that is NaN or infinite, on lists that differ in length, and for a measure of another task.
pub fn correlate(measure: Measure, scores: &[f64], gold: &[f64]) -> Result<Measured, MeasureError> {
    if scores.len() != gold.len() {
        return Err(MeasureError::OtherPairs { scores: scores.len(), gold: gold.len() });
    }
    if let Some(pair) = scores.iter().zip(gold).position(|(score, gold)| !score.is_finite() || !gold.is_finite()) {
        return Err(MeasureError::NoScore { pair });
    }
    let value = match measure {
        Measure::Spearman => spearman(scores, gold),
        Measure::Pearson => pearson(scores, gold),
        Measure::Ndcg { .. }
        | Measure::Recall { .. }
        | Measure::Mrr { .. }
        | Measure::Overlap { .. }
        | Measure::Map { .. }
        | Measure::Precision { .. }
        | Measure::Success { .. }
        | Measure::RPrecision
        | Measure::Bpref
        | Measure::Accuracy { .. } => return Err(MeasureError::OtherTask { measure, task: Task::Similarity }),
    };
    let queries = scores.len() as u64;
    Ok(Measured { measure, value, value_min: value, value_max: value, value_trec_eval: None, queries })
}

fn spearman(x: &[f64], y: &[f64]) -> f64 {
    let [x, y] = [x, y].map(ranks);
    let products = |x: &[i64], y: &[i64]| x.iter().zip(y).map(|(x, y)| i128::from(*x) * i128::from(*y)).sum::<i128>();
    let sums = (products(&x, &y), products(&x, &x), products(&y, &y));
    quotient(sums.0 as f64, sums.1 as f64, sums.2 as f64)
}

/// Twice the average rank of each value, less twice the mean rank: a whole number.
pub(crate) fn ranks(values: &[f64]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // -0.0 and 0.0 are equal.
    order.sort_by(|a, b| (values[*a] + 0.0).total_cmp(&(values[*b] + 0.0)));
    let mut ranks = vec![0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        // Ranks first + 1 … first + group; the mean of all ranks is (n + 1) / 2.
        let twice = (2 * first + group.len() + 1) as i64 - (values.len() + 1) as i64;
        group.iter().for_each(|at| ranks[*at] = twice);
        first += group.len();
    }
    ranks
}

fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if constant(x) || constant(y) {
        return 0.0;
    }
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = sum(values.iter().copied()) / values.len() as f64;
        values.iter().map(|value| value - mean).collect()
    };
    let (x, y) = (centred(x), centred(y));
    let products = |x: &[f64], y: &[f64]| sum(x.iter().zip(y).map(|(x, y)| x * y));
    quotient(products(&x, &y), products(&x, &x), products(&y, &y))
}

/// A plain sum from first to last.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

/// The correlation of these sums of products; 0 where one side does not vary.
pub(crate) fn quotient(both: f64, x: f64, y: f64) -> f64 {
    let scale = (x * y).sqrt();
    if scale > 0.0 { (both / scale).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(measure: Measure, scores: &[f64], gold: &[f64]) -> f64 {
        let measured = correlate(measure, scores, gold).unwrap();
        assert_eq!((measured.value_min, measured.value_max), (measured.value, measured.value));
        assert_eq!((measured.value_trec_eval, measured.queries), (None, scores.len() as u64));
        measured.value
    }

    #[test]
    fn worked_by_hand() {
        // Ranks 1, 2½, 2½, 4 against 1, 2, 3, 4: Σ of centred products 4½, Σ of squares 4½ and 5.
        let found = value(Measure::Spearman, &[0.1, 0.5, 0.5, 0.9], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(found, 4.5 / (4.5_f64 * 5.0).sqrt());
        // x: -2 … 2 about its mean, y: -1, -1, 0, 2, 0.
        let found = value(Measure::Pearson, &[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 2.0, 3.0, 5.0, 3.0]);
        assert!((found - 5.0 / (10.0_f64 * 6.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn perfect_orders_are_one() {
        let gold: Vec<f64> = (0..997).map(|i| f64::from(i * 7919 % 997) / 3.0).collect();
        let turned: Vec<f64> = gold.iter().map(|x| -x).collect();
        let bent: Vec<f64> = gold.iter().map(|x| x.powi(3)).collect();
        assert_eq!(value(Measure::Spearman, &bent, &gold), 1.0);
        assert_eq!(value(Measure::Spearman, &turned, &gold), -1.0);
        assert!((value(Measure::Pearson, &turned, &gold) + 1.0).abs() < 1e-14);
        assert!(value(Measure::Pearson, &bent, &gold) < 0.95);
    }

    #[test]
    fn equal_scores_correlate_with_nothing() {
        for measure in [Measure::Spearman, Measure::Pearson] {
            assert_eq!(value(measure, &[0.3; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), 0.0);
            assert_eq!(value(measure, &[0.0, -0.0, 0.0], &[1.0, 2.0, 3.0]), 0.0);
            assert_eq!(value(measure, &[], &[]), 0.0);
            assert_eq!(value(measure, &[1.0], &[1.0]), 0.0);
        }
    }

    #[test]
    fn what_is_no_score_is_refused() {
        let found = correlate(Measure::Spearman, &[1.0, f64::NAN], &[1.0, 2.0]).unwrap_err();
        assert_eq!(found, MeasureError::NoScore { pair: 1 });
        let found = correlate(Measure::Spearman, &[1.0], &[1.0, 2.0]).unwrap_err();
        assert_eq!(found, MeasureError::OtherPairs { scores: 1, gold: 2 });
        let found = correlate(Measure::Bpref, &[1.0], &[1.0]).unwrap_err();
        assert_eq!(found.to_string(), "bpref measures no pairs of sentences");
    }
}
