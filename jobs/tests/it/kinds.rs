//! Compress, retrieve and measure, one after the other, on a small set by formula.

use std::collections::BTreeMap;
use std::fs;

use crate::fixture::{DIM, DOCUMENTS, Fixture, QUERIES, Recorder, document_id, query_id, written};
use bitsweep_jobs::run_file::{self, Run};
use bitsweep_jobs::{Ended, embedding_file};
use bitsweep_proto::Codec;
use bitsweep_proto::job::{Compress, MeasureSpec, RescoreSpec, Retrieve, Spec};
use bitsweep_proto::rescore::Exact;
use bitsweep_proto::wire::InputFile;

fn compress(codec: Codec) -> Spec {
    Spec::Compress(Compress { codec, dim: DIM as u32 })
}

fn retrieve(codec: Codec, depth: u32, ignore_identical_ids: bool) -> Spec {
    Spec::Retrieve(Retrieve { codec, dim: DIM as u32, depth, ignore_identical_ids })
}

fn measure(measures: &[&str]) -> Spec {
    Spec::Measure(MeasureSpec { measures: measures.iter().map(|name| name.parse().unwrap()).collect() })
}

/// Builds an index where the codec has one, searches, and gives back the run.
fn searched(fixture: &mut Fixture, codec: Codec, depth: u32, ignore: bool) -> Run {
    let mut inputs = fixture.searchers();
    if codec == Codec::Float32 {
        inputs.extend(fixture.documents());
    } else {
        let documents = fixture.documents();
        let path = written(&fixture.done(compress(codec), documents), "index");
        inputs.push(InputFile { name: "index".into(), item: "index".into(), path });
    }
    let done = fixture.done(retrieve(codec, depth, ignore), inputs);
    let run = run_file::read(&written(&done, "run")).unwrap();
    assert_eq!(done.facts["queries"], QUERIES as u64);
    assert_eq!(done.facts["documents"], DOCUMENTS as u64);
    assert_eq!(done.facts["deepest"], run.lists().map(|(list, _)| list.len()).max().unwrap() as u64);
    run
}

#[test]
fn every_codec_is_built_and_searched() {
    let mut fixture = Fixture::new();
    for codec in [Codec::Float32, Codec::Int8, Codec::Int2, Codec::pq(2), Codec::Binary { bits: 64, seed: 3 }] {
        if codec != Codec::Float32 {
            let documents = fixture.documents();
            let done = fixture.done(compress(codec), documents);
            let weighs = codec.footprint(DIM as u32, DOCUMENTS as u64);
            let facts = ["rows", "dim", "bytes_per_vector", "shared_bytes"].map(|fact| done.facts[fact]);
            assert_eq!(facts, [DOCUMENTS as u64, DIM as u64, weighs.bytes_per_vector, weighs.shared_bytes]);
        }
        let run = searched(&mut fixture, codec, 10, false);
        assert!(run.lists().all(|(list, _)| list.len() >= 10), "{codec}");
        // Deeper than the corpus: everything, once.
        let all = searched(&mut fixture, codec, 1000, false);
        for (documents, _) in all.lists() {
            let mut documents = documents.to_vec();
            documents.sort_unstable();
            assert!(documents.into_iter().eq(0..DOCUMENTS as u32), "{codec}");
        }
    }
}

/// All documents ranked again are the ranking of the vectors that they are ranked by. Of some, the order of these, and below
/// them that of the codes.
#[test]
fn candidates_are_ranked_by_the_better_vectors() {
    let mut fixture = Fixture::new();
    let codec = Codec::Binary { bits: 64, seed: 3 };
    let first = searched(&mut fixture, codec, 50, false);
    let run = fixture.path("first");
    run_file::write(&run, &searched(&mut fixture, codec, DOCUMENTS as u32, false)).unwrap();
    let documents = fixture.documents();
    let index = written(&fixture.done(compress(Codec::Int8), documents), "index");
    for (with, tolerance) in [(Exact::Float32, 0.0), (Exact::Int8, 1e-5)] {
        let mut again = |candidates, depth| {
            let mut inputs = vec![InputFile { name: "run".into(), item: "run".into(), path: run.clone() }];
            inputs.extend(fixture.searchers().into_iter().filter(|input| input.name == "queries"));
            match with {
                Exact::Float32 => inputs.extend(fixture.documents()),
                Exact::Int8 => {
                    inputs.push(InputFile { name: "index".into(), item: "index".into(), path: index.clone() })
                }
            }
            let spec = Spec::Rescore(RescoreSpec { with, candidates, dim: DIM as u32, depth });
            let done = fixture.done(spec, inputs);
            (run_file::read(&written(&done, "run")).unwrap(), done.facts["drawn_queries"])
        };
        let (all, drawn) = again(DOCUMENTS as u32, 10);
        assert_eq!(drawn, 0);
        let (some, drawn) = again(20, 50);
        assert!(drawn > 0, "64 bits tie");
        let expected = searched(&mut fixture, with.codec(), 10, false);
        for query in 0..QUERIES {
            let ((found, scores), (wanted, wanted_scores)) = (all.list(query), expected.list(query));
            assert!(scores.iter().zip(wanted_scores).all(|(a, b)| (a - b).abs() <= tolerance), "{query}");
            if with == Exact::Float32 {
                assert_eq!(found, wanted);
            }
            let ((found, scores), (before, _)) = (some.list(query), first.list(query));
            assert!(found.len() >= 50 && scores[19] > scores[20], "candidates stand apart from the rest");
            let sorted = |list: &[u32]| {
                let mut list = list.to_vec();
                list.sort_unstable();
                list
            };
            assert_eq!(sorted(found), sorted(before), "the same documents in another order");
        }
    }
}

