//! The outputs of the exact kinds may not change without their code version.
//!
//! Where a digest differs: if the change is meant, raise `Spec::code_version` of that kind and write both here;
//! otherwise it is a mistake that would give two results under one key.

use std::fs;

use crate::fixture::{DIM, Fixture, written};
use crate::{codes, similarity};
use bitsweep_proto::job::{
    CodesSpec, Compress, GeometrySpec, MeasureSpec, Noop, RescoreSpec, Retrieve, Spec, TruncateSpec,
};
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::wire::{Done, InputFile, ProducedFile};
use bitsweep_proto::{Codec, Digest};

const CODEC: Codec = Codec::Binary { bits: 64, seed: 7 };

/// Everything that a job made, files by their bytes.
pub(crate) fn digest(done: &Done) -> String {
    let mut text = serde_json::to_string(&(&done.measures, &done.facts)).unwrap();
    if !done.values.is_empty() {
        text += &serde_json::to_string(&done.values).unwrap();
    }
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

    let rescore = Spec::Rescore(RescoreSpec { with: Exact::Float32, candidates: 8, dim, depth: 20 });
    let mut inputs = fixture.documents();
    inputs.extend(fixture.searchers().into_iter().filter(|input| input.name == "queries"));
    inputs.push(InputFile { name: "run".into(), item: "run".into(), path: written(&retrieved, "run") });
    let rescored = fixture.done(rescore.clone(), inputs);

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

    let found = [
        (&compress, &compressed),
        (&retrieve, &retrieved),
        (&rescore, &rescored),
        (&measure, &measured),
        (&noop, &nothing),
    ]
    .map(|(spec, done)| (spec.kind().name(), spec.code_version(), digest(done)));
    let expected = [
        ("compress", 1, "64e9ce24218a60f68c1292362f67bc825ee7f51324cdfd938a4fc285253d04ac"),
        ("retrieve", 1, "8cf580cfe3dfc73d929c46a40634364fdb7b51f7f44be91e0eeeb5a1c19423c1"),
        ("rescore", 1, "41436d8989eada0d7d71be1fc6c1c8c00cf24914dec43a33e50e19b1e7248fcc"),
        ("measure", 1, "302faca6a2ed3879bab583b7ba61fda1153faca6fc04d6128566f97de9e01f01"),
        ("noop", 1, "5eed25f9aa1c68139fe47d7ea93769c16d4ddd46c01693921e0b40d9aaa39beb"),
    ]
    .map(|(kind, version, digest)| (kind, version, digest.to_owned()));
    assert_eq!(found, expected);
}

