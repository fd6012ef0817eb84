//! The time of searches: what is said of it, not how long it is.

use bitsweep_jobs::Ended;
use bitsweep_proto::Codec;
use bitsweep_proto::job::{Compress, Spec, SpeedSpec};
use bitsweep_proto::wire::InputFile;

use crate::fixture::{DIM, DOCUMENTS, Fixture, QUERIES, Recorder, written};

fn speed(codec: Codec, (warm_up, repeats): (u32, u32)) -> Spec {
    Spec::Speed(SpeedSpec { codec, dim: DIM as u32, warm_up, repeats, depth: 10 })
}

/// Queries, and what is searched.
fn inputs(fixture: &mut Fixture, codec: Codec) -> Vec<InputFile> {
    let mut inputs = vec![fixture.input("queries", "chunk/000000000", "queries-0")];
    let documents = fixture.documents();
    if codec == Codec::Float32 {
        inputs.extend(documents);
    } else {
        let compress = Spec::Compress(Compress { codec: codec.stored(), dim: DIM as u32 });
        let path = written(&fixture.done(compress, documents), "index");
        inputs.push(InputFile { name: "index".into(), item: "index".into(), path });
    }
    inputs
}

#[test]
fn every_way_to_search_has_times() {
    let mut fixture = Fixture::new();
    for name in ["float32", "int8", "int2", "pq/2", "hnsw/8/20/20", "binary/64", "binary/16/mean+itq/asymmetric"] {
        let codec = Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(3))).unwrap();
        let inputs = inputs(&mut fixture, codec);
        let mut steps = Recorder::default();
        let Ended::Done(done) = fixture.run(speed(codec, (1, 3)), inputs, &mut steps).unwrap() else {
            panic!("nobody said stop")
        };
        assert_eq!(steps.progress, [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)], "{name}");
        let expected = [
            ("queries", QUERIES),
            ("documents", DOCUMENTS),
            ("dim", DIM),
            ("depth", 10),
            ("warm_up", 1),
            ("repeats", 3),
        ];
        for (fact, value) in expected {
            assert_eq!(done.facts[fact], value as u64, "{name} {fact}");
        }
        assert_eq!(done.facts["threads"], 1);
        assert!([64, 256, 512].contains(&done.facts["kernel_bits"]));
        assert!(done.files.is_empty() && done.measures.is_empty());
        assert!(done.values.values().all(|value| value.is_finite() && *value > 0.0), "{name} {:?}", done.values);
        let latencies = ["p50", "p95", "p99", "max"].map(|of| done.values[&format!("latency_{of}_ms")]);
        let mean = done.values["latency_mean_ms"];
        assert!(latencies.is_sorted() && mean <= 1.000_001 * latencies[3], "{name} {latencies:?}");
        let rates = ["min", "median", "max"].map(|of| done.values[&format!("queries_per_second_{of}")]);
        assert!(rates.is_sorted(), "{name} {rates:?}");
        let rounds: Vec<f64> = (1..=3).map(|round| done.values[&format!("queries_per_second_{round:02}")]).collect();
        assert!(rounds.contains(&rates[0]) && rounds.contains(&rates[1]) && rounds.contains(&rates[2]));
        assert_eq!(done.values.len(), 5 + 3 + 3);
    }
}

#[test]
fn it_stops_between_two_queries_and_needs_some() {
    let mut fixture = Fixture::new();
    let codec = Codec::Binary { bits: 64, seed: 0 };
    let all = inputs(&mut fixture, codec);
    let mut steps = Recorder { stop_after: Some(QUERIES / 2), ..Recorder::default() };
    assert_eq!(fixture.run(speed(codec, (0, 99)), all.clone(), &mut steps).unwrap(), Ended::Stopped);
    assert_eq!(steps.progress, [(0, 99)]);
    assert_eq!(fixture.failure(speed(codec, (1, 0)), all.clone()).0, "speed/nothing");
    let without = all.into_iter().filter(|input| input.name != "queries").collect();
    assert_eq!(fixture.failure(speed(codec, (0, 1)), without).0, "speed/nothing");
}
