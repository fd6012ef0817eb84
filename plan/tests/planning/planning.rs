//! Plans: keys, sharing, errors, summary.

use std::collections::{BTreeMap, BTreeSet};

use bitsweep_plan::{lineage, plan, summary, work};
use bitsweep_proto::plan::{From, PlannedJob};
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::work::WorkSource;
use bitsweep_proto::{Codec, JobKey, Kind, Measure, Plan, Precision, Spec, Study};
use serde_json::{Value, json};

use crate::fixture::{dataset, example, lock, manifest, model, planned, profiles, small};

fn keys(plan: &Plan) -> BTreeSet<JobKey> {
    plan.jobs.iter().map(|job| job.key).collect()
}

fn count(plan: &Plan, kind: Kind) -> usize {
    plan.jobs.iter().filter(|job| job.spec.kind() == kind).count()
}

/// What must hold for every plan.
pub(crate) fn check(plan: &Plan) {
    assert_eq!(keys(plan).len(), plan.jobs.len(), "each key once");
    for (index, job) in (0_u32..).zip(&plan.jobs) {
        assert_eq!(plan.fields(index).key(), job.key, "the key is the hash of the fields");
        for input in &job.inputs {
            if let From::Job(other) = input.from {
                assert!(other < index, "inputs stand before");
                assert!(plan.jobs[other as usize].tier <= job.tier, "an input is never later than what needs it");
            }
        }
    }
    let needed: BTreeSet<u32> = plan.cells.iter().flat_map(|cell| lineage(plan, cell.job)).collect();
    assert_eq!(needed.len(), plan.jobs.len(), "every job is needed by some cell");
    for cell in &plan.cells {
        assert!(plan.jobs[cell.job as usize].tier <= cell.tier);
        let spec = &plan.jobs[cell.job as usize].spec;
        let of_study = match spec {
            Spec::Measure(_) => None,
            Spec::Geometry(_) => Some(Study::Geometry),
            Spec::Codes(_) => Some(Study::Codes),
            Spec::Speed(_) => Some(Study::Speed),
            other => panic!("{}: {other:?}", cell.cell),
        };
        assert_eq!(cell.cell.study(), of_study, "{}", cell.cell);
    }
}

/// Keys are names of results in every store there is. If this test fails, raise the code version of the kinds whose
/// results have changed, or find out what else has got into the key; only then accept the snapshot.
#[test]
fn keys_do_not_change() {
    let plan = planned(example());
    check(&plan);
    let mut text: Vec<String> = Vec::new();
    for (index, job) in (0_u32..).zip(&plan.jobs) {
        text.push(format!("{} {} tier {}", job.key, job.spec.kind().name(), job.tier));
        // The fields in full where they are short, to see what the key covers.
        if [0, 6, 7, 8, 9].contains(&index) || index + 3 >= plan.jobs.len() as u32 {
            text.extend(plan.fields(index).iter().map(|(name, value)| format!("    {name}={value}")));
        }
    }
    text.push(format!("sweep {}", plan.id().0));
    insta::assert_snapshot!(text.join("\n"));
}

/// Every embedding of a model has the precision that the manifest says, and a key of its own.
#[test]
fn a_precision_reaches_every_embedding_of_its_model() {
    let codecs = json!(["float32"]);
    let plain = planned(small(codecs.clone()));
    let mut said = small(codecs);
    said["models"]["m"]["precision"] = "int8".into();
    let said = planned(said);
    let embeddings = |plan: &Plan| -> Vec<(JobKey, Precision)> {
        let of = |job: &PlannedJob| match &job.spec {
            Spec::Embed(embed) => Some((job.key, embed.precision)),
            _ => None,
        };
        plan.jobs.iter().filter_map(of).collect()
    };
    let (plain, said) = (embeddings(&plain), embeddings(&said));
    assert!(!plain.is_empty() && plain.len() == said.len());
    for ((plain, float32), (said, int8)) in plain.iter().zip(&said) {
        assert_eq!((float32, int8), (&Precision::Float32, &Precision::Int8));
        assert_ne!(plain, said);
    }
}

