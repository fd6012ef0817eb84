//! MRR@k and MRR: 1 / rank of the first relevant document, 0 where none is among the first k ranks. Without a
//! cut-off k is 1,000, the depth of the runs that trec_eval's `recip_rank` is used on: so the value does not depend on how
//! deep other measures need the run to be.
//!
//! Ties: only the first group with a relevant document matters. With a documents before it, n in it and r of them
//! relevant, the first relevant one is the j-th of the group with probability C(n − j, r − 1) / C(n, r), which is r/n
//! for j = 1 and follows from P(j + 1) = P(j) (n − j − r + 1) / (n − j). Its rank is at best a + 1 and at worst
//! a + n − r + 1.

use crate::{Judgements, QueryRun, Value};

pub(crate) fn evaluate(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    for group in run.groups().take_while(|group| group.before < k) {
        let is_relevant = |document: &&u32| judgements.is_relevant(**document);
        let Some(first) = group.documents.iter().position(|document| is_relevant(&document)) else { continue };
        let (n, relevant) = (group.documents.len(), group.documents.iter().filter(is_relevant).count());
        let at = |place: usize| if group.before + place <= k { 1.0 / (group.before + place) as f64 } else { 0.0 };
        let last = n - relevant + 1;
        let (mut value, mut chance) = (0.0, relevant as f64 / n as f64);
        for place in 1..=last.min(k - group.before) {
            value += chance * at(place);
            chance *= (last - place) as f64 / (n - place).max(1) as f64;
        }
        return Value { value, min: at(last), max: at(1), trec_eval: Some(at(first + 1)) }.enclosed();
    }
    Value::ZERO
}
