//! STS-B (test) under the real all-MiniLM-L6-v2, from the CSV files to the table, and pairs beside a retrieval set under a tiny
//! model.
//!
//! In CI: codecs that learn nothing, so that only the test split is embedded. `BITSWEEP_FULL=1`: all codec families, fitted on the
//! 10,279 sentences of train that are not measured.

mod support;

use std::collections::BTreeMap;
use std::fs;

use support::{Bench, MANIFEST, text};

const FEW: &str = "codecs: [float32, { binary: { bits: [64, 256], seeds: 3 } }]\n";

const ALL: &str = "\
codecs:
  - float32
  - int8
  - int4
  - rabitq
  - pq: { bytes: [8, 16, 32, 64] }
  - opq: { bytes: [8, 16, 32, 64] }
  - pq4fs: { bytes: [32, 64] }
  - binary: { bits: [64, 128, 256, 512], seeds: 10 }
  - binary: { bits: [64, 128, 256], seeds: 10, centre: mean, rotation: [gaussian, orthonormal, itq] }
  - binary: { bits: [64, 128, 256], centre: [mean, median], rotation: pca }
  - binary: { bits: [64, 128, 256], seeds: 10, scoring: asymmetric }
";

/// Codec and measure → values, one for each seed.
type Values = BTreeMap<(String, String), Vec<f64>>;

/// Values of the table, and the columns of its first row.
fn rows(table: &str) -> (Values, BTreeMap<String, String>) {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let mut values = Values::new();
    let mut first = BTreeMap::new();
    for row in reader.records().map(Result::unwrap) {
        let row: BTreeMap<String, String> =
            header.iter().zip(row.iter()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let value: f64 = row["value"].parse().unwrap();
        assert_eq!([&row["value_min"], &row["value_max"]], [&row["value"]; 2], "average ranks leave nothing open");
        assert_eq!(row["value_trec_eval"], "");
        values.entry((row["codec"].clone(), row["measure"].clone())).or_default().push(value);
        if first.is_empty() {
            first = row;
        }
    }
    (values, first)
}

#[test]
fn float32_has_the_published_spearman() {
    let (Some(data), Some(model)) = (support::test_data("stsb"), support::test_model("all-MiniLM-L6-v2")) else {
        return;
    };
    let full = std::env::var_os("BITSWEEP_FULL").is_some();
    let bench = Bench::empty();
    let manifest = format!(
        "sweep: stsb\nmodels:\n  minilm: {{ source: \"file:{}\" }}\ndatasets:\n  stsb: {{ task: similarity, source: \"file:{}\", fit: \
         train }}\n{}measures: [Spearman, Pearson]\nexpect: [{{ model: minilm, dataset: stsb, measure: Spearman, value: 0.82032, \
         within: 0.0005 }}]\n",
        model.canonicalize().unwrap().display(),
        data.canonicalize().unwrap().display(),
        if full { ALL } else { FEW }
    );
    bench.write("sweep.yaml", manifest);
    println!("{}", bench.ok(&["run", "sweep.yaml"]));
    let (values, first) = rows(&bench.table());
    let value = |codec: &str, measure: &str| values[&(codec.to_owned(), measure.to_owned())].as_slice();
    for ((codec, measure), values) in &values {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        println!("{codec:40} {measure:10} {mean:.4}  {values:.4?}");
    }
    assert_eq!(first["cell"], "model=minilm,dataset=stsb,codec=float32");
    assert_eq!((first["queries"].as_str(), first["documents"].as_str()), ("1379", "2758"));
    let [found] = value("float32", "Spearman") else { panic!("one value") };
    assert!((found - 0.8203).abs() <= 0.0005, "Spearman {found}");
    // numpy, by jobs/tests/golden/stsb.py, with the reference vectors.
    assert!((value("float32", "Pearson")[0] - FLOAT32_PEARSON).abs() <= 0.0005);
    assert!((value("binary/64", "Spearman")[0] - BINARY_64).abs() <= 0.003);
    assert!((value("binary/256", "Spearman")[0] - BINARY_256).abs() <= 0.003);
    if full {
        assert!((value("int8", "Spearman")[0] - found).abs() < 0.002);
    }
}

const FLOAT32_PEARSON: f64 = 0.827406;
const BINARY_64: f64 = 0.734359;
const BINARY_256: f64 = 0.800392;

/// Pairs for the tiny model: the sentences are queries of the shipped collection.
fn with_pairs() -> Bench {
    let bench = Bench::new();
    bench.write(
        "pairs/sts-test.csv",
        "how is bread baked,baking bread,5\nwhat do bees eat,who built the bridge,0.5\na,b c,2\n\"x, y\",z,3\n",
    );
    let train: String =
        (0..40).map(|row| format!("sentence number {row},another sentence {row},{}\n", row % 6)).collect();
    bench.write("pairs/sts-train.csv", train);
    let manifest = MANIFEST
        .replace("codecs:", "  sts: { task: similarity, source: file:pairs, fit: train }\ncodecs:")
        .replace("  - pq: { bytes: 8 }\n", "  - binary: { bits: 16, centre: mean, rotation: itq }\n")
        .replace("Overlap@10]", "Overlap@10, Spearman]");
    bench.write("sweep.yaml", manifest);
    bench
}

#[test]
fn pairs_stand_beside_a_retrieval_set() {
    let bench = with_pairs();
    let said = bench.ok(&["plan", "sweep.yaml"]);
    assert!(said.contains("dataset sts: 4 pairs of sentences (test), codecs fitted on 80 sentences (train)"), "{said}");
    bench.ok(&["run", "sweep.yaml"]);
    let table = bench.table();
    // 7 cells on the collection with 5 measures, 7 on the pairs with 1.
    assert_eq!(table.lines().count(), 1 + 7 * 5 + 7);
    let of_pairs: Vec<&str> = table.lines().filter(|line| line.contains("dataset=sts")).collect();
    assert!(of_pairs.iter().all(|line| line.contains(",Spearman,")), "{of_pairs:?}");
    // The same whatever it ran on.
    let other = with_pairs();
    other.ok(&["run", "sweep.yaml", "--slots", "3"]);
    assert_eq!(other.table(), table);

    bench.ok(&["report", "sweep.yaml", "--out", "out.html"]);
    let page = fs::read_to_string(bench.path("out.html")).unwrap();
    assert!(page.contains("4 pairs of sentences: each of the 8 is stored once and asks once"));
    let output = bench.run(&["export", "sweep.yaml", "--format", "trec", "--out", "runs"]);
    assert!(
        output.status.success() && text(&output.stderr).contains("7 cells are of pairs of sentences"),
        "{output:?}"
    );
    let output = bench.run(&["compare", "float32", "int8", "sweep.yaml"]);
    assert!(output.status.success() && text(&output.stderr).contains("of pairs of sentences"), "{output:?}");
    assert!(text(&output.stdout).contains("dataset=pocket") && !text(&output.stdout).contains("dataset=sts"));
    // Nothing is lost in a collection, and nothing is made again.
    bench.ok(&["gc"]);
    assert_eq!(bench.table(), table);
    bench.ok(&["run", "sweep.yaml"]);
}
