//! Truncated vectors: their cells, their jobs, and what is refused.

use std::collections::BTreeSet;

use bitsweep_plan::{plan, summary};
use bitsweep_proto::plan::From;
use bitsweep_proto::{Codec, JobKey, Kind, Plan, Spec};
use serde_json::{Value, json};

use crate::fixture::{lock, manifest, planned, profiles, small};
use crate::planning::check;

/// [`small`] with a model that is truncated to these lengths.
fn truncating(codecs: Value, dims: Value) -> Value {
    let mut value = small(codecs);
    value["models"]["m"]["mrl"] = json!(true);
    value["models"]["m"]["dims"] = dims;
    value
}

fn count(plan: &Plan, kind: Kind) -> usize {
    plan.jobs.iter().filter(|job| job.spec.kind() == kind).count()
}

fn keys(plan: &Plan) -> BTreeSet<JobKey> {
    plan.jobs.iter().map(|job| job.key).collect()
}

/// The cells with their tiers, without model and dataset.
fn cells(plan: &Plan) -> Vec<String> {
    let short = |name: String| name.replace("model=m,dataset=d,", "");
    plan.cells.iter().map(|planned| format!("{} {}", planned.tier, short(planned.cell.to_string()))).collect()
}

#[test]
fn each_length_has_the_matrix_after_that_of_whole_vectors() {
    let mut value = truncating(json!(["float32", "int8"]), json!([64, 128]));
    value["rescore"] = json!([2]);
    let plan = planned(value);
    check(&plan);
    let of_length = |dims: &str| {
        ["codec=float32", "codec=int8", "codec=int8,rescore=float32/20"].map(|cell| match cell.split_once(",rescore") {
            Some((codec, rescore)) => format!("1 {codec}{dims},rescore{rescore}"),
            None => format!("1 {cell}{dims}"),
        })
    };
    assert_eq!(cells(&plan), [of_length(""), of_length(",dims=64"), of_length(",dims=128")].concat());
}

#[test]
fn lengths_can_be_excluded_and_placed_and_include_adds_none() {
    let mut value = truncating(json!(["float32", "int8"]), json!([64, 128]));
    value["exclude"] = json!([{ "dims": 64, "codec": "int8" }]);
    value["include"] = json!([{ "model": "m", "dataset": "d", "codec": { "pq": { "bytes": 8 } } }]);
    value["tiers"] = json!([
        { "tier": 2, "where": { "dims": [64, 128] } },
        { "tier": 3, "where": { "dims": "full", "codec": "int8" } },
    ]);
    let plan = planned(value.clone());
    check(&plan);
    let expected = [
        "1 codec=float32",
        "3 codec=int8",
        "1 codec=pq/8",
        "2 codec=float32,dims=64",
        "2 codec=float32,dims=128",
        "2 codec=int8,dims=128",
    ];
    assert_eq!(cells(&plan), expected);
    // Whole vectors need not be measured; what others are compared with is searched all the same.
    value["exclude"] = json!([{ "dims": "full" }, { "dims": 64 }]);
    value["tiers"] = json!([]);
    value["include"] = json!([]);
    value["geometry"] = json!(true);
    let plan = planned(value);
    check(&plan);
    assert_eq!(cells(&plan), ["1 codec=float32,dims=128", "1 codec=int8,dims=128", "1 study=geometry"]);
    let dims: BTreeSet<u32> = plan.jobs.iter().filter_map(|job| dim(&job.spec)).collect();
    assert_eq!(dims, BTreeSet::from([128, 384]));
}

/// Dimensions of the vectors that a job searches or looks into.
fn dim(spec: &Spec) -> Option<u32> {
    match spec {
        Spec::Retrieve(spec) => Some(spec.dim),
        Spec::Compress(spec) => Some(spec.dim),
        Spec::Geometry(spec) => Some(spec.dim),
        _ => None,
    }
}

#[test]
fn lengths_share_the_embeddings_and_the_reference() {
    let codecs = json!(["float32", { "pq": { "bytes": 8 } }]);
    let plain = planned(small(codecs.clone()));
    let with = planned(truncating(codecs, json!([64, 128])));
    check(&with);
    assert!(keys(&with).is_superset(&keys(&plain)), "what whole vectors need stays what it is");
    // Two shards of documents and one of queries, twice.
    let kinds = [Kind::Embed, Kind::Truncate, Kind::Compress, Kind::Retrieve, Kind::Measure];
    assert_eq!(kinds.map(|kind| count(&plain, kind)), [3, 0, 1, 2, 2]);
    assert_eq!(kinds.map(|kind| count(&with, kind)), [3, 6, 3, 6, 6]);
    for (index, job) in (0_u32..).zip(&with.jobs) {
        let names: Vec<String> = job.inputs.iter().map(bitsweep_proto::plan::input_field).collect();
        match &job.spec {
            Spec::Truncate(spec) => {
                assert_eq!((spec.dim, spec.normalize, names), (384, true, vec!["vectors".to_owned()]));
                let From::Job(whole) = job.inputs[0].from else { panic!("vectors are made by a job") };
                assert_eq!(with.jobs[whole as usize].spec.kind(), Kind::Embed);
                assert_eq!(with.fields(index).get("profile.kernels"), None, "it is exact");
            }
            Spec::Retrieve(spec) if spec.codec == Codec::Float32 => {
                assert_eq!(names, ["queries", "documents", "documents"]);
            }
            Spec::Measure(_) => {
                let reference = job.inputs.iter().find(|input| input.name == "reference").unwrap();
                let From::Job(reference) = reference.from else { panic!("a run is made by a job") };
                let Spec::Retrieve(spec) = &with.jobs[reference as usize].spec else { panic!("by a search") };
                assert_eq!((spec.codec, spec.dim), (Codec::Float32, 384));
            }
            _ => {}
        }
    }
    let cautions = with.cautions().join("\n");
    assert!(cautions.contains("a vector of m are a vector too is what the manifest says (mrl: true)"), "{cautions}");
    assert!(!plain.cautions().join("\n").contains("mrl"));

    let truncates = |plan: &Plan| summary(plan, &|_| false).kinds.into_iter().find(|of| of.kind == Kind::Truncate);
    let of_kind = truncates(&with).unwrap();
    assert_eq!((of_kind.total, of_kind.bytes), (6, (2000 + 100) * 4 * (64 + 128)));
    assert!(truncates(&plain).is_none());
}

