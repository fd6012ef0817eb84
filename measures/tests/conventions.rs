//! The conventions of other tools: `golden/conventions.py` had the tools themselves print the known answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bitsweep_measures::conventions::{Average, Convention, Line, Order, Own, Query, Ranked, Rule, Rules};
use bitsweep_measures::{Judgements, MeasureError, evaluate};
use bitsweep_proto::Measure;
use serde_json::Value;

/// BEIR and MTEB round averages to five digits.
const ROUNDED: f64 = 5e-6 + 1e-12;

/// Sums of doubles in another order.
const EXACT: f64 = 1e-12;

fn known() -> Value {
    serde_json::from_str(include_str!("golden/conventions.json")).unwrap()
}

/// The folder with test data, or `None` (said aloud, and a failure in CI) where it is missing.
fn data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = PathBuf::from(std::env::var_os("BITSWEEP_TEST_DATA").unwrap_or_else(|| beside.into()));
    if folder.join("known_answers").is_dir() {
        return Some(folder.join("known_answers"));
    }
    assert!(std::env::var_os("CI").is_none(), "test data is missing: {}", folder.display());
    println!("SKIPPED: test data is missing: {}", folder.display());
    None
}

/// Judged queries by id, and the order of the documents' names.
struct Collection {
    queries: BTreeMap<String, Query>,
    name_order: Vec<u32>,
}

/// `lines`: query, document, rank, score. `qrels`: query, document, grade.
fn collection(lines: &[(String, String, u32, f64)], qrels: &[(String, String, i32)]) -> Collection {
    let names: BTreeSet<&str> = lines.iter().map(|(_, document, _, _)| document.as_str()).collect();
    let row: BTreeMap<&str, u32> = names.into_iter().zip(0..).collect();
    let mut queries: BTreeMap<String, Query> = BTreeMap::new();
    for (query, document, grade) in qrels {
        let of = queries.entry(query.clone()).or_default();
        of.own = row.get(query.as_str()).copied();
        match row.get(document.as_str()) {
            Some(row) => of.grades.push((*row, *grade)),
            None => of.absent.push(*grade),
        }
    }
    for (query, document, rank, score) in lines {
        let of = queries.get_mut(query).expect("every query of the run is judged");
        of.lines.push(Line::new((row[document.as_str()], *score), *rank));
    }
    Collection { queries, name_order: (0..row.len() as u32).collect() }
}

fn synthetic(case: &Value) -> Collection {
    let lines = case["lines"].as_array().unwrap().iter().map(|line| {
        let fields: Vec<&str> = line.as_str().unwrap().split(' ').collect();
        (fields[0].to_owned(), fields[1].to_owned(), fields[2].parse().unwrap(), fields[3].parse().unwrap())
    });
    let qrels = case["qrels"].as_object().unwrap().iter().flat_map(|(query, judged)| {
        let judged = judged.as_object().unwrap().iter();
        judged.map(move |(document, grade)| (query.clone(), document.clone(), grade.as_i64().unwrap() as i32))
    });
    collection(&lines.collect::<Vec<_>>(), &qrels.collect::<Vec<_>>())
}

fn from_files(case: &Value) -> Option<Collection> {
    let folder = data()?;
    let rows = |name: &str| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(folder.join(case[name].as_str().unwrap())).unwrap();
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let lines = rows("run")
        .into_iter()
        .map(|row| (row[0].clone(), row[2].clone(), row[3].parse().unwrap(), row[4].parse().unwrap()));
    let qrels = rows("qrels").into_iter().map(|row| (row[0].clone(), row[2].clone(), row[3].parse().unwrap()));
    Some(collection(&lines.collect::<Vec<_>>(), &qrels.collect::<Vec<_>>()))
}

/// Values by query, without those that the average leaves out.
fn values(collection: &Collection, (rules, measure): (Rules, Measure)) -> BTreeMap<String, f64> {
    let of = |(id, query): (&String, &Query)| {
        let ranked = Ranked::new(query, &collection.name_order).unwrap();
        Some((id.clone(), rules.value(measure, &ranked).unwrap()?))
    };
    collection.queries.iter().filter_map(of).collect()
}

