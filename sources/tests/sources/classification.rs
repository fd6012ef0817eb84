//! Datasets of labelled texts: what becomes of them, what is locked, and what cannot be used.

use bitsweep_proto::Lock;
use bitsweep_proto::lock::{ClassificationCounts, LOCK_VERSION_OF_TASKS};
use bitsweep_sources::{SourceError, read_lock, write_lock};
use serde_json::json;

use crate::setting::{Setting, manifest, names};

const TEST: &str =
    "text,label,label_text\r\n\"Where is, \"\"my\"\" card?\",11,card_arrival\r\nTop up, 7 ,top_up\nA copy.,11,x\n";
const TRAIN: &str = "{\"text\": \"My card is late\", \"label\": 11, \"label_text\": \"card_arrival\"}\n\n\
                     {\"label\": \"7\", \"text\": \"Two\\nlines\", \"id\": \"x-2\"}\r\n\
                     {\"text\": \"A copy.\", \"label\": 7}\n{\"text\": \"My card is late\", \"label\": 11}\n";

fn resolved(setting: &mut Setting, split: &str, fit: &str) -> Result<Lock, SourceError> {
    let dataset = json!({"d": {"task": "classification", "source": "file:d", "split": split, "fit": fit}});
    setting.resolve(&manifest(json!({}), dataset), None)
}

fn setting() -> Setting {
    let setting = Setting::new();
    setting.write("d/test.csv", TEST);
    setting.write("d/train.jsonl", TRAIN);
    setting
}

#[test]
fn labelled_texts_become_canonical() {
    let mut setting = setting();
    let lock = resolved(&mut setting, "test", "train").unwrap();
    let found = &lock.classification["d"];
    let read = |file| setting.content.read(file);
    // The copy is measured; the text that stands there twice votes twice.
    assert_eq!(
        read(&found.documents),
        "{\"_id\":\"1\",\"text\":\"My card is late\"}\n{\"_id\":\"2\",\"text\":\"Two\\nlines\"}\n\
         {\"_id\":\"3\",\"text\":\"My card is late\"}\n"
    );
    assert_eq!(read(&found.document_labels), "\"11\"\n\"7\"\n\"11\"\n");
    assert!(read(&found.queries).starts_with("{\"_id\":\"1\",\"text\":\"Where is, \\\"my\\\" card?\"}\n"));
    assert_eq!(read(&found.query_labels), "\"11\"\n\"7\"\n\"11\"\n");
    assert_eq!(found.counts, ClassificationCounts { documents: 3, classes: 2, queries: 3 });
    assert_eq!(names(&found.files), ["test.csv", "train.jsonl"]);
    assert_eq!((found.source.as_str(), found.split.as_str(), found.fit.as_str()), ("file:d", "test", "train"));
    let warning = "train.jsonl: 1 texts stand in test.csv too; they do not vote, and codecs are not fitted on them";
    assert_eq!(found.warnings, [warning]);
    assert_eq!(setting.told.warnings, [format!("dataset \"d\": {warning}")]);
}

/// The same texts and labels in the other form have the same canonical files.
#[test]
fn both_forms_are_one() {
    let mut setting = setting();
    let first = resolved(&mut setting, "test", "train").unwrap();
    std::fs::remove_file(setting.path("d/train.jsonl")).unwrap();
    std::fs::remove_file(setting.path("d/test.csv")).unwrap();
    setting.write(
        "d/train.csv",
        "\u{feff}label,text\n11,My card is late\n7,\"Two\nlines\"\n\n7,A copy.\n\"11\",My card is late\n",
    );
    setting.write(
        "d/test.jsonl",
        "{\"text\":\"Where is, \\\"my\\\" card?\",\"label\":\" 11\"}\n{\"text\":\"Top up\",\"label\":7}\n\
         {\"text\":\"A copy.\",\"label\":\"11\"}",
    );
    let second = resolved(&mut setting, "test", "train").unwrap();
    let [first, second] = [&first, &second].map(|lock| lock.classification["d"].files_of().canonical);
    assert_eq!(first, second);
}

#[test]
fn the_lock_says_that_it_holds_labels() {
    let mut setting = setting();
    let lock = resolved(&mut setting, "test", "train").unwrap();
    assert_eq!(lock.version, LOCK_VERSION_OF_TASKS);
    assert_eq!(read_lock(&write_lock(&lock), "l").unwrap(), lock);
    let of = |fit: &str| {
        let dataset = json!({"d": {"task": "classification", "source": "file:d", "fit": fit}});
        manifest(json!({}), dataset)
    };
    let puts = setting.content.puts.get();
    assert_eq!(setting.resolve(&of("train"), Some(&lock)).unwrap(), lock);
    assert_eq!(setting.content.puts.get(), puts, "nothing is read anew");
    setting.write("d/dev.csv", "text,label\na,7\nb,11\n");
    let other = setting.resolve(&of("dev"), Some(&lock)).unwrap();
    assert_eq!(other.classification["d"].counts.documents, 2);
    setting.write("d/train.jsonl", "{\"text\":\"a\",\"label\":7}\n");
    let error = setting.resolve(&of("train"), Some(&lock)).unwrap_err().to_string();
    assert!(error.starts_with("dataset \"d\", file:d: train.jsonl has changed: locked sha256 "), "{error}");
}

