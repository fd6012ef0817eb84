//! Datasets of pairs: what becomes of them, what is locked, and what cannot be used.

use bitsweep_proto::Lock;
use bitsweep_proto::lock::{LOCK_VERSION_OF_TASKS, SimilarityCounts};
use bitsweep_sources::{SourceError, read_lock, write_lock};
use serde_json::json;

use crate::setting::{Setting, dataset_files, manifest, names, real_data};

const TEST: &str = "A cat.,\"A \"\"big\"\" cat, black.\",2.5\r\n\"Two\nlines\",One line,0\nA dog.,A dog.,5.0\n";
const TRAIN: &str = "sentence1,sentence2,score\nA dog.,A horse.,1\nA horse.,A cow.,1\n";

/// Resolves the dataset `d` in the folder `d`.
fn resolved(setting: &mut Setting, split: &str, fit: &str) -> Result<Lock, SourceError> {
    let dataset = json!({"d": {"task": "similarity", "source": "file:d", "split": split, "fit": fit}});
    setting.resolve(&manifest(json!({}), dataset), None)
}

fn setting() -> Setting {
    let setting = Setting::new();
    setting.write("d/sts-en-test.csv", TEST);
    setting.write("d/train.csv", TRAIN);
    setting
}

#[test]
fn pairs_become_canonical() {
    let mut setting = setting();
    let lock = resolved(&mut setting, "test", "train").unwrap();
    let found = &lock.similarity["d"];
    let read = |file| setting.content.read(file);
    assert_eq!(
        read(&found.a),
        "{\"_id\":\"1\",\"text\":\"A cat.\"}\n{\"_id\":\"2\",\"text\":\"Two\\nlines\"}\n{\"_id\":\"3\",\"text\":\"A dog.\"}\n"
    );
    assert!(read(&found.b).starts_with("{\"_id\":\"1\",\"text\":\"A \\\"big\\\" cat, black.\"}\n"));
    assert_eq!(read(&found.scores), "2.5\n0.0\n5.0\n");
    // The dog is measured; the horse stands there twice.
    assert_eq!(read(&found.fit_texts), "{\"_id\":\"1\",\"text\":\"A horse.\"}\n{\"_id\":\"2\",\"text\":\"A cow.\"}\n");
    assert_eq!(found.counts, SimilarityCounts { pairs: 3, fit: 2 });
    assert_eq!(names(&found.files), ["sts-en-test.csv", "train.csv"]);
    assert_eq!((found.source.as_str(), found.split.as_str(), found.fit.as_str()), ("file:d", "test", "train"));
    let warning = "train.csv: 1 sentences stand in sts-en-test.csv too; codecs are not fitted on them";
    assert_eq!((found.warnings.as_slice(), setting.told.warnings.len()), (&[warning.to_owned()][..], 1));
    // Line ends, a byte order mark and quotes that are not needed change nothing.
    setting.write(
        "d/sts-en-test.csv",
        format!("\u{feff}{}", TEST.replace("\r\n", "\n").replace("One line", "\"One line\"")),
    );
    let again = resolved(&mut setting, "test", "train").unwrap();
    assert_eq!(again.similarity["d"].files_of().canonical, found.files_of().canonical);
}

#[test]
fn the_lock_says_that_it_holds_pairs() {
    let mut setting = setting();
    let lock = resolved(&mut setting, "test", "train").unwrap();
    assert_eq!(lock.version, LOCK_VERSION_OF_TASKS);
    assert_eq!(read_lock(&write_lock(&lock), "l").unwrap(), lock);
    let of = |split: &str, fit: &str| {
        let dataset = json!({"d": {"task": "similarity", "source": "file:d", "split": split, "fit": fit}});
        manifest(json!({}), dataset)
    };
    let puts = setting.content.puts.get();
    assert_eq!(setting.resolve(&of("test", "train"), Some(&lock)).unwrap(), lock);
    assert_eq!(setting.content.puts.get(), puts, "nothing is read anew");
    setting.write("d/dev.csv", "x,y,1\ny,z,2\n");
    let other = setting.resolve(&of("test", "dev"), Some(&lock)).unwrap();
    assert_eq!(other.similarity["d"].counts.fit, 3);
    setting.write("d/train.csv", "A horse.,A cow.,1\n");
    let error = setting.resolve(&of("test", "train"), Some(&lock)).unwrap_err().to_string();
    assert!(error.starts_with("dataset \"d\", file:d: train.csv has changed: locked sha256 "), "{error}");
    // As a retrieval dataset it is another one.
    setting.write_all("d", &dataset_files());
    let retrieval = setting.resolve(&manifest(json!({}), json!({"d": {"source": "file:d"}})), Some(&lock)).unwrap();
    assert_eq!((retrieval.version, retrieval.similarity.len(), retrieval.datasets.len()), (1, 0, 1));
}

