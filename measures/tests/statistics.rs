//! The statistics against SciPy and statsmodels: `golden/statistics.py` wrote the known answers.

use bitsweep_measures::statistics::{Sampling, bootstrap, differences, effect, holm, mcnemar, randomisation};
use serde_json::Value;

fn known() -> Value {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn paired_tests_and_intervals_agree_with_scipy() {
    for case in known()["paired"].as_array().unwrap() {
        let between = differences(&numbers(&case["a"]), &numbers(&case["b"]));
        let of = |name: &str| case[name].as_f64().unwrap();
        let sampling = Sampling { rounds: 200_000, seed: 7 };
        let (p, expected) = (randomisation(&between, sampling), of("p"));
        // Both sample, unless SciPy went through all.
        let error = (expected * (1.0 - expected) / 2e5).sqrt();
        assert!((p - expected).abs() < 6.0 * error + 2e-5, "{} queries: {p}, SciPy {expected}", between.len());
        let interval = bootstrap(&between, 0.95, Sampling { rounds: 50_000, seed: 7 });
        let width = of("high") - of("low");
        for (end, expected) in [(interval.low, of("low")), (interval.high, of("high"))] {
            assert!((end - expected).abs() < 0.02 * width, "{} queries: {end}, SciPy {expected}", between.len());
        }
        assert!((effect(&between).standardised - of("standardised")).abs() < 1e-12);
    }
}

#[test]
fn mcnemar_agrees_with_scipy() {
    for case in known()["mcnemar"].as_array().unwrap() {
        let of = |name: &str| case[name].as_u64().unwrap() as usize;
        let first = std::iter::repeat_n((true, false), of("only_first"));
        let second = std::iter::repeat_n((false, true), of("only_second"));
        let (found, expected) = (mcnemar(first.chain(second)).p, case["p"].as_f64().unwrap());
        assert!((found - expected).abs() < 1e-9, "{case}: {found}");
    }
}

#[test]
fn holm_agrees_with_statsmodels() {
    for case in known()["holm"].as_array().unwrap() {
        for (found, expected) in holm(&numbers(&case["p"])).into_iter().zip(numbers(&case["adjusted"])) {
            assert!((found - expected).abs() < 1e-12, "{case}: {found}");
        }
    }
}
