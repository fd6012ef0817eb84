//! MAP and MAP@k: the precision at the rank of each relevant document among the first k ranks, added up and divided by the
//! number of all relevant documents; trec_eval's `map` and `map_cut`.
//!
//! Ties (McSherry and Najork 2008): with b documents before a group, c of them relevant, n in it and r of those relevant,
//! the i-th of the group is relevant with probability r/n, and then i − 1 others are before it, of which
//! (i − 1)(r − 1)/(n − 1) are relevant on average. So the group adds Σ r/n · (c + 1 + (i − 1)(r − 1)/(n − 1)) / (b + i).
//! To swap a relevant document with one right before it that is not raises its own term and changes no other: the greatest
//! sum has all relevant ones first, the least one has them last.

use crate::{Judgements, QueryRun, Value};

pub(crate) fn evaluate(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    let all = judgements.relevant().len();
    if all == 0 {
        return Value::ZERO;
    }
    let [mut value, mut min, mut max, mut trec_eval] = [0.0; 4];
    let mut found = 0;
    for group in run.groups().take_while(|group| group.before < k) {
        let (n, places) = (group.documents.len(), group.places(k));
        let is_relevant: Vec<bool> = group.documents.iter().map(|d| judgements.is_relevant(*d)).collect();
        let relevant = is_relevant.iter().filter(|is_relevant| **is_relevant).count();
        if relevant == 0 {
            continue;
        }
        let rank = |place: usize| (group.before + place + 1) as f64;
        let mut so_far = found;
        for (place, by_name) in is_relevant.iter().enumerate().take(places) {
            let others = (place * (relevant - 1)) as f64 / (n - 1).max(1) as f64;
            value += relevant as f64 / n as f64 * ((found + 1) as f64 + others) / rank(place);
            if place < relevant {
                max += (found + place + 1) as f64 / rank(place);
            }
            if place >= n - relevant {
                min += (found + place + 1 - (n - relevant)) as f64 / rank(place);
            }
            if *by_name {
                so_far += 1;
                trec_eval += so_far as f64 / rank(place);
            }
        }
        found += relevant;
    }
    let of = |sum: f64| sum / all as f64;
    Value { value: of(value), min: of(min), max: of(max), trec_eval: Some(of(trec_eval)) }.enclosed()
}
