//! The kind that classifies, by hand and against every draw of tied documents.

use std::fs;

use bitsweep_jobs::Ended;
use bitsweep_jobs::run_file::{self, Run};
use bitsweep_proto::Measure;
use bitsweep_proto::job::{ClassifySpec, Spec};
use bitsweep_proto::wire::InputFile;
use serde_json::Value;

use crate::fixture::{Fixture, Recorder, written};
use crate::golden::digest;

fn spec(ks: &[u32]) -> Spec {
    Spec::Classify(ClassifySpec { measures: ks.iter().map(|k| Measure::Accuracy { k: *k }).collect() })
}

fn inputs(fixture: &Fixture, run: &Run, labels: [&[&str]; 2]) -> Vec<InputFile> {
    run_file::write(&fixture.path("run"), run).unwrap();
    for (name, labels) in ["document_labels", "query_labels"].into_iter().zip(labels) {
        let lines: String = labels.iter().map(|label| format!("{}\n", Value::from(*label))).collect();
        fs::write(fixture.path(name), lines).unwrap();
    }
    let labels = ["document_labels", "query_labels"].map(|name| fixture.input(name, "", name));
    [vec![fixture.input("run", "run", "run")], labels.to_vec()].concat()
}

/// Four queries: two votes of three; one place for a document of either class; fewer documents than asked for, one of each class;
/// a label that no document has.
fn by_hand(fixture: &Fixture) -> Vec<InputFile> {
    let mut run = Run::default();
    run.push(&[0, 2, 1], &[3.0, 2.0, 1.0]);
    run.push(&[4, 0, 1, 2], &[3.0, 2.0, 1.0, 1.0]);
    run.push(&[5, 0], &[3.0, 2.0]);
    run.push(&[0], &[1.0]);
    inputs(fixture, &run, [&["a", "a", "b", "b", "b", "c"], &["a", "b", "c", "z"]])
}

#[test]
fn a_vote_by_hand() {
    let mut fixture = Fixture::new();
    let inputs = by_hand(&fixture);
    let done = fixture.done(spec(&[1, 3]), inputs);
    let values = done.measures.iter().map(|found| [found.value, found.value_min, found.value_max]);
    assert_eq!(values.collect::<Vec<_>>(), [[0.75, 0.75, 0.75], [0.5, 0.25, 0.75]]);
    assert!(done.measures.iter().all(|found| found.queries == 4 && found.value_trec_eval.is_none()));
    let facts = ["queries", "documents", "classes", "largest_tied_group"].map(|fact| done.facts[fact]);
    assert_eq!(facts, [4, 6, 3, 2]);
    let lines = fs::read_to_string(written(&done, "per_query")).unwrap();
    let second = lines.lines().nth(1).unwrap();
    assert_eq!(
        second,
        "{\"query\":\"2\",\"measures\":{\"Accuracy@1\":{\"value\":1.0,\"min\":1.0,\"max\":1.0,\"trec_eval\":null},\
         \"Accuracy@3\":{\"value\":0.5,\"min\":0.0,\"max\":1.0,\"trec_eval\":null}}}"
    );
}

/// May not change without the code version, as those of `golden`.
#[test]
fn it_gives_the_same_bytes() {
    let mut fixture = Fixture::new();
    let inputs = by_hand(&fixture);
    let spec = spec(&[1, 3]);
    let done = fixture.done(spec.clone(), inputs);
    let found = (spec.kind().name(), spec.code_version(), digest(&done));
    assert_eq!(found, ("classify", 1, DIGEST.to_owned()));
}

const DIGEST: &str = "200283c72abd5ef80296e86830ec48fb57c2d0d064ac6909dbf1289853083aff";

/// The share of the query's class in the vote of `voters`.
fn share(voters: &[usize], query: usize) -> f64 {
    let votes = |class: usize| voters.iter().filter(|document| *document % 3 == class).count();
    let all = [0, 1, 2].map(votes);
    let most = all.into_iter().max().unwrap();
    if all[query % 3] < most { 0.0 } else { 1.0 / all.iter().filter(|count| **count == most).count() as f64 }
}

