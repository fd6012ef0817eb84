//! Advice from cells whose values are known.

use std::fmt::Write;

use bitsweep_measures::statistics::{Sampling, bootstrap};
use bitsweep_proto::cell::Cell;
use bitsweep_proto::{Codec, Measure, Plan};
use bitsweep_report::ReportError;
use bitsweep_report::advise::{Advice, Meets, Question, advise};
use bitsweep_report::compare::Settings;
use bitsweep_report::per_query::{Measured, PerQuery};

use crate::synthetic;

const RECALL: Measure = Measure::Recall { k: 10 };

/// A model of 384 dimensions, a dataset of 5,183 documents.
fn plan() -> Plan {
    synthetic::empty(&["m", "n"], &["d", "e"], &["Recall@10"]).plan
}

fn cell(codec: Codec, values: &[f64]) -> Measured {
    let mut text = String::new();
    for (query, value) in values.iter().enumerate() {
        let measures = format!("{{\"Recall@10\":{{\"value\":{value},\"min\":0,\"max\":1,\"trec_eval\":null}}}}");
        writeln!(text, "{{\"query\":\"q{query}\",\"measures\":{measures}}}").unwrap();
    }
    Measured { cell: Cell::retrieval("m", "d", codec), values: PerQuery::read(&text).unwrap() }
}

fn binary(bits: u32, seed: u32) -> Codec {
    Codec::Binary { bits, seed }
}

/// Always the same value: its interval is the value.
fn steady(codec: Codec, value: f64) -> Measured {
    cell(codec, &[value; 40])
}

/// Zeros and ones.
fn wavering(codec: Codec, ones: usize) -> Measured {
    let values: Vec<f64> = (0..40).map(|query| if query < ones { 1.0 } else { 0.0 }).collect();
    cell(codec, &values)
}

fn ask(documents: u64, memory_bytes: u64, at_least: f64) -> Question {
    Question { documents, memory_bytes, measure: RECALL, at_least }
}

fn answer(cells: &[Measured], question: Question) -> Advice {
    advise(&plan(), cells, (question, Settings::default())).unwrap()
}

fn sweep() -> Vec<Measured> {
    vec![
        steady(Codec::Float32, 0.9),
        steady(Codec::Int8, 0.875),
        steady(binary(256, 0), 0.625),
        steady(binary(256, 1), 0.75),
        steady(Codec::pq(32), 0.75),
        wavering(Codec::pq(8), 20),
    ]
}

#[test]
fn memory_is_codes_and_what_is_shared() {
    // The bytes of docs/codecs.md at 384 dimensions, worked out by hand.
    let table = [
        (Codec::Float32, 1000, 1_536_000),
        (Codec::Int8, 1000, 384_000 + 3072),
        (Codec::pq(32), 10_000_000, 320_000_000 + 393_216),
        (binary(256, 0), 10_000_000, 320_000_000 + 786_432),
        (Codec::Rabitq, 1, 56 + 589_824 + 1536),
        (Codec::Float32, u64::MAX, u64::MAX),
    ];
    for (codec, documents, expected) in table {
        let advice = answer(&[steady(codec, 0.5)], ask(documents, expected, 0.5));
        let found = &advice.configurations[0];
        assert_eq!((found.memory_bytes, found.fits), (expected, true), "{codec}");
        let advice = answer(&[steady(codec, 0.5)], ask(documents, expected - 1, 0.5));
        assert!(!advice.configurations[0].fits, "{codec}: a byte less");
    }
}

#[test]
fn what_fits_comes_cheapest_first_and_seeds_are_one() {
    let advice = answer(&sweep(), ask(5183, 10_000_000, 0.6875));
    let found: Vec<_> = advice.fits().map(|fit| (fit.codec.as_str(), fit.seeds, fit.value, fit.times)).collect();
    // pq/32: 559,072 bytes; binary/256: 952,288; int8: 1,993,344; float32: 7,961,088.
    let expected =
        [("pq/32", 1, 0.75, 1.0), ("binary/256", 2, 0.6875, 1.0), ("int8", 1, 0.875, 1.0), ("float32", 1, 0.9, 1.0)];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.0, found.1, found.3), (expected.0, expected.1, expected.3));
        assert!((found.2 - expected.2).abs() < 1e-12, "{found:?}");
    }
    assert_eq!(advice.configurations.len(), 5, "pq/8 was measured too");
}

#[test]
fn of_the_same_memory_the_best_comes_first() {
    let mut other = steady(Codec::pq(32), 0.8);
    other.cell = Cell::retrieval("n", "d", Codec::pq(32));
    let advice = answer(&[steady(Codec::pq(32), 0.7), other], ask(1000, 1_000_000, 0.5));
    assert_eq!(advice.fits().map(|fit| fit.model.as_str()).collect::<Vec<_>>(), ["n", "m"]);
}