/// How far searches go does not enter the index that they share; lists that are too short are told.
#[test]
fn searches_of_any_reach_share_an_index_and_short_lists_are_told() {
    let hnsw = json!({ "hnsw": { "m": [8, 16], "ef_construction": 40, "ef_search": [5, 10, 300] } });
    let ivfpq = json!({ "ivfpq": { "nlist": 64, "bytes": 8, "nprobe": [1, 8] } });
    let plan = planned(small(json!(["float32", hnsw, ivfpq])));
    check(&plan);
    assert_eq!([Kind::Compress, Kind::Retrieve, Kind::Measure].map(|kind| count(&plan, kind)), [3, 9, 9]);
    let cautions = plan.cautions().join("\n");
    let short =
        "dataset d: measures look at 10 documents, but a search of hnsw/8/40/5, hnsw/16/40/5 returns at most ef_search";
    assert!(cautions.contains(short), "{cautions}");
    assert!(
        cautions.contains("the centroids of the lists of ivfpq/64/8 are learnt from only 2000 documents"),
        "{cautions}"
    );
}

/// Codecs that differ in their scoring are searched in one index; a geometry reads the embeddings alone.
#[test]
fn scorings_share_an_index_and_a_geometry_is_one_job_more() {
    let both = json!({ "bits": 64, "seeds": 2, "centre": ["none", "mean"], "scoring": ["symmetric", "asymmetric"] });
    let mut value = small(json!([{ "binary": both }]));
    let plain = planned(value.clone());
    check(&plain);
    assert_eq!([Kind::Compress, Kind::Retrieve, Kind::Measure].map(|kind| count(&plain, kind)), [4, 9, 8]);
    value["geometry"] = json!(true);
    value["tiers"] = json!([{ "tier": 2, "where": { "codec": "binary" } }]);
    let with = planned(value);
    check(&with);
    assert_eq!((with.jobs.len(), count(&with, Kind::Geometry)), (plain.jobs.len() + 1, 1));
    assert!(keys(&with).is_superset(&keys(&plain)));
    let cell = with.cells.last().unwrap();
    assert_eq!((cell.cell.to_string().as_str(), cell.tier), ("model=m,dataset=d,study=geometry", 2));
}

/// Candidates that the measured run holds are taken from it; deeper ones share one deeper run. The jobs of the codec alone stay
/// what they are.
#[test]
fn second_stages_share_runs() {
    let mut value = small(json!(["rabitq"]));
    let plain = planned(value.clone());
    value["rescore"] = json!({ "factors": [1, 16, 32], "with": ["float32", "int8"] });
    let with = planned(value);
    check(&with);
    assert!(keys(&with).is_superset(&keys(&plain)));
    assert_eq!(with.cells.len(), 1 + 2 * 3);
    let kinds = [Kind::Compress, Kind::Retrieve, Kind::Rescore, Kind::Measure];
    // The run of float32 is the reference; int8 is built and not searched.
    assert_eq!(kinds.map(|kind| count(&with, kind)), [2, 3, 6, 7]);
    for (index, job) in (0_u32..).zip(&with.jobs) {
        let Spec::Rescore(spec) = &job.spec else { continue };
        let names: Vec<String> = job.inputs.iter().map(bitsweep_proto::plan::input_field).collect();
        let exact = spec.with == Exact::Float32;
        assert_eq!(
            names,
            if exact { vec!["run", "queries", "documents", "documents"] } else { vec!["run", "queries", "index"] }
        );
        assert_eq!(with.fields(index).get("profile.kernels").is_none(), exact);
        let From::Job(run) = job.inputs[0].from else { panic!("a run is made by a job") };
        let Spec::Retrieve(run) = &with.jobs[run as usize].spec else { panic!("by a search") };
        assert_eq!((run.depth, spec.depth), (if spec.candidates == 10 { 10 } else { 320 }, 10), "{}", spec.candidates);
    }
}

#[test]
fn the_example_needs_these_jobs() {
    let plan = planned(example());
    // scifact is 6 shards of documents and 1 of queries, nq 3 and 2; bge skips nq. 18 codecs.
    assert_eq!(plan.cells.len(), 3 * 18);
    assert_eq!(count(&plan, Kind::Embed), 7 + 5 + 7);
    assert_eq!(count(&plan, Kind::Compress), 3 * 17);
    assert_eq!(count(&plan, Kind::Retrieve), 3 * 18);
    assert_eq!(count(&plan, Kind::Measure), 3 * 18);
    let tiers: BTreeMap<u32, usize> = plan.jobs.iter().fold(BTreeMap::new(), |mut tiers, job| {
        *tiers.entry(job.tier).or_default() += 1;
        tiers
    });
    assert_eq!(tiers, BTreeMap::from([(1, 12 + 2 * 53), (2, 7 + 53)]));
    let names: Vec<String> = plan.measures.iter().map(Measure::to_string).collect();
    assert_eq!(names, ["nDCG@10", "Recall@10", "Recall@100", "MRR@10", "MRR", "Overlap@10"]);
    for job in &plan.jobs {
        if let Spec::Retrieve(retrieve) = &job.spec {
            assert_eq!(retrieve.depth, 1000, "MRR without a cut");
        }
    }
}

