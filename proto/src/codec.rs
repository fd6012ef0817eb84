//! Codecs: how a vector is stored for search, and what that weighs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One codec with its parameters. The canonical name ([`Codec::name`]) does not hold the seed, which is an axis of its
/// own; [`Codec::parse`] reads both back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Codec {
    /// The vectors as they are; inner product by Faiss `IndexFlatIP`.
    Float32,
    /// Faiss `SQ8`: 8 bits a dimension, ranges per dimension learnt on the corpus.
    Int8,
    /// Faiss product quantisation with 256 centroids a sub-space, one byte each (`PQ<bytes>np`). Trained once, from
    /// Faiss's fixed seed: how much another start would change is not measured.
    Pq {
        /// Sub-quantisers, which is also the bytes of one code.
        bytes: u32,
    },
    /// The frozen binary instrument: L2-normalise, Gaussian projection, sign. See `bitsweep_vectors::binary`.
    Binary {
        /// Bits of one code; a multiple of 8.
        bits: u32,
        /// Seed of the projection.
        seed: u32,
    },
}

/// What one codec costs in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of one stored vector: its code and every side factor kept per vector.
    pub bytes_per_vector: u64,
    /// Bytes shared by all vectors of an index (projection, codebooks, ranges), never hidden in the former.
    pub shared_bytes: u64,
}

impl Codec {
    /// The canonical name without the seed: `float32`, `int8`, `pq/32`, `binary/256`.
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// The seed, for codecs that have one.
    pub fn seed(&self) -> Option<u32> {
        match self {
            Self::Binary { seed, .. } => Some(*seed),
            Self::Float32 | Self::Int8 | Self::Pq { .. } => None,
        }
    }

    /// Reads a canonical name and a seed back. A seed where the codec has none, or none where it has one, is an error.
    pub fn parse(name: &str, seed: Option<u32>) -> Result<Self, NotACodec> {
        let wrong = || NotACodec { name: name.to_owned(), seed };
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0 && n.to_string() == text);
        let codec = match (name.split_once('/'), seed) {
            (None, None) if name == "float32" => Self::Float32,
            (None, None) if name == "int8" => Self::Int8,
            (Some(("pq", bytes)), None) => Self::Pq { bytes: number(bytes).ok_or_else(wrong)? },
            (Some(("binary", bits)), Some(seed)) => Self::Binary { bits: number(bits).ok_or_else(wrong)?, seed },
            _ => return Err(wrong()),
        };
        Ok(codec)
    }

    /// Bytes per vector and shared bytes for vectors of `dim` dimensions. The jobs that build an index fail when
    /// what they built weighs anything else.
    pub fn footprint(&self, dim: u32) -> Footprint {
        let dim = u64::from(dim);
        let (bytes_per_vector, shared_bytes) = match self {
            Self::Float32 => (4 * dim, 0),
            Self::Int8 => (dim, 2 * 4 * dim),
            Self::Pq { bytes } => (u64::from(*bytes), 256 * 4 * dim),
            // The projection can be made again from its seed; whoever searches holds it as float64.
            Self::Binary { bits, .. } => (u64::from(bits.div_ceil(8)), u64::from(*bits) * 8 * dim),
        };
        Footprint { bytes_per_vector, shared_bytes }
    }

    /// Why this codec cannot be used with vectors of `dim` dimensions, or `None` where it can.
    pub fn unfit(&self, dim: u32) -> Option<String> {
        match self {
            Self::Pq { bytes } if !dim.is_multiple_of(*bytes) => {
                Some(format!("pq needs a dimension that its bytes divide: {dim} is not a multiple of {bytes}"))
            }
            Self::Float32 | Self::Int8 | Self::Pq { .. } | Self::Binary { .. } => None,
        }
    }

    /// Whether results of this codec depend on the numerics profile of the search library. The binary instrument is
    /// exact: the same input gives the same codes everywhere.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Binary { .. } => true,
            Self::Float32 | Self::Int8 | Self::Pq { .. } => false,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float32 => f.write_str("float32"),
            Self::Int8 => f.write_str("int8"),
            Self::Pq { bytes } => write!(f, "pq/{bytes}"),
            Self::Binary { bits, .. } => write!(f, "binary/{bits}"),
        }
    }
}

/// A text is not the canonical name of a codec.
#[derive(Debug, thiserror::Error)]
#[error("\"{name}\" with seed {seed:?} is not a codec: float32, int8, pq/BYTES without a seed, binary/BITS with one")]
pub struct NotACodec {
    /// What was found.
    pub name: String,
    /// The seed beside it.
    pub seed: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for codec in [Codec::Float32, Codec::Int8, Codec::Pq { bytes: 32 }, Codec::Binary { bits: 256, seed: 2 }] {
            assert_eq!(Codec::parse(&codec.name(), codec.seed()).unwrap(), codec);
        }
        for (name, seed) in [("pq/032", None), ("pq", None), ("binary/64", None), ("float32", Some(1)), ("pq/0", None)]
        {
            assert!(Codec::parse(name, seed).is_err(), "{name}");
        }
    }

    #[test]
    fn bytes_are_counted_in_full() {
        let at = |codec: Codec| (codec.footprint(384).bytes_per_vector, codec.footprint(384).shared_bytes);
        assert_eq!(at(Codec::Float32), (1536, 0));
        assert_eq!(at(Codec::Int8), (384, 3072));
        assert_eq!(at(Codec::Pq { bytes: 32 }), (32, 393_216));
        assert_eq!(at(Codec::Binary { bits: 256, seed: 0 }), (32, 786_432));
    }
}
