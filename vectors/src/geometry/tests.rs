//! Against what other people's programs give (`tests/golden/geometry.py`), and corners.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/geometry.json")).unwrap()
}

/// The `formula` of `tests/golden/geometry.py`.
fn formula(rows: usize, dim: usize, salt: usize) -> Matrix {
    let value = |r: usize, d: usize| {
        let mixed = (r * 7919 + d * 104_729 + d * d * 31 + r * r * 13 * (d + 1) + salt) % 2003;
        let x = (mixed as f64 - 1001.0) / 1024.0 / f64::from(1 << (d / 4));
        (x + if d == 5 { 2.0 } else { 0.0 }) as f32
    };
    let row = |r: usize| if [7, 50, 51].contains(&r) { 3 } else { r };
    Matrix::new(rows, dim, (0..rows * dim).map(|at| value(row(at / dim), at % dim)).collect()).unwrap()
}

/// Compares every value, those that hang on distances of near neighbours less strictly: others take these distances from
/// differences of squares.
fn compare(found: &Geometry, expected: &Value) {
    let mut flat = BTreeMap::new();
    for (name, value) in expected.as_object().unwrap() {
        match value {
            Value::Object(parts) => flat.extend(parts.iter().map(|(part, value)| (format!("{name}_{part}"), value))),
            Value::Array(quantiles) => {
                let named = QUANTILES.into_iter().zip(quantiles);
                flat.extend(named.map(|(percent, value)| (format!("cosine_p{percent:02}"), value)));
            }
            value => drop(flat.insert(name.clone(), value)),
        }
    }
    let mut found_values = found.values();
    let counts = [("documents", found.documents), ("duplicates", found.duplicates), ("queries", found.queries)];
    found_values.extend(counts.map(|(name, count)| (name.to_owned(), count as f64)));
    assert_eq!(found_values.keys().collect::<Vec<_>>(), flat.keys().collect::<Vec<_>>());
    for (name, found) in &found_values {
        let expected = flat[name].as_f64().unwrap();
        let near = ["two_nn", "mle", "hubness"].iter().any(|near| name.contains(near));
        let tolerance = if near { 1e-4 } else { 1e-8 };
        let error = (found - expected).abs() / expected.abs().max(1e-3);
        assert!(error <= tolerance, "{name}: {found} for {expected}");
    }
}

#[test]
fn values_are_those_of_others_on_every_path() {
    let (documents, queries) = (formula(400, 12, 17), formula(60, 12, 5));
    let first = geometry(&documents, &queries, &|| false).unwrap();
    compare(&first, &golden()["formula"]);
    for kernels in Kernels::available() {
        assert_eq!(geometry_with(kernels, &documents, &queries, &|| false).unwrap(), first, "{kernels:?}");
    }
}

#[test]
fn values_of_real_embeddings_are_those_of_others() {
    let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let data = std::env::var_os("BITSWEEP_TEST_DATA").map_or(beside.to_owned(), Into::into);
    if !data.join("embeddings").exists() {
        assert!(std::env::var_os("CI").is_none(), "no test data at {}: CI must have them", data.display());
        println!("SKIPPED no test data at {}", data.display());
        return;
    }
    for name in ["cranfield", "scifact"] {
        let file = data.join(format!("embeddings/{name}.all-MiniLM-L6-v2.safetensors"));
        let bytes = std::fs::read(file).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let matrix = |name| {
            let tensor = tensors.tensor(name).unwrap();
            let data = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Matrix::new(tensor.shape()[0], tensor.shape()[1], data).unwrap()
        };
        let start = std::time::Instant::now();
        let found = geometry(&matrix("docs"), &matrix("queries"), &|| false).unwrap();
        println!("{name} in {:.1?}: {found:#?}", start.elapsed());
        compare(&found, &golden()[name]);
    }
}

#[test]
fn what_cannot_be_told_is_none() {
    let of = |rows: usize| geometry(&formula(rows, 12, 17), &formula(3, 12, 5), &|| false).unwrap();
    let none = of(0);
    assert_eq!((none.documents, none.mean_cosine, none.isoscore, none.two_nn), (0, None, None, None));
    assert_eq!((none.cosine_quantiles, none.hubness, none.query_hubness, none.heterogeneity), (None, None, None, None));
    let one = of(1);
    assert_eq!((one.mean_cosine, one.top_eigenvalue_share, one.variance_ratio, one.mle), (None, None, None, None));
    let few = of(15);
    assert!(few.mean_cosine.is_some() && few.hubness.is_some() && few.query_hubness.is_some());
    assert_eq!(few.mle, None);
}

#[test]
fn constant_embeddings_have_no_spectrum_and_no_dimension() {
    for value in [0.0, 1.0] {
        let same = Matrix::new(50, 4, vec![value; 200]).unwrap();
        let found = geometry(&same, &same, &|| false).unwrap();
        assert_eq!((found.documents, found.duplicates), (50, 49));
        assert!((found.mean_cosine.unwrap() - f64::from(value)).abs() < 1e-12);
        assert_eq!((found.top_eigenvalue_share, found.participation_ratio, found.isoscore), (None, None, None));
        assert_eq!((found.two_nn, found.mle, found.hubness, found.query_hubness), (None, None, None, None));
        assert_eq!((found.outlier_means, found.greatest_kurtosis, found.heterogeneity), (0, None, None));
    }
}

#[test]
fn bad_input_is_named() {
    let good = formula(20, 12, 17);
    let mut bad = good.clone();
    bad.data[13] = f32::NAN;
    for (documents, queries) in [(&bad, &good), (&good, &bad)] {
        let message = geometry(documents, queries, &|| false).unwrap_err().to_string();
        assert_eq!(message, "row 1 has NaN in dimension 1 (both from 0): vectors must be finite");
    }
    let message = geometry(&good, &formula(3, 11, 5), &|| false).unwrap_err().to_string();
    assert_eq!(message, "queries have 11 dimensions each, 12 are expected");
    assert!(matches!(geometry(&good, &good, &|| true), Err(VectorError::Stopped)));
}
