//! Why a job runs.

use std::collections::HashMap;

use bitsweep_plan::{Explanation, explain, plan};
use bitsweep_proto::{Fields, JobKey, Kind, Plan};
use serde_json::json;

use crate::fixture::{lock, manifest, planned, profiles, small};

fn all_fields(plan: &Plan) -> HashMap<JobKey, Fields> {
    (0_u32..).zip(&plan.jobs).map(|(index, job)| (job.key, plan.fields(index))).collect()
}

/// Explains the last job of `kind` in `wanted` by the outcomes of `stored`.
fn why(wanted: &Plan, kind: Kind, stored: &Plan) -> Explanation {
    let (ours, theirs) = (all_fields(wanted), all_fields(stored));
    let job = wanted.jobs.iter().rfind(|job| job.spec.kind() == kind).unwrap();
    explain(&ours[&job.key], theirs.values(), &|key| ours.get(key).or(theirs.get(key)).cloned())
}

#[test]
fn a_new_codec_differs_in_its_codec() {
    let stored = planned(small(json!(["float32", { "binary": { "bits": [64, 128], "seeds": 2 } }])));
    let wanted = planned(small(json!([{ "binary": { "bits": 256, "seeds": [1] } }])));
    let text = why(&wanted, Kind::Compress, &stored).to_string();
    assert!(text.starts_with("never made here; the nearest that was made ("), "{text}");
    let rest = text.split(") ").nth(1).unwrap();
    assert!(
        ["differs in codec: binary/256, there binary/64", "differs in codec: binary/256, there binary/128"]
            .contains(&rest),
        "{rest}"
    );
}

#[test]
fn a_change_far_below_is_named() {
    let codecs = json!(["float32", { "binary": { "bits": 64 } }]);
    let stored = planned(small(codecs.clone()));
    let mut changed = small(codecs);
    changed["models"]["m"]["max_tokens"] = json!(128);
    let wanted = planned(changed);
    let explanation = why(&wanted, Kind::Measure, &stored);
    let text = explanation.to_string();
    let root = "made by a job that differs in max_tokens: 128, there 256";
    assert!(text.contains(&format!("input.run, made by a job that differs in input.queries, {root}; input.index, made by a job that differs in input.documents, {root}")), "{text}");
    let leaf = &explanation.nearest.unwrap().differences[0].because[0].because[0];
    assert_eq!(
        (leaf.field.as_str(), leaf.wanted.as_deref(), leaf.found.as_deref()),
        ("max_tokens", Some("128"), Some("256"))
    );
}

#[test]
fn profiles_and_contents_are_named() {
    let codecs = json!(["int8"]);
    let stored = planned(small(codecs.clone()));
    let (mut lock, mut profiles) = (lock(), profiles());
    profiles.search.self_test = bitsweep_proto::Digest::of(b"another CPU");
    let data = lock.datasets.get_mut("d").unwrap();
    data.corpus.sha256 = bitsweep_proto::Digest::of(b"another corpus");
    data.counts.documents = 900;
    let wanted = plan(&manifest(small(codecs)), "", &lock, &profiles).unwrap();
    let differences = why(&wanted, Kind::Compress, &stored).nearest.unwrap().differences;
    let fields: Vec<&str> = differences.iter().map(|difference| difference.field.as_str()).collect();
    assert_eq!(fields, ["profile.self_test", "input.documents"]);
    let roots: Vec<&str> = differences[1].because.iter().map(|difference| difference.field.as_str()).collect();
    assert_eq!(roots, ["rows", "input.texts"]);
}

#[test]
fn nothing_alike_and_the_same() {
    let plan = planned(small(json!(["float32"])));
    let nothing = planned(small(json!(["float32"])));
    assert_eq!(why(&plan, Kind::Embed, &nothing).to_string().split(' ').next(), Some("the"));
    let other_kind = explain(&plan.fields(0), [&plan.fields(plan.cells[0].job)], &|_| None);
    assert_eq!(other_kind.nearest, None);
    assert_eq!(other_kind.to_string(), "never made here, and nothing of its kind was");
}