/// What is learnt is exact too.
#[test]
fn learnt_codes_pairs_and_geometries_are_the_same_bytes() {
    let mut fixture = Fixture::new();
    let dim = DIM as u32;
    let mut found = Vec::new();
    for name in [
        "binary/16/mean+itq/asymmetric",
        "binary/16/mean+pca",
        "binary/64/median+orthonormal",
        "binary/8/mean+none",
        "int2",
    ] {
        let codec = Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(7))).unwrap();
        let documents = fixture.documents();
        let compressed = fixture.done(Spec::Compress(Compress { codec: codec.stored(), dim }), documents);
        let mut inputs = fixture.searchers();
        inputs.push(InputFile { name: "index".into(), item: "index".into(), path: written(&compressed, "index") });
        let retrieve = Spec::Retrieve(Retrieve { codec, dim, depth: 20, ignore_identical_ids: true });
        let retrieved = fixture.done(retrieve, inputs);
        found.push((name, digest(&compressed), digest(&retrieved)));
    }
    let pairs = similarity::inputs(&fixture);
    for name in ["binary/64", "binary/16/mean+itq/asymmetric"] {
        let spec = similarity::spec(Codec::parse(name, Some(7)).unwrap());
        assert_eq!(spec.code_version(), 2);
        found.push((name, digest(&fixture.done(spec, pairs.clone())), String::new()));
    }
    let mut inputs = fixture.documents();
    inputs.extend(fixture.searchers().into_iter().filter(|input| input.name == "queries"));
    let geometry = Spec::Geometry(GeometrySpec { dim });
    assert_eq!(geometry.code_version(), 1);
    found.push(("geometry", digest(&fixture.done(geometry, inputs)), String::new()));
    let expected = [
        (
            "binary/16/mean+itq/asymmetric",
            "0df3289614956644863bac0c171764a57c913d4479ea1f0f17479d81dbd26b4a",
            "8e7673ab6aeaeb9613f56c36a93834b4fa3424561dee41dce909038f357e1557",
        ),
        (
            "binary/16/mean+pca",
            "31f6af48816266cec60fd539f9ae6b9e33998bc73314463c5ab3908241b5dcca",
            "e40f82d0eedd57d06222f82fb434d23b7960e793bf23f6147c71271b0912151c",
        ),
        (
            "binary/64/median+orthonormal",
            "51387fb23c5737408490fd320e951e95d82681f83673175192e42d2c4ebac0ee",
            "86ccc51d6b2c9ba0663e4bdca540fbc2a96edd4fba72c30cc57e640bae562402",
        ),
        (
            "binary/8/mean+none",
            "a0c9e7beaa33dba39d356d33239ad886d4f19813924cfc4044f29becca139ad1",
            "a5781033d3ce7f6c9ba2aa19a45bd508621fe2495780a2470a0bbb609b224f06",
        ),
        (
            "int2",
            "0e1803029547d784577d3ec7302df4f0f8a76b968e98182fe522e6f72327ef06",
            "ee60e2308db7dd075646295dac4d34cced771865c72ae50cace5a67d01689e36",
        ),
        ("binary/64", "a68d6c2cdbc4566fccf7791a888b559642fcc640aa59fe7c59ae81a6785cee8c", ""),
        ("binary/16/mean+itq/asymmetric", "0bd58b4e70d079a55b551f72183ea98fa5e1dabb3851d60e6ddda87a97a89434", ""),
        ("geometry", "8ebf70ad148d21cc08786069f6780475c2d4e8a278b19d59716e8b5fdff0b1a4", ""),
    ]
    .map(|(name, first, second)| (name, first.to_owned(), second.to_owned()));
    assert_eq!(found, expected);
}

/// What is found in codes, with its arc cosine and logarithm, is exact.
#[test]
fn codes_are_looked_into_with_the_same_values() {
    let mut fixture = Fixture::new();
    let found = ["binary/64", "binary/16/mean+itq"].map(|name| {
        let codec = Codec::parse(name, Some(7)).unwrap();
        let inputs = codes::inputs(&mut fixture, codec);
        let spec = Spec::Codes(CodesSpec { codec, dim: DIM as u32 });
        assert_eq!(spec.code_version(), 1);
        digest(&fixture.done(spec, inputs))
    });
    let expected = [
        "30a31f8c0e0c6a580b1cad57707d7927f6b44332841d710fae94a9d89e77bc1d",
        "d5f97699be484f7b7302408b627f3b4104afa91be8e4ba6ca8ebcc3c5ce8e084",
    ];
    assert_eq!(found, expected);
}

/// An implementation in Python gives these too (IEEE doubles in the stated order, rounded once).
#[test]
fn truncated_vectors_are_the_same_bytes() {
    let mut fixture = Fixture::new();
    let found = [true, false].map(|normalize| {
        let whole = fixture.documents().into_iter().map(|input| InputFile { name: "vectors".into(), ..input });
        let inputs: Vec<InputFile> = whole.collect();
        let spec = Spec::Truncate(TruncateSpec { dim: DIM as u32, dims: 4, normalize });
        assert_eq!(spec.code_version(), 1);
        digest(&fixture.done(spec, inputs))
    });
    let expected = [
        "a06976d853de2f9850280f0e4fe0e008e31f3a664edce63171df895da25c607e",
        "44af3d0e0bf7401226fef5c67f5235b4a8ddd229f4db3c99618568fc56eb2298",
    ];
    assert_eq!(found, expected);
}
