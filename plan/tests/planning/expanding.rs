//! Matrix, exclude, include, tiers.

use bitsweep_plan::{Expanded, ExpandedCell, PlanError, expand};
use bitsweep_proto::manifest::Point;
use bitsweep_proto::{Codec, Manifest};
use serde_json::{Value, json};

use crate::fixture::{example, manifest, small};

fn lines(value: Value) -> (Vec<String>, Vec<String>) {
    let manifest = manifest(value);
    let Expanded { cells, problems } = expand(&manifest);
    let cells = cells.iter().map(|cell| {
        let point = cell.point;
        let named = bitsweep_proto::Cell::retrieval(point.model, point.dataset, point.codec);
        let named = named.truncated(point.dims).rescored(point.rescore);
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

fn shipped(name: &str) -> Manifest {
    let file = format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    bitsweep_proto::manifest::read(&std::fs::read_to_string(file).unwrap(), name).unwrap()
}

/// The study of the examples means what its comments say.
#[test]
fn the_study_is_in_tiers() {
    let manifest = shipped("study.yaml");
    let Expanded { cells, problems } = expand(&manifest);
    assert_eq!(problems, []);
    let mut tiers = std::collections::BTreeMap::new();
    for cell in &cells {
        *tiers.entry((cell.tier, cell.track, cell.point.model)).or_insert(0) += 1;
        assert_eq!(cell.tier == 4, cell.track == bitsweep_proto::Track::Exploratory);
        let dim = if cell.point.model == "all-MiniLM-L6-v2" { 384 } else { 768 };
        assert_eq!(cell.point.codec.unfit(dim), None);
    }
    // float32, int8, 4 bit lengths × 10 seeds, 4 sizes of PQ × 10 starts × 2 scorings; on three collections.
    let of = |tier, model| tiers.iter().filter(|((t, _, m), _)| (*t, *m) == (tier, model)).map(|(_, n)| n).sum::<i32>();
    assert_eq!([of(1, "all-MiniLM-L6-v2"), of(1, "e5-base-v2"), of(1, "bge-large-en-v1.5")], [3 * 122, 3 * 122, 0]);
    assert_eq!([of(2, "all-MiniLM-L6-v2"), of(2, "bge-large-en-v1.5")], [0, 3 * (1 + 2 * 10 * 2 + 30)]);
    assert!(of(3, "all-MiniLM-L6-v2") > 0 && of(4, "all-MiniLM-L6-v2") > 0);
    // Large models come last in a tier, and so does NQ of each.
    for tier in [2, 3] {
        let last = cells.iter().rfind(|cell| cell.tier == tier).unwrap();
        assert_eq!((last.point.model, last.point.dataset), ("bge-large-en-v1.5", "nq-500k"), "tier {tier}");
    }
    // What came to the question later is in the third tier: the second draw, pairs, int2, searches that skip documents.
    let later = |wanted: &dyn Fn(&Point<'_>) -> bool| {
        let cells: Vec<_> = cells.iter().filter(|cell| cell.tier < 4 && wanted(&cell.point)).collect();
        assert!(cells.iter().all(|cell| cell.tier == 3));
        cells.len()
    };
    // float32, int8, int4, int2, rabitq, 40 binary codes, 80 of PQ, 40 of its fast scans; two models.
    assert_eq!(later(&|point| point.dataset == "nq-500k-again"), 2 * (5 + 40 + 80 + 40));
    // Those, 24 of OPQ, and binary codes about the mean: 3 lengths × 3 rotations × 10 seeds and 3 of principal
    // directions.
    assert_eq!(later(&|point| point.dataset == "stsb"), 3 * (5 + 40 + 80 + 40 + 24 + 93));
    // 3 and 6 ways to search, without second stages; three models on three collections.
    assert_eq!(later(&|point| point.codec.is_approximate()), 3 * 3 * (3 + 6));
    assert_eq!(later(&|point| point.codec == Codec::Int2 && point.dataset == "scifact"), 3 * 7);
    assert!(manifest.codes && manifest.geometry && manifest.speed.is_none());
}

/// Times are taken apart from the study, of what the study has.
#[test]
fn the_speed_of_the_study_is_of_its_cells() {
    let (study, speed) = (shipped("study.yaml"), shipped("study-speed.yaml"));
    let Expanded { cells, problems } = expand(&speed);
    assert_eq!(problems, []);
    assert!(speed.speed.is_some());
    let studied = expand(&study).cells;
    for cell in &cells {
        let is_it = |other: &ExpandedCell<'_>| other.point == cell.point;
        assert!(studied.iter().any(is_it), "{:?}", cell.point);
    }
    assert_eq!(speed.seed, study.seed);
    for name in speed.datasets.keys() {
        assert_eq!(speed.datasets[name], study.datasets[name], "{name}");
    }
}

#[test]
fn second_stages_stand_after_their_codec() {
    let mut value = small(json!(["float32", "int8", "rabitq"]));
    value["rescore"] = json!({ "factors": [0, 2, 8], "k": 5, "with": ["float32", "int8"] });
    value["exclude"] = json!([{ "codec": "rabitq", "rescore": "int8/10" }, { "codec": "rabitq", "rescore": "none" }]);
    value["include"] = json!([{ "model": "m", "dataset": "d", "codec": ["int4"] }]);
    value["tiers"] = json!([{ "tier": 3, "where": { "rescore": "any" } }]);
    let (cells, problems) = lines(value);
    assert_eq!(problems, Vec::<String>::new());
    let expected = [
        "1 model=m,dataset=d,codec=float32",
        "1 model=m,dataset=d,codec=int8",
        "3 model=m,dataset=d,codec=int8,rescore=float32/10",
        "3 model=m,dataset=d,codec=int8,rescore=float32/40",
        "3 model=m,dataset=d,codec=rabitq,rescore=float32/10",
        "3 model=m,dataset=d,codec=rabitq,rescore=float32/40",
        "3 model=m,dataset=d,codec=rabitq,rescore=int8/40",
        "1 model=m,dataset=d,codec=int4",
    ];
    assert_eq!(cells, expected);
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
