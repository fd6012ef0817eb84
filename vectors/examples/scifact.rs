//! Prints quality and time of codecs on full SciFact with the reference vectors of all-MiniLM-L6-v2:
//! `cargo run -p bitsweep-vectors --example scifact [CODEC …]`, each with three seeds where it has seeds. Without arguments
//! all families.

#[path = "../tests/support/scifact.rs"]
mod support;

use std::time::Instant;

use bitsweep_proto::Codec;
use bitsweep_vectors::{build, profile};
use support::{Scifact, data};

fn main() {
    let Some(data) = data() else { return };
    let scifact = Scifact::read(&data);
    let start = Instant::now();
    println!("{} ({:.0?})", profile().expect("the profile can be had"), start.elapsed());
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names.extend(["float32", "int8", "int4", "int2", "rabitq"].map(str::to_owned));
        for family in ["pq", "opq", "pq4fs"] {
            names.extend([8, 16, 32, 64].map(|bytes| format!("{family}/{bytes}")));
        }
        for form in ["", "/mean+gaussian", "/mean+orthonormal", "/mean+pca", "/mean+itq", "/median+none"] {
            names.extend([64, 128, 256].map(|bits| format!("binary/{bits}{form}")));
        }
        names.extend([1, 4, 10, 16, 64].map(|kept| format!("hnsw/16/40/{kept}")));
        for bytes in [8, 32] {
            names.extend([1, 8, 64].map(|lists| format!("ivfpq/64/{bytes}/{lists}")));
        }
        names.push("binary/256/none+gaussian/asymmetric".to_owned());
    }
    let mut codecs = Vec::new();
    for name in &names {
        match Codec::parse(name, None) {
            Ok(codec) => codecs.push(codec),
            Err(_) => codecs.extend((0..3).map(|seed| Codec::parse(name, Some(seed)).expect("a codec's name"))),
        }
    }
    println!("codec                               seed  bytes  nDCG@10  build s  search s");
    for codec in codecs {
        let start = Instant::now();
        let index = build(codec, scifact.documents.clone(), &|| false).expect("the codec can be built");
        let built = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let hits = index.search(&scifact.queries, 100, &|| false).expect("the index can be searched");
        let searched = start.elapsed().as_secs_f64();
        let (name, seed) = (codec.name(), codec.seed().map(|seed| seed.to_string()).unwrap_or_default());
        let bytes = index.footprint().bytes_per_vector;
        println!("{name:<35} {seed:>4} {bytes:>6}  {:.5}  {built:7.3}  {searched:8.3}", scifact.ndcg(&hits));
    }
}
