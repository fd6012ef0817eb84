//! Relevant documents among the first ranks: Recall@k (over all relevant ones; trec_eval's `recall`), P@k (over k, however
//! few there are; `P`), and R-precision (k is the number R of relevant ones; `Rprec`).
//!
//! Ties: a group of n documents, r of them relevant, that fills m of the first k ranks puts r·m/n relevant ones there
//! on average, at least m − (n − r), and at most r or m, whichever is less.

use bitsweep_proto::measure::UNCUT_DEPTH;

use crate::{Judgements, QueryRun, Value};

pub(crate) fn recall(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    among_first(k, run, judgements, judgements.relevant().len())
}

pub(crate) fn precision(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    among_first(k, run, judgements, k)
}

/// Where more documents are relevant than a run without a cut-off has, those that it has are looked at.
pub(crate) fn r_precision(run: &QueryRun, judgements: &Judgements) -> Value {
    let relevant = judgements.relevant().len();
    among_first(relevant.min(UNCUT_DEPTH as usize), run, judgements, relevant)
}

fn among_first(k: usize, run: &QueryRun, judgements: &Judgements, out_of: usize) -> Value {
    if out_of == 0 {
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
    let share = |count: usize| count as f64 / out_of as f64;
    Value { value: value / out_of as f64, min: share(min), max: share(max), trec_eval: Some(share(trec_eval)) }
        .enclosed()
}
