//! The speed of searches: its cells, its jobs, and what they share.

use std::collections::BTreeSet;

use bitsweep_plan::{plan, summary};
use bitsweep_proto::plan::input_field;
use bitsweep_proto::{JobKey, Kind, Plan, Spec, Study};
use serde_json::{Value, json};

use crate::fixture::{lock, manifest, planned, profiles, small};

fn keys(plan: &Plan) -> BTreeSet<JobKey> {
    plan.jobs.iter().map(|job| job.key).collect()
}

const OF_NOTHING: &str =
    "`speed` is of searches without a second stage on retrieval datasets, and no cell is one: add one, or remove it";

fn problems(value: Value) -> String {
    plan(&manifest(value), "", &lock(), &profiles()).unwrap_err().to_string()
}

/// The cells of the study with their jobs.
fn timed(plan: &Plan) -> Vec<(String, &Spec, Vec<String>)> {
    let cells = plan.cells.iter().filter(|planned| planned.cell.study() == Some(Study::Speed));
    let each = cells.map(|planned| {
        let job = &plan.jobs[planned.job as usize];
        (planned.cell.to_string(), &job.spec, job.inputs.iter().map(input_field).collect())
    });
    each.collect()
}

/// One for each codec: of its seeds the lowest, and none for its second stages.
#[test]
fn a_codec_is_timed_once() {
    let binary = json!({ "binary": { "bits": 64, "seeds": [7, 3, 5] } });
    let mut value = small(json!(["float32", binary, { "pq": { "bytes": [8, 16] } }]));
    value["rescore"] = json!([1, 4]);
    let plain = planned(value.clone());
    value["speed"] = json!({ "repeats": 3 });
    let with = planned(value);
    let found = timed(&with);
    let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "model=m,dataset=d,codec=float32,study=speed",
            "model=m,dataset=d,codec=binary/64,seed=3,study=speed",
            "model=m,dataset=d,codec=pq/8,study=speed",
            "model=m,dataset=d,codec=pq/16,study=speed",
        ]
    );
    for (name, spec, inputs) in &found {
        let Spec::Speed(spec) = spec else { panic!("{name}: {spec:?}") };
        assert_eq!((spec.dim, spec.warm_up, spec.repeats, spec.depth), (384, 1, 3, 10));
        assert!(name.contains(&format!("codec={}", spec.codec)), "{name}");
        let expected: &[&str] =
            if name.contains("float32") { &["queries", "documents", "documents"] } else { &["queries", "index"] };
        assert_eq!(inputs, expected, "{name}");
    }
    // Nothing else is new: no index, no run.
    assert_eq!(with.jobs.len(), plain.jobs.len() + found.len());
    assert!(keys(&with).is_superset(&keys(&plain)));
    let family = |plan: &Plan| {
        let summary = summary(plan, &|_| false);
        summary.matrix.iter().find(|count| count.family == "speed").map(|count| count.cells)
    };
    assert_eq!([family(&plain), family(&with)], [None, Some(4)]);
}

/// Times are a machine's, also those of codes that are exact; the query's own document is part of a search.
#[test]
fn its_key_has_the_search_profile_and_no_ids() {
    let mut value = small(json!([{ "binary": { "bits": 64 } }]));
    value["speed"] = json!({});
    let plan = planned(value.clone());
    let key = |plan: &Plan| {
        let index = plan.jobs.iter().position(|job| job.spec.kind() == Kind::Speed).unwrap();
        let fields = plan.fields(u32::try_from(index).unwrap());
        assert_eq!(fields.get("profile.kernels"), Some("\"faiss-0.13\""));
        fields.key()
    };
    value["datasets"]["d"]["ignore_identical_ids"] = json!(true);
    let ignoring = planned(value.clone());
    assert_eq!(key(&plan), key(&ignoring));
    value["speed"] = json!({ "depth": 100 });
    assert_ne!(key(&plan), key(&planned(value)));
}

/// A cell runs when its codec does. What is excluded is not timed.
#[test]
fn it_has_the_tier_of_its_codec() {
    let mut value = small(json!(["float32", "int8", "int4"]));
    value["speed"] = json!({});
    value["exclude"] = json!([{ "codec": "int4" }]);
    value["tiers"] = json!([{ "tier": 3, "track": "exploratory", "where": { "codec": "int8" } }]);
    let plan = planned(value);
    let cells = plan.cells.iter().filter(|planned| planned.cell.study() == Some(Study::Speed));
    let found: Vec<(u32, bool)> = cells.map(|planned| (planned.tier, planned.track.is_core())).collect();
    assert_eq!(found, [(1, true), (3, false)]);
}

#[test]
fn a_speed_is_of_retrieval_datasets() {
    let pairs = json!({ "task": "similarity", "source": "file:sts", "fit": "train" });
    let mut value: Value = small(json!(["float32"]));
    value["datasets"]["sts"] = pairs;
    value["measures"] = json!(["nDCG@10", "Spearman"]);
    value["speed"] = json!({});
    assert_eq!(timed(&planned(value.clone())).len(), 1);
    value["datasets"].as_object_mut().unwrap().remove("d");
    value["measures"] = json!(["Spearman"]);
    assert_eq!(problems(value), OF_NOTHING);
}

/// Only second stages are left, or only truncated vectors, which are searched too.
#[test]
fn a_speed_of_nothing_is_an_error() {
    let mut value = small(json!(["int8", "int4"]));
    value["rescore"] = json!([4]);
    value["speed"] = json!({});
    value["exclude"] = json!([{ "rescore": "none" }]);
    assert_eq!(problems(value.clone()), OF_NOTHING);
    value["exclude"] = json!([{ "rescore": "none", "codec": "int8" }]);
    assert_eq!(timed(&planned(value.clone())).len(), 1);
    value["models"]["m"]["mrl"] = json!(true);
    value["models"]["m"]["dims"] = json!([64]);
    value["exclude"] = json!([{ "rescore": "none", "dims": "full" }]);
    assert_eq!(timed(&planned(value.clone())).len(), 2);
    // Of a manifest without cells that alone is told.
    value["exclude"] = json!([{ "model": "m" }]);
    assert!(!problems(value).contains("speed"));
}

/// A graph returns no more than it looks at, whatever it is asked for.
#[test]
fn searches_that_return_fewer_are_told() {
    let hnsw = json!({ "hnsw": { "m": 8, "ef_construction": 40, "ef_search": [10, 300] } });
    let mut value = small(json!(["float32", hnsw]));
    let cautions = |value: &Value| planned(value.clone()).cautions().join("\n");
    value["speed"] = json!({ "depth": 10 });
    assert!(!cautions(&value).contains("timed"));
    value["speed"] = json!({ "depth": 100 });
    let short = "dataset d: a timed search of hnsw/8/40/10 returns at most ef_search of the 100 documents asked for";
    assert!(cautions(&value).contains(short), "{}", cautions(&value));
    // There are no more documents to find.
    value["speed"] = json!({ "depth": 10000 });
    let short = "of hnsw/8/40/10, hnsw/8/40/300 returns at most ef_search of the 2000 documents asked for";
    assert!(cautions(&value).contains(short), "{}", cautions(&value));
}

/// A sweep that does not ask keeps its id and its jobs.
#[test]
fn what_is_not_said_is_not_written() {
    let manifest = manifest(small(json!(["float32"])));
    assert!(!serde_json::to_string(&manifest).unwrap().contains("speed"));
}
