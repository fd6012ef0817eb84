//! Comparisons of cells whose values are known.

use bitsweep_proto::cell::Cell;
use bitsweep_proto::{Codec, Digest, Lock, Measure};
use bitsweep_report::ReportError;
use bitsweep_report::compare::{Chosen, Measured, Pair, PerQuery, Selector, Settings, Verdict, compare, pairs};
use bitsweep_report::per_query::Bounds;

use super::synthetic;

const NDCG: Measure = Measure::Ndcg { k: 10 };

/// The file of a measuring job with one measure.
fn file(values: &[f64]) -> String {
    let line = |(query, value): (usize, &f64)| {
        format!(
            "{{\"query\":\"q{query}\",\"measures\":{{\"nDCG@10\":{{\"value\":{value},\"min\":0,\"max\":1,\"trec_eval\":null}}}}}}\n"
        )
    };
    values.iter().enumerate().map(line).collect()
}

fn cell(model: &str, codec: Codec, values: &[f64]) -> Measured {
    Measured { cell: Cell::retrieval(model, "d", codec), values: PerQuery::read(&file(values)).unwrap() }
}

fn binary(seed: u32) -> Codec {
    Codec::Binary { bits: 256, seed }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// The lock of a sweep on the datasets `d` and `e`, which are the same.
fn lock() -> Lock {
    synthetic::empty(&["m", "n"], &["d", "e"], &["nDCG@10"]).plan.lock
}

fn paired(a: (&str, Vec<Measured>), b: (&str, Vec<Measured>)) -> Result<Vec<Pair>, ReportError> {
    paired_with(a, b, &lock())
}

/// The same with a second side from another sweep.
fn paired_with(a: (&str, Vec<Measured>), b: (&str, Vec<Measured>), other: &Lock) -> Result<Vec<Pair>, ReportError> {
    let (of_a, of_b) = (selector(a.0), selector(b.0));
    let a = Chosen { selector: &of_a, lock: &lock(), cells: a.1 };
    pairs(a, Chosen { selector: &of_b, lock: other, cells: b.1 })
}

#[test]
fn values_are_read_as_they_were_written() {
    let read = PerQuery::read(&file(&[0.25, 1.0])).unwrap();
    assert_eq!(read.queries, ["q0", "q1"]);
    assert_eq!(read.values[&NDCG], [0.25, 1.0]);
    assert_eq!(read.bounds[&NDCG][1], Bounds { min: 0.0, max: 1.0, trec_eval: None });
    assert_eq!(read.open(NDCG), 2, "their least and greatest value differ");
    assert_eq!(PerQuery::read("").unwrap(), PerQuery::default());
    assert!(PerQuery::read("{\"query\":1}").is_err());
    let other = file(&[0.5]) + &file(&[0.5]).replace("nDCG@10", "MRR");
    assert!(matches!(PerQuery::read(&other), Err(ReportError::PerQuery { line: 2 })));
}

#[test]
fn selectors_choose_cells() {
    let cell = Cell::retrieval("m", "d", binary(2));
    for (text, fits) in [
        ("binary/256", true),
        ("binary/128", false),
        ("codec=binary/256,seed=2", true),
        ("model=m", true),
        ("model=m,dataset=d,codec=binary/256,seed=1", false),
    ] {
        assert_eq!(selector(text).fits(&cell), fits, "{text}");
    }
    assert_eq!(Selector::parse("seed=1,codec=x"), None, "axes have an order");
    assert_eq!(Selector::parse("bits=3"), None);
}

/// All seeds of a codec are one side, by the mean of each query.
#[test]
fn seeds_are_put_together() {
    let a = vec![cell("m", Codec::Float32, &[1.0, 0.5, 0.5, 1.0])];
    let b = vec![cell("m", binary(0), &[0.5, 0.5, 0.0, 1.0]), cell("m", binary(1), &[0.5, 0.0, 0.0, 1.0])];
    let pairs = paired(("float32", a), ("binary/256", b)).unwrap();
    let [pair] = &pairs[..] else { panic!("{pairs:?}") };
    assert_eq!(
        (pair.on.as_str(), pair.a.name.as_str(), pair.b.name.as_str()),
        ("model=m,dataset=d", "float32", "binary/256")
    );
    let found = compare(&pairs, &[NDCG, Measure::Mrr { k: None }], Settings::default());
    let [found] = &found[..] else { panic!("what nobody measured is not compared: {found:?}") };
    assert_eq!((found.seeds, found.queries, found.wins_losses_ties), ([1, 2], 4, [3, 0, 1]));
    assert_eq!(found.means, [0.75, 0.4375]);
    assert_eq!(found.difference, 0.3125);
    assert!(found.interval[0] >= 0.0 && found.interval[1] <= 0.5, "{found:?}");
    let moved: Vec<_> = found.moved.iter().map(|moved| (moved.query.as_str(), moved.a, moved.b)).collect();
    assert_eq!(moved, [("q0", 1.0, 0.5), ("q2", 0.5, 0.0), ("q1", 0.5, 0.25)]);
    assert!(found.deviations[0].is_none() && found.deviations[1].is_some());
}

#[test]
fn a_difference_is_decided_where_it_is_large_enough() {
    let of = |shift: f64| {
        let values: Vec<f64> = (0..60).map(|query| f64::from(query % 7) / 10.0).collect();
        let other: Vec<f64> =
            (0..60).map(|query| values[query] + shift + if query % 2 == 0 { 0.05 } else { -0.05 }).collect();
        let pairs = paired(
            ("float32", vec![cell("m", Codec::Float32, &values)]),
            ("int8", vec![cell("m", Codec::Int8, &other)]),
        );
        let found = compare(&pairs.unwrap(), &[NDCG], Settings::default());
        (found[0].verdict(Settings::default()), found[0].p, found[0].p_holm)
    };
    assert_eq!(of(0.05).0, Verdict::Second);
    assert_eq!(of(-0.05).0, Verdict::First);
    assert_eq!(of(0.0).0, Verdict::Open);
    let (_, p, adjusted) = of(0.01);
    assert_eq!(p, adjusted, "one comparison is a family of one");
}

#[test]
fn what_is_right_or_wrong_has_an_exact_test() {
    let exact = |a: &[f64], b: &[f64]| {
        let sides = (("float32", vec![cell("m", Codec::Float32, a)]), ("int8", vec![cell("m", Codec::Int8, b)]));
        compare(&paired(sides.0, sides.1).unwrap(), &[NDCG], Settings::default())[0].mcnemar
    };
    // Five queries that the first alone has right: 2 / 2⁵.
    let p = exact(&[1.0, 1.0, 1.0, 1.0, 1.0, 0.0], &[0.0; 6]).unwrap();
    assert!((p - 0.0625).abs() < 1e-12, "{p}");
    assert_eq!(exact(&[1.0, 0.0], &[1.0, 0.0]), Some(1.0));
    assert_eq!(exact(&[1.0, 0.0], &[0.5, 0.0]), None, "a half is neither");
}

#[test]
fn models_are_paired_where_they_are_named() {
    let a = vec![cell("m", Codec::Int8, &[1.0, 0.0])];
    let b = vec![cell("n", Codec::Int8, &[0.5, 0.0])];
    let pairs = paired(("model=m,codec=int8", a.clone()), ("model=n,codec=int8", b.clone())).unwrap();
    assert_eq!((pairs[0].on.as_str(), pairs[0].a.name.as_str()), ("dataset=d", "model=m,codec=int8"));
    assert!(paired(("int8", a), ("int8", b)).unwrap().is_empty(), "other models are not compared unasked");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let two = vec![cell("m", Codec::Int8, &[1.0]), cell("m", Codec::Float32, &[1.0])];
    let error = paired(("model=m", two), ("int8", vec![cell("m", Codec::Int8, &[1.0])])).unwrap_err();
    assert!(matches!(error, ReportError::SeveralCodecs { .. }), "{error}");
    let (a, b) = (vec![cell("m", Codec::Int8, &[1.0])], vec![cell("m", Codec::Float32, &[1.0, 0.5])]);
    let error = paired(("int8", a), ("float32", b)).unwrap_err();
    assert!(error.to_string().contains("do not answer the same queries"), "{error}");
}

/// Equal ids are not equal questions: what the locks say of the content decides.
#[test]
fn other_questions_under_the_same_ids_are_refused() {
    let sides =
        || [("int8", vec![cell("m", Codec::Int8, &[1.0])]), ("float32", vec![cell("m", Codec::Float32, &[1.0])])];
    let with = |change: &dyn Fn(&mut Lock)| {
        let mut other = lock();
        change(&mut other);
        let [a, b] = sides();
        paired_with(a, b, &other)
    };
    assert!(with(&|_| {}).unwrap()[0].warnings.is_empty());
    let changed = Digest::of(b"changed");
    let error = with(&|lock| lock.datasets.get_mut("d").unwrap().queries.sha256 = changed).unwrap_err().to_string();
    assert!(
        error.contains("not the same are the queries of dataset \"d\"") && error.contains(&changed.short()),
        "{error}"
    );
    assert!(!error.contains("judgements of"), "{error}");
    let error = with(&|lock| lock.datasets.get_mut("d").unwrap().qrels.sha256 = changed).unwrap_err().to_string();
    assert!(error.contains("the judgements of dataset \"d\""), "{error}");
    let found = with(&|lock| lock.datasets.get_mut("d").unwrap().corpus.sha256 = changed).unwrap();
    let [warning] = &found[0].warnings[..] else { panic!("{:?}", found[0].warnings) };
    assert!(warning.contains("the documents of dataset \"d\" are not the same"), "{warning}");
    assert_eq!(compare(&found, &[NDCG], Settings::default())[0].warnings, found[0].warnings);
    let found = with(&|lock| lock.datasets.get_mut("d").unwrap().ignore_identical_ids = true).unwrap();
    assert!(found[0].warnings[0].contains("the second side alone drops"), "{:?}", found[0].warnings);
}

/// Two sets with ordinal ids: `1`, `2` … are in both.
#[test]
fn two_datasets_are_paired_only_where_they_ask_the_same() {
    let on = |dataset: &str| {
        let values = PerQuery::read(&file(&[1.0, 0.5])).unwrap();
        (
            format!("dataset={dataset},codec=int8"),
            vec![Measured { cell: Cell::retrieval("m", dataset, Codec::Int8), values }],
        )
    };
    let with = |other: &Lock| {
        let ((a, of_a), (b, of_b)) = (on("d"), on("e"));
        paired_with((&a, of_a), (&b, of_b), other)
    };
    let mut other = lock();
    assert!(with(&other).unwrap()[0].warnings.is_empty(), "two names of one content");
    other.datasets.get_mut("e").unwrap().queries.sha256 = Digest::of(b"other");
    let error = with(&other).unwrap_err().to_string();
    assert!(error.contains("the queries of datasets \"d\" and \"e\""), "{error}");
}
