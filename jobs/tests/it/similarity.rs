//! The similarity kind on pairs by formula.

use std::fs;

use bitsweep_jobs::{Ended, embedding_file};
use bitsweep_proto::job::{SimilaritySpec, Spec};
use bitsweep_proto::wire::InputFile;
use bitsweep_proto::{Codec, Measure};
use serde_json::Value;

use crate::fixture::{DIM, Fixture, Recorder, vectors, written};

/// More than one block of pairs.
pub(crate) const PAIRS: usize = 300;

pub(crate) fn spec(codec: Codec) -> Spec {
    let measures = vec![Measure::Spearman, Measure::Pearson];
    Spec::Similarity(SimilaritySpec { codec, dim: DIM as u32, measures })
}

/// Writes the pairs of a fixture; all inputs of the job.
pub(crate) fn inputs(fixture: &Fixture) -> Vec<InputFile> {
    embedding_file::write(&fixture.path("a-0"), &vectors(0..200, 41), DIM).unwrap();
    embedding_file::write(&fixture.path("a-1"), &vectors(200..PAIRS, 41), DIM).unwrap();
    embedding_file::write(&fixture.path("b-0"), &vectors(0..PAIRS, 43), DIM).unwrap();
    embedding_file::write(&fixture.path("fit-0"), &vectors(500..1000, 47), DIM).unwrap();
    let gold: String = (0..PAIRS).map(|pair| format!("{}\n", (pair * 7 % 21) as f64 / 4.0)).collect();
    fs::write(fixture.path("scores"), gold).unwrap();
    vec![
        fixture.input("a", "chunk/000000000", "a-0"),
        fixture.input("a", "chunk/000000200", "a-1"),
        fixture.input("b", "chunk/000000000", "b-0"),
        fixture.input("fit", "chunk/000000000", "fit-0"),
        fixture.input("scores", "", "scores"),
    ]
}

fn lines(fixture: &mut Fixture, codec: Codec, inputs: Vec<InputFile>) -> Vec<Value> {
    let done = fixture.done(spec(codec), inputs);
    let text = fs::read_to_string(written(&done, "pairs")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn scores_of_float32_are_cosines() {
    let mut fixture = Fixture::new();
    let inputs = inputs(&fixture);
    let found = lines(&mut fixture, Codec::Float32, inputs);
    let (a, b) = (vectors(0..PAIRS, 41), vectors(0..PAIRS, 43));
    assert_eq!(found.len(), PAIRS);
    for (pair, (line, (a, b))) in found.iter().zip(a.chunks(DIM).zip(b.chunks(DIM))).enumerate() {
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let cosine = product(a, b) / (product(a, a).sqrt() * product(b, b).sqrt());
        assert_eq!(line["pair"], (pair + 1).to_string());
        assert!((line["score"].as_f64().unwrap() - cosine).abs() < 1e-12, "{line} {cosine}");
        assert_eq!(line["gold"], (pair * 7 % 21) as f64 / 4.0);
    }
}

/// A codec that learns sees nothing but the sentences it is fitted on: with other ones the scores are others; where it learns
/// nothing they are the same without any.
#[test]
fn codecs_are_fitted_on_the_fit_split_alone() {
    let mut fixture = Fixture::new();
    let all = inputs(&fixture);
    embedding_file::write(&fixture.path("other-0"), &vectors(3000..3600, 59), DIM).unwrap();
    let without: Vec<InputFile> = all.iter().filter(|input| input.name != "fit").cloned().collect();
    let other = [without.clone(), vec![fixture.input("fit", "chunk/000000000", "other-0")]].concat();
    let named = |name: &str| Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(3))).unwrap();
    for name in
        ["int8", "int4", "rabitq", "pq/2", "opq/2", "pq4fs/8", "binary/16/mean+itq", "binary/16/median+none/asymmetric"]
    {
        let [first, second] = [&all, &other].map(|inputs| lines(&mut fixture, named(name), inputs.clone()));
        assert_ne!(first, second, "{name}");
        let (code, _) = fixture.failure(spec(named(name)), without.clone());
        assert_eq!(code, "compress/too-few-documents", "{name}");
    }
    for name in ["float32", "binary/64", "binary/64/none+orthonormal"] {
        let [first, second] = [&all, &without].map(|inputs| lines(&mut fixture, named(name), inputs.clone()));
        assert_eq!(first, second, "{name}");
    }
}

#[test]
fn pairs_that_do_not_add_up_are_refused() {
    let mut fixture = Fixture::new();
    let all = inputs(&fixture);
    let short: Vec<InputFile> = all.iter().filter(|input| input.item != "chunk/000000200").cloned().collect();
    let (code, message) = fixture.failure(spec(Codec::Float32), short);
    assert_eq!((code, message.as_str()), ("input/damaged", "200 first and 300 second sentences for 300 scores"));
    let without: Vec<InputFile> = all.iter().filter(|input| input.name != "scores").cloned().collect();
    let (code, message) = fixture.failure(spec(Codec::Float32), without);
    assert_eq!((code, message.as_str()), ("input/missing", "expected one input \"scores\", found 0"));
}

#[test]
fn it_stops_when_told() {
    let mut fixture = Fixture::new();
    let all = inputs(&fixture);
    for codec in [Codec::Float32, Codec::Binary { bits: 64, seed: 0 }] {
        let mut steps = Recorder { stop_after: Some(2), ..Recorder::default() };
        assert_eq!(fixture.run(spec(codec), all.clone(), &mut steps).unwrap(), Ended::Stopped);
    }
}

/// Vectors that are all the same: 0, and the facts say why.
#[test]
fn embeddings_that_say_nothing_correlate_with_nothing() {
    let mut fixture = Fixture::new();
    let mut all = inputs(&fixture);
    for side in ["a", "b"] {
        embedding_file::write(&fixture.path("same"), &vec![0.5; PAIRS * DIM], DIM).unwrap();
        all.retain(|input| input.name != side);
        all.push(fixture.input(side, "chunk/000000000", "same"));
    }
    for codec in [Codec::Float32, Codec::Int8, Codec::Binary { bits: 64, seed: 0 }] {
        let done = fixture.done(spec(codec), all.clone());
        assert_eq!(done.measures.iter().map(|measured| measured.value).collect::<Vec<_>>(), [0.0, 0.0], "{codec}");
        assert_eq!(done.facts["different_scores"], 1);
    }
}