/// The oracle of float32: inner products in f64 of values that are exact, sorted.
#[test]
fn float32_search_is_the_inner_product() {
    let mut fixture = Fixture::new();
    let run = searched(&mut fixture, Codec::Float32, 10, false);
    let documents = crate::fixture::vectors(0..DOCUMENTS, 37);
    let queries = crate::fixture::vectors(0..QUERIES, 53);
    for (query, (found, scores)) in queries.chunks(DIM).zip(run.lists()) {
        let products =
            documents.chunks(DIM).map(|row| row.iter().zip(query).map(|(a, b)| f64::from(a * b)).sum::<f64>());
        let mut expected: Vec<(f64, u32)> = products.map(|product| -product).zip(0..).collect();
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let last = expected[9].0;
        let kept = expected.iter().take_while(|(product, _)| *product <= last);
        let (rows, values): (Vec<u32>, Vec<f32>) = kept.map(|(product, row)| (*row, -*product as f32)).unzip();
        assert_eq!((found, scores), (rows.as_slice(), values.as_slice()));
    }
}

/// Oracle: the full ranking without the query's own document, cut at the depth with its ties. 8 bits tie a lot.
#[test]
fn the_querys_own_document_is_dropped_as_if_it_were_not_there() {
    let mut fixture = Fixture::new();
    for codec in [Codec::Binary { bits: 8, seed: 0 }, Codec::Float32] {
        let all = searched(&mut fixture, codec, DOCUMENTS as u32, false);
        for depth in [1, 2, 10, 299, 300, 500] {
            let run = searched(&mut fixture, codec, depth, true);
            for (query, (found, scores)) in run.lists().enumerate() {
                let (documents, every) = all.list(query);
                let ranking =
                    documents.iter().zip(every).filter(|(row, _)| document_id(**row as usize) != query_id(query));
                let ranking: Vec<(u32, f32)> = ranking.map(|(row, score)| (*row, *score)).collect();
                let last = ranking[ranking.len().min(depth as usize) - 1].1;
                let expected: Vec<(u32, f32)> = ranking.into_iter().take_while(|(_, score)| *score >= last).collect();
                let found: Vec<(u32, f32)> = found.iter().copied().zip(scores.iter().copied()).collect();
                assert_eq!(found, expected, "{codec} depth {depth} query {query}");
            }
        }
    }
}

