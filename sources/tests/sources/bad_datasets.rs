//! Datasets that cannot be used: what the user sees.

use serde_json::json;

use crate::setting::{Setting, dataset_files};

/// The message for the small dataset with one file replaced.
fn message(name: &str, bytes: &[u8]) -> String {
    let mut setting = Setting::new();
    setting.write_all("d", &dataset_files());
    setting.write(&format!("d/{name}"), bytes);
    let error = setting.dataset(json!("file:d")).unwrap_err();
    assert!(!error.is_unreachable());
    assert!(setting.left_in_scratch().is_empty());
    error.to_string()
}

#[test]
fn files_with_mistakes() {
    let (corpus, queries, qrels) = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv");
    let header = "query-id\tcorpus-id\tscore\n";
    let table: [(&str, &[u8], &str); 21] = [
        (
            corpus,
            b"{\"_id\": \"a\", \"text\": \"\"}\n\n{\"_id\": \"b\xE9\", \"text\": \"\"}",
            "corpus.jsonl, line 3: byte 11 (0xE9) is not UTF-8; convert the file to UTF-8",
        ),
        (
            corpus,
            b"{\"_id\": \"a\", \"text\": \"\"}\n{\"_id\": \"b\", \"text\": \"x",
            "corpus.jsonl, line 2: broken JSON at column 23: EOF while parsing a string; expected one object {\"_id\": …, \
             \"text\": …} a line",
        ),
        (
            corpus,
            b"{\"_id\": \"a\", \"text\": \"\\ud800\"}",
            "corpus.jsonl, line 1: broken JSON at column 29: unexpected end of hex escape; expected one object {\"_id\": …, \
             \"text\": …} a line",
        ),
        (
            corpus,
            b"{\"_id\": \"a\", \"_id\": \"b\", \"text\": \"\"}",
            "corpus.jsonl, line 1: broken JSON at column 18: duplicate field `_id`; expected one object {\"_id\": …, \
             \"text\": …} a line",
        ),
        (
            corpus,
            b"[\n{\"_id\": \"a\", \"text\": \"\"}]",
            "corpus.jsonl, line 1: starts with `[`, expected one object {\"_id\": …, \"text\": …} a line",
        ),
        (
            corpus,
            b"{\"text\": \"\"}",
            "corpus.jsonl, line 1: `_id` is missing or null, expected a text or a whole number",
        ),
        (
            corpus,
            b"{\"_id\": 1.5, \"text\": \"\"}",
            "corpus.jsonl, line 1: `_id` is the number 1.5, expected a text or a whole number",
        ),
        (
            corpus,
            b"{\"_id\": \"\", \"text\": \"\"}",
            "corpus.jsonl, line 1: `_id` is an empty text, expected a text or a whole number",
        ),
        (
            corpus,
            b"{\"_id\": \"a\"}",
            "corpus.jsonl, line 1: `text` is missing or null, expected a text (it may be empty)",
        ),
        (corpus, b"{\"_id\": \"a\", \"text\": [\"x\"]}", "corpus.jsonl, line 1: `text` is a list, expected a text"),
        (
            corpus,
            b"{\"_id\": \"a\", \"title\": true, \"text\": \"\"}",
            "corpus.jsonl, line 1: `title` is the truth value true, expected a text",
        ),
        (
            corpus,
            b"{\"_id\": 1, \"text\": \"\"}\n\n{\"_id\": \"1\", \"text\": \"\"}",
            "corpus.jsonl, line 3: document \"1\" is there twice, first on line 1; ids must be unique",
        ),
        (corpus, b"\n\r\n", "corpus.jsonl holds no document"),
        (
            queries,
            b"{\"_id\": \"q1\", \"text\": \"\"}\n{\"_id\": \"q2\", \"text\": \"\"}\n{\"_id\": \"q2\", \"text\": \"\"}",
            "queries.jsonl, line 3: query \"q2\" is there twice, first on line 2; ids must be unique",
        ),
        (
            queries,
            b"{\"_id\": \"q2\", \"text\": \"\"}",
            "qrels/test.tsv judges none of the 1 queries of queries.jsonl: expected at least one query with judgements",
        ),
        (
            qrels,
            b"query-id corpus-id score\n",
            "qrels/test.tsv, line 1: 1 columns, expected 3 separated by tabs: query-id, corpus-id, score",
        ),
        (
            qrels,
            b"h\th\th\nq1\t0\td1\t1\n",
            "qrels/test.tsv, line 2: 4 columns, expected 3 separated by tabs: query-id, corpus-id, score",
        ),
        (qrels, b"h\th\th\nq1\td1\t0.5\n", "qrels/test.tsv, line 2: score \"0.5\", expected a whole number"),
        (
            qrels,
            b"h\th\th\nq1\t\t1\n",
            "qrels/test.tsv, line 2: an id is empty, expected query-id, corpus-id and score",
        ),
        (
            qrels,
            b"h\th\th\nq1\td1\t1\n\nq1\td1\t2\n",
            "qrels/test.tsv, line 4: query \"q1\" and document \"d1\" have score 2 here and 1 on line 2; keep one",
        ),
        (qrels, header.as_bytes(), "qrels/test.tsv holds no judgement: expected lines query-id, corpus-id, score"),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(message(name, bytes), format!("dataset \"d\", file:d: {expected}"));
    }
}

#[test]
fn folders_that_are_no_datasets() {
    let mut setting = Setting::new();
    setting.write("empty/x/y/z", "");
    setting.write("file", "");
    setting.write_all("d", &dataset_files());
    setting.write("d/qrels/dev.tsv", "");
    let mut message = |source: &str, split: &str| {
        let dataset = json!({"d": {"source": source, "split": split}});
        let root = setting.folder.path().display().to_string();
        let error = setting.resolve(&crate::setting::manifest(json!({}), dataset), None).unwrap_err();
        error.to_string().replace(&root, "ROOT")
    };
    assert_eq!(
        message("file:empty", "test"),
        "dataset \"d\", file:empty: expected corpus.jsonl in a dataset folder, it is empty"
    );
    assert_eq!(message("file:file", "test"), "dataset \"d\", file:file: ROOT/file is a file, expected a folder");
    assert_eq!(
        message("file:none", "test"),
        "no source of dataset \"d\" can be used:\n  file:none: there is no folder ROOT/none"
    );
    assert_eq!(
        message("file:d", "train"),
        "dataset \"d\", file:d: expected qrels/train.tsv for split \"train\", found dev, test; name a split with `split:`"
    );
}

#[test]
fn a_scratch_folder_that_cannot_be_made_is_named() {
    let mut setting = Setting::new();
    setting.write_all("d", &dataset_files());
    setting.write("scratch", "a file");
    let error = setting.dataset(json!(["file:d", "beir:d"])).unwrap_err();
    let scratch = setting.options.scratch.display();
    assert_eq!(error.to_string(), format!("dataset \"d\": making the folder {scratch} failed"));
}

#[test]
fn a_store_that_fails_is_not_a_broken_source() {
    let mut setting = Setting::new();
    setting.write_all("d", &dataset_files());
    std::fs::remove_dir(setting.content.folder.path()).unwrap();
    let error = setting.dataset(json!(["file:d", "beir:d"])).unwrap_err();
    assert_eq!(error.to_string(), "dataset \"d\": importing its content failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "writing");
}
