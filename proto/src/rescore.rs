//! Rescoring: the best candidates of a codec, ranked again by vectors that say more.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codec::Codec;

/// What candidates are ranked again by. These vectors are kept beside the codes, one for each document, and only those of the
/// candidates are read for a query: they may lie on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exact {
    /// The embeddings themselves.
    #[default]
    Float32,
    /// Those of the codec `int8`, decoded.
    Int8,
}

impl Exact {
    /// The codec that they are stored by.
    pub fn codec(self) -> Codec {
        match self {
            Self::Float32 => Codec::Float32,
            Self::Int8 => Codec::Int8,
        }
    }

    /// The name, which is that of the codec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
        }
    }
}

/// A second stage of a search: so many of the best documents of a codec are ranked again, by exact inner products of the query
/// with better vectors. Written as `float32/80`, which parses back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rescore {
    /// By what.
    pub with: Exact,
    /// How many.
    pub candidates: u32,
}

impl Rescore {
    /// Reads a name back; `None` where `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, number) = text.split_once('/')?;
        let with = [Exact::Float32, Exact::Int8].into_iter().find(|with| with.name() == name)?;
        let candidates = number.parse().ok().filter(|n: &u32| *n > 0 && n.to_string() == number)?;
        Some(Self { with, candidates })
    }

    /// Whether it can change the ranking of `codec`: the same vectors again would not.
    pub fn serves(&self, codec: &Codec) -> bool {
        let holds_vectors = matches!(codec, Codec::Float32 | Codec::Hnsw(_));
        !holds_vectors && *codec != self.with.codec()
    }
}

impl fmt::Display for Rescore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.with.name(), self.candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for (with, candidates) in [(Exact::Float32, 80), (Exact::Int8, 1)] {
            let rescore = Rescore { with, candidates };
            assert_eq!(Rescore::parse(&rescore.to_string()), Some(rescore));
        }
        for wrong in
            ["", "float32", "float32/0", "float32/080", "float32/-1", "pq/80", "float32/4294967296", "int8/1/1"]
        {
            assert_eq!(Rescore::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_same_vectors_change_nothing() {
        let serves = |with, codec| Rescore { with, candidates: 10 }.serves(&codec);
        assert!(serves(Exact::Float32, Codec::Int8) && serves(Exact::Int8, Codec::Rabitq));
        assert!(!serves(Exact::Int8, Codec::Int8) && !serves(Exact::Int8, Codec::Float32));
        assert!(!serves(Exact::Float32, Codec::Float32));
    }
}
