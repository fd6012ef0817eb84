//! The numerics profile of the encoder on this machine.
//!
//! Matrix kernels choose code by instruction set and block sizes by cache size, softmax and GELU call the C library's
//! exponential, which chooses by CPU too. So the profile holds, beside versions, a digest over the outputs of these very
//! kernels on fixed inputs. Machines with equal profiles are taken to give equal bytes.

use bitsweep_proto::Profile;
use bitsweep_proto::digest::Hasher;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};

use crate::error::ModelError;
use crate::weights;

/// What computes, by version. A test compares it with `Cargo.lock`.
const KERNELS: &str = "candle-0.11.1 gemm-0.19.0 tokenizers-0.23.2";

/// The profile of this machine and build. Runs the self-test, which takes about 0.1 s; it reads no files.
pub fn profile() -> Result<Profile, ModelError> {
    let mut hasher = Hasher::new();
    forward(&mut hasher)?;
    products(&mut hasher)?;
    let (device, precision) = ("cpu".to_owned(), "f32".to_owned());
    Ok(Profile { device, precision, kernels: KERNELS.to_owned(), self_test: hasher.finish() })
}

/// One layer of the size of all-MiniLM-L6-v2 over texts of several lengths, padding included: every operation of the
/// network, with the short products that have kernels of their own.
fn forward(hasher: &mut Hasher) -> candle_core::Result<()> {
    let config = Config {
        vocab_size: 64,
        hidden_size: 384,
        num_hidden_layers: 1,
        num_attention_heads: 12,
        intermediate_size: 1536,
        max_position_embeddings: 64,
        ..Config::default()
    };
    let weights = weights::by_formula(&config, 0)?;
    let model = BertModel::load(VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu), &config)?;
    for (rows, width) in [(1usize, 2usize), (3, 7), (2, 33), (3, 64)] {
        let ids: Vec<u32> = (0..rows * width).map(|i| (i * i % 61) as u32).collect();
        // Row r is r tokens short of the full width.
        let mask: Vec<f32> = (0..rows * width).map(|i| if i % width + i / width < width { 1.0 } else { 0.0 }).collect();
        let ids = Tensor::from_vec(ids, (rows, width), &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, (rows, width), &Device::Cpu)?;
        digest(hasher, &model.forward(&ids, &ids.zeros_like()?, Some(&mask))?)?;
    }
    Ok(())
}

/// Products with the inner lengths of larger networks: these decide into how many blocks a sum is cut. Then attention
/// with heads of 64.
fn products(hasher: &mut Hasher) -> candle_core::Result<()> {
    let numbers = |batch, rows, inner| weights::tensor("numbers", &[batch, rows, inner], 0);
    for inner in [768, 1024, 3072, 4096] {
        let weights = numbers(1, 72, inner)?;
        for rows in [1, 20, 72] {
            digest(hasher, &weights.narrow(1, 0, rows)?.matmul(&weights.transpose(1, 2)?)?)?;
        }
    }
    for width in [3, 16, 17, 130] {
        let heads = numbers(3, width, 64)?;
        digest(hasher, &heads.matmul(&heads.transpose(1, 2)?)?)?;
    }
    Ok(())
}

fn digest(hasher: &mut Hasher, tensor: &Tensor) -> candle_core::Result<()> {
    for value in tensor.flatten_all()?.to_vec1::<f32>()? {
        hasher.update(&value.to_le_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_same_twice() {
        let (first, start) = (profile().unwrap(), std::time::Instant::now());
        assert_eq!(first, profile().unwrap());
        println!("{first} in {:?}", start.elapsed());
    }

    #[test]
    fn the_kernels_are_those_of_the_lock_file() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        for (name, package) in [("candle", "candle-core"), ("gemm", "gemm"), ("tokenizers", "tokenizers")] {
            let version = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).unwrap().1;
            let version = version.split('"').next().unwrap();
            assert!(KERNELS.contains(&format!("{name}-{version}")), "{KERNELS} does not name {package} {version}");
        }
    }
}
