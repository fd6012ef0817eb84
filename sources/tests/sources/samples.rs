//! A part of a corpus.

use std::collections::BTreeSet;

use bitsweep_proto::lock::LockedDataset;
use serde_json::{Value, json};

use crate::setting::{Setting, manifest};

/// 40 documents, of which two queries judge three; a run that has one of these and two more.
fn setting() -> Setting {
    let setting = Setting::new();
    let corpus: String = (0..40).map(|i| format!("{{\"_id\": \"d{i}\", \"text\": \"text {i}\"}}\n")).collect();
    setting.write("d/corpus.jsonl", corpus);
    setting.write("d/queries.jsonl", "{\"_id\": \"q1\", \"text\": \"a\"}\n{\"_id\": \"q2\", \"text\": \"b\"}\n");
    setting.write("d/qrels/test.tsv", "q1\td3\t1\nq1\td4\t0\nq2\td39\t2\n");
    let run =
        "q1 Q0 d3 1 9.5 bm25\nq1 Q0 d20 2 9.5 bm25\nq1 Q0 d21 9 -1 bm25\nq2 Q0 d22 1 1e3 bm25\nq3 Q0 d23 1 5 bm25\n";
    setting.write("bm25.run", run);
    setting
}

fn sample(setting: &mut Setting, subsample: Value) -> Result<LockedDataset, String> {
    let manifest = manifest(json!({}), json!({"d": {"source": "file:d", "subsample": subsample}}));
    setting.resolve(&manifest, None).map(|lock| lock.datasets["d"].clone()).map_err(|error| error.to_string())
}

fn ids(setting: &Setting, dataset: &LockedDataset) -> Vec<String> {
    setting.content.read(&dataset.document_ids).lines().map(|line| line.trim_matches('"').to_owned()).collect()
}

#[test]
fn judged_and_pooled_documents_are_kept_and_the_rest_is_drawn() {
    let mut setting = setting();
    let dataset = sample(&mut setting, json!({ "documents": 12, "pool": "bm25.run", "depth": 1 })).unwrap();
    let found = ids(&setting, &dataset);
    // Of documents that tie in a run the one with the greater id stands first, as trec_eval has it: d3 before d20.
    for kept in ["d3", "d4", "d39", "d22"] {
        assert!(found.iter().any(|id| id == kept), "{kept}");
    }
    let rows: Vec<u32> = found.iter().map(|id| id[1..].parse().unwrap()).collect();
    assert!(rows.is_sorted(), "in the order of the file");
    let locked = dataset.sample.as_ref().unwrap();
    assert_eq!((locked.of, locked.judged, locked.pooled, locked.drawn), (40, 3, 1, 8));
    assert_eq!((dataset.counts.documents, dataset.counts.judgements, found.len()), (12, 3, 12));
    assert!(setting.content.read(&dataset.corpus).lines().count() == 12);
    assert!(
        dataset.warnings[0]
            .starts_with("a sample of 12 of 40 documents: 3 judged, 1 others among the best 1 of 1 runs"),
        "{:?}",
        dataset.warnings
    );
}

/// The greater sample holds the smaller one, another seed gives another, and the order of the corpus does not matter.
#[test]
fn samples_depend_on_seed_and_ids_alone() {
    let mut setting = setting();
    let drawn = |setting: &mut Setting, documents: u32, seed: u32| -> BTreeSet<String> {
        let dataset = sample(setting, json!({ "documents": documents, "seed": seed })).unwrap();
        ids(setting, &dataset).into_iter().collect()
    };
    let (few, more, other) = (drawn(&mut setting, 12, 1), drawn(&mut setting, 20, 1), drawn(&mut setting, 12, 2));
    assert!(few.is_subset(&more) && few != other);
    let reversed: String = (0..40).rev().map(|i| format!("{{\"_id\": \"d{i}\", \"text\": \"text {i}\"}}\n")).collect();
    setting.write("d/corpus.jsonl", reversed);
    assert_eq!(drawn(&mut setting, 12, 1), few);
    assert_eq!(drawn(&mut setting, 40, 1).len(), 40);
    // Each document that is not judged is drawn as often as another: 9 of 37 times of 400.
    let mut times = std::collections::BTreeMap::new();
    for seed in 0..400 {
        drawn(&mut setting, 12, seed).into_iter().for_each(|id| *times.entry(id).or_insert(0) += 1);
    }
    let (judged, others): (Vec<_>, Vec<_>) =
        times.into_iter().partition(|(id, _)| ["d3", "d4", "d39"].contains(&id.as_str()));
    assert!(judged.iter().all(|(_, times)| *times == 400));
    assert!(others.len() == 37 && others.iter().all(|(_, times)| (60..140).contains(times)), "{others:?}");
}

