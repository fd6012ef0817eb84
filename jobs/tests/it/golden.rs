//! The outputs of the exact kinds may not change without their code version.
//!
//! Where a digest differs: if the change is meant, raise `Spec::code_version` of that kind and write both here;
//! otherwise it is a mistake that would give two results under one key.

use std::fs;

use crate::fixture::{DIM, Fixture, written};
use bitsweep_proto::job::{Compress, MeasureSpec, Noop, Retrieve, Spec};
use bitsweep_proto::wire::{Done, InputFile, ProducedFile};
use bitsweep_proto::{Codec, Digest};

const CODEC: Codec = Codec::Binary { bits: 64, seed: 7 };

/// Everything that a job made, files by their bytes.
fn digest(done: &Done) -> String {
    let mut text = serde_json::to_string(&(&done.measures, &done.facts)).unwrap();
    for (name, file) in &done.files {
        let ProducedFile::Written(path) = file else { panic!("a written file was expected") };
        text += &format!("\n{name} {}", Digest::of(&fs::read(path).unwrap()));
    }
    Digest::of(text.as_bytes()).to_string()
}

#[test]
fn exact_kinds_give_the_same_bytes() {
    let mut fixture = Fixture::new();
    let documents = fixture.documents();
    let dim = DIM as u32;
    let compress = Spec::Compress(Compress { codec: CODEC, dim });
    let compressed = fixture.done(compress.clone(), documents);

    let retrieve = Spec::Retrieve(Retrieve { codec: CODEC, dim, depth: 20, ignore_identical_ids: true });
    let mut inputs = fixture.searchers();
    inputs.push(InputFile { name: "index".into(), item: "index".into(), path: written(&compressed, "index") });
    let retrieved = fixture.done(retrieve.clone(), inputs);

    let names = ["nDCG@10", "Recall@20", "MRR@10", "MRR", "Overlap@10"];
    let measure = Spec::Measure(MeasureSpec { measures: names.iter().map(|name| name.parse().unwrap()).collect() });
    let mut inputs = fixture.searchers();
    for name in ["run", "reference"] {
        inputs.push(InputFile { name: name.into(), item: "run".into(), path: written(&retrieved, "run") });
    }
    inputs.push(fixture.input("qrels", "", "qrels"));
    let measured = fixture.done(measure.clone(), inputs);

    let noop = Spec::Noop(Noop { number: 7 });
    let nothing = fixture.done(noop.clone(), Vec::new());

    let found = [(&compress, &compressed), (&retrieve, &retrieved), (&measure, &measured), (&noop, &nothing)]
        .map(|(spec, done)| (spec.kind().name(), spec.code_version(), digest(done)));
    let expected = [
        ("compress", 1, "64e9ce24218a60f68c1292362f67bc825ee7f51324cdfd938a4fc285253d04ac"),
        ("retrieve", 1, "8cf580cfe3dfc73d929c46a40634364fdb7b51f7f44be91e0eeeb5a1c19423c1"),
        ("measure", 1, "302faca6a2ed3879bab583b7ba61fda1153faca6fc04d6128566f97de9e01f01"),
        ("noop", 1, "5eed25f9aa1c68139fe47d7ea93769c16d4ddd46c01693921e0b40d9aaa39beb"),
    ]
    .map(|(kind, version, digest)| (kind, version, digest.to_owned()));
    assert_eq!(found, expected);
}