fn check(collection: &Collection, expected: &Value) -> usize {
    let mut compared = 0;
    for convention in Convention::ALL {
        let tolerance = if matches!(convention, Convention::Beir | Convention::Mteb) { ROUNDED } else { EXACT };
        for (name, known) in expected[convention.name()].as_object().unwrap() {
            let measure: Measure = name.parse().unwrap();
            let rules = convention.rules(measure).unwrap_or_else(|| panic!("{} has {name}", convention.name()));
            let found = values(collection, (rules, measure));
            for (query, value) in known["queries"].as_object().into_iter().flatten() {
                let (found, value) = (found[query], value.as_f64().unwrap());
                assert!((found - value).abs() < EXACT, "{name} of {query} by {convention:?}: {found}, known {value}");
            }
            let mean = found.values().sum::<f64>() / found.len() as f64;
            let value = known["mean"].as_f64().unwrap();
            assert!((mean - value).abs() < tolerance, "{name} by {convention:?}: {mean}, known {value}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn the_tools_print_these_values() {
    for case in known()["cases"].as_array().unwrap() {
        let collection = match case["name"].as_str().unwrap() {
            "synthetic" => synthetic(case),
            _ => match from_files(case) {
                Some(collection) => collection,
                None => return,
            },
        };
        assert_eq!(check(&collection, &case["expected"]), 13 + 11 + 11 + 2 + 12 + 2, "{}", case["name"]);
    }
}

/// The golden run tells the conventions apart: no rule can be dropped unseen.
#[test]
fn every_rule_changes_something_in_the_synthetic_run() {
    let known = known();
    let collection = synthetic(&known["cases"][0]);
    let mean = |rules, measure| {
        let values = values(&collection, (rules, measure));
        values.values().sum::<f64>() / values.len() as f64
    };
    let mut seen = BTreeSet::new();
    for convention in Convention::ALL {
        for measure in ["nDCG@10", "MRR", "MRR@10", "MAP"] {
            let measure: Measure = measure.parse().unwrap();
            let Some(rules) = convention.rules(measure) else { continue };
            let steps = rules.steps();
            assert_eq!(steps.last().unwrap().1, rules);
            for pair in steps.windows(2) {
                if mean(pair[0].1, measure) != mean(pair[1].1, measure) {
                    seen.insert(format!("{:?}", pair[1].0));
                }
            }
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["Average", "Depth", "Gain", "Own", "Relevant"]);
}

/// Rows a, b, c, d are named in this order. Scores: b 2, a 1, c 1, d 1, in this order of lines; ranks 1, 4, 2, 3.
fn by_hand() -> Query {
    let lines = [((1, 2.0), 1), ((0, 1.0), 4), ((2, 1.0), 2), ((3, 1.0), 3)];
    Query {
        lines: lines.map(|(hit, rank)| Line::new(hit, rank)).to_vec(),
        own: Some(1),
        grades: vec![(0, 1), (2, 0), (3, 3)],
        absent: vec![2],
    }
}

#[test]
fn worked_by_hand() {
    let query = by_hand();
    let ranked = Ranked::new(&query, &[0, 1, 2, 3]).unwrap();
    let of = |rules: Rules, measure: &str| rules.value(measure.parse().unwrap(), &ranked).unwrap().unwrap();
    let ours = Rules::ours;
    // By id, descending: b d c a. As listed: b a c d. By rank: b c d a.
    let second = 1.0 / 3f64.log2();
    let ideal = 3.0 + 2.0 * second + 0.5;
    assert!((of(ours(Order::IdDescending), "nDCG@3") - 3.0 * second / ideal).abs() < EXACT);
    assert!((of(ours(Order::FileOrder), "nDCG@3") - second / ideal).abs() < EXACT);
    assert!((of(ours(Order::RankColumn), "nDCG@3") - 1.5 / ideal).abs() < EXACT);
    assert_eq!(of(ours(Order::RankColumn), "MRR"), 1.0 / 3.0);
    // Few equal keys stay where they are.
    assert_eq!(of(ours(Order::Quicksort), "nDCG@3"), of(ours(Order::FileOrder), "nDCG@3"));
    // Without b the first is relevant.
    let dropped = Rules { own: Own::Dropped, ..ours(Order::FileOrder) };
    assert_eq!([of(dropped, "MRR@10"), of(dropped, "P@2"), of(dropped, "Recall@3")], [1.0, 0.5, 2.0 / 3.0]);
    // Gains 7, 3 and 1 in the place of 3, 2 and 1.
    let burges = Convention::RanxBurges.rules("nDCG@3".parse().unwrap()).unwrap();
    assert!((of(burges, "nDCG@3") - second / (7.0 + 3.0 * second + 0.5)).abs() < EXACT);
    // c was judged, so MS MARCO takes it for relevant; the document right behind it too.
    let ms_marco = Convention::MsMarco.rules("MRR@10".parse().unwrap()).unwrap();
    assert_eq!(of(ms_marco, "MRR@10"), 0.5);
    let tied = evaluate("MRR@10".parse().unwrap(), ranked.tied(), &Judgements::new(vec![(3, 1)], &[]).unwrap(), None);
    assert!((tied.unwrap().value - (1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0) / 3.0).abs() < EXACT);
    assert!(ranked.tied().is_tied_within(2) && ranked.tied().is_tied_across(3) && !ranked.tied().is_tied_across(4));
    assert!(!ranked.tied().is_tied_within(1) && !ranked.tied().is_tied_across(1));
}

#[test]
fn a_query_that_the_run_lacks_counts_or_is_left_out() {
    let query = Query { grades: vec![(0, 1)], ..Query::default() };
    let ranked = Ranked::new(&query, &[0]).unwrap();
    let ndcg: Measure = "nDCG@10".parse().unwrap();
    for convention in Convention::ALL {
        let Some(rules) = convention.rules(ndcg) else { continue };
        let expected = (rules.average == Average::Judged).then_some(0.0);
        assert_eq!(rules.value(ndcg, &ranked).unwrap(), expected, "{convention:?}");
    }
    let mrr: Measure = "MRR@10".parse().unwrap();
    let counts = |convention: Convention| convention.rules(mrr).unwrap().value(mrr, &ranked).unwrap();
    assert_eq!((counts(Convention::Beir), counts(Convention::Mteb)), (Some(0.0), None));
}

#[test]
fn steps_lead_from_our_rules_to_theirs() {
    let beir = Convention::Beir.rules("nDCG@10".parse().unwrap()).unwrap();
    let rules: Vec<Rule> = beir.steps().into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rules, [Rule::Order, Rule::Own, Rule::Average]);
    let trec_eval = Convention::TrecEval.rules("bpref".parse().unwrap()).unwrap();
    assert_eq!(trec_eval.steps(), [(Rule::Order, trec_eval)]);
    for convention in Convention::ALL {
        assert_eq!(convention.rules(Measure::Overlap { k: 10 }), None);
    }
    assert_eq!(Convention::MsMarco.rules(Measure::Mrr { k: Some(20) }), None);
}

#[test]
fn what_cannot_be_evaluated_is_an_error() {
    let twice = Query { grades: vec![(0, 1), (0, 2)], ..Query::default() };
    let error = Ranked::new(&twice, &[0]).err();
    assert_eq!(error, Some(MeasureError::RepeatedDocument { place: "judgements", document: 0 }));
    let great = Query { lines: vec![Line::new((0, 1.0), 1)], grades: vec![(0, 31)], ..Query::default() };
    let ranked = Ranked::new(&great, &[0]).unwrap();
    let measure: Measure = "nDCG@10".parse().unwrap();
    let value = |convention: Convention| convention.rules(measure).unwrap().value(measure, &ranked);
    let error = value(Convention::RanxBurges).unwrap_err();
    assert_eq!(error.to_string(), "a gain of 2^31 − 1 is asked for; grades may be at most 30");
    assert_eq!(value(Convention::Ranx), Ok(Some(1.0)));
    let nan = Query { lines: vec![Line::new((0, f64::NAN), 1)], ..Query::default() };
    assert_eq!(Ranked::new(&nan, &[0]).err(), Some(MeasureError::NotANumber { document: 0 }));
}
