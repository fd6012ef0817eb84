//! Datasets of labelled texts: their jobs, their measures, and what is refused.

use bitsweep_plan::plan;
use bitsweep_proto::job::Texts;
use bitsweep_proto::plan::From;
use bitsweep_proto::{Kind, Measure, Plan, Spec};
use serde_json::{Value, json};

use crate::fixture::{lock, manifest, planned, profiles, small};

/// [`small`] with the labelled texts `intents` beside its dataset.
fn both(codecs: Value) -> Value {
    let mut value = small(codecs);
    value["datasets"]["intents"] = json!({ "task": "classification", "source": "file:intents", "fit": "train" });
    value["measures"] = json!(["nDCG@10", "Accuracy@5", "Overlap@10", "Accuracy@20"]);
    value
}

/// The labelled texts by themselves.
fn alone(codecs: Value) -> Value {
    let mut value = both(codecs);
    value["datasets"].as_object_mut().unwrap().remove("d");
    value["measures"] = json!("Accuracy@10");
    value
}

fn count(plan: &Plan, kind: Kind) -> usize {
    plan.jobs.iter().filter(|job| job.spec.kind() == kind).count()
}

#[test]
fn labelled_texts_are_searched_and_vote() {
    let codecs = json!(["float32", "int8", { "binary": { "bits": 64, "seeds": 2 } }, { "pq": { "bytes": 8 } }]);
    let plan = planned(both(codecs.clone()));
    let without = planned(small(codecs));
    assert_eq!([Kind::Classify, Kind::Measure, Kind::Similarity].map(|kind| count(&plan, kind)), [5, 5, 0]);
    // Two shards of texts that vote, two of measured ones; every codec but float32 has an index; no reference run.
    let more = |kind| count(&plan, kind) - count(&without, kind);
    assert_eq!([Kind::Embed, Kind::Compress, Kind::Retrieve].map(more), [4, 4, 5]);
    let cells: Vec<String> = plan.cells.iter().map(|planned| planned.cell.to_string()).collect();
    assert_eq!(cells[5], "model=m,dataset=intents,codec=float32");
    assert_eq!(cells[8], "model=m,dataset=intents,codec=binary/64,seed=1");
    for planned in &plan.cells[5..] {
        let job = &plan.jobs[planned.job as usize];
        let Spec::Classify(spec) = &job.spec else { panic!("{:?}", job.spec) };
        assert_eq!(spec.measures, [5, 20].map(|k| Measure::Accuracy { k }));
        let names: Vec<&str> = job.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(names, ["run", "document_labels", "query_labels"]);
        let From::Job(run) = job.inputs[0].from else { panic!("a run is made") };
        let Spec::Retrieve(retrieve) = &plan.jobs[run as usize].spec else { panic!("by a search") };
        assert_eq!((retrieve.depth, retrieve.ignore_identical_ids), (20, false));
    }
    assert_eq!(plan.searches().count(), plan.cells.len());
}

/// The depth is that of the votes: measures of other tasks change no key.
#[test]
fn other_datasets_change_no_key() {
    let of_labels = |value: Value| {
        let plan = planned(value);
        let mut keys: Vec<_> =
            plan.jobs.iter().filter(|job| job.spec.kind() == Kind::Classify).map(|job| job.key).collect();
        keys.sort();
        keys
    };
    let mut value = both(json!(["float32", "int8"]));
    value["measures"] = json!(["nDCG@100", "Accuracy@10", "MRR"]);
    assert_eq!(of_labels(value), of_labels(alone(json!(["float32", "int8"]))));
}

/// The fixture's model puts `query: ` before queries and nothing before documents.
#[test]
fn both_splits_have_one_prefix() {
    let prefixes = |more: Value| {
        let mut value = alone(json!(["int8"]));
        value["models"]["m"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let plan = planned(value);
        let embeddings = plan.jobs.iter().filter_map(|job| match &job.spec {
            Spec::Embed(embed) => Some((embed.texts, embed.prefix.clone())),
            _ => None,
        });
        let mut found: Vec<(Texts, String)> = embeddings.collect();
        found.dedup();
        found
    };
    let one = |prefix: &str| [(Texts::Queries, prefix.to_owned())];
    assert_eq!(prefixes(json!({})), one(""));
    assert_eq!(prefixes(json!({ "document_prefix": "passage: " })), one("query: "));
    assert_eq!(prefixes(json!({ "symmetric_prefix": "classify: " })), one("classify: "));
}

/// Second stages and geometries are of retrieval datasets.
#[test]
fn the_vote_is_of_the_codec_alone() {
    let mut value = both(json!(["float32", "int8"]));
    value["rescore"] = json!({ "factors": [2], "with": ["float32"] });
    value["geometry"] = json!(true);
    let plan = planned(value);
    let of_labels = plan.cells.iter().filter(|planned| planned.cell.dataset() == "intents");
    assert_eq!(of_labels.map(|planned| planned.cell.rescore()).collect::<Vec<_>>(), [None, None]);
    assert_eq!((count(&plan, Kind::Geometry), count(&plan, Kind::Rescore) > 0), (1, true));
}

#[test]
fn graphs_and_lists_may_vote() {
    let plan = planned(alone(json!([{ "hnsw": { "m": 16, "ef_construction": 40, "ef_search": 16 } }])));
    assert_eq!(count(&plan, Kind::Classify), 1);
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
        "dataset \"intents\" is for classification, and none of `measures` is: add one, such as Accuracy@10, or exclude the \
         dataset"
    );
    assert_eq!(
        problems(&|value| {
            value["datasets"].as_object_mut().unwrap().remove("intents");
        }),
        "Accuracy@5 is for classification, and the sweep has no such dataset: remove it from `measures`, or say `task: \
         classification`\nAccuracy@20 is for classification, and the sweep has no such dataset: remove it from `measures`, or \
         say `task: classification`"
    );
    assert_eq!(
        problems(&|value| value["datasets"]["intents"]["fit"] = json!("dev")),
        "dataset \"intents\": the manifest asks for the split \"dev\", the lock holds \"train\": resolve the sources again \
         with --update-lock"
    );
    assert_eq!(
        problems(
            &|value| value["datasets"]["sts"] = json!({ "task": "classification", "source": "file:x", "fit": "train" })
        ),
        "dataset \"sts\" is not in the lock: resolve the sources again with --update-lock"
    );
    let mut few = lock();
    few.classification.get_mut("intents").unwrap().counts.documents = 100;
    let refused = plan(&manifest(alone(json!([{ "pq": { "bytes": 8 } }]))), "", &few, &profiles()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "model \"m\", dataset \"intents\", codec pq/8: pq/8 learns from the texts of `fit` and needs 256, that split has 100. \
         Exclude the cell or change the codec"
    );
}

/// What a reader must know of few labelled texts.
#[test]
fn few_texts_are_cautioned_about() {
    let mut few = lock();
    few.classification.get_mut("intents").unwrap().counts.documents = 8;
    let plan = plan(&manifest(alone(json!(["float32"]))), "", &few, &profiles()).unwrap();
    let wanted = "dataset intents: Accuracy@10 asks for more neighbours than the 8 labelled texts: all of them vote";
    assert_eq!(plan.cautions(), [wanted]);
}

/// An expectation of float32 may be one of labels.
#[test]
fn a_parity_gate_may_stand_on_labels() {
    let mut value = alone(json!(["float32", "int8"]));
    value["expect"] =
        json!([{ "model": "m", "dataset": "intents", "measure": "Accuracy@10", "value": 0.9, "within": 0.01 }]);
    assert_eq!(planned(value).expect.len(), 1);
}
