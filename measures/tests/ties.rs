//! Closed forms against plain definitions, averaged over every order of the documents.

use bitsweep_measures::{Hit, Judgements, QueryRun, Value, average, evaluate};
use bitsweep_proto::Measure;
use proptest::prelude::*;

const DOCUMENTS: usize = 6;

/// All orders of 0 … n − 1.
fn orders(n: usize) -> Vec<Vec<u32>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(n - 1) {
        for at in 0..n {
            let mut order = shorter.clone();
            order.insert(at, n as u32 - 1);
            all.push(order);
        }
    }
    all
}

/// Documents with a score, best first, ties in the given order.
fn ranked(scores: &[Option<u8>], order: &[u32]) -> Vec<u32> {
    let mut documents: Vec<u32> = order.iter().copied().filter(|d| scores[*d as usize].is_some()).collect();
    documents.sort_by_key(|d| std::cmp::Reverse(scores[*d as usize]));
    documents
}

fn run(scores: &[Option<u8>], name_order: &[u32]) -> QueryRun {
    let hits = scores
        .iter()
        .enumerate()
        .filter_map(|(document, score)| score.map(|score| Hit { document: document as u32, score: f64::from(score) }));
    QueryRun::new(hits, name_order).unwrap()
}

/// The measure by its definition, for one strict order of both runs.
fn plain(measure: Measure, [documents, reference]: [&[u32]; 2], grades: &[i32], absent: &[i32]) -> f64 {
    let gain = |d: &u32| f64::from(grades[*d as usize].max(0));
    let dcg = |gains: &[f64]| gains.iter().enumerate().map(|(i, g)| g / (i as f64 + 2.0).log2()).sum::<f64>();
    let relevant = grades.iter().chain(absent).filter(|grade| **grade > 0).count() as f64;
    let top = |k: u32| &documents[..documents.len().min(k as usize)];
    match measure {
        Measure::Overlap { k } => {
            let theirs = &reference[..reference.len().min(k as usize)];
            let common = top(k).iter().filter(|d| theirs.contains(d)).count() as f64;
            if theirs.is_empty() { 0.0 } else { common / theirs.len() as f64 }
        }
        _ if relevant == 0.0 => 0.0,
        Measure::Ndcg { k } => {
            let mut ideal: Vec<f64> = grades.iter().chain(absent).map(|g| f64::from((*g).max(0))).collect();
            ideal.sort_by(|a, b| b.total_cmp(a));
            ideal.truncate(k as usize);
            dcg(&top(k).iter().map(gain).collect::<Vec<_>>()) / dcg(&ideal)
        }
        Measure::Recall { k } => top(k).iter().filter(|d| gain(d) > 0.0).count() as f64 / relevant,
        Measure::Precision { k } => top(k).iter().filter(|d| gain(d) > 0.0).count() as f64 / f64::from(k),
        Measure::Success { k } => f64::from(u8::from(top(k).iter().any(|d| gain(d) > 0.0))),
        Measure::RPrecision => top(relevant as u32).iter().filter(|d| gain(d) > 0.0).count() as f64 / relevant,
        Measure::Map { k } => {
            let top = top(k.unwrap_or(u32::MAX));
            let found = top.iter().enumerate().filter(|(_, d)| gain(d) > 0.0);
            (1..).zip(found).map(|(count, (at, _))| f64::from(count) / (at + 1) as f64).sum::<f64>() / relevant
        }
        Measure::Spearman | Measure::Pearson | Measure::Accuracy { .. } => {
            unreachable!("{measure} looks at no judgements")
        }
        Measure::Bpref => {
            let judged = grades.iter().chain(absent).filter(|grade| **grade == 0).count() as f64;
            let (mut before, mut sum) = (0.0, 0.0);
            for document in documents {
                match grades[*document as usize] {
                    1.. if before == 0.0 => sum += 1.0,
                    1.. => sum += 1.0 - relevant.min(before) / relevant.min(judged),
                    0 => before += 1.0,
                    _ => {}
                }
            }
            sum / relevant
        }
        Measure::Mrr { k } => {
            let first = top(k.unwrap_or(u32::MAX)).iter().position(|d| gain(d) > 0.0);
            first.map_or(0.0, |at| 1.0 / (at + 1) as f64)
        }
    }
}

