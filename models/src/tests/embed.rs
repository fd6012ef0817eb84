//! What embedding promises, on tiny models.

use std::cell::Cell;
use std::collections::HashMap;

use bitsweep_proto::lock::Pooling;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::BertModel;

use super::{embed, largest_difference, tiny, varied};
use crate::tiny::{TinyModel, write_tiny_model};
use crate::{Encoder, Settings};

/// Against candle's network used by hand: one text, no batch, pooling and length in float64.
#[test]
fn equals_the_network_used_by_hand() {
    for model in [TinyModel::default(), TinyModel::cls(), TinyModel { normalize: false, ..TinyModel::cls() }] {
        let folder = tempfile::tempdir().unwrap();
        let files = write_tiny_model(folder.path(), &model).unwrap();
        let encoder = Encoder::load(&files, model.settings()).unwrap();
        let text = "the cell of a tree, q7";
        let ids = ["[CLS]", "the", "cell", "of", "a", "tree", ",", "q", "##7", "[SEP]"];
        let tokenizer: serde_json::Value = serde_json::from_slice(&std::fs::read(&files.tokenizer).unwrap()).unwrap();
        let ids: Vec<u32> = ids.iter().map(|id| tokenizer["model"]["vocab"][id].as_u64().unwrap() as u32).collect();

        let config = serde_json::from_slice(&std::fs::read(&files.config).unwrap()).unwrap();
        let tensors = candle_core::safetensors::load(&files.weights[0], &Device::Cpu).unwrap();
        let network = BertModel::load(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), &config).unwrap();
        let ids = Tensor::new(vec![ids], &Device::Cpu).unwrap();
        let hidden = network.forward(&ids, &ids.zeros_like().unwrap(), None).unwrap().squeeze(0).unwrap();
        let hidden: Vec<Vec<f32>> = hidden.to_vec2().unwrap();
        let mut expected: Vec<f64> = match model.pooling {
            Pooling::Cls => hidden[0].iter().map(|value| f64::from(*value)).collect(),
            Pooling::Mean => {
                (0..model.dim).map(|d| hidden.iter().map(|t| f64::from(t[d])).sum::<f64>() / 10.0).collect()
            }
        };
        if model.normalize {
            let length = expected.iter().map(|value| value * value).sum::<f64>().sqrt();
            expected.iter_mut().for_each(|value| *value /= length);
        }
        let expected: Vec<f32> = expected.into_iter().map(|value| value as f32).collect();
        let found = &embed(&encoder, &[text])[0];
        assert!(largest_difference(found, &expected) < 1e-6, "{:?}\n{found:?}\n{expected:?}", model.pooling);
    }
}

/// The vector of a text is its own to the last bit, whatever the company; and goes back to its place.
#[test]
fn alone_as_in_a_chunk() {
    let texts = varied(128);
    for model in [TinyModel::default(), TinyModel::cls(), TinyModel { normalize: false, ..TinyModel::default() }] {
        let encoder = tiny(&model);
        let together = encoder.embed(&texts, &|| false).unwrap().unwrap();
        for (text, vector) in texts.iter().zip(together.chunks_exact(encoder.dim())) {
            assert_eq!(embed(&encoder, &[text])[0], vector, "{text}");
        }
        let reversed: Vec<String> = texts.iter().rev().cloned().collect();
        let reversed = encoder.embed(&reversed, &|| false).unwrap().unwrap();
        let backwards: Vec<f32> = together.chunks_exact(encoder.dim()).rev().flatten().copied().collect();
        assert_eq!(reversed, backwards);
    }
}

#[test]
fn empty_texts_and_no_texts() {
    let encoder = tiny(&TinyModel::default());
    assert_eq!(encoder.embed(&[], &|| false).unwrap(), Some(vec![]));
    let vectors = embed(&encoder, &["", " \n", "the", ""]);
    assert_eq!(vectors[0], vectors[1]);
    assert_eq!(vectors[0], vectors[3]);
    assert_ne!(vectors[0], vectors[2]);
    for vector in &vectors {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-6, "{length}");
    }
}