#[test]
fn measures_of_a_small_run_by_hand() {
    let mut fixture = Fixture::new();
    let at = |name: &str| fixture.path(name);
    fs::write(at("ids"), "\"d0\"\n\"d1\"\n\"d2\"\n").unwrap();
    fs::write(at("texts"), "{\"_id\":\"unjudged\",\"text\":\"\"}\n{\"_id\":\"q\\t1\",\"text\":\"\"}\n").unwrap();
    fs::write(
        at("judged"),
        "\"gone\"\t\"d0\"\t1\n\"q\\t1\"\t\"absent\"\t1\n\"q\\t1\"\t\"d0\"\t0\n\"q\\t1\"\t\"d1\"\t1\n",
    )
    .unwrap();
    let mut run = Run::default();
    run.push(&[2], &[1.0]);
    run.push(&[1, 0, 2], &[3.0, 2.0, 2.0]);
    run_file::write(&at("run"), &run).unwrap();
    let inputs = vec![
        fixture.input("run", "run", "run"),
        fixture.input("document_ids", "", "ids"),
        fixture.input("query_texts", "", "texts"),
        fixture.input("qrels", "", "judged"),
        fixture.input("reference", "run", "run"),
    ];
    let done = fixture.done(measure(&["nDCG@10", "Recall@10", "MRR", "Overlap@2"]), inputs.clone());
    // One of two relevant documents is found, at rank 1; the other judged query is in no run and counts 0.
    let ndcg = 1.0 / (1.0 + 1.0 / 3f64.log2());
    for (measured, value) in done.measures.iter().zip([ndcg, 0.5, 1.0, 1.0]) {
        assert!((measured.value - value / 2.0).abs() < 1e-12, "{measured:?}");
        assert_eq!(measured.queries, 2);
    }
    let facts =
        [("judged_queries", 2), ("judgements", 4), ("judgements_of_absent_documents", 1), ("largest_tied_group", 2)];
    assert_eq!(done.facts, BTreeMap::from(facts.map(|(fact, value)| (fact.to_owned(), value))));
    let lines = fs::read_to_string(written(&done, "per_query")).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[0].starts_with("{\"query\":\"q\\t1\",\"measures\":{\"nDCG@10\":{\"value\":0.61"), "{}", lines[0]);
    assert!(
        lines[0].ends_with("\"Overlap@2\":{\"value\":1.0,\"min\":1.0,\"max\":1.0,\"trec_eval\":null}}}"),
        "{}",
        lines[0]
    );
    assert!(lines[1].starts_with("{\"query\":\"gone\",\"measures\":{\"nDCG@10\":{\"value\":0.0,"), "{}", lines[1]);

    let without = |name: &str| inputs.iter().filter(|input| input.name != name).cloned().collect::<Vec<_>>();
    let (code, message) = fixture.failure(measure(&["Overlap@2"]), without("reference"));
    assert_eq!((code, message.as_str()), ("input/missing", "expected one input \"reference\", found 0"));
    assert_eq!(fixture.done(measure(&["MRR"]), without("reference")).measures.len(), 1);
    fs::write(fixture.path("texts"), "{\"_id\":\"q\",\"text\":\"\"}\n").unwrap();
    let (code, message) = fixture.failure(measure(&["MRR"]), inputs);
    assert_eq!((code, message.as_str()), ("input/damaged", "\"run\" has 2 lists, the dataset 1 queries"));
}

#[test]
fn jobs_stop_where_they_are_told_to() {
    let mut fixture = Fixture::new();
    let codec = Codec::Binary { bits: 64, seed: 0 };
    let documents = fixture.documents();
    let path = written(&fixture.done(compress(codec), documents.clone()), "index");
    let mut inputs = fixture.searchers();
    inputs.push(InputFile { name: "index".into(), item: "index".into(), path });
    let path = written(&fixture.done(retrieve(codec, 10, false), inputs.clone()), "run");
    let mut judged = fixture.searchers();
    judged.push(InputFile { name: "run".into(), item: "run".into(), path });
    judged.push(fixture.input("qrels", "", "qrels"));
    for (spec, inputs) in
        [(compress(codec), documents), (retrieve(codec, 10, false), inputs), (measure(&["MRR"]), judged)]
    {
        let mut steps = Recorder { stop_after: Some(0), ..Recorder::default() };
        assert_eq!(fixture.run(spec, inputs, &mut steps).unwrap(), Ended::Stopped);
    }
}

#[test]
fn bad_inputs_are_named() {
    let mut fixture = Fixture::new();
    let codec = Codec::Binary { bits: 64, seed: 0 };
    let folder = fixture.path("");
    let mut holed = fixture.documents();
    let first = holed.remove(0);
    let mut swapped = fixture.documents();
    swapped.swap(0, 1);
    let mut nan = crate::fixture::vectors(0..2, 1);
    nan[DIM + 3] = f32::NAN;
    embedding_file::write(&fixture.path("nan"), &nan, DIM).unwrap();
    embedding_file::write(&fixture.path("narrow"), &[1.0; 4], 2).unwrap();
    fs::write(fixture.path("cut"), &fs::read(fixture.path("documents-0")).unwrap()[..900]).unwrap();
    let one = |file: &str| vec![InputFile { path: folder.join(file), ..first.clone() }];
    let cases = [
        (compress(codec), holed, "input/damaged", "goes on with \"chunk/000000200\", expected \"chunk/000000000\""),
        (compress(codec), swapped, "input/damaged", "expected \"chunk/000000000\""),
        (compress(codec), one("nan"), "input/damaged", "not finite in row 1"),
        (compress(codec), one("narrow"), "input/damaged", "has 2 dimensions, expected 16"),
        (compress(codec), one("cut"), "input/damaged", "is not safetensors"),
        (compress(codec), one("qrels"), "input/damaged", "is not safetensors"),
        (compress(Codec::pq(8)), one("queries-0"), "compress/too-few-documents", "at least 256"),
        (compress(Codec::pq(5)), one("queries-0"), "compress/unfit", "not a multiple of 5"),
        (retrieve(codec, 1, false), Vec::new(), "input/missing", "expected one input \"index\", found 0"),
    ];
    for (spec, inputs, code, says) in cases {
        let (found, message) = fixture.failure(spec, inputs);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
    // A file that is not there is the machine's fault, never the job's.
    let error = fixture.run(compress(codec), one("nowhere"), &mut Recorder::default()).unwrap_err();
    assert!(matches!(error, bitsweep_jobs::JobError::Machine { .. }), "{error}");
}
