//! What the dataset reader survives, and the real data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use bitsweep_proto::lock::{DatasetCounts, LockedDataset};
use serde_json::json;

use crate::setting::{Setting, dataset_files, real_data};

/// The canonical part of a dataset.
fn canonical(dataset: &LockedDataset) -> impl PartialEq + std::fmt::Debug {
    (dataset.corpus.clone(), dataset.document_ids.clone(), dataset.queries.clone(), dataset.qrels.clone())
}

/// Checksums of corpus, document ids, queries and judgements.
fn checksums(dataset: &LockedDataset) -> [String; 4] {
    [&dataset.corpus, &dataset.document_ids, &dataset.queries, &dataset.qrels].map(|file| file.sha256.to_string())
}

#[test]
fn the_canonical_form_is_as_documented() {
    let mut setting = Setting::new();
    setting.write_all("d", &dataset_files());
    let dataset = setting.dataset(json!("file:d")).unwrap();
    let read = |file| setting.content.read(file);
    assert_eq!(
        read(&dataset.corpus),
        "{\"_id\":\"d1\",\"title\":\"One\",\"text\":\"first\"}\n{\"_id\":\"d2\",\"title\":\"\",\"text\":\"second\"}\n"
    );
    assert_eq!(read(&dataset.document_ids), "\"d1\"\n\"d2\"\n");
    assert_eq!(read(&dataset.queries), "{\"_id\":\"q1\",\"text\":\"which?\"}\n");
    assert_eq!(read(&dataset.qrels), "\"q1\"\t\"d1\"\t0\n\"q1\"\t\"d2\"\t1\n");
    assert_eq!(
        dataset.counts,
        DatasetCounts { documents: 2, queries: 1, queries_without_judgements: 1, judgements: 2 }
    );
    assert!(dataset.warnings.is_empty());
    assert!(setting.left_in_scratch().is_empty());
}

#[test]
fn line_ends_marks_and_blank_lines_do_not_matter() {
    let mut setting = Setting::new();
    setting.write_all("d", &dataset_files());
    let plain = setting.dataset(json!("file:d")).unwrap();
    for (name, bytes) in dataset_files() {
        let text = String::from_utf8(bytes).unwrap().replace('\n', "\r\n\r\n  \r\n");
        let text = text.trim_end().replace("{\"_id\"", "{\"further\": [1], \"_id\"");
        setting.write(&format!("crlf/{name}"), format!("\u{feff}{text}"));
    }
    let crlf = setting.dataset(json!("file:crlf")).unwrap();
    assert_eq!(canonical(&crlf), canonical(&plain));
    assert_ne!(crlf.files, plain.files, "the files as they were read differ");
}

#[test]
fn odd_but_usable_data_is_read_with_warnings() {
    let mut setting = Setting::new();
    setting.write(
        "d/corpus.jsonl",
        "{\"_id\": 7, \"title\": null, \"text\": \"same\"}\n{\"_id\": \"8\", \"text\": \"same\"}\n\
         {\"_id\": -9, \"title\": \" \", \"text\": \"\"}\n{\"_id\": \"t\\tab\\\"\", \"text\": \"é\\ud83d\\ude00\"}\n",
    );
    setting.write(
        "d/queries.jsonl",
        "{\"_id\": 1, \"text\": \"\"}\n{\"_id\": 18446744073709551615, \"text\": \"b\"}\n{\"_id\": 3, \"text\": \"c\"}\n",
    );
    setting.write(
        "d/qrels/test.tsv",
        "1\t7\t1\n1\t404\t2\n18446744073709551615\t-9\t -1 \n1\t7\t1\nq9\t7\t1\nq9\t8\t1\nq8\t7\t0\n18446744073709551615\t404\t1\n",
    );
    let dataset = setting.dataset(json!("file:d")).unwrap();
    assert_eq!(setting.content.read(&dataset.document_ids), "\"7\"\n\"8\"\n\"-9\"\n\"t\\tab\\\"\"\n");
    assert!(setting.content.read(&dataset.corpus).ends_with("\"title\":\"\",\"text\":\"é😀\"}\n"));
    assert_eq!(
        setting.content.read(&dataset.qrels),
        "\"1\"\t\"404\"\t2\n\"1\"\t\"7\"\t1\n\"18446744073709551615\"\t\"-9\"\t-1\n\"18446744073709551615\"\t\"404\"\t1\n"
    );
    assert_eq!(
        dataset.counts,
        DatasetCounts { documents: 4, queries: 2, queries_without_judgements: 1, judgements: 4 }
    );
    assert_eq!(
        dataset.warnings,
        [
            "qrels/test.tsv: has no header, line 1 is read as a judgement",
            "qrels/test.tsv: 1 judgements are there twice; they count once",
            "qrels/test.tsv: 3 judgements name 2 queries that queries.jsonl lacks; they are left out (\"q8\" …)",
            "queries.jsonl: 1 judged queries have no text",
            "qrels/test.tsv: 2 judgements name 1 documents that corpus.jsonl lacks; no search can find them, measures \
             count them (\"404\" …)",
            "corpus.jsonl: 1 documents have neither title nor text",
        ]
    );
    let told: Vec<String> = dataset.warnings.iter().map(|warning| format!("dataset \"d\": {warning}")).collect();
    assert_eq!(setting.told.warnings, told);
}