#[test]
fn adding_a_codec_changes_no_other_key() {
    let before = planned(small(json!(["int8"])));
    let after = planned(small(json!(["float32", { "binary": { "bits": 64 } }, "int8", { "pq": { "bytes": 8 } }])));
    assert!(keys(&before).is_subset(&keys(&after)));
    assert!(after.jobs.len() > before.jobs.len());
}

#[test]
fn what_is_not_in_a_key_changes_none() {
    let before = planned(example());
    let mut value = example();
    value["seed"] = json!(8);
    value["sweep"] = json!("another");
    value["tiers"] = json!([]);
    value["models"]["all-MiniLM-L6-v2"]["source"] = json!("file:elsewhere");
    value["measures"] = json!(["Overlap@10", "MRR", "MRR@10", "Recall@100", "Recall@10", "nDCG@10", "MRR"]);
    let after = planned(value);
    assert_eq!(keys(&before), keys(&after));
    let mut lock = lock();
    for model in lock.models.values_mut() {
        model.files.reverse();
        model.revision = None;
    }
    let listed_otherwise = plan(&manifest(example()), "other text", &lock, &profiles()).unwrap();
    assert_eq!(keys(&before), keys(&listed_otherwise));
}

#[test]
fn what_is_in_a_key_changes_it() {
    let before = keys(&planned(small(json!(["float32"]))));
    for (setting, value) in [
        ("pooling", json!("cls")),
        ("max_tokens", json!(128)),
        ("normalize", json!(false)),
        ("query_prefix", json!("")),
    ] {
        let mut manifest = small(json!(["float32"]));
        manifest["models"]["m"][setting] = value;
        let after = keys(&planned(manifest));
        let same = before.intersection(&after).count();
        // A prefix of queries leaves the 2 shards of documents as they are.
        assert_eq!(same, if setting == "query_prefix" { 2 } else { 0 }, "{setting}");
    }
    // An override that says what the model says already is the same model.
    let mut manifest = small(json!(["float32"]));
    manifest["models"]["m"]["max_tokens"] = json!(256);
    assert_eq!(before, keys(&planned(manifest)));
}

#[test]
fn names_of_equal_content_share_every_job() {
    let mut value = small(json!(["int8", { "binary": { "bits": 64 } }]));
    value["models"]["m2"] = json!({ "source": "file:copy" });
    value["datasets"]["d2"] = json!({ "source": "file:copy" });
    value["tiers"] = json!([{ "tier": 3, "where": { "model": "m", "dataset": "d" } }]);
    let mut lock = lock();
    lock.models.insert("m2".to_owned(), model("m", 384));
    lock.datasets.insert("d2".to_owned(), dataset("d", 2000, 100));
    let plan = plan(&manifest(value), "", &lock, &profiles()).unwrap();
    check(&plan);
    assert_eq!(plan.cells.len(), 8);
    assert_eq!(plan.jobs.len(), planned(small(json!(["int8", { "binary": { "bits": 64 } }]))).jobs.len());
    assert!(plan.jobs.iter().all(|job| job.tier == 1), "the lowest tier of the cells that share them");
}

#[test]
fn float32_is_run_as_the_reference_only_where_a_measure_asks() {
    let with = planned(small(json!(["int8"])));
    check(&with);
    assert_eq!((count(&with, Kind::Compress), count(&with, Kind::Retrieve), count(&with, Kind::Measure)), (1, 2, 1));
    let mut value = small(json!(["int8"]));
    value["measures"] = json!(["nDCG@10"]);
    let without = planned(value);
    check(&without);
    assert_eq!((count(&without, Kind::Compress), count(&without, Kind::Retrieve)), (1, 1));
    // Float32 itself is its own reference.
    let own = planned(small(json!(["float32"])));
    assert_eq!((count(&own, Kind::Retrieve), count(&own, Kind::Measure)), (1, 1));
}

