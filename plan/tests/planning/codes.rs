//! The study of codes: its cells, its jobs, and what they share.

use bitsweep_plan::{plan, summary};
use bitsweep_proto::plan::input_field;
use bitsweep_proto::{Kind, Plan, Spec, Study};
use serde_json::{Value, json};

use crate::fixture::{lock, manifest, planned, profiles, small};
use crate::planning::check;

fn with_codes(codecs: Value) -> Value {
    let mut value = small(codecs);
    value["codes"] = json!(true);
    value
}

/// The cells of the study, each with the place of its job.
fn studied(plan: &Plan) -> Vec<(String, u32)> {
    let cells = plan.cells.iter().filter(|planned| planned.cell.study() == Some(Study::Codes));
    cells.map(|planned| (planned.cell.to_string(), planned.job)).collect()
}

/// One for each binary codec and seed, none for second stages or other codecs; scorings share the job.
#[test]
fn each_binary_codec_is_looked_into() {
    let both = json!({ "bits": 64, "seeds": 2, "centre": "mean", "scoring": ["symmetric", "asymmetric"] });
    let mut value = small(json!(["float32", "int2", { "binary": both }, { "binary": { "bits": 128 } }]));
    value["rescore"] = json!([1, 4]);
    value["tiers"] = json!([{ "tier": 2, "where": { "codec": { "binary": { "bits": 128 } } } }]);
    let plain = planned(value.clone());
    value["codes"] = json!(true);
    let with = planned(value);
    check(&with);
    let found = studied(&with);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "model=m,dataset=d,codec=binary/64/mean+gaussian,seed=0,study=codes",
            "model=m,dataset=d,codec=binary/64/mean+gaussian,seed=1,study=codes",
            "model=m,dataset=d,codec=binary/64/mean+gaussian/asymmetric,seed=0,study=codes",
            "model=m,dataset=d,codec=binary/64/mean+gaussian/asymmetric,seed=1,study=codes",
            "model=m,dataset=d,codec=binary/128,seed=0,study=codes",
        ]
    );
    assert_eq!([found[0].1, found[1].1], [found[2].1, found[3].1], "scorings share their codes");
    // Nothing else is new: no index, no run.
    assert_eq!(with.jobs.len(), plain.jobs.len() + 3);
    assert!(plain.jobs.iter().all(|job| with.jobs.iter().any(|other| other.key == job.key)));
    for (name, job) in &found {
        let job = &with.jobs[*job as usize];
        let Spec::Codes(spec) = &job.spec else { panic!("{name}: {:?}", job.spec) };
        assert_eq!((spec.dim, spec.codec), (384, spec.codec.stored()), "{name}");
        let inputs: Vec<String> = job.inputs.iter().map(input_field).collect();
        assert_eq!(inputs, ["index", "documents", "documents", "queries"], "{name}");
    }
    let last = with.cells.iter().find(|planned| planned.cell.to_string() == names[4]).unwrap();
    assert_eq!(last.tier, 2);
    let summary = summary(&with, &|_| false);
    assert_eq!(summary.matrix.iter().find(|count| count.family == "codes").unwrap().cells, 5);
    assert_eq!(summary.kinds.iter().find(|count| count.kind == Kind::Codes).unwrap().total, 3);
}

/// What is left out of the matrix is not looked into either.
#[test]
fn cells_that_are_left_out_have_no_codes() {
    let mut value = with_codes(json!(["float32", { "binary": { "bits": [64, 128] } }]));
    value["exclude"] = json!([{ "codec": { "binary": { "bits": 64 } } }]);
    assert_eq!(studied(&planned(value)).len(), 1);
}

#[test]
fn pairs_have_no_codes_to_look_into() {
    let mut value = with_codes(json!([{ "binary": { "bits": 64 } }]));
    value["datasets"]["sts"] = json!({ "task": "similarity", "source": "file:sts", "fit": "train" });
    value["measures"] = json!(["nDCG@10", "Spearman"]);
    let found = studied(&planned(value));
    assert_eq!(found.len(), 1);
    assert!(found[0].0.contains("dataset=d,"));
}

#[test]
fn codes_of_nothing_are_an_error() {
    let wrong = "`codes` looks into the codes of binary codecs on retrieval datasets, and no cell has such a codec there: add \
                 one, or remove it";
    let problems = |value: Value| plan(&manifest(value), "", &lock(), &profiles()).unwrap_err().to_string();
    assert_eq!(problems(with_codes(json!(["float32", "int2", { "pq": { "bytes": 8 } }]))), wrong);
    let mut value = with_codes(json!([{ "binary": { "bits": 64 } }]));
    value["datasets"] = json!({ "sts": { "task": "similarity", "source": "file:sts", "fit": "train" } });
    value["measures"] = json!(["Spearman"]);
    assert_eq!(problems(value), wrong);
    // Of a manifest without cells that alone is told.
    let mut value = with_codes(json!(["int8"]));
    value["exclude"] = json!([{ "codec": "int8" }]);
    assert!(!problems(value).contains("codes"));
}

/// So a manifest that does not say it keeps its id.
#[test]
fn what_is_not_said_is_not_written() {
    let said = manifest(small(json!(["int8"])));
    assert!(!serde_json::to_string(&said).unwrap().contains("codes"));
}