#[test]
fn odd_texts_are_told() {
    let mut setting = setting();
    setting.write("d/dev.csv", "text,label\n ,7\nsame,7\nsame,11\nsame,7\n");
    setting.write("d/other.csv", "text,label\nx,7\ny,3\nz,4\n");
    let lock = resolved(&mut setting, "other", "dev").unwrap();
    assert_eq!(
        lock.classification["d"].warnings,
        [
            "dev.csv: 1 labelled texts are blank",
            "dev.csv: 1 texts stand there with several labels; each of them votes",
            "other.csv: 2 texts have labels that no text that votes has (\"3\" …): no vote is right for them",
        ]
    );
}

#[test]
fn files_with_mistakes() {
    const COLUMNS: &str = "expected the columns text and label; label_text and id may be there too";
    const FIELDS: &str = "expected the fields text and label; label_text and id may be there too";
    let unknown = format!("test.csv, line 1: unknown column \"lable\", {COLUMNS}");
    let missing = format!("test.csv, line 1: no column \"label\", {COLUMNS}");
    let headless = format!("test.csv, line 1: unknown column \"How are you?\", {COLUMNS}");
    let field = format!("train.jsonl, line 2: unknown field \"class\", {FIELDS}");
    let nothing = format!("train.jsonl, line 1: no field \"text\", {FIELDS}");
    let table: [(&str, &[u8], &str); 21] = [
        ("test.csv", b"text,lable\na,b\n", &unknown),
        ("test.csv", b"text,id\na,b\n", &missing),
        ("test.csv", b"How are you?,fine\n", &headless),
        ("test.csv", b"text,label,text\na,b,c\n", "test.csv, line 1: column \"text\" is there twice"),
        (
            "test.csv",
            b"text,label\na,7\n\nb, c,7\n",
            "test.csv, line 4: 3 fields under 2 columns; quote a text with commas",
        ),
        ("test.csv", b"text,label\na,7\nb,  \n", "test.csv, line 3: no label: expected a text or a number"),
        ("test.csv", b"text,label\na,7\n\"b,11\n", "test.csv, line 3: a quote is opened and never closed"),
        ("test.csv", b"text,label\na\xFF,7\n", "test.csv, line 2: byte 0xFF is not UTF-8; convert the file to UTF-8"),
        ("test.csv", b"", "test.csv holds no labelled text"),
        ("test.csv", b"text,label\n", "test.csv holds no labelled text"),
        (
            "test.csv",
            b"text,label\na,7\nb,7 \n",
            "test.csv: all 2 labels are \"7\", expected at least two different ones; is it only the beginning of a sorted file?",
        ),
        (
            "test.csv",
            b"text,label\na,yes\nb,no\n",
            "test.csv: none of its labels stands in train.jsonl (\"yes\" …, \"11\" …): are they splits of one dataset?",
        ),
        ("train.jsonl", b"{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\",\"class\":2}\n", &field),
        ("train.jsonl", b"{\"label\":1}\n", &nothing),
        (
            "train.jsonl",
            b"{\"text\":\"a\",\"label\":1}\n{\"label\":1,\"text\":\"a\",\"label\":2}\n",
            "train.jsonl, line 2: field \"label\" is there twice",
        ),
        (
            "train.jsonl",
            b"[1]\n",
            "train.jsonl, line 1: broken JSON at column 0: invalid type: sequence, expected a map; expected one object \
             {\"text\": \u{2026}, \"label\": \u{2026}} a line",
        ),
        (
            "train.jsonl",
            b"{\"text\":\"a\",\"label\":null}\n",
            "train.jsonl, line 1: no label: expected a text or a number",
        ),
        (
            "train.jsonl",
            b"\n{\"text\":\"a\",\"label\":[1]}\n",
            "train.jsonl, line 2: `label` is [1], expected a text or a number",
        ),
        ("train.jsonl", b"{\"text\":7,\"label\":1}\n", "train.jsonl, line 1: `text` is 7, expected a text"),
        (
            "train.jsonl",
            b"{\"text\":\"b\",\"label\":\n",
            "train.jsonl, line 1: broken JSON at column 20: EOF while parsing a value; expected one object {\"text\": \u{2026}, \
             \"label\": \u{2026}} a line",
        ),
        (
            "train.jsonl",
            b"{\"text\":\"A copy.\",\"label\":7}\n{\"text\":\"b\",\"label\":11}\n",
            "train.jsonl: without the texts that stand in test.csv too, 1 of 2 are left with 1 labels: too little to vote; name \
             another split with `fit:`",
        ),
    ];
    for (name, bytes, expected) in table {
        let mut setting = setting();
        setting.write(&format!("d/{name}"), bytes);
        let error = resolved(&mut setting, "test", "train").unwrap_err();
        assert_eq!(error.to_string(), format!("dataset \"d\", file:d: {expected}"));
    }
}

#[test]
fn splits_that_are_not_there() {
    let mut setting = setting();
    setting.write("d/train.csv", "text,label\n");
    setting.write("d/my-dev.csv", "");
    let mut message = |split: &str, fit: &str| resolved(&mut setting, split, fit).unwrap_err().to_string();
    let start = "dataset \"d\", file:d:";
    assert_eq!(
        message("test", "train"),
        format!("{start} `fit: train` fits train.csv and train.jsonl: keep the one that is meant")
    );
    assert_eq!(
        message("dev", "test"),
        format!(
            "{start} expected a file dev.csv or dev.jsonl for `split: dev`, found my-dev.csv, test.csv, train.csv, train.jsonl"
        )
    );
}
