//! Matrix, exclude, include, tiers.

use bitsweep_plan::{Expanded, PlanError, expand};
use serde_json::{Value, json};

use crate::fixture::{example, manifest, small};

fn lines(value: Value) -> (Vec<String>, Vec<String>) {
    let manifest = manifest(value);
    let Expanded { cells, problems } = expand(&manifest);
    let cells = cells.iter().map(|cell| {
        let named = bitsweep_proto::Cell::retrieval(cell.model, cell.dataset, cell.codec);
        format!("{} {named}", cell.tier)
    });
    (cells.collect(), problems.iter().map(PlanError::to_string).collect())
}

fn two_by_two() -> Value {
    let mut value = small(json!(["float32", { "pq": { "bytes": [8, 16] } }]));
    value["models"]["n"] = json!({ "source": "hf:a/n" });
    value["datasets"]["e"] = json!({ "source": "beir:e" });
    value
}

#[test]
fn the_example_of_the_issue() {
    let (cells, problems) = lines(example());
    assert_eq!(problems, Vec::<String>::new());
    insta::assert_snapshot!(cells.join("\n"));
}

#[test]
fn include_wins_over_exclude_and_stands_in_its_place() {
    let mut value = two_by_two();
    value["exclude"] = json!([{ "model": "n" }]);
    value["include"] = json!([
        { "model": "n", "dataset": ["e", "d"], "codec": [{ "binary": { "bits": 64, "seeds": [5, 5] } }, { "pq": { "bytes": [16] } }] },
        { "model": "m", "dataset": "d", "codec": ["int8", "float32"] },
    ]);
    let (cells, problems) = lines(value);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        cells,
        [
            "1 model=m,dataset=d,codec=float32",
            "1 model=m,dataset=d,codec=pq/8",
            "1 model=m,dataset=d,codec=pq/16",
            "1 model=m,dataset=d,codec=int8",
            "1 model=m,dataset=e,codec=float32",
            "1 model=m,dataset=e,codec=pq/8",
            "1 model=m,dataset=e,codec=pq/16",
            "1 model=n,dataset=d,codec=pq/16",
            "1 model=n,dataset=d,codec=binary/64,seed=5",
            "1 model=n,dataset=e,codec=pq/16",
            "1 model=n,dataset=e,codec=binary/64,seed=5",
        ]
    );
}

#[test]
fn a_codec_that_stands_twice_is_one_cell() {
    let codecs = json!(["int8", { "binary": { "bits": [64, 64], "seeds": 1 } }, { "binary": { "bits": 64 } }, "int8"]);
    assert_eq!(lines(small(codecs)).0.len(), 2);
}

#[test]
fn the_first_tier_that_matches_counts() {
    let mut value = two_by_two();
    value["tiers"] = json!([
        { "tier": 3, "where": { "codec": { "pq": { "bytes": 8 } } } },
        { "tier": 2, "where": { "model": ["n"], "dataset": "e" } },
    ]);
    let (cells, problems) = lines(value);
    assert_eq!(problems, Vec::<String>::new());
    let tiers: String = cells.iter().map(|line| &line[..1]).collect();
    assert_eq!(tiers, "131131131232");
}

#[test]
fn entries_that_mean_nothing_are_all_reported() {
    let mut value = two_by_two();
    value["exclude"] = json!([{ "model": "m", "dataset": "d" }, { "codec": "int8" }]);
    value["include"] = json!([{ "model": ["m", "o"], "dataset": "f", "codec": "int8" }]);
    value["tiers"] = json!([
        { "tier": 2, "where": { "model": "m" } },
        { "tier": 3, "where": { "model": "m", "dataset": "e" } },
        { "tier": 2, "where": { "dataset": "x" } },
    ]);
    assert_eq!(
        lines(value).1,
        [
            "include[0] names the model \"o\", which the manifest does not have: add it, or use one of m, n",
            "include[0] names the dataset \"f\", which the manifest does not have: add it, or use one of d, e",
            "exclude[1] matches no cell of models × datasets × codecs: correct it or remove it",
            "tiers[1] places no cell: none matches, or earlier entries took all that do. Correct it or remove it",
            "tiers[2] places no cell: none matches, or earlier entries took all that do. Correct it or remove it",
        ]
    );
    let mut value = two_by_two();
    value["exclude"] = json!([{}]);
    let (cells, problems) = lines(value);
    assert_eq!(cells, Vec::<String>::new());
    assert!(problems[0].starts_with("no cell is left"), "{problems:?}");
}
