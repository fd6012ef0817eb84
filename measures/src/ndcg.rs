//! nDCG@k: Σ gain / log2(rank + 1) over the first k ranks, divided by the same sum of the ideal order.
//!
//! K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002, with linear
//! gain and the discount of trec_eval's `ndcg_cut`. The ideal order holds every judged document.
//!
//! Ties: a group of n documents that fills m of the first k ranks adds its mean gain times the sum of these m
//! discounts. Discounts fall and gains are not negative, so the least sum gives the m ranks to the m smallest gains,
//! smallest first, and the greatest one to the m greatest, greatest first (rearrangement inequality).

use crate::{Judgements, QueryRun, Value};

/// Gain weight of a rank that has `before` ranks before it.
fn discount(before: usize) -> f64 {
    1.0 / libm::log2((before + 2) as f64)
}

pub(crate) fn evaluate(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    let grades = judgements.relevant().iter().take(k).enumerate();
    let ideal = grades.fold(0.0, |sum, (before, grade)| sum + f64::from(*grade) * discount(before));
    if ideal == 0.0 {
        return Value::ZERO;
    }
    let [mut value, mut min, mut max, mut trec_eval] = [0.0; 4];
    for group in run.groups().take_while(|group| group.before < k) {
        let places = group.places(k);
        let all: Vec<f64> = group.documents.iter().map(|document| judgements.gain(*document)).collect();
        let mut gains: Vec<f64> = all.iter().copied().filter(|gain| *gain > 0.0).collect();
        if gains.is_empty() {
            continue;
        }
        gains.sort_unstable_by(|a, b| b.total_cmp(a));
        let zeros = all.len() - gains.len();
        let mean = gains.iter().sum::<f64>() / all.len() as f64;
        for (place, gain) in all.iter().enumerate().take(places) {
            let weight = discount(group.before + place);
            value += mean * weight;
            max += gains.get(place).copied().unwrap_or(0.0) * weight;
            min += place.checked_sub(zeros).map_or(0.0, |at| gains[gains.len() - 1 - at]) * weight;
            trec_eval += gain * weight;
        }
    }
    Value { value: value / ideal, min: min / ideal, max: max / ideal, trec_eval: Some(trec_eval / ideal) }.enclosed()
}
