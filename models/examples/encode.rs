//! How fast a model encodes: `encode FOLDER TEXTS PRECISION ROUNDS [VECTORS]`. FOLDER is a model in Hugging Face layout, TEXTS
//! JSON lines with `title` and `text`, PRECISION `float32` or `int8`. Loads, encodes everything once to warm up, then once for
//! each line on standard input up to ROUNDS, and prints a line of JSON each time: `{"tokens": …, "seconds": …}`. VECTORS is
//! where the vectors go, float32, little-endian. `scripts/bench peers` runs it in turn with others.

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use bitsweep_models::{Encoder, ModelFiles, Settings};
use bitsweep_proto::Precision;
use bitsweep_proto::lock::Pooling;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, texts, precision, rounds, rest @ ..] = &arguments[..] else {
        panic!("expected FOLDER TEXTS PRECISION ROUNDS [VECTORS]");
    };
    let folder = Path::new(folder);
    let precision = match precision.as_str() {
        "float32" => Precision::Float32,
        "int8" => Precision::Int8,
        other => panic!("precision is {other}, expected float32 or int8"),
    };
    let files = ModelFiles {
        config: folder.join("config.json"),
        tokenizer: folder.join("tokenizer.json"),
        weights: vec![folder.join("model.safetensors")],
    };
    let settings = Settings { max_tokens: 256, pooling: Pooling::Mean, normalize: true, precision };
    let encoder = Encoder::load(&files, settings).expect("the model loads");
    let texts: Vec<String> = std::fs::read_to_string(texts)
        .expect("the texts can be read")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON"))
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("title"), text("text")).trim().to_owned()
        })
        .collect();
    let tokens = encoder.tokens(&texts).expect("texts can be tokenised");
    let encode = || encoder.embed(&texts, &|| false).expect("texts can be encoded").expect("nobody stops it");
    let vectors = encode();
    if let [path] = rest {
        let bytes: Vec<u8> = vectors.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(path, bytes).expect("vectors can be written");
    }
    println!("{}", serde_json::json!({ "tokens": tokens, "seconds": null }));
    let rounds: usize = rounds.parse().expect("ROUNDS is a number");
    for _ in std::io::stdin().lock().lines().take(rounds) {
        let start = Instant::now();
        encode();
        println!("{}", serde_json::json!({ "tokens": tokens, "seconds": start.elapsed().as_secs_f64() }));
    }
}
