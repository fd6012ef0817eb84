//! bpref: each relevant document that is found counts 1, less the share of judged documents that are not relevant and come
//! before it; the sum is divided by the number R of relevant documents. Documents that nobody judged play no part.
//! C. Buckley and E. Voorhees, "Retrieval evaluation with incomplete information", SIGIR 2004, as trec_eval's `bpref` has
//! it: the share is min(before, R) / min(N, R), with N judged documents that are not relevant.
//!
//! Ties: in a group that is looked at in full, the number of its z judged others before one of its relevant documents is
//! 0 … z with equal probability. In one that crosses the cut, a relevant document is at each place with probability 1/n,
//! and the number of judged others before place i is hypergeometric: i − 1 draws from n − 1 documents, z of them judged
//! and not relevant. The greatest sum has all relevant ones first, the least one has them last.

use crate::{Judgements, QueryRun, Value};

pub(crate) fn evaluate(k: usize, run: &QueryRun, judgements: &Judgements) -> Value {
    let relevant = judgements.relevant().len();
    if relevant == 0 {
        return Value::ZERO;
    }
    let bound = judgements.rejected().min(relevant);
    // What a relevant document counts that has so many judged others before it.
    let worth = |before: usize| if before == 0 { 1.0 } else { 1.0 - before.min(relevant) as f64 / bound as f64 };
    let [mut value, mut min, mut max, mut trec_eval] = [0.0; 4];
    let mut before = 0;
    for group in run.groups().take_while(|group| group.before < k) {
        let (n, places) = (group.documents.len(), group.places(k));
        let found = group.documents.iter().filter(|document| judgements.is_relevant(**document)).count();
        let rejected = group.documents.iter().filter(|document| judgements.is_rejected(**document)).count();
        if found > 0 {
            value += found as f64 * expected((n, places), rejected, |others| worth(before + others));
            max += found.min(places) as f64 * worth(before);
            min += places.saturating_sub(n - found) as f64 * worth(before + rejected);
        }
        let mut so_far = before;
        for document in &group.documents[..places] {
            if judgements.is_relevant(*document) {
                trec_eval += worth(so_far);
            }
            so_far += usize::from(judgements.is_rejected(*document));
        }
        before += rejected;
    }
    let of = |sum: f64| sum / relevant as f64;
    Value { value: of(value), min: of(min), max: of(max), trec_eval: Some(of(trec_eval)) }.enclosed()
}

/// What one relevant document of a group of `n` counts on average where the first `places` of them are looked at and
/// `rejected` others are judged.
fn expected((n, places): (usize, usize), rejected: usize, worth: impl Fn(usize) -> f64) -> f64 {
    if places == n {
        let sum: f64 = (0..=rejected).map(worth).sum();
        return sum / (rejected + 1) as f64;
    }
    // chances[x]: so many of those before are judged.
    let mut chances = vec![0.0; rejected + 1];
    chances[0] = 1.0;
    let mut sum = 0.0;
    for place in 0..places {
        sum += chances.iter().enumerate().map(|(others, chance)| chance * worth(others)).sum::<f64>();
        // The one at this place is drawn from the other n − 1, `place` of which are drawn already.
        let left = (n - 1 - place) as f64;
        for others in (0..=rejected).rev() {
            let not = (n - 1 - rejected + others).saturating_sub(place) as f64;
            let one = if others == 0 { 0.0 } else { chances[others - 1] * (rejected - others + 1) as f64 / left };
            chances[others] = chances[others] * not / left + one;
        }
    }
    sum / n as f64
}