fn scores() -> impl Strategy<Value = Vec<Option<u8>>> {
    prop::collection::vec(prop::option::weighted(0.85, 0u8..3), DOCUMENTS)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn equal_every_order_enumerated(
        scores_a in scores(), scores_b in scores(),
        grades in prop::collection::vec(-1i32..4, DOCUMENTS), absent in prop::collection::vec(-1i32..4, 0..3),
        k in 1u32..8, names in Just((0..DOCUMENTS as u32).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let judgements = Judgements::new((0u32..).zip(grades.iter().copied()).collect(), &absent).unwrap();
        let (a, b) = (run(&scores_a, &names), run(&scores_b, &names));
        let mut by_name = names.clone();
        for (document, position) in names.iter().enumerate() {
            by_name[DOCUMENTS - 1 - *position as usize] = document as u32;
        }
        let orders = orders(DOCUMENTS);
        for measure in [
            Measure::Ndcg { k }, Measure::Recall { k }, Measure::Mrr { k: Some(k) }, Measure::Mrr { k: None },
            Measure::Overlap { k }, Measure::Map { k: Some(k) }, Measure::Map { k: None }, Measure::Precision { k },
            Measure::Success { k }, Measure::RPrecision, Measure::Bpref,
        ] {
            let of = |order: &[u32]| {
                plain(measure, [&ranked(&scores_a, order), &ranked(&scores_b, order)], &grades, &absent)
            };
            let all: Vec<f64> = orders.iter().map(|order| of(order)).collect();
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let found = evaluate(measure, &a, &judgements, Some(&b)).unwrap();
            prop_assert!(close(found.value, mean), "{measure}: {found:?}, mean {mean}");
            prop_assert!(close(found.min, least), "{measure}: {found:?}, least {least}");
            prop_assert!(close(found.max, greatest), "{measure}: {found:?}, greatest {greatest}");
            prop_assert!(found.min <= found.value && found.value <= found.max, "{measure}: {found:?}");
            match measure {
                Measure::Overlap { .. } => prop_assert_eq!(found.trec_eval, None),
                _ => prop_assert!(close(found.trec_eval.unwrap(), of(&by_name)), "{measure}: {found:?}"),
            }
        }
    }

    #[test]
    fn overlap_with_itself_is_exactly_one(scores in prop::collection::vec(0u8..12, 1..300), k in 1u32..400) {
        let names: Vec<u32> = (0..scores.len() as u32).collect();
        let scores: Vec<Option<u8>> = scores.into_iter().map(Some).collect();
        let run = run(&scores, &names);
        let found = evaluate(Measure::Overlap { k }, &run, &Judgements::default(), Some(&run)).unwrap();
        prop_assert_eq!(found, Value { value: 1.0, min: 1.0, max: 1.0, trec_eval: None });
    }

    #[test]
    fn without_ties_all_four_are_one_number(order in Just((0..40u32).collect::<Vec<_>>()).prop_shuffle(), k in 1u32..50) {
        let names: Vec<u32> = (0..40).collect();
        let hits = order.iter().enumerate().map(|(i, d)| Hit { document: *d, score: -(i as f64) });
        let run = QueryRun::new(hits, &names).unwrap();
        let judgements = Judgements::new((0..20).map(|d| (d, (d % 4) as i32)).collect(), &[2]).unwrap();
        for measure in [Measure::Ndcg { k }, Measure::Recall { k }, Measure::Mrr { k: Some(k) }] {
            let Value { value, min, max, trec_eval } = evaluate(measure, &run, &judgements, None).unwrap();
            prop_assert_eq!([min, max, trec_eval.unwrap()], [value; 3]);
        }
    }
}

/// Documents a, b, c with scores 2, 1, 1; b has grade 1, c has grade 3, one judged document is unknown with grade 2.
#[test]
fn hand_worked() {
    let run = run(&[Some(2), Some(1), Some(1)], &[0, 1, 2]);
    let judgements = Judgements::new(vec![(1, 1), (2, 3)], &[2]).unwrap();
    let of = |name: &str| evaluate(name.parse().unwrap(), &run, &judgements, None).unwrap();
    let second = 1.0 / 3f64.log2();
    let ideal = 3.0 + 2.0 * second + 0.5;
    let ndcg = of("nDCG@3");
    assert!(close(ndcg.value, (2.0 * second + 1.0) / ideal));
    assert!(close(ndcg.min, (second + 1.5) / ideal));
    assert!(close(ndcg.max, (3.0 * second + 0.5) / ideal));
    assert!(close(ndcg.trec_eval.unwrap(), (3.0 * second + 0.5) / ideal));
    assert!(close(of("Recall@2").value, 1.0 / 3.0) && close(of("Recall@3").value, 2.0 / 3.0));
    assert_eq!([of("MRR").value, of("MRR@2").value, of("MRR@1").value], [0.5, 0.5, 0.0]);
}

/// scikit-learn 1.9.1, `ndcg_score([[3, 0, 1, 0, 2, 0]], [[1, 2, 1, 1, 0, 2]], k=…)`, which averages ties.
#[test]
fn agrees_with_scikit_learn() {
    let run = run(&[Some(1), Some(2), Some(1), Some(1), Some(0), Some(2)], &[0, 1, 2, 3, 4, 5]);
    let judgements = Judgements::new(vec![(0, 3), (2, 1), (4, 2)], &[]).unwrap();
    for (k, expected) in SKLEARN {
        let found = evaluate(Measure::Ndcg { k }, &run, &judgements, None).unwrap();
        assert!((found.value - expected).abs() < 1e-12, "nDCG@{k}: {found:?}");
    }
}

const SKLEARN: [(u32, f64); 3] = [(3, 0.14000133050264274), (4, 0.26059191279579014), (6, 0.5185201686280073)];

/// What of the qrels and of the run is there changes nothing in how many queries count.
#[test]
fn every_judged_query_counts() {
    let full = run(&[Some(2), Some(1), Some(0)], &[0, 1, 2]);
    let partial = run(&[None, Some(1), None], &[0, 1, 2]);
    let judged = Judgements::new(vec![(0, 1), (1, 2), (2, 0)], &[]).unwrap();
    let partly = Judgements::new(vec![(2, 1)], &[]).unwrap();
    let none = Judgements::new(vec![(0, 0), (1, -1)], &[]).unwrap();
    let measure = "Recall@2".parse().unwrap();
    let table = [(&none, [0.0, 0.0, 0.0]), (&partly, [0.0, 0.0, 0.0]), (&judged, [0.0, 0.5, 1.0])];
    let mut values = Vec::new();
    for (judgements, expected) in table {
        for (run, expected) in [&QueryRun::default(), &partial, &full].into_iter().zip(expected) {
            let found = evaluate(measure, run, judgements, None).unwrap();
            assert_eq!(found.value, expected);
            values.push(found);
        }
    }
    let measured = average(measure, &values);
    assert_eq!((measured.value, measured.value_trec_eval, measured.queries), (1.5 / 9.0, Some(1.5 / 9.0), 9));
    assert_eq!(average(measure, &[]).queries, 0);
    assert_eq!(average(measure, &[]).value, 0.0);
}

#[test]
fn overlap_says_what_it_lacks() {
    let run = run(&[Some(1)], &[0]);
    let overlap = Measure::Overlap { k: 10 };
    let error = evaluate(overlap, &run, &Judgements::default(), None).unwrap_err();
    assert_eq!(error.to_string(), "Overlap@10 compares with the float32 run, but no reference run was given");
    let of = |a: &QueryRun, b: &QueryRun| evaluate(overlap, a, &Judgements::default(), Some(b)).unwrap().value;
    assert_eq!([of(&run, &run), of(&QueryRun::default(), &run), of(&run, &QueryRun::default())], [1.0, 0.0, 0.0]);
    assert_eq!(
        average(overlap, &[evaluate(overlap, &run, &Judgements::default(), Some(&run)).unwrap()]).value_trec_eval,
        None
    );
}
