use super::*;
use crate::codec::{Hnsw, Ivfpq, Pq, PqScoring};
use crate::lock::Pooling;

fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: crate::Digest::of(kernels.as_bytes()),
    };
    Profiles { encoder: profile("e"), search: profile("s") }
}

/// Each parameter of a job, changed by itself, gives another key.
#[test]
fn a_key_covers_every_parameter() {
    let embed = Embed {
        texts: Texts::Documents,
        architecture: "bert".to_owned(),
        dim: 384,
        prefix: String::new(),
        max_tokens: 256,
        pooling: Pooling::Mean,
        normalize: true,
        precision: crate::Precision::Float32,
        first_row: 0,
        rows: 1024,
        chunk_rows: 128,
    };
    let codecs = [
        Codec::Float32,
        Codec::Int8,
        Codec::pq(8),
        Codec::pq(64),
        Codec::Pq(Pq { seed: Some(0), ..Pq::new(8) }),
        Codec::Pq(Pq { seed: Some(1), ..Pq::new(8) }),
        Codec::Pq(Pq { scoring: PqScoring::Cosine, ..Pq::new(8) }),
        Codec::Binary { bits: 64, seed: 0 },
        Codec::Binary { bits: 64, seed: 1 },
        Codec::Binary { bits: 8, seed: 0 },
        Codec::Int2,
        Codec::Hnsw(Hnsw { m: 32, ef_construction: 40, ef_search: None }),
        Codec::Hnsw(Hnsw { m: 32, ef_construction: 40, ef_search: Some(64) }),
        Codec::Hnsw(Hnsw { m: 32, ef_construction: 64, ef_search: Some(40) }),
        Codec::Ivfpq(Ivfpq { nlist: 64, bytes: 8, nprobe: Some(8) }),
        Codec::Ivfpq(Ivfpq { nlist: 8, bytes: 64, nprobe: Some(8) }),
    ];
    let mut specs = vec![
        Spec::Embed(embed.clone()),
        Spec::Embed(Embed { texts: Texts::Queries, ..embed.clone() }),
        Spec::Embed(Embed { architecture: "bert\"\ntexts=queries".to_owned(), ..embed.clone() }),
        Spec::Embed(Embed { dim: 768, ..embed.clone() }),
        Spec::Embed(Embed { prefix: " ".to_owned(), ..embed.clone() }),
        Spec::Embed(Embed { max_tokens: 128, ..embed.clone() }),
        Spec::Embed(Embed { pooling: Pooling::Cls, ..embed.clone() }),
        Spec::Embed(Embed { normalize: false, ..embed.clone() }),
        Spec::Embed(Embed { precision: crate::Precision::Int8, ..embed.clone() }),
        Spec::Embed(Embed { first_row: 1024, ..embed.clone() }),
        Spec::Embed(Embed { rows: 1, ..embed.clone() }),
        Spec::Embed(Embed { chunk_rows: 64, ..embed }),
        Spec::Geometry(GeometrySpec { dim: 384 }),
        Spec::Truncate(TruncateSpec { dim: 384, dims: 64, normalize: true }),
        Spec::Truncate(TruncateSpec { dim: 384, dims: 64, normalize: false }),
        Spec::Truncate(TruncateSpec { dim: 384, dims: 128, normalize: true }),
        Spec::Truncate(TruncateSpec { dim: 768, dims: 64, normalize: true }),
        Spec::Geometry(GeometrySpec { dim: 768 }),
        Spec::Measure(MeasureSpec { measures: vec![Measure::Mrr { k: None }] }),
        Spec::Measure(MeasureSpec { measures: vec![Measure::Mrr { k: Some(10) }] }),
        Spec::Measure(MeasureSpec { measures: vec![Measure::Mrr { k: None }, Measure::Mrr { k: Some(10) }] }),
        Spec::Classify(ClassifySpec { measures: vec![Measure::Accuracy { k: 10 }] }),
        Spec::Classify(ClassifySpec { measures: vec![Measure::Accuracy { k: 1 }] }),
    ];
    for (with, candidates, dim, depth) in [
        (Exact::Float32, 80, 384, 100),
        (Exact::Int8, 80, 384, 100),
        (Exact::Float32, 40, 384, 100),
        (Exact::Float32, 80, 768, 100),
        (Exact::Float32, 80, 384, 10),
    ] {
        specs.push(Spec::Rescore(RescoreSpec { with, candidates, dim, depth }));
    }
    for codec in codecs {
        specs.extend([8, 64].map(|dim| Spec::Compress(Compress { codec, dim })));
        specs.extend([8, 64].map(|dim| Spec::Codes(CodesSpec { codec, dim })));
        for (dim, depth, ignore_identical_ids) in [(8, 64, true), (64, 8, true), (8, 8, true), (8, 8, false)] {
            specs.push(Spec::Retrieve(Retrieve { codec, dim, depth, ignore_identical_ids }));
        }
        for (dim, warm_up, repeats, depth) in [(8, 1, 5, 10), (64, 1, 5, 10), (8, 5, 1, 10), (8, 1, 10, 5)] {
            specs.push(Spec::Speed(SpeedSpec { codec, dim, warm_up, repeats, depth }));
        }
        for (dim, measures) in [(8, vec![]), (64, vec![]), (8, vec![Measure::Spearman])] {
            specs.push(Spec::Similarity(SimilaritySpec { codec, dim, measures }));
        }
    }
    let keys: std::collections::BTreeSet<JobKey> = specs.iter().map(|spec| spec.fields(&profiles()).key()).collect();
    assert_eq!(keys.len(), specs.len());
    for spec in &specs {
        let json = serde_json::to_string(spec).unwrap();
        assert_eq!(&serde_json::from_str::<Spec>(&json).unwrap(), spec, "{json}");
    }
}

#[test]
fn only_inexact_kinds_and_times_carry_a_profile() {
    let codec = Codec::Binary { bits: 8, seed: 0 };
    let speed = Spec::Speed(SpeedSpec { codec, dim: 8, warm_up: 1, repeats: 5, depth: 10 });
    assert_eq!(speed.fields(&profiles()).get("profile.kernels"), Some("\"s\""));
    let pairs = |codec| Spec::Similarity(SimilaritySpec { codec, dim: 8, measures: vec![] });
    assert_eq!(pairs(Codec::Float32).fields(&profiles()).get("profile.kernels"), Some("\"s\""));
    assert_eq!(pairs(Codec::Binary { bits: 8, seed: 0 }).fields(&profiles()).get("profile.kernels"), None);
    let spec = |codec| Spec::Compress(Compress { codec, dim: 8 });
    assert_eq!(spec(Codec::Int8).fields(&profiles()).get("profile.kernels"), Some("\"s\""));
    assert_eq!(spec(Codec::Int2).fields(&profiles()).get("profile.kernels"), None);
    assert_eq!(spec(Codec::Binary { bits: 8, seed: 0 }).fields(&profiles()).get("profile.kernels"), None);
}

#[test]
fn blobs_and_jobs_are_different_inputs() {
    let digest = crate::Digest::of(b"x");
    let key = |content| {
        let mut fields = Fields::default();
        push_input(&mut fields, "documents", content);
        fields.key()
    };
    assert_ne!(key(InputKey::Blob(digest)), key(InputKey::Job(JobKey(digest))));
}
