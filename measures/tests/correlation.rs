//! Correlations held against SciPy: `golden/correlation.py` made the answers.

use bitsweep_measures::correlate;
use bitsweep_proto::Measure;
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn spearman(scores: &[f64], gold: &[f64]) -> f64 {
    correlate(Measure::Spearman, scores, gold).unwrap().value
}

#[test]
fn correlations_are_those_of_scipy() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/correlation.json")).unwrap();
    assert_eq!(cases.len(), 25);
    for case in cases {
        let (scores, gold) = (numbers(&case["scores"]), numbers(&case["gold"]));
        for (measure, name) in [(Measure::Spearman, "spearman"), (Measure::Pearson, "pearson")] {
            let (found, expected) = (correlate(measure, &scores, &gold).unwrap().value, case[name].as_f64().unwrap());
            assert!(
                (found - expected).abs() < 1e-12,
                "{measure} of {} pairs: {found}, SciPy has {expected}",
                scores.len()
            );
        }
    }
}

/// The definition, without any care for speed: ranks by counting.
fn naive(x: &[f64], y: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let count = |of: &dyn Fn(&f64) -> bool| values.iter().filter(|value| of(value)).count() as f64;
        values.iter().map(|value| count(&|v| v < value) + (count(&|v| v == value) + 1.0) / 2.0).collect()
    };
    let (x, y) = (ranks(x), ranks(y));
    let mean = (x.len() as f64 + 1.0) / 2.0;
    let products = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let scale = (products(&x, &x) * products(&y, &y)).sqrt();
    if scale > 0.0 { products(&x, &y) / scale } else { 0.0 }
}

proptest! {
    #[test]
    fn spearman_is_what_its_definition_says(pairs in prop::collection::vec((-4i8..4, -3i8..3), 0..40)) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).unzip();
        prop_assert!((spearman(&x, &y) - naive(&x, &y)).abs() < 1e-12);
        // To the bit: only the order counts, and both sides are alike.
        let bent: Vec<f64> = x.iter().map(|x| (x * 0.3).exp()).collect();
        prop_assert_eq!(spearman(&bent, &y), spearman(&x, &y));
        prop_assert_eq!(spearman(&y, &x), spearman(&x, &y));
    }
}
