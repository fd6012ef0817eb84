//! Data at the edge of what a measure means: every value is known beforehand.

mod support;

use serde_json::{Value, json};
use support::Bench;

/// Codecs that take any documents.
const ANY: &str = "float32, int8, int4, int2, { binary: { bits: [16, 64], seeds: 2 } }";
/// Codecs that learn, from 300 documents. Not rabitq: it codes the sides of what is left without the mean, which is rounding here.
const LEARNT: &str = "{ pq: { bytes: 8 } }, { pq4fs: { bytes: 8 } }, { opq: { bytes: 8 } }, \
                      { binary: { bits: 16, centre: [mean, median] } }, \
                      { binary: { bits: 16, centre: mean, rotation: [orthonormal, pca, itq] } }";
const MEASURES: [&str; 6] = ["nDCG@10", "Recall@10", "MRR@10", "MAP", "Recall@1000", "Overlap@10"];

/// A run on documents `d0, d1 …` and queries `q0, q1 …` with these texts; judgements are a query, a document and a grade.
fn rows(codecs: &str, (documents, queries): (&[&str], &[&str]), judgements: &[(usize, usize, i32)]) -> Vec<Value> {
    let bench = Bench::new();
    let lines = |texts: &[&str], id: &str| -> String {
        let line = |(i, text): (usize, &&str)| format!("{}\n", json!({ "_id": format!("{id}{i}"), "text": text }));
        texts.iter().enumerate().map(line).collect()
    };
    bench.write("edge/corpus.jsonl", lines(documents, "d"));
    bench.write("edge/queries.jsonl", lines(queries, "q"));
    let judged: String = judgements.iter().map(|(q, d, grade)| format!("q{q}\td{d}\t{grade}\n")).collect();
    bench.write("edge/qrels/test.tsv", format!("query-id\tcorpus-id\tscore\n{judged}"));
    bench.write(
        "sweep.yaml",
        format!(
            "sweep: edge\nmodels: {{ tiny: {{ source: file:tiny }} }}\ndatasets: {{ edge: {{ source: file:edge }} }}\n\
             codecs: [{codecs}]\nmeasures: [{}]\n",
            MEASURES.join(", ")
        ),
    );
    bench.ok(&["run", "sweep.yaml", "--quiet"]);
    let table: Value = serde_json::from_str(&bench.ok(&["export", "sweep.yaml", "--json"])).expect("a table is JSON");
    table.as_array().expect("rows").clone()
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or_else(|| panic!("no {column} in {row}"))
}

/// Checks value and envelope of every row of a measure.
fn all_are(rows: &[Value], measure: &str, [value, least, most]: [f64; 3]) {
    let of_it: Vec<&Value> = rows.iter().filter(|row| row["measure"] == measure).collect();
    assert!(!of_it.is_empty(), "{measure}");
    for row in of_it {
        for (column, wanted) in [("value", value), ("value_min", least), ("value_max", most)] {
            assert!((number(row, column) - wanted).abs() < 1e-9, "{column} of {measure} should be {wanted}: {row}");
        }
    }
}

#[test]
fn one_document_is_found_by_everyone_whatever_k() {
    let rows = rows(ANY, (&["a hen"], &["a hen lays an egg", "bread"]), &[(0, 0, 1), (1, 0, 2)]);
    for measure in MEASURES {
        all_are(&rows, measure, [1.0; 3]);
    }
}

/// With all embeddings the same, every order of the documents is as likely as any other.
#[test]
fn documents_that_are_all_the_same_tie_under_every_codec() {
    let rows = rows(&format!("{ANY}, {LEARNT}"), (&["a hen"; 300], &["an egg", "bread"]), &[(0, 7, 1), (1, 299, 1)]);
    let codecs = 4 + 4 + 3 + 5;
    assert_eq!(rows.len(), codecs * MEASURES.len());
    let expected = |gain: fn(f64) -> f64, k: u32| (1..=k).map(|rank| gain(f64::from(rank)) / 300.0).sum::<f64>();
    all_are(&rows, "nDCG@10", [expected(|rank| 1.0 / (rank + 1.0).log2(), 10), 0.0, 1.0]);
    all_are(&rows, "Recall@10", [10.0 / 300.0, 0.0, 1.0]);
    all_are(&rows, "MRR@10", [expected(|rank| 1.0 / rank, 10), 0.0, 1.0]);
    all_are(&rows, "MAP", [expected(|rank| 1.0 / rank, 300), 1.0 / 300.0, 1.0]);
    all_are(&rows, "Recall@1000", [1.0; 3]);
    // One order of the documents breaks the ties of both runs.
    all_are(&rows, "Overlap@10", [1.0; 3]);
}

/// Where a query is a document word for word, float32 finds it first, and so do codes that keep them apart.
#[test]
fn a_query_that_is_a_document_finds_it_first() {
    let documents = ["bread and salt", "a hen lays an egg", "rain over the hills", "the smith bends iron"];
    let rows = rows("float32, int8", (&documents, &documents), &[(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1)]);
    all_are(&rows, "MRR@10", [1.0; 3]);
    all_are(&rows, "Recall@1000", [1.0; 3]);
}
