//! The vote of the nearest against its definition: every draw of the tied documents, one by one.

use bitsweep_measures::{Hit, Labels, MeasureError, QueryRun, Value, average, classify};
use bitsweep_proto::Measure;
use proptest::prelude::*;

fn run(scores: &[f64]) -> QueryRun {
    let names: Vec<u32> = (0..scores.len() as u32).collect();
    let hits = names.iter().zip(scores).map(|(document, score)| Hit { document: *document, score: *score });
    QueryRun::new(hits, &names).unwrap()
}

fn accuracy(k: u32, scores: &[f64], labels: Labels<'_>) -> Value {
    classify(Measure::Accuracy { k }, &run(scores), labels).unwrap()
}

/// What voters with these classes say of the query: its share of the vote's winners.
fn share(voters: &[u32], query: Option<u32>) -> f64 {
    let votes = |class: u32| voters.iter().filter(|voter| **voter == class).count();
    let most = voters.iter().map(|voter| votes(*voter)).max().unwrap_or(0);
    let Some(own) = query.filter(|class| most > 0 && votes(*class) == most) else { return 0.0 };
    let mut winners: Vec<u32> = voters.iter().copied().filter(|voter| votes(*voter) == most).collect();
    winners.sort_unstable();
    winners.dedup();
    assert!(winners.contains(&own));
    1.0 / winners.len() as f64
}

/// The value by its definition. Draws are the sets of documents such that none left out has a better score than one of them.
fn plain(k: usize, scores: &[f64], labels: Labels<'_>) -> Value {
    let count = k.min(scores.len()) as u32;
    let is_draw = |set: u32| {
        let inside = |row: &usize| (set >> row) & 1 == 1;
        let (voters, left): (Vec<usize>, Vec<usize>) = (0..scores.len()).partition(inside);
        let worst = voters.iter().map(|row| scores[*row]).fold(f64::INFINITY, f64::min);
        set.count_ones() == count && left.iter().all(|row| scores[*row] <= worst)
    };
    let voters = |set: u32| -> Vec<u32> {
        (0..scores.len()).filter(|row| (set >> row) & 1 == 1).map(|row| labels.documents[row]).collect()
    };
    let draws = (0..1u32 << scores.len()).filter(|set| is_draw(*set));
    let shares: Vec<f64> = draws.map(|set| share(&voters(set), labels.query)).collect();
    let open = |is: fn(f64) -> bool| f64::from(u8::from(shares.iter().any(|share| is(*share))));
    let value = shares.iter().sum::<f64>() / shares.len() as f64;
    Value { value, min: 1.0 - open(|share| share < 1.0), max: open(|share| share > 0.0), trec_eval: None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn equals_every_draw_enumerated(
        documents in prop::collection::vec((0u8..3, 0u32..4), 0..11), k in 1u32..12, query in prop::option::weighted(0.9, 0u32..4),
    ) {
        let scores: Vec<f64> = documents.iter().map(|(score, _)| f64::from(*score)).collect();
        let classes: Vec<u32> = documents.iter().map(|(_, class)| *class).collect();
        let labels = Labels { documents: &classes, query };
        let (found, expected) = (accuracy(k, &scores, labels), plain(k as usize, &scores, labels));
        prop_assert!((found.value - expected.value).abs() < 1e-12, "{found:?}, {expected:?}");
        prop_assert_eq!((found.min, found.max, found.trec_eval), (expected.min, expected.max, None));
        prop_assert!(found.min <= found.value && found.value <= found.max, "{found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whoever asks for each class once gets one answer in all.
    #[test]
    fn the_classes_share_one_vote(documents in prop::collection::vec((0u8..6, 0u32..20), 1..150), k in 1u32..40) {
        let scores: Vec<f64> = documents.iter().map(|(score, _)| f64::from(*score)).collect();
        let classes: Vec<u32> = documents.iter().map(|(_, class)| *class).collect();
        let of = |class: u32| accuracy(k, &scores, Labels { documents: &classes, query: Some(class) }).value;
        let sum: f64 = (0..20).map(of).sum();
        prop_assert!((sum - 1.0).abs() < 1e-11, "{sum}");
    }
}

/// Three of class 0 and two of class 1, without ties: what a KNeighborsClassifier of scikit-learn with uniform weights says, which
/// knows no ties of documents and gives those of classes to the least.
#[test]
fn without_ties_it_is_the_majority() {
    let (scores, classes) = ([0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 0, 1, 0]);
    for (k, of_0, of_1) in [(1, 0.0, 1.0), (2, 0.5, 0.5), (3, 1.0, 0.0), (4, 0.5, 0.5), (5, 1.0, 0.0), (9, 1.0, 0.0)] {
        let of = |class| accuracy(k, &scores, Labels { documents: &classes, query: Some(class) });
        assert_eq!([of(0).value, of(1).value], [of_0, of_1], "k = {k}");
        let tied = of_0 == 0.5;
        assert_eq!([of(0).max - of(0).min, of(1).max - of(1).min], [f64::from(u8::from(tied)); 2], "k = {k}");
    }
    let unknown = accuracy(3, &scores, Labels { documents: &classes, query: None });
    assert_eq!(unknown, Value { value: 0.0, min: 0.0, max: 0.0, trec_eval: None });
    // Nothing found is nothing said.
    let nothing =
        classify(Measure::Accuracy { k: 3 }, &QueryRun::default(), Labels { documents: &classes, query: Some(0) });
    assert_eq!(nothing.unwrap().max, 0.0);
}

#[test]
fn averages_have_no_value_of_trec_eval() {
    let classes = [0, 1];
    let measure = Measure::Accuracy { k: 1 };
    let of = |class| accuracy(1, &[0.5, 0.5], Labels { documents: &classes, query: Some(class) });
    let measured = average(measure, &[of(0), of(1), of(1)]);
    assert_eq!((measured.value, measured.value_min, measured.value_max), (0.5, 0.0, 1.0));
    assert_eq!((measured.value_trec_eval, measured.queries, measured.measure), (None, 3, measure));
}

#[test]
fn what_has_no_class_is_refused() {
    let labels = Labels { documents: &[0], query: Some(0) };
    let error = classify(Measure::Accuracy { k: 5 }, &run(&[1.0, 0.5]), labels).unwrap_err();
    assert_eq!(error, MeasureError::UnknownDocument { document: 1, documents: 1 });
    let error = classify(Measure::Mrr { k: None }, &run(&[1.0]), labels).unwrap_err();
    assert_eq!(error.to_string(), "MRR measures no labels");
    let judgements = bitsweep_measures::Judgements::default();
    let error = bitsweep_measures::evaluate(Measure::Accuracy { k: 5 }, &run(&[1.0]), &judgements, None).unwrap_err();
    assert_eq!(error.to_string(), "Accuracy@5 measures no rankings");
}
