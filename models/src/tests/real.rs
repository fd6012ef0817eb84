//! all-MiniLM-L6-v2 against vectors that sentence-transformers made from the same weights.

use std::fs;
use std::path::{Path, PathBuf};

use bitsweep_proto::Precision;
use bitsweep_proto::lock::Pooling;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::{Encoder, ModelFiles, Settings};

/// The folder of the variable, else the one beside the workspace; `None`, said aloud, where the path in it is missing.
fn find(variable: &str, beside: &str, inside: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os(variable).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(beside), PathBuf::from);
    let path = root.join(inside);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and CI is set", path.display());
    println!("SKIPPED: {} is missing", path.display());
    None
}

fn minilm(precision: Precision) -> Option<Encoder> {
    let folder = find("BITSWEEP_TEST_MODELS", "../target/test-models", "all-MiniLM-L6-v2")?;
    let files = ModelFiles {
        config: folder.join("config.json"),
        tokenizer: folder.join("tokenizer.json"),
        weights: vec![folder.join("model.safetensors")],
    };
    Some(
        Encoder::load(&files, Settings { max_tokens: 256, pooling: Pooling::Mean, normalize: true, precision })
            .unwrap(),
    )
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Rows of a float32 tensor.
fn rows(file: &SafeTensors<'_>, name: &str) -> Vec<Vec<f32>> {
    let tensor = file.tensor(name).unwrap();
    let values = tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let values: Vec<f32> = values.collect();
    values.chunks_exact(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
}

/// The first 16 documents, the 42 shortest and the 6 longest; the first 32 queries: all in one call, mixed.
#[test]
fn minilm_equals_sentence_transformers() {
    compare(Precision::Float32, 1e-5);
    compare(Precision::Int8, 2e-3);
}

/// Cosines may be `off` from 1.
fn compare(precision: Precision, off: f64) {
    let (Some(encoder), Some(data)) = (minilm(precision), find("BITSWEEP_TEST_DATA", "../../shared/data", "scifact"))
    else {
        return;
    };
    let reference = fs::read(data.with_file_name("embeddings").join("scifact.all-MiniLM-L6-v2.safetensors")).unwrap();
    let reference = SafeTensors::deserialize(&reference).unwrap();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let mut texts: Vec<(String, Vec<f32>)> = lines(&data.join("corpus.jsonl"))
        .iter()
        .map(|line| format!("{} {}", text(line, "title"), text(line, "text")).trim().to_owned())
        .zip(rows(&reference, "docs"))
        .collect();
    let mut rest = texts.split_off(16);
    rest.sort_by_key(|(text, _)| text.len());
    texts.extend(rest.drain(rest.len() - 6..).collect::<Vec<_>>());
    texts.extend(rest.drain(..42));
    let queries = lines(&data.join("queries.jsonl"));
    texts.extend(queries.iter().map(|line| text(line, "text")).zip(rows(&reference, "queries")).take(32));
    assert_eq!(texts.len(), 96);

    let (texts, expected): (Vec<String>, Vec<Vec<f32>>) = texts.into_iter().unzip();
    let start = std::time::Instant::now();
    let found = encoder.embed(&texts, &|| false).unwrap().unwrap();
    println!("96 texts in {:?}", start.elapsed());
    let (mut least, mut furthest) = (1.0f64, 0.0f64);
    for ((found, expected), text) in found.chunks_exact(encoder.dim()).zip(&expected).zip(&texts) {
        let dot = |left: &[f32], right: &[f32]| -> f64 {
            left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
        };
        let (norm, reference_norm) = (dot(found, found).sqrt(), dot(expected, expected).sqrt());
        let cosine = dot(found, expected) / (norm * reference_norm);
        assert!(cosine >= 1.0 - off, "{precision:?}: cosine {cosine} for {text}");
        assert!((norm - reference_norm).abs() <= 1e-4 && (norm - 1.0).abs() <= 1e-6, "norm {norm} for {text}");
        least = least.min(cosine);
        furthest = furthest.max((norm - reference_norm).abs());
    }
    println!("{precision:?}: least cosine 1 - {:.1e}, largest difference of norms {furthest:.1e}", 1.0 - least);
}

/// Tokens a second, for whoever wants to know: `cargo test -p bitsweep-models -- --ignored --nocapture tokens_a_second`,
/// with `RAYON_NUM_THREADS` as wanted.
#[test]
#[ignore = "a measurement"]
fn tokens_a_second() {
    for precision in [Precision::Float32, Precision::Int8] {
        tokens_a_second_in(precision);
    }
}

fn tokens_a_second_in(precision: Precision) {
    let (Some(encoder), Some(data)) = (minilm(precision), find("BITSWEEP_TEST_DATA", "../../shared/data", "scifact"))
    else {
        return;
    };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let documents = lines(&data.join("corpus.jsonl"));
    let texts: Vec<String> =
        documents.iter().take(128).map(|line| format!("{} {}", text(line, "title"), text(line, "text"))).collect();
    let tokens: usize = encoder.token_ids(&texts).unwrap().iter().map(Vec::len).sum();
    encoder.embed(&texts, &|| false).unwrap();
    let start = std::time::Instant::now();
    encoder.embed(&texts, &|| false).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let threads = rayon::current_num_threads();
    println!(
        "{precision:?}: {tokens} tokens of 128 documents in {seconds:.2} s: {:.0} a second with {threads} threads",
        tokens as f64 / seconds
    );
}
