//! Codec patterns: which codecs an entry of `exclude` or `tiers` means.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::approximate::{HnswPattern, IvfpqPattern, has};
use super::axis::{Bits, OneOrMany, PqBytes, Seeds};
use crate::codec::{Centre, Codec, Pq, PqScoring, Rotation, Scoring, Sign};

/// Codecs by family and parameters; a parameter left out matches any value. Written as a name (`float32`, `binary`,
/// `binary/256`, `pq/32`) or with parameters: `{ binary: { bits: [64, 128], seeds: [0] } }`. A pattern with seeds matches
/// no codec without one.
#[derive(Clone, Debug, PartialEq)]
pub enum CodecPattern {
    /// float32.
    Float32,
    /// Faiss SQ8.
    Int8,
    /// Faiss SQ4.
    Int4,
    /// Product quantisation.
    Pq(PqPattern),
    /// Product quantisation after a learnt rotation.
    Opq(PqPattern),
    /// Product quantisation for fast scans.
    Pq4fs(PqPattern),
    /// RaBitQ.
    Rabitq,
    /// 2 bits a dimension.
    Int2,
    /// A graph.
    Hnsw(HnswPattern),
    /// Inverted lists.
    Ivfpq(IvfpqPattern),
    /// The binary instrument and its variants.
    Binary(BinaryPattern),
}

/// Parameters of `pq`, `opq` and `pq4fs`, for matching.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PqPattern {
    /// Bytes of a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<OneOrMany<PqBytes>>,
    /// Starts of k-means: a number n means 0 … n−1, a list means itself. What has no seed matches none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
    /// How a query meets a decoded vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<OneOrMany<PqScoring>>,
}

/// Parameters of `binary`, for matching.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BinaryPattern {
    /// Bits of a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<OneOrMany<Bits>>,
    /// Projection seeds: a number n means 0 … n−1, a list means itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
    /// Where the thresholds lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<OneOrMany<Centre>>,
    /// What is projected on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<OneOrMany<Rotation>>,
    /// How a query meets a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<OneOrMany<Scoring>>,
}

/// A family with its parameters.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Parameters {
    Binary(BinaryPattern),
    Pq(PqPattern),
    Opq(PqPattern),
    Pq4fs(PqPattern),
    Hnsw(HnswPattern),
    Ivfpq(IvfpqPattern),
}

impl PqPattern {
    fn matches(&self, pq: Pq) -> bool {
        has(self.bytes.as_ref(), &PqBytes(pq.bytes))
            && has_seed(self.seeds.as_ref(), pq.seed)
            && has(self.scoring.as_ref(), &pq.scoring)
    }
}

/// Whether `seed` is one of `wanted`; where nothing is wanted any is, and none.
fn has_seed(wanted: Option<&Seeds>, seed: Option<u32>) -> bool {
    wanted.is_none_or(|wanted| seed.is_some_and(|seed| wanted.0.contains(&seed)))
}

impl BinaryPattern {
    fn matches(&self, sign: &Sign) -> bool {
        has(self.bits.as_ref(), &Bits(sign.bits))
            && has_seed(self.seeds.as_ref(), sign.seed)
            && has(self.centre.as_ref(), &sign.centre)
            && has(self.rotation.as_ref(), &sign.rotation)
            && has(self.scoring.as_ref(), &sign.scoring)
    }
}

impl CodecPattern {
    /// Whether `codec` is one of them.
    pub fn matches(&self, codec: &Codec) -> bool {
        match (self, *codec) {
            (Self::Float32, Codec::Float32)
            | (Self::Int8, Codec::Int8)
            | (Self::Int4, Codec::Int4)
            | (Self::Int2, Codec::Int2)
            | (Self::Rabitq, Codec::Rabitq) => true,
            (Self::Pq(pattern), Codec::Pq(pq))
            | (Self::Opq(pattern), Codec::Opq(pq))
            | (Self::Pq4fs(pattern), Codec::Pq4fs(pq)) => pattern.matches(pq),
            (Self::Hnsw(pattern), Codec::Hnsw(hnsw)) => pattern.matches(hnsw),
            (Self::Ivfpq(pattern), Codec::Ivfpq(ivfpq)) => pattern.matches(ivfpq),
            (Self::Binary(pattern), codec) => codec.as_sign().is_some_and(|sign| pattern.matches(&sign)),
            _ => false,
        }
    }
}

impl CodecPattern {
    /// The same whatever the seeds; `None` where it asks for none.
    pub(super) fn without_seeds(&self) -> Option<Self> {
        let of_pq = |pattern: &PqPattern| pattern.seeds.is_some().then(|| PqPattern { seeds: None, ..pattern.clone() });
        match self {
            Self::Pq(pattern) => of_pq(pattern).map(Self::Pq),
            Self::Opq(pattern) => of_pq(pattern).map(Self::Opq),
            Self::Pq4fs(pattern) => of_pq(pattern).map(Self::Pq4fs),
            Self::Binary(pattern) => {
                pattern.seeds.is_some().then(|| Self::Binary(BinaryPattern { seeds: None, ..pattern.clone() }))
            }
            _ => None,
        }
    }
}

