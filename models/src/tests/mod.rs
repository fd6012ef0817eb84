//! Tests of the encoder as a whole.

mod embed;
mod load;
mod real;
mod threads;

use crate::Encoder;
use crate::tiny::{TinyModel, write_tiny_model};

/// A tiny model, loaded with the settings of its own files.
fn tiny(model: &TinyModel) -> Encoder {
    let folder = tempfile::tempdir().unwrap();
    let files = write_tiny_model(folder.path(), model).unwrap();
    Encoder::load(&files, model.settings()).unwrap()
}

fn embed(encoder: &Encoder, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let vectors = encoder.embed(&texts, &|| false).unwrap().unwrap();
    assert_eq!(vectors.len(), texts.len() * encoder.dim());
    vectors.chunks_exact(encoder.dim()).map(<[f32]>::to_vec).collect()
}

/// Texts of very different lengths, from none to more than a model takes.
fn varied(count: usize) -> Vec<String> {
    let words = ["the", "cell", "of", "a", "tree", "is", "not", "gene", "bird", "with", "12", "quartz,"];
    (0..count)
        .map(|i| (0..i * 7 % 90).map(|j| words[(i + j * j) % words.len()]).collect::<Vec<_>>().join(" "))
        .collect()
}

fn largest_difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max)
}