#[test]
fn a_line_of_ten_megabytes_is_read() {
    let mut setting = Setting::new();
    setting.write_all("d", &dataset_files());
    let long = "x".repeat(10 << 20);
    let corpus = format!("{{\"_id\": \"d1\", \"text\": \"{long}\"}}\n{{\"_id\": \"d2\", \"text\": \"\"}}");
    setting.write("d/corpus.jsonl", &corpus);
    let dataset = setting.dataset(json!("file:d")).unwrap();
    assert_eq!(dataset.counts.documents, 2);
    assert!(dataset.corpus.bytes > 10 << 20);
}

#[test]
fn scifact_is_read() {
    let Some(path) = real_data("scifact") else { return };
    let mut setting = Setting::new();
    setting.set("SCIFACT", path.display().to_string());
    let dataset = setting.dataset(json!("file:${SCIFACT}")).unwrap();
    assert_eq!(
        dataset.counts,
        DatasetCounts { documents: 5183, queries: 300, queries_without_judgements: 809, judgements: 339 }
    );
    assert!(dataset.warnings.is_empty(), "{:?}", dataset.warnings);
    assert!(!dataset.ignore_identical_ids);
    // Keys of jobs stand on these: computed by Python's json module from the documented form.
    assert_eq!(
        checksums(&dataset),
        [
            "2cb5276adb86af263afe9b67321aec0696ee4e6540ef2107360b7b83935be7ca",
            "3df87dafd673a62a3ec6cb9ecc42d65916bff917e3fa539778ed543a2d72fe26",
            "bef4efba2eb305ab8272c5aea8c3345a3b321ccf0d55633f345cb766dfe65209",
            "1bb2ebc5e652ad77da7ffc22d75d8907e0745d64d1438d5b40d1b33aa539234d",
        ]
    );
    for name in ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"] {
        let text = fs::read_to_string(path.join(name)).unwrap();
        setting.write(&format!("crlf/{name}"), text.replace('\n', "\r\n"));
    }
    let crlf = setting.dataset(json!("file:crlf")).unwrap();
    assert_eq!(canonical(&crlf), canonical(&dataset));
    let train = crate::setting::manifest(json!({}), json!({"d": {"source": "file:${SCIFACT}", "split": "train"}}));
    let train = setting.resolve(&train, None).unwrap().datasets["d"].clone();
    assert_eq!((train.counts.queries, train.corpus), (809, dataset.corpus));
}

#[test]
fn cranfield_is_read() {
    let Some(path) = real_data("cranfield") else { return };
    let mut setting = Setting::new();
    setting.set("CRANFIELD", path.display().to_string());
    let dataset = setting.dataset(json!("file:${CRANFIELD}")).unwrap();
    assert_eq!((dataset.counts.documents, dataset.counts.queries), (1400, 225));
    assert_eq!(
        checksums(&dataset),
        [
            "08751485f995133c96c397199e6520d56eadfc4f2c77794551c0f791b528aeba",
            "8b248643414455772bc604acf14fa77b50eb3055975380b39feae8c2a86b5a77",
            "c64f2a5abfe8f457be9da7ec6e42d6e47c0d70b88d56683a3603732b4314c88d",
            "0a5076d0aba1e6b071cca7d03a350bfd7ef5c1eb0883dbe545ca0fa02c9937b6",
        ]
    );
    assert_eq!(dataset.warnings, ["corpus.jsonl: 2 documents have neither title nor text"]);
    let corpus = setting.content.read(&dataset.corpus);
    let empty: Vec<&str> = corpus.lines().filter(|line| line.ends_with("\"title\":\"\",\"text\":\"\"}")).collect();
    let expected = ["471", "995"].map(|id| format!("{{\"_id\":\"{id}\",\"title\":\"\",\"text\":\"\"}}"));
    assert_eq!(empty, expected);
    let grades = setting.content.read(&dataset.qrels);
    let grades: BTreeSet<&str> = grades.lines().map(|line| line.rsplit('\t').next().unwrap()).collect();
    assert_eq!(grades, BTreeSet::from(["1", "2", "3", "4"]));
}

/// The script makes the very files that the test data hold, and they are a dataset.
#[test]
fn hotpotqa_is_made_of_its_own_files() {
    let Some(data) = real_data("hotpotqa") else { return };
    let mut setting = Setting::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/hotpotqa-to-beir");
    let run = |arguments: &[String]| Command::new(&script).arg(setting.path("d")).args(arguments).output().unwrap();
    let of = |split: &str, name: &str| format!("{split}={}", data.join(name).display());
    let output = run(&[of("test", "dev_distractor_100.json"), of("train", "train_100.json")]);
    assert!(output.status.success(), "{output:?}");
    for name in ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "qrels/train.tsv"] {
        assert_eq!(fs::read(setting.path("d").join(name)).unwrap(), fs::read(data.join(name)).unwrap(), "{name}");
    }
    let twice = run(&[of("test", "train_100.json"), of("train", "train_100.json")]);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("is there twice"), "{twice:?}");
    let found = setting.dataset(json!("file:d")).unwrap();
    assert_eq!((found.counts.documents, found.counts.queries, found.counts.judgements), (1993, 100, 200));
}
