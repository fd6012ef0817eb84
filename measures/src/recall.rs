//! Recall@k: relevant documents among the first k ranks, divided by all relevant documents; trec_eval's `recall`.
//!
//! Ties: a group of n documents, r of them relevant, that fills m of the first k ranks puts r·m/n relevant ones there
//! on average, at least m − (n − r), and at most r or m, whichever is less.

use crate::{Judgements, QueryRun, Value};

pub(crate) fn evaluate(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    let relevant = judgements.relevant().len();
    if relevant == 0 {
        return Value::ZERO;
    }
    let mut value = 0.0;
    let [mut min, mut max, mut trec_eval] = [0; 3];
    for group in run.groups().take_while(|group| group.before < k) {
        let (n, places) = (group.documents.len(), group.places(k));
        let among = |documents: &[u32]| documents.iter().filter(|d| judgements.is_relevant(**d)).count();
        let found = among(group.documents);
        value += (found * places) as f64 / n as f64;
        min += places.saturating_sub(n - found);
        max += found.min(places);
        trec_eval += among(&group.documents[..places]);
    }
    let share = |count: usize| count as f64 / relevant as f64;
    Value { value: value / relevant as f64, min: share(min), max: share(max), trec_eval: Some(share(trec_eval)) }
        .enclosed()
}
