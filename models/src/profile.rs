//! The numerics profile of the encoder.
//!
//! The encoder's arithmetic is IEEE operations in a stated order with functions of its own ([`crate::fused`]), so its bits are
//! the same on every machine: the profile names what computes, and holds a digest over its outputs on fixed inputs, which
//! would tell if a machine or a compiler broke that promise.

use bitsweep_proto::digest::Hasher;
use bitsweep_proto::{Precision, Profile};
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::Config;

use crate::error::ModelError;
use crate::fused::{How, Instructions, Network, Scratch};
use crate::weights;

/// What computes, by version. A test compares the tokenizers' with `Cargo.lock`; the network's is raised whenever its bits
/// change, which another test notices.
const KERNELS: &str = "bert-1 tokenizers-0.23.2";

/// The profile of this build, and of this machine should it differ from others. Runs the self-test, which takes a few
/// hundredths of a second; it reads no files.
pub fn profile() -> Result<Profile, ModelError> {
    let mut hasher = Hasher::new();
    self_test(&mut hasher, Instructions::chosen()?)?;
    let (device, precision) = ("cpu".to_owned(), "f32, i8".to_owned());
    Ok(Profile { device, precision, kernels: KERNELS.to_owned(), self_test: hasher.finish() })
}

/// One layer of the size of all-MiniLM-L6-v2 and one with the heads of larger networks, over texts of several lengths, in each
/// precision.
fn self_test(hasher: &mut Hasher, instructions: Instructions) -> Result<(), ModelError> {
    for (hidden_size, num_attention_heads, precision) in [
        (384, 12, Precision::Float32),
        (128, 2, Precision::Float32),
        (384, 12, Precision::Int8),
        (128, 2, Precision::Int8),
    ] {
        let config = Config {
            vocab_size: 64,
            hidden_size,
            num_hidden_layers: 1,
            num_attention_heads,
            intermediate_size: 4 * hidden_size,
            max_position_embeddings: 64,
            ..Config::default()
        };
        let weights = weights::by_formula(&config, 0)?;
        let builder = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        let network = Network::load(&builder, &config, How { instructions, precision })?;
        let texts: Vec<Vec<u32>> =
            [1usize, 2, 7, 33, 64].map(|length| (0..length).map(|i| (i * i % 61) as u32).collect()).into();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        network.forward(&texts, &mut Scratch::default(), |hidden, stride| {
            for row in hidden.chunks_exact(stride) {
                row[..network.hidden()].iter().for_each(|value| hasher.update(&value.to_le_bytes()));
            }
        });
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
    fn the_tokenizers_are_those_of_the_lock_file() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        let version = lock.split_once("name = \"tokenizers\"\nversion = \"").unwrap().1.split('"').next().unwrap();
        assert!(KERNELS.ends_with(&format!("tokenizers-{version}")), "{KERNELS} does not name tokenizers {version}");
    }

    /// On every machine and instruction set. Where this fails because the network's arithmetic was changed, raise its version
    /// in [`KERNELS`] with the digest.
    #[test]
    fn the_digest_is_the_same_everywhere() {
        for instructions in Instructions::available() {
            let mut hasher = Hasher::new();
            self_test(&mut hasher, instructions).unwrap();
            let expected = "c9c7cd5069f0ac0d1a48b8d1a174cbbb9cad095caae6181eb5314de004e685bc";
            assert_eq!(hasher.finish().to_string(), expected, "{}", instructions.name());
        }
    }
}