/// What is not scaled whole is not scaled truncated.
#[test]
fn lengths_are_those_of_the_model() {
    let normalize = |said: Value| {
        let mut value = truncating(json!(["int8"]), json!(64));
        value["models"]["m"]["normalize"] = said;
        let plan = planned(value);
        let found = plan.jobs.iter().find_map(|job| match &job.spec {
            Spec::Truncate(spec) => Some(spec.normalize),
            _ => None,
        });
        found.unwrap()
    };
    assert!(normalize(json!(true)) && !normalize(json!(false)));
}

#[test]
fn a_geometry_is_of_whole_vectors() {
    let mut value = truncating(json!(["float32"]), json!([64]));
    value["geometry"] = json!(true);
    let plan = planned(value);
    check(&plan);
    let dims: Vec<u32> = plan
        .jobs
        .iter()
        .filter_map(|job| match &job.spec {
            Spec::Geometry(spec) => Some(spec.dim),
            _ => None,
        })
        .collect();
    assert_eq!(dims, [384]);
    assert_eq!(plan.cells.last().unwrap().cell.to_string(), "model=m,dataset=d,study=geometry");
}

#[test]
fn pairs_are_truncated_too() {
    let mut value = truncating(json!(["float32", "int8"]), json!([64]));
    value["datasets"] = json!({ "sts": { "task": "similarity", "source": "file:sts", "fit": "train" } });
    value["measures"] = json!("Spearman");
    let plan = planned(value);
    // Two shards of each side, three of the sentences to fit on.
    let kinds = [Kind::Embed, Kind::Truncate, Kind::Similarity];
    assert_eq!(kinds.map(|kind| count(&plan, kind)), [7, 7, 4]);
    let found: Vec<(String, u32, Vec<&str>)> = plan
        .cells
        .iter()
        .map(|planned| {
            let job = &plan.jobs[planned.job as usize];
            let Spec::Similarity(spec) = &job.spec else { panic!("{:?}", job.spec) };
            (planned.cell.to_string(), spec.dim, job.inputs.iter().map(|input| input.name.as_str()).collect())
        })
        .collect();
    let (sides, fit) = (["a", "a", "b", "b"], ["fit"; 3]);
    let expected: [(&str, u32, &[&str]); 4] = [
        ("codec=float32", 384, &[]),
        ("codec=int8", 384, &fit),
        ("codec=float32,dims=64", 64, &[]),
        ("codec=int8,dims=64", 64, &fit),
    ];
    for (found, (cell, dim, fit)) in found.iter().zip(expected) {
        let inputs = [&sides[..], fit, &["scores"]].concat();
        assert_eq!(*found, (format!("model=m,dataset=sts,{cell}"), dim, inputs));
    }
}

#[test]
fn what_cannot_be_is_told() {
    let problems = |value: Value| plan(&manifest(value), "", &lock(), &profiles()).unwrap_err().to_string();
    for dims in [384, 512] {
        assert_eq!(
            problems(truncating(json!(["float32"]), json!([64, dims]))),
            format!(
                "model \"m\": dims has {dims}, and its vectors have 384 dimensions: name smaller lengths; whole vectors are \
                 measured in any case"
            )
        );
    }
    // 48 bytes divide 384 dimensions and not 64.
    let found = problems(truncating(json!([{ "pq": { "bytes": 48 } }]), json!([64])));
    assert!(found.starts_with("model \"m\", dataset \"d\", codec pq/48 of the first 64 dimensions: "), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
    // What is expected of float32 is expected of whole vectors.
    let mut value = truncating(json!(["float32"]), json!([64]));
    value["exclude"] = json!([{ "dims": "full" }]);
    value["expect"] = json!([{ "model": "m", "dataset": "d", "measure": "nDCG@10", "value": 0.6, "within": 0.1 }]);
    assert!(problems(value).starts_with("expect[0] expects something of float32 of m on d"));
    let mut value = truncating(json!(["float32"]), json!([64]));
    value["exclude"] = json!([{ "dims": 32 }]);
    assert!(problems(value).starts_with("exclude[0] matches no cell"));
}
