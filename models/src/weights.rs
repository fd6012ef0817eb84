//! Weights: from safetensors files, or by formula for the self-test and for tiny models.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::Config;

use crate::error::{ModelError, bare};

/// The network that `build` makes of the weights of `files`, as float32 in memory.
pub(crate) fn load<N>(
    files: &[PathBuf],
    build: impl FnOnce(&VarBuilder<'_>) -> candle_core::Result<N>,
) -> Result<N, ModelError> {
    let wrong = |file, problem| ModelError::Weights { file, problem };
    if files.is_empty() {
        return Err(wrong(None, "there is no safetensors file, expected model.safetensors or its shards".to_owned()));
    }
    for (at, path) in files.iter().enumerate() {
        File::open(path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let file = (files.len() > 1).then_some((at + 1, files.len()));
        // SAFETY: as below.
        unsafe { MmapedSafetensors::new(path) }
            .map_err(|error| wrong(file, format!("is not a safetensors file: {}", bare(error))))?;
    }
    // SAFETY: nobody may change a mapped file. These are imported content, named by its hash and never written again; the
    // mapping ends with this function, for tensors are copied out of it.
    let builder = unsafe { VarBuilder::from_mmaped_safetensors(files, DType::F32, &Device::Cpu) };
    let mut builder = builder.map_err(|error| wrong(None, bare(error).to_string()))?;
    if builder.contains_tensor("bert.embeddings.word_embeddings.weight") {
        builder = builder.pp("bert");
    }
    build(&builder).map_err(|error| wrong(None, bare(error).to_string()))
}

/// All tensors of a BERT encoder by their names, filled by an explicit formula: for tests of kernels, not of meaning.
///
/// Value i of a tensor is the high 24 bits of a mix (SplitMix64) of its name, `seed` and i, spread evenly over
/// ±1/√(columns), in float32; the weights of layer norms are 1, biases 0.
pub(crate) fn by_formula(config: &Config, seed: u64) -> candle_core::Result<HashMap<String, Tensor>> {
    shapes(config).into_iter().map(|(name, shape)| Ok((name.clone(), tensor(&name, &shape, seed)?))).collect()
}

/// Names and shapes, as in the files of the Hugging Face hub.
fn shapes(config: &Config) -> Vec<(String, Vec<usize>)> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![config.vocab_size, hidden]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![config.max_position_embeddings, hidden]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![config.type_vocab_size, hidden]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![hidden]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![hidden]),
    ];
    for layer in 0..config.num_hidden_layers {
        for (part, output, input) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ] {
            shapes.push((format!("encoder.layer.{layer}.{part}.weight"), vec![output, input]));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![output]));
        }
        for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
            shapes.push((format!("encoder.layer.{layer}.{part}.weight"), vec![hidden]));
            shapes.push((format!("encoder.layer.{layer}.{part}.bias"), vec![hidden]));
        }
    }
    shapes
}

/// One tensor of [`by_formula`].
pub(crate) fn tensor(name: &str, shape: &[usize], seed: u64) -> candle_core::Result<Tensor> {
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<f32> = if name.ends_with("LayerNorm.weight") {
        vec![1.0; count as usize]
    } else if name.ends_with("bias") {
        vec![0.0; count as usize]
    } else {
        let scale = 1.0 / (*shape.last().unwrap_or(&1) as f32).sqrt();
        let stream = name.bytes().fold(seed, |state, byte| mix(state ^ u64::from(byte)));
        let unit = |i: u64| (mix(stream.wrapping_add(i)) >> 40) as f32 / (1 << 23) as f32 - 1.0;
        (0..count).map(|i| unit(i) * scale).collect()
    };
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// SplitMix64's output function (Steele, Lea, Flood 2014) of the next state.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
