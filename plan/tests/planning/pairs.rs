//! Datasets of pairs: their jobs, their measures, and what is refused.

use bitsweep_plan::plan;
use bitsweep_proto::{Kind, Spec};
use serde_json::{Value, json};

use crate::fixture::{lock, manifest, planned, profiles, small};

/// [`small`] with the pairs `sts` beside its dataset.
fn both(codecs: Value) -> Value {
    let mut value = small(codecs);
    value["datasets"]["sts"] = json!({ "task": "similarity", "source": "file:sts", "fit": "train" });
    value["measures"] = json!(["nDCG@10", "Spearman", "Overlap@10", "Pearson"]);
    value
}

fn count(plan: &bitsweep_proto::Plan, kind: Kind) -> usize {
    plan.jobs.iter().filter(|job| job.spec.kind() == kind).count()
}

#[test]
fn pairs_need_embeddings_and_a_job_for_each_codec() {
    let codecs = json!(["float32", "int8", { "binary": { "bits": 64, "seeds": 2 } }, { "pq": { "bytes": 8 } }]);
    let plan = planned(both(codecs.clone()));
    let alone = planned(small(codecs));
    assert_eq!(count(&plan, Kind::Similarity), 5);
    // Two shards of each side, three of the sentences to fit on.
    assert_eq!(count(&plan, Kind::Embed), count(&alone, Kind::Embed) + 2 + 2 + 3);
    assert_eq!(count(&plan, Kind::Compress), count(&alone, Kind::Compress));
    let cells: Vec<String> = plan.cells.iter().map(|planned| planned.cell.to_string()).collect();
    assert_eq!(cells[5], "model=m,dataset=sts,codec=float32");
    assert_eq!(cells[8], "model=m,dataset=sts,codec=binary/64,seed=1");
    for planned in &plan.cells[5..] {
        let job = &plan.jobs[planned.job as usize];
        let Spec::Similarity(spec) = &job.spec else { panic!("{:?}", job.spec) };
        let names: Vec<&str> = job.inputs.iter().map(|input| input.name.as_str()).collect();
        let learns = spec.codec.least_documents(spec.dim) > 0;
        let fit: &[&str] = if learns { &["fit"; 3] } else { &[] };
        assert_eq!(names, [&["a", "a", "b", "b"], fit, &["scores"]].concat(), "{}", spec.codec);
        assert_eq!(spec.measures.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Spearman", "Pearson"]);
    }
}

/// Pairs are scored by the cosine whatever the scoring of decoded vectors: both cells have one job, that of the plain
/// codec.
#[test]
fn both_scorings_of_decoded_vectors_are_one_job() {
    let of_pairs = |codecs: Value| {
        let plan = planned(both(codecs));
        let cells = plan.cells.iter().filter(|planned| planned.cell.dataset() == "sts");
        let keys = cells.map(|planned| (planned.cell.to_string(), plan.jobs[planned.job as usize].key));
        (keys.collect::<Vec<_>>(), count(&plan, Kind::Similarity))
    };
    let scorings = json!(["inner_product", "cosine"]);
    for name in ["pq", "opq"] {
        let (two, jobs) = of_pairs(json!([{ name: { "bytes": 8, "seeds": 2, "scoring": scorings } }]));
        assert_eq!((two.len(), jobs), (4, 2));
        let cosine = |seed: usize| two.iter().find(|(cell, _)| cell.ends_with(&format!("{name}/8/cosine,seed={seed}")));
        let (plain, _) = of_pairs(json!([{ name: { "bytes": 8, "seeds": 2 } }]));
        for (seed, (cell, key)) in plain.iter().enumerate() {
            assert!(two.contains(&(cell.clone(), *key)), "{cell} has its name and its key still");
            assert_eq!(&cosine(seed).unwrap().1, key, "{cell}");
        }
    }
}

/// Codecs that learn nothing need no sentences to learn from.
#[test]
fn what_nobody_learns_from_is_not_embedded() {
    let mut value = both(json!(["float32", { "binary": { "bits": 64 } }]));
    value["datasets"].as_object_mut().unwrap().remove("d");
    value["measures"] = json!("Spearman");
    assert_eq!(count(&planned(value.clone()), Kind::Embed), 4);
    value["codecs"] = json!([{ "binary": { "bits": 64, "centre": "mean" } }]);
    assert_eq!(count(&planned(value), Kind::Embed), 7);
}

/// The fixture's model puts `query: ` before queries and nothing before documents.
#[test]
fn both_sentences_have_one_prefix() {
    let prefixes = |more: Value| {
        let mut value = both(json!(["int8"]));
        value["models"]["m"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let plan = planned(value);
        let cell = plan.cells.iter().find(|planned| planned.cell.dataset() == "sts").unwrap();
        let inputs = &plan.jobs[cell.job as usize].inputs;
        let mut found: Vec<String> = inputs
            .iter()
            .filter_map(|input| match input.from {
                bitsweep_proto::plan::From::Job(job) => match &plan.jobs[job as usize].spec {
                    Spec::Embed(embed) => Some(embed.prefix.clone()),
                    _ => None,
                },
                bitsweep_proto::plan::From::Blob(_) => None,
            })
            .collect();
        found.dedup();
        found
    };
    assert_eq!(prefixes(json!({})), [""], "an instruction to search is not for pairs");
    assert_eq!(
        prefixes(json!({ "document_prefix": "passage: " })),
        ["query: "],
        "a model that wants one before every text"
    );
    assert_eq!(prefixes(json!({ "symmetric_prefix": "sts: " })), ["sts: "]);
    assert_eq!(prefixes(json!({ "document_prefix": "passage: ", "symmetric_prefix": "" })), [""]);
}

#[test]
fn a_geometry_is_of_retrieval_datasets() {
    let mut value = both(json!(["float32"]));
    value["geometry"] = json!(true);
    assert_eq!(count(&planned(value), Kind::Geometry), 1);
}

#[test]
fn what_does_not_fit_the_task_is_told() {
    let problems = |change: &dyn Fn(&mut Value)| {
        let mut value = both(json!(["float32"]));
        change(&mut value);
        plan(&manifest(value), "", &lock(), &profiles()).unwrap_err().to_string()
    };
    assert_eq!(
        problems(&|value| value["measures"] = json!(["nDCG@10"])),
        "dataset \"sts\" is for similarity, and none of `measures` is: add one, such as Spearman, or exclude the dataset"
    );
    assert_eq!(
        problems(&|value| value["measures"] = json!(["Spearman"])),
        "dataset \"d\" is for retrieval, and none of `measures` is: add one, such as nDCG@10, or exclude the dataset"
    );
    let alone = |value: &mut Value| drop(value["datasets"].as_object_mut().unwrap().remove("d"));
    assert_eq!(
        problems(&|value| {
            alone(value);
            value["measures"] = json!(["Spearman", "nDCG@10"]);
            value["geometry"] = json!(true);
        }),
        "nDCG@10 is for retrieval, and the sweep has no such dataset: remove it from `measures`, or say `task: retrieval`\n\
         `geometry` is of documents and queries, and no dataset is for retrieval: remove it"
    );
    let expect = |dataset: &str, measure: &str| json!([{ "model": "m", "dataset": dataset, "measure": measure, "value": 0.8, "within": 0.1 }]);
    assert!(
        problems(&|value| value["expect"] = expect("d", "Spearman"))
            .starts_with("expect[0] expects something of Spearman")
    );
    assert_eq!(
        problems(&|value| value["datasets"]["sts"]["fit"] = json!("dev")),
        "dataset \"sts\": the manifest asks for the split \"dev\", the lock holds \"train\": resolve the sources again with \
         --update-lock"
    );
    assert_eq!(
        problems(&|value| value["datasets"]["d"] = json!({ "task": "similarity", "source": "file:d", "fit": "train" })),
        "nDCG@10 is for retrieval, and the sweep has no such dataset: remove it from `measures`, or say `task: retrieval`\n\
         Overlap@10 is for retrieval, and the sweep has no such dataset: remove it from `measures`, or say `task: retrieval`\n\
         dataset \"d\" is not in the lock: resolve the sources again with --update-lock"
    );
    let mut few = lock();
    few.similarity.get_mut("sts").unwrap().counts.fit = 100;
    let mut value = both(json!([{ "pq": { "bytes": 8 } }]));
    value["datasets"].as_object_mut().unwrap().remove("d");
    value["measures"] = json!("Spearman");
    assert_eq!(
        plan(&manifest(value), "", &few, &profiles()).unwrap_err().to_string(),
        "model \"m\", dataset \"sts\", codec pq/8: pq/8 learns from the sentences of `fit` and needs 256, that split has 100. \
         Exclude the cell or change the codec"
    );
}

/// An expectation of float32 may be one of pairs.
#[test]
fn a_parity_gate_may_stand_on_pairs() {
    let mut value = both(json!(["float32", "int8"]));
    value["expect"] =
        json!([{ "model": "m", "dataset": "sts", "measure": "Spearman", "value": 0.82, "within": 0.001 }]);
    assert_eq!(planned(value).expect.len(), 1);
}
