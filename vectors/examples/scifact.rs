//! Prints quality and time of every codec on full SciFact with the reference vectors of all-MiniLM-L6-v2:
//! `cargo run -p bitsweep-vectors --example scifact [FOLDER FOR INDEX FILES]`.

#[path = "../tests/support/scifact.rs"]
mod support;

use std::path::PathBuf;
use std::time::Instant;

use bitsweep_proto::Codec;
use bitsweep_vectors::{build, profile};
use support::{Scifact, data};

fn main() {
    let Some(data) = data() else { return };
    let scifact = Scifact::read(&data);
    let start = Instant::now();
    println!("{} ({:.0?})", profile().expect("the profile can be had"), start.elapsed());
    let mut codecs = vec![Codec::Float32, Codec::Int8];
    codecs.extend([8, 16, 32, 64].map(|bytes| Codec::Pq { bytes }));
    for bits in [64, 128, 256, 512] {
        codecs.extend((0..3).map(|seed| Codec::Binary { bits, seed }));
    }
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    println!("codec       seed  bytes  nDCG@10  build s  search s");
    for codec in codecs {
        let start = Instant::now();
        let index = build(codec, scifact.documents.clone(), &|| false).expect("the codec can be built");
        let built = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let hits = index.search(&scifact.queries, 100, &|| false).expect("the index can be searched");
        let searched = start.elapsed().as_secs_f64();
        let (name, seed) = (codec.name(), codec.seed().map(|seed| seed.to_string()).unwrap_or_default());
        let bytes = index.footprint().bytes_per_vector;
        println!("{name:<11} {seed:>4} {bytes:>6}  {:.5}  {built:7.3}  {searched:8.3}", scifact.ndcg(&hits));
        if let Some(folder) = &folder {
            let file = folder.join(format!("{}-{seed}.index", name.replace('/', "-")));
            index.save(&file).expect("the folder can be written to");
        }
    }
}