/// `tokenizer.json` says 16 tokens, cut and padded; the settings win.
#[test]
fn baked_in_truncation_and_padding_are_overridden() {
    let model = TinyModel::default();
    let folder = tempfile::tempdir().unwrap();
    let files = write_tiny_model(folder.path(), &model).unwrap();
    let words = "the cell of a tree is not gene bird with and on by or was from at it this which be";
    let of = |max_tokens, text: &str| {
        let encoder = Encoder::load(&files, Settings { max_tokens, ..model.settings() }).unwrap();
        embed(&encoder, &[text]).remove(0)
    };
    let first = |count| words.split(' ').take(count).collect::<Vec<_>>().join(" ");
    assert_eq!(of(12, words), of(64, &first(10)));
    assert_eq!(of(18, words), of(64, &first(16)));
    assert_ne!(of(64, words), of(64, &first(14)));
    assert_ne!(of(64, words), of(64, &first(20)));
}

#[test]
fn lengths_are_left_alone_where_not_asked_for() {
    let raw = tiny(&TinyModel { normalize: false, ..TinyModel::default() });
    let scaled = tiny(&TinyModel::default());
    let (mut raw, scaled) = (embed(&raw, &["a bird"]).remove(0), embed(&scaled, &["a bird"]).remove(0));
    assert_ne!(raw, scaled);
    crate::pooling::normalize(&mut raw);
    assert_eq!(raw, scaled);
}

/// The same weights in another form are the same model.
#[test]
fn prefixes_and_shards_change_nothing() {
    let plain = tiny(&TinyModel::default());
    let texts = ["", "the tree", "a bird is not a cell"];
    for (prefix, shards) in [("bert.", 1), ("", 3), ("bert.", 2)] {
        let other = tiny(&TinyModel { prefix, shards, ..TinyModel::default() });
        assert_eq!(embed(&plain, &texts), embed(&other, &texts), "{prefix:?} {shards}");
    }
    let other = tiny(&TinyModel { seed: 1, ..TinyModel::default() });
    assert_ne!(embed(&plain, &texts), embed(&other, &texts));
}

#[test]
fn weights_in_half_precision_are_computed_with_in_float32() {
    let model = TinyModel::default();
    let folder = tempfile::tempdir().unwrap();
    let files = write_tiny_model(folder.path(), &model).unwrap();
    let full = embed(&Encoder::load(&files, model.settings()).unwrap(), &["the tree"]).remove(0);
    let tensors = candle_core::safetensors::load(&files.weights[0], &Device::Cpu).unwrap();
    let half: HashMap<String, Tensor> =
        tensors.into_iter().map(|(name, tensor)| (name, tensor.to_dtype(DType::F16).unwrap())).collect();
    candle_core::safetensors::save(&half, &files.weights[0]).unwrap();
    let half = embed(&Encoder::load(&files, model.settings()).unwrap(), &["the tree"]).remove(0);
    let difference = largest_difference(&full, &half);
    assert!(difference > 0.0 && difference < 1e-2, "{difference}");
}

#[test]
fn stops_between_batches() {
    let encoder = tiny(&TinyModel::default());
    let texts = varied(128);
    assert_eq!(encoder.embed(&texts, &|| true).unwrap(), None);
    let asked = Cell::new(0);
    let count = || {
        asked.set(asked.get() + 1);
        false
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let whole = encoder.embed(&texts, &count).unwrap().unwrap();
    assert!(asked.get() >= 2, "{}", asked.get());
    // Not sendable into the pool: the pool is told a number instead.
    let stopped = pool.install(|| {
        let left = Cell::new(2u32);
        encoder.embed(&texts, &|| left.replace(left.get().saturating_sub(1)) == 0).unwrap()
    });
    assert_eq!(stopped, None);
    assert_eq!(pool.install(|| encoder.embed(&texts, &|| false).unwrap().unwrap()), whole);
}
