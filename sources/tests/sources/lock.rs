//! What a lock holds fast, and what may change it.

use std::fs;

use bitsweep_proto::Digest;
use bitsweep_sources::{SourceError, read_lock, write_lock};
use serde_json::json;

use crate::setting::{FolderContent, Setting, dataset_files, manifest, model_files};

/// A setting with a model and a dataset in folders.
fn setting() -> Setting {
    let setting = Setting::new();
    setting.write_all("models/m", &model_files());
    setting.write_all("d", &dataset_files());
    setting
}

fn both() -> bitsweep_proto::Manifest {
    manifest(json!({"m": {"source": "file:models/m"}}), json!({"d": {"source": "file:d"}}))
}

#[test]
fn locks_are_written_and_read_back() {
    let lock = setting().resolve(&both(), None).unwrap();
    let text = write_lock(&lock);
    assert!(
        text.starts_with("{\n  \"version\": 1,\n  \"models\": {\n    \"m\": {\n      \"source\": \"file:models/m\",\n")
    );
    assert!(text.ends_with("}\n"));
    assert_eq!(read_lock(&text, "x.lock").unwrap(), lock);
    assert_eq!(write_lock(&read_lock(&text, "x.lock").unwrap()), text);
}

#[test]
fn bad_locks_are_named() {
    let good = write_lock(&setting().resolve(&both(), None).unwrap());
    let message = |text: &str| read_lock(text, "sweep.yaml.lock").unwrap_err().to_string();
    let fix = "restore it, or delete it to resolve the sources again";
    assert_eq!(
        message("<<<<<<< HEAD\n"),
        format!("sweep.yaml.lock: is not a lock file: expected value at line 1 column 1; {fix}")
    );
    assert_eq!(
        message("{}"),
        format!("sweep.yaml.lock: is not a lock file: it has no \"version\" (expected 1 or 2); {fix}")
    );
    assert_eq!(
        message(&good.replace("\"version\": 1", "\"version\": 3")),
        "sweep.yaml.lock: has format version 3, this bitsweep reads versions 1 and 2: use the bitsweep that wrote it, or \
         delete the file to resolve the sources again"
    );
    assert_eq!(
        message("{\"version\": 1, \"modles\": {}}"),
        format!(
            "sweep.yaml.lock: is not a lock file: unknown field `modles`, expected one of `version`, `models`, \
             `datasets`, `similarity`, `classification` at line 1 column 23; {fix}"
        )
    );
    let cut = message(&good[..good.len() / 2]);
    assert!(cut.contains("EOF while parsing"), "{cut}");
    let checksum = good.replacen("\"sha256\": \"", "\"sha256\": \"x", 1);
    assert!(message(&checksum).contains("is not a SHA-256 checksum (64 hexadecimal digits) at line "));
}

#[test]
fn what_is_locked_stays() {
    let mut setting = setting();
    let lock = setting.resolve(&both(), None).unwrap();
    let puts = setting.content.puts.get();
    assert_eq!(setting.resolve(&both(), Some(&lock)).unwrap(), lock);
    fs::remove_dir_all(setting.path("d")).unwrap();
    fs::remove_file(setting.path("models/m/tokenizer.json")).unwrap();
    assert_eq!(setting.resolve(&both(), Some(&lock)).unwrap(), lock, "missing files do not matter");
    assert_eq!(setting.content.puts.get(), puts, "nothing is imported again");
    // A fresh store has nothing, and the folder is gone.
    setting.content = FolderContent::new();
    let error = setting.resolve(&both(), Some(&lock)).unwrap_err().to_string();
    assert!(error.contains("expected tokenizer.json in a model folder"), "{error}");
}

#[test]
fn changed_content_is_an_error_until_accepted() {
    let mut setting = setting();
    let lock = setting.resolve(&both(), None).unwrap();
    let old = dataset_files()[0].1.clone();
    let new = [old.as_slice(), b"{\"_id\": \"d3\", \"text\": \"third\"}\n"].concat();
    setting.write("d/corpus.jsonl", &new);
    let error = setting.resolve(&both(), Some(&lock)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "dataset \"d\", file:d: corpus.jsonl has changed: locked sha256 {}, found {}; put the locked content back, or \
             accept this one with --update-lock",
            Digest::of(&old),
            Digest::of(&new)
        )
    );
    setting.options.update_lock = true;
    let updated = setting.resolve(&both(), Some(&lock)).unwrap();
    assert_eq!(updated.models, lock.models);
    assert_eq!(updated.datasets["d"].counts.documents, 3);
    setting.options.update_lock = false;
    assert_eq!(setting.resolve(&both(), Some(&updated)).unwrap(), updated);
}