/// The sweep's seed is the default, and what is locked stays until something that decides it is changed.
#[test]
fn another_sample_is_another_entry_of_the_lock() {
    let mut setting = setting();
    let of = |documents: u32, seed: u64| {
        let subsample = json!({ "documents": documents, "pool": ["bm25.run"] });
        let mut manifest = manifest(json!({}), json!({"d": {"source": "file:d", "subsample": subsample}}));
        manifest.seed = seed;
        manifest
    };
    let lock = setting.resolve(&of(12, 5), None).unwrap();
    assert_eq!(lock.datasets["d"].sample.as_ref().unwrap().seed, 5);
    let puts = setting.content.puts.get();
    assert_eq!(setting.resolve(&of(12, 5), Some(&lock)).unwrap(), lock);
    assert_eq!(setting.content.puts.get(), puts, "nothing is imported again");
    for other in [of(13, 5), of(12, 6)] {
        let changed = setting.resolve(&other, Some(&lock)).unwrap();
        assert_ne!(changed.datasets["d"].corpus, lock.datasets["d"].corpus);
    }
    assert_eq!((lock.version, lock.needed_version()), (2, 2), "programs that know no samples say so");
    let corpus = std::fs::read(setting.path("d/corpus.jsonl")).unwrap();
    setting.write("d/corpus.jsonl", [corpus.as_slice(), b"{\"_id\": \"d40\", \"text\": \"new\"}\n"].concat());
    let error = setting.resolve(&of(12, 6), Some(&lock)).unwrap_err().to_string();
    assert!(error.contains("corpus.jsonl has changed"), "another seed is no other corpus: {error}");
    setting.write("d/corpus.jsonl", corpus);
    setting.write("bm25.run", "q1 Q0 d30 1 1 other\n");
    let error = setting.resolve(&of(12, 5), Some(&lock)).unwrap_err().to_string();
    assert!(error.contains("dataset \"d\", subsample.pool: bm25.run has changed: locked sha256"), "{error}");
    std::fs::remove_file(setting.path("bm25.run")).unwrap();
    assert_eq!(setting.resolve(&of(12, 5), Some(&lock)).unwrap(), lock, "a run that is gone does not matter");
}

#[test]
fn samples_that_cannot_be() {
    let mut setting = setting();
    setting.write("short.run", "q1 Q0 d3 1 9.5\n");
    setting.write("words.run", "q1 Q0 d3 1 high bm25\n");
    setting.write("nan.run", "q1 Q0 d3 1 NaN bm25\n");
    setting.write("other.run", "q9 Q0 d3 1 1 bm25\n");
    for (subsample, says) in [
        (
            json!({ "documents": 41 }),
            "asks for 41 documents, corpus.jsonl has 40: remove `subsample`, or ask for fewer",
        ),
        (json!({ "documents": 2 }), "3 judged ones and 0 others of `pool` are kept in any case: ask for at least 3"),
        (json!({ "documents": 5, "pool": "bm25.run" }), "3 judged ones and 3 others of `pool`"),
        (json!({ "documents": 9, "pool": "no.run" }), "there is no file "),
        (
            json!({ "documents": 9, "pool": "short.run" }),
            "short.run, line 1: 5 fields, expected 6: query Q0 document rank score tag",
        ),
        (json!({ "documents": 9, "pool": "words.run" }), "words.run, line 1: score \"high\", expected a number"),
        (json!({ "documents": 9, "pool": "nan.run" }), "score \"NaN\", expected a number"),
        (json!({ "documents": 9, "pool": "other.run" }), "other.run: the run of `pool` has none of the judged queries"),
    ] {
        let error = sample(&mut setting, subsample).unwrap_err();
        assert!(error.contains(says), "{error}\nexpected: {says}");
    }
}