/// 64 queries that find 9 documents each, by formula: three classes, four scores. Where no score is tied this is the answer of
/// scikit-learn's KNeighborsClassifier, but for ties of classes.
#[test]
fn ties_are_worth_their_expectation() {
    const FOUND: usize = 9;
    let mut fixture = Fixture::new();
    let score =
        |query: usize, document: usize| ((query * 7 + document * document * 5 + query * document) % 13 / 4) as f32;
    let mut run = Run::default();
    for query in 0..64 {
        let mut documents: Vec<u32> = (0..FOUND as u32).collect();
        documents.sort_by(|a, b| score(query, *b as usize).total_cmp(&score(query, *a as usize)));
        let scores: Vec<f32> = documents.iter().map(|document| score(query, *document as usize)).collect();
        run.push(&documents, &scores);
    }
    let name = |row: usize| ["x", "y", "z"][row % 3];
    let labels = [FOUND, 64].map(|rows| (0..rows).map(name).collect::<Vec<_>>());
    let inputs = inputs(&fixture, &run, [&labels[0], &labels[1]]);
    for k in [1, 3, 4, 8] {
        let done = fixture.done(spec(&[k]), inputs.clone());
        let lines = fs::read_to_string(written(&done, "per_query")).unwrap();
        let mut open = 0;
        for (query, line) in lines.lines().enumerate() {
            let line: Value = serde_json::from_str(line).unwrap();
            let found = &line["measures"][format!("Accuracy@{k}")];
            let sets = (0..1_u32 << FOUND)
                .filter(|set| set.count_ones() == k)
                .map(|set| (0..FOUND).partition::<Vec<usize>, _>(|document| (set >> document) & 1 == 1));
            let is_draw = |(voters, left): &(Vec<usize>, Vec<usize>)| {
                let worst = voters.iter().map(|document| score(query, *document)).fold(f32::INFINITY, f32::min);
                left.iter().all(|document| score(query, *document) <= worst)
            };
            let shares: Vec<f64> = sets.filter(is_draw).map(|(voters, _)| share(&voters, query)).collect();
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            assert!((found["value"].as_f64().unwrap() - mean).abs() < 1e-12, "k = {k}, query {query}: {found}, {mean}");
            open += usize::from(shares.len() > 1);
        }
        assert_eq!(lines.lines().count(), 64);
        assert!(open > 10, "k = {k}: {open} queries have ties at the cut");
    }
}

#[test]
fn what_does_not_add_up_is_refused() {
    let mut fixture = Fixture::new();
    let all = by_hand(&fixture);
    let without = |name: &str| all.iter().filter(|input| input.name != name).cloned().collect::<Vec<_>>();
    let (code, message) = fixture.failure(spec(&[3]), without("query_labels"));
    assert_eq!((code, message.as_str()), ("input/missing", "expected one input \"query_labels\", found 0"));
    fs::write(fixture.path("query_labels"), "\"a\"\n").unwrap();
    let (code, message) = fixture.failure(spec(&[3]), all.clone());
    assert_eq!((code, message.as_str()), ("input/damaged", "\"run\" has 4 lists, the dataset 1 labelled queries"));
    fs::write(fixture.path("query_labels"), "\"a\"\nb\n").unwrap();
    let (code, message) = fixture.failure(spec(&[3]), all.clone());
    assert!(code == "input/damaged" && message.starts_with("labels, line 2: "), "{message}");
    fs::write(fixture.path("query_labels"), "\"a\"\n\"a\"\n\"a\"\n\"a\"\n").unwrap();
    fs::write(fixture.path("document_labels"), "\"a\"\n").unwrap();
    let (code, message) = fixture.failure(spec(&[3]), all);
    let says = "query 1: run names document 2, but only 1 documents are known";
    assert_eq!((code, message.as_str()), ("input/damaged", says));
}

#[test]
fn it_stops_when_told() {
    let mut fixture = Fixture::new();
    let inputs = by_hand(&fixture);
    let mut steps = Recorder { stop_after: Some(0), ..Recorder::default() };
    assert_eq!(fixture.run(spec(&[3]), inputs, &mut steps).unwrap(), Ended::Stopped);
}