#[test]
fn a_file_that_appears_in_a_model_is_a_change() {
    let mut setting = setting();
    let lock = setting.resolve(&both(), None).unwrap();
    setting.write("models/m/README.md", "other words");
    setting.resolve(&both(), Some(&lock)).expect("a file that decides nothing may change");
    setting.write("models/m/config_sentence_transformers.json", "{}");
    let error = setting.resolve(&both(), Some(&lock)).unwrap_err().to_string();
    assert!(
        error.contains("config_sentence_transformers.json is new: it was not there when the lock was made"),
        "{error}"
    );
}

#[test]
fn a_fresh_store_is_filled_and_compared() {
    let mut setting = setting();
    let lock = setting.resolve(&both(), None).unwrap();
    setting.content = FolderContent::new();
    assert_eq!(setting.resolve(&both(), Some(&lock)).unwrap(), lock);
    // The locked folder is gone; another source has the same content.
    let two = manifest(
        json!({"m": {"source": ["file:models/m", "file:other"]}}),
        json!({"d": {"source": ["file:d", "file:e"]}}),
    );
    for (from, to) in [("models/m", "other"), ("d", "e")] {
        fs::rename(setting.path(from), setting.path(to)).unwrap();
    }
    setting.content = FolderContent::new();
    assert_eq!(setting.resolve(&two, Some(&lock)).unwrap(), lock);
    // Another source has other content.
    setting.write("other/tokenizer.json", "{\"other\": 1}");
    setting.content = FolderContent::new();
    let error = setting.resolve(&two, Some(&lock)).unwrap_err();
    assert!(matches!(&error, SourceError::Changed { change, .. } if change.file == "tokenizer.json"), "{error}");
}

#[test]
fn entries_come_and_go_with_the_manifest() {
    let mut setting = setting();
    setting.write_all("e", &dataset_files());
    let lock = setting.resolve(&both(), None).unwrap();
    let other = manifest(json!({}), json!({"d": {"source": "file:d"}, "e": {"source": "file:e"}}));
    let next = setting.resolve(&other, Some(&lock)).unwrap();
    assert!(next.models.is_empty());
    assert_eq!(next.datasets["d"], lock.datasets["d"]);
    assert_eq!(next.datasets["e"].corpus, lock.datasets["d"].corpus, "the same content has the same hash");
    // The locked source is no longer in the list: resolved anew.
    let moved = manifest(json!({}), json!({"d": {"source": "file:e"}}));
    assert_eq!(setting.resolve(&moved, Some(&lock)).unwrap().datasets["d"].source, "file:e");
}

#[test]
fn another_split_is_resolved_anew() {
    let mut setting = setting();
    setting.write("d/qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq2\td1\t2\n");
    let lock = setting.resolve(&both(), None).unwrap();
    let dev = manifest(json!({}), json!({"d": {"source": "file:d", "split": "dev"}}));
    let found = &setting.resolve(&dev, Some(&lock)).unwrap().datasets["d"];
    assert_eq!((found.split.as_str(), found.corpus.clone()), ("dev", lock.datasets["d"].corpus.clone()));
    assert_eq!(setting.content.read(&found.qrels), "\"q2\"\t\"d1\"\t2\n");
}

#[test]
fn identical_ids_follow_the_manifest_without_a_new_resolution() {
    let mut setting = setting();
    let ignores = |setting: &mut Setting, name: &str, set: Option<bool>, locked| {
        let dataset = json!({name: {"source": ["file:d", "beir:quora"], "ignore_identical_ids": set}});
        setting.resolve(&manifest(json!({}), dataset), locked).unwrap()
    };
    let lock = ignores(&mut setting, "d", None, None);
    assert!(lock.datasets["d"].ignore_identical_ids, "as the archive of that name");
    let off = ignores(&mut setting, "d", Some(false), Some(&lock));
    assert!(!off.datasets["d"].ignore_identical_ids);
    let plain = setting.resolve(&both(), None).unwrap();
    assert!(!plain.datasets["d"].ignore_identical_ids);
}

#[test]
fn variables_name_folders() {
    let mut setting = setting();
    let variable = manifest(json!({}), json!({"d": {"source": "file:${DATA}/d"}}));
    let error = setting.resolve(&variable, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no source of dataset \"d\" can be used:\n  file:${DATA}/d: the environment variable DATA is not set; set it to the \
         folder that is meant"
    );
    let root = setting.folder.path().display().to_string();
    setting.set("DATA", root);
    let lock = setting.resolve(&variable, None).unwrap();
    assert_eq!(lock.datasets["d"].source, "file:${DATA}/d");
    setting.options.environment.remove("DATA");
    assert_eq!(setting.resolve(&variable, Some(&lock)).unwrap(), lock, "the store has it all");
}