/// A text is not the name of a codec or of a family of them.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" does not name codecs: {NAME_WORDS}")]
pub struct NotAPattern(pub String);

const NAME_PATTERN: &str = "^(float32|int8|int4|int2|rabitq|hnsw|ivfpq|(binary|pq|opq|pq4fs)(/[1-9][0-9]{0,8})?)$";
const NAME_WORDS: &str = "float32, int8, int4, int2, rabitq, binary, binary/BITS, pq, pq/BYTES, opq, opq/BYTES, \
                          pq4fs, pq4fs/BYTES, hnsw, ivfpq";

impl FromStr for CodecPattern {
    type Err = NotAPattern;
    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let wrong = || NotAPattern(text.to_owned());
        let of_bytes = |bytes: Option<u32>| PqPattern {
            bytes: bytes.map(|n| OneOrMany(vec![PqBytes(n)])),
            ..PqPattern::default()
        };
        let (family, number) = match text.split_once('/') {
            Some((family, number)) => {
                let fits = |n: &u32| (1..1_000_000_000).contains(n) && n.to_string() == number;
                (family, Some(number.parse().ok().filter(fits).ok_or_else(wrong)?))
            }
            None => (text, None),
        };
        match (family, number) {
            ("float32", None) => Ok(Self::Float32),
            ("int8", None) => Ok(Self::Int8),
            ("int4", None) => Ok(Self::Int4),
            ("rabitq", None) => Ok(Self::Rabitq),
            ("int2", None) => Ok(Self::Int2),
            ("hnsw", None) => Ok(Self::Hnsw(HnswPattern::default())),
            ("ivfpq", None) => Ok(Self::Ivfpq(IvfpqPattern::default())),
            ("pq", bytes) => Ok(Self::Pq(of_bytes(bytes))),
            ("opq", bytes) => Ok(Self::Opq(of_bytes(bytes))),
            ("pq4fs", bytes) => Ok(Self::Pq4fs(of_bytes(bytes))),
            ("binary", bits) => {
                let bits = bits.map(|n| OneOrMany(vec![Bits(n)]));
                Ok(Self::Binary(BinaryPattern { bits, ..BinaryPattern::default() }))
            }
            _ => Err(wrong()),
        }
    }
}

impl Serialize for CodecPattern {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Float32 => s.serialize_str("float32"),
            Self::Int8 => s.serialize_str("int8"),
            Self::Int4 => s.serialize_str("int4"),
            Self::Rabitq => s.serialize_str("rabitq"),
            Self::Int2 => s.serialize_str("int2"),
            Self::Hnsw(pattern) => Parameters::Hnsw(pattern.clone()).serialize(s),
            Self::Ivfpq(pattern) => Parameters::Ivfpq(pattern.clone()).serialize(s),
            Self::Pq(pattern) => Parameters::Pq(pattern.clone()).serialize(s),
            Self::Opq(pattern) => Parameters::Opq(pattern.clone()).serialize(s),
            Self::Pq4fs(pattern) => Parameters::Pq4fs(pattern.clone()).serialize(s),
            Self::Binary(pattern) => Parameters::Binary(pattern.clone()).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for CodecPattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Value::deserialize(d)? {
            Value::String(name) => name.parse().map_err(D::Error::custom),
            map => match serde_json::from_value(map).map_err(D::Error::custom)? {
                Parameters::Pq(pattern) => Ok(Self::Pq(pattern)),
                Parameters::Opq(pattern) => Ok(Self::Opq(pattern)),
                Parameters::Pq4fs(pattern) => Ok(Self::Pq4fs(pattern)),
                Parameters::Binary(pattern) => Ok(Self::Binary(pattern)),
                Parameters::Hnsw(pattern) => Ok(Self::Hnsw(pattern)),
                Parameters::Ivfpq(pattern) => Ok(Self::Ivfpq(pattern)),
            },
        }
    }
}

impl JsonSchema for CodecPattern {
    fn schema_name() -> Cow<'static, str> {
        "CodecPattern".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({
            "type": "string",
            "pattern": NAME_PATTERN,
            "patternErrorMessage": NAME_WORDS,
            "examples": ["float32", "int8", "binary", "binary/256", "pq", "pq/32", "opq/32", "rabitq"],
        });
        let mut parameters = Parameters::json_schema(generator);
        super::schema::merge_variants(&mut parameters);
        json_schema!({
            "description": "Codecs by family and parameters; a parameter left out matches any value.",
            "anyOf": [name, parameters],
        })
    }
}
