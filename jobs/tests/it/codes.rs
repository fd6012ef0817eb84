//! Looking into codes: what the job states, and what it reads.

use bitsweep_jobs::Ended;
use bitsweep_proto::Codec;
use bitsweep_proto::job::{CodesSpec, Compress, Spec};
use bitsweep_proto::wire::InputFile;

use crate::fixture::{DIM, DOCUMENTS, Fixture, QUERIES, Recorder, written};

/// The inputs of the job: the codes, the documents, the queries.
pub(crate) fn inputs(fixture: &mut Fixture, codec: Codec) -> Vec<InputFile> {
    let documents = fixture.documents();
    let compressed = fixture.done(Spec::Compress(Compress { codec, dim: DIM as u32 }), documents);
    let mut inputs =
        vec![InputFile { name: "index".into(), item: "index".into(), path: written(&compressed, "index") }];
    inputs.extend(fixture.documents());
    inputs.extend(fixture.searchers().into_iter().filter(|input| input.name == "queries"));
    inputs
}

fn spec(codec: Codec) -> Spec {
    Spec::Codes(CodesSpec { codec, dim: DIM as u32 })
}

#[test]
fn codes_are_looked_into() {
    let mut fixture = Fixture::new();
    for name in ["binary/64", "binary/16/mean+itq", "binary/32/median+orthonormal"] {
        let codec = Codec::parse(name, Some(3)).unwrap();
        let inputs = inputs(&mut fixture, codec);
        let done = fixture.done(spec(codec), inputs);
        let facts = ["documents", "queries", "near_pairs", "far_pairs"].map(|fact| done.facts[fact]);
        let pairs = 10 * QUERIES as u64;
        assert_eq!(facts, [DOCUMENTS as u64, QUERIES as u64, pairs, pairs], "{name}");
        assert!(done.files.is_empty() && done.measures.is_empty());
        let value = |name: &str| done.values[name];
        assert_eq!(value("bits") as u32, codec.as_sign().unwrap().bits);
        assert!(value("distinct_codes") <= DOCUMENTS as f64 && value("largest_code_group") >= 1.0);
        assert!(value("near_predicted") < value("far_predicted"), "{name}: {:?}", done.values);
        assert!(value("near_observed") < value("far_observed"), "{name}: {:?}", done.values);
        let is_centred = name.contains("+");
        let of_codec = if is_centred { "near_centred" } else { "near_as_is" };
        assert_eq!(value("near_predicted"), value(of_codec), "{name}");
    }
}

#[test]
fn it_stops_where_it_is_told() {
    let mut fixture = Fixture::new();
    let codec = Codec::Binary { bits: 64, seed: 3 };
    let inputs = inputs(&mut fixture, codec);
    let mut steps = Recorder { stop_after: Some(1), ..Recorder::default() };
    assert_eq!(fixture.run(spec(codec), inputs, &mut steps).unwrap(), Ended::Stopped);
}

#[test]
fn codes_of_other_documents_are_damaged_input() {
    let mut fixture = Fixture::new();
    let codec = Codec::Binary { bits: 64, seed: 3 };
    let mut inputs = inputs(&mut fixture, codec);
    // Without the second chunk of documents.
    inputs.remove(2);
    let (code, message) = fixture.failure(spec(codec), inputs);
    assert_eq!(code, "input/damaged");
    assert!(message.starts_with("300 rows of 16 values do not fit"), "{message}");
}