#[test]
fn files_with_mistakes() {
    let table: [(&str, &[u8], &str); 13] = [
        (
            "sts-en-test.csv",
            b"a,b\nc,d,1\n",
            "sts-en-test.csv, line 1: expected three fields: sentence, sentence, score; quote a sentence with commas",
        ),
        (
            "sts-en-test.csv",
            b"a,b,1\na,b,c,1\n",
            "sts-en-test.csv, line 2: expected three fields: sentence, sentence, score; quote a sentence with commas",
        ),
        (
            "sts-en-test.csv",
            b"a,b,1\n\n\"a\nb\",c,high\n",
            "sts-en-test.csv, line 3: score \"high\", expected a finite number",
        ),
        ("sts-en-test.csv", b"a,b,nan\na,b,1\n", "sts-en-test.csv, line 1: score \"nan\", expected a finite number"),
        ("sts-en-test.csv", b"a,b,1\na,b,-inf\n", "sts-en-test.csv, line 2: score \"-inf\", expected a finite number"),
        ("sts-en-test.csv", b"a,b,1\na,b,\n", "sts-en-test.csv, line 2: score \"\", expected a finite number"),
        ("sts-en-test.csv", b"a,b,1\n\"a,b,2\nc,d,3\n", "sts-en-test.csv, line 2: a quote is opened and never closed"),
        (
            "sts-en-test.csv",
            b"\"a\"b,c,1\n",
            "sts-en-test.csv, line 1: `b` after a closing quote, expected a comma or the end of the line",
        ),
        (
            "sts-en-test.csv",
            b"a,b,1\na\xFF,b,1\n",
            "sts-en-test.csv, line 2: byte 0xFF is not UTF-8; convert the file to UTF-8",
        ),
        ("sts-en-test.csv", b"", "sts-en-test.csv holds 0 pairs: a correlation needs at least 2"),
        (
            "sts-en-test.csv",
            b"sentence1,sentence2,score\na,b,1\n",
            "sts-en-test.csv holds 1 pairs: a correlation needs at least 2",
        ),
        (
            "sts-en-test.csv",
            b"a,b,3\nc,d,3.0\n",
            "sts-en-test.csv: all 2 scores are 3: no correlation with them is defined; is the last column the score?",
        ),
        (
            "train.csv",
            b"A cat.,A dog.,1\n",
            "train.csv: every sentence stands in sts-en-test.csv too, so there is nothing to fit codecs on; name another split with `fit:`",
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
    setting.write("d/a-train2.csv", "");
    setting.write("d/b-train2.csv", "");
    setting.write("d/latest.csv", "");
    let mut message = |split: &str, fit: &str| resolved(&mut setting, split, fit).unwrap_err().to_string();
    let there = "found a-train2.csv, b-train2.csv, latest.csv, sts-en-test.csv, train.csv";
    let start = "dataset \"d\", file:d:";
    assert_eq!(
        message("dev", "train"),
        format!("{start} expected a file dev.csv or …-dev.csv for `split: dev`, {there}")
    );
    assert_eq!(message("test", "dev"), format!("{start} expected a file dev.csv or …-dev.csv for `fit: dev`, {there}"));
    assert_eq!(
        message("test", "train2"),
        format!("{start} `fit: train2` fits a-train2.csv and b-train2.csv: name one of them, without its `.csv`")
    );
}

#[test]
fn sts_b_is_read_whole() {
    let Some(folder) = real_data("stsb") else { return };
    let mut setting = Setting::new();
    let source = format!("file:{}", folder.canonicalize().unwrap().display());
    let dataset = json!({"d": {"task": "similarity", "source": source, "fit": "train"}});
    let lock = setting.resolve(&manifest(json!({}), dataset), None).unwrap();
    let found = &lock.similarity["d"];
    // 10,536 different sentences, of which 257 are measured.
    assert_eq!(found.counts, SimilarityCounts { pairs: 1379, fit: 10_536 - 257 });
    assert_eq!(names(&found.files), ["stsb-en-test.csv", "stsb-en-train.csv"]);
    assert!(setting.content.read(&found.scores).starts_with("2.5\n3.6\n5.0\n"));
}