#[test]
fn the_interval_decides_how_sure_it_is() {
    // 20 of 40 ones: 0.5 with a 95 % interval of 0.35 to 0.65.
    for (at_least, meets, is_met) in [
        (0.30, Meets::Surely, true),
        (0.45, Meets::Probably, true),
        (0.50, Meets::Probably, true),
        (0.55, Meets::ProbablyNot, false),
        (0.70, Meets::Not, false),
        (0.0, Meets::Surely, true),
    ] {
        let advice = answer(&[wavering(Codec::Int8, 20)], ask(1000, 1 << 30, at_least));
        let found = &advice.configurations[0];
        assert_eq!((found.meets, found.meets.is_met()), (meets, is_met), "{at_least}: {found:?}");
        assert_eq!(found.is_it(), is_met);
    }
    let advice = answer(&[wavering(Codec::Int8, 20)], ask(1000, 1 << 30, 0.5));
    let values: Vec<f64> = (0..40).map(|query| if query < 20 { 1.0 } else { 0.0 }).collect();
    let interval = bootstrap(&values, 0.95, Sampling::default());
    assert_eq!(advice.configurations[0].interval, [interval.low, interval.high]);
    assert_eq!(answer(&[steady(Codec::Int8, 0.5)], ask(1, 1 << 30, 0.5)).configurations[0].meets, Meets::Surely);
}

#[test]
fn where_nothing_fits_the_nearest_are_known() {
    // (memory, at least) → what fits, the cheapest that is good enough, the best that is small enough.
    for (memory, at_least, fits, good, small) in [
        (1 << 30, 0.6, 4, Some("pq/32"), Some("float32")),
        (600_000, 0.8, 0, Some("int8"), Some("pq/32")),
        (440_000, 0.5, 1, Some("pq/8"), Some("pq/8")),
        (440_000, 0.7, 0, Some("pq/32"), Some("pq/8")),
        (1000, 0.5, 0, Some("pq/8"), None),
        (1 << 30, 0.99, 0, None, Some("float32")),
        (1000, 0.99, 0, None, None),
    ] {
        let advice = answer(&sweep(), ask(5183, memory, at_least));
        let name = |configuration: Option<&bitsweep_report::advise::Configuration>| {
            configuration.map(|configuration| configuration.codec.clone())
        };
        let found = (advice.fits().count(), name(advice.cheapest_good()), name(advice.best_small()));
        assert_eq!(found, (fits, good.map(str::to_owned), small.map(str::to_owned)), "{memory} {at_least}");
    }
    assert!(answer(&[], ask(1, 1, 0.0)).configurations.is_empty());
}

#[test]
fn other_sizes_than_measured_are_marked() {
    for (documents, times) in [(5183, 1.0), (51_830, 10.0), (5183 / 71, 73.0 / 5183.0)] {
        let advice = answer(&[steady(Codec::Int8, 0.5)], ask(documents, 1 << 40, 0.5));
        let found = &advice.configurations[0];
        assert_eq!((found.documents, found.times), (5183, times));
    }
}

#[test]
fn what_was_not_measured_is_not_advised() {
    let question = Question { measure: Measure::Mrr { k: None }, ..ask(1, 1, 0.0) };
    assert!(answer(&sweep(), question).configurations.is_empty());
    let geometry = Measured { cell: Cell::geometry("m", "d"), ..steady(Codec::Int8, 0.5) };
    assert!(answer(&[geometry], ask(1, 1, 0.0)).configurations.is_empty());
    let unknown = Measured { cell: Cell::retrieval("x", "d", Codec::Int8), ..steady(Codec::Int8, 0.5) };
    let error = advise(&plan(), &[unknown], (ask(1, 1, 0.0), Settings::default())).unwrap_err();
    assert!(matches!(error, ReportError::NoModel { .. }), "{error}");
    let few = answer(&sweep(), ask(255, 1 << 30, 0.0));
    let found: Vec<_> = few.configurations.iter().map(|found| found.codec.as_str()).collect();
    assert_eq!(found, ["int8", "float32", "binary/256"], "pq learns 256 centroids from as many documents");
    let seeds = [steady(binary(64, 0), 0.5), cell(binary(64, 1), &[0.5])];
    let error = advise(&plan(), &seeds, (ask(1, 1, 0.0), Settings::default())).unwrap_err();
    assert!(matches!(error, ReportError::OtherQueries { .. }), "{error}");
}