#[test]
fn inputs_stand_as_the_kinds_expect_them() {
    let mut value = small(json!([{ "binary": { "bits": 64, "seeds": [9] } }]));
    value["datasets"]["d"]["ignore_identical_ids"] = json!(true);
    let plan = planned(value);
    let measure = plan.cells[0].job;
    let names = |index: u32| -> Vec<String> {
        plan.jobs[index as usize].inputs.iter().map(bitsweep_proto::plan::input_field).collect()
    };
    assert_eq!(names(measure), ["run", "document_ids", "query_texts", "qrels", "reference"]);
    assert_eq!(names(0), ["model/config.json", "model/model.safetensors", "model/tokenizer.json", "texts"]);
    for (index, job) in (0_u32..).zip(&plan.jobs) {
        match &job.spec {
            Spec::Retrieve(retrieve) if retrieve.codec == Codec::Float32 => {
                assert_eq!(names(index), ["queries", "documents", "documents", "document_ids", "query_texts"]);
            }
            Spec::Retrieve(_) => assert_eq!(names(index), ["queries", "index", "document_ids", "query_texts"]),
            Spec::Compress(_) => assert_eq!(names(index), ["documents", "documents"]),
            Spec::Embed(_)
            | Spec::Truncate(_)
            | Spec::Rescore(_)
            | Spec::Measure(_)
            | Spec::Geometry(_)
            | Spec::Codes(_)
            | Spec::Similarity(_)
            | Spec::Classify(_)
            | Spec::Speed(_)
            | Spec::Noop(_) => {}
        }
    }
    let shards: Vec<(u64, u64)> = plan.jobs[..2]
        .iter()
        .map(|job| match &job.spec {
            Spec::Embed(embed) => (embed.first_row, embed.rows),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shards, [(0, 1024), (1024, 976)]);

    let work = work(&plan, measure, 2);
    assert_eq!((work.key, work.generation, work.profile.clone()), (plan.jobs[measure as usize].key, 2, None));
    assert_eq!(work.fields.key(), work.key);
    assert!(matches!(work.inputs[0].from, WorkSource::Job(_)) && matches!(work.inputs[1].from, WorkSource::Blob(_)));
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut value = small(json!(["float32", { "pq": { "bytes": [8, 7] } }]));
    value["models"]["gone"] = json!({ "source": "hf:a/gone" });
    value["datasets"]["tiny"] = json!({ "source": "beir:tiny", "split": "dev" });
    value["datasets"]["missing"] = json!({ "source": "beir:missing" });
    value["datasets"]["empty"] = json!({ "source": "beir:empty" });
    value["measures"] = json!([]);
    value["exclude"] = json!([{ "model": "x" }]);
    let mut lock = lock();
    lock.datasets.insert("tiny".to_owned(), dataset("tiny", 255, 10));
    lock.datasets.insert("empty".to_owned(), dataset("empty", 0, 0));
    let errors = plan(&manifest(value), "", &lock, &profiles()).unwrap_err();
    insta::assert_snapshot!(errors.to_string());
}

#[test]
fn many_problems_are_counted() {
    let bytes: Vec<u32> = (385..445).collect();
    let value = small(json!([{ "pq": { "bytes": bytes } }]));
    let errors = plan(&manifest(value), "", &lock(), &profiles()).unwrap_err();
    assert_eq!(errors.0.len(), 60);
    assert!(errors.to_string().ends_with("\nand 10 more"), "{errors}");
}

#[test]
fn the_summary_counts_what_is_reused() {
    let codecs = json!(["float32", "int8", { "pq": { "bytes": [8, 16] } }, { "binary": { "bits": 64, "seeds": 2 } }]);
    let before = keys(&planned(small(json!(["float32", "int8"]))));
    let plan = planned(small(codecs));
    let summary = summary(&plan, &|key| before.contains(key));
    let row = |i: usize| {
        let count = &summary.kinds[i];
        (count.kind, count.total, count.done, count.to_run, count.bytes)
    };
    assert_eq!(row(0), (Kind::Embed, 3, 3, 0, 0));
    let pq = (8 + 16) * 2000 + 2 * 256 * 4 * 384;
    assert_eq!(row(1), (Kind::Compress, 5, 1, 4, pq + 2 * 8 * 2000));
    assert_eq!(row(2), (Kind::Retrieve, 6, 2, 4, 4 * 100 * 10 * 8));
    assert_eq!(row(3), (Kind::Measure, 6, 2, 4, 0));
    let families: Vec<(&str, u64, u64)> =
        summary.matrix.iter().map(|count| (count.family.as_str(), count.cells, count.done)).collect();
    assert_eq!(families, [("float32", 1, 1), ("int8", 1, 1), ("pq", 2, 0), ("binary", 2, 0)]);

    let nothing = bitsweep_plan::summary(&plan, &|_| false);
    assert_eq!(nothing.kinds[0].bytes, (2000 + 100) * 384 * 4);
    let shown: Value = serde_json::to_value(&nothing).unwrap();
    assert_eq!(shown["kinds"][0]["kind"], "embed");
}
