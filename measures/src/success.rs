//! Success@k: 1 where a relevant document is among the first k ranks, else 0; trec_eval's `success`.
//!
//! Ties: a group of n documents, r of them relevant, that fills m of the first k ranks holds none of them there with
//! probability C(n − r, m) / C(n, m); it surely holds one where m > n − r.

use crate::{Judgements, QueryRun, Value};

pub(crate) fn evaluate(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    for group in run.groups().take_while(|group| group.before < k) {
        let (n, places) = (group.documents.len(), group.places(k));
        let is_relevant = |document: &u32| judgements.is_relevant(*document);
        let relevant = group.documents.iter().filter(|document| is_relevant(document)).count();
        if relevant == 0 {
            continue;
        }
        let others = n - relevant;
        let none = (0..places).map(|place| others.saturating_sub(place) as f64 / (n - place) as f64).product::<f64>();
        let min = f64::from(u8::from(places > others));
        let by_name = f64::from(u8::from(group.documents[..places].iter().any(is_relevant)));
        // Only the group that crosses the cut can leave it open, and it is the last one.
        return Value { value: 1.0 - none, min, max: 1.0, trec_eval: Some(by_name) }.enclosed();
    }
    Value::ZERO
}
