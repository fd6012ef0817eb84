//! The small value types of a manifest: one value or a list, codec axes, seeds.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::codec::Codec;

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> OneOrMany<T> {
    /// The values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        one_or_many(d).map(Self)
    }
}

/// Reads a list, or one value as a list of itself.
pub(super) fn one_or_many<'de, T: DeserializeOwned, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    let values = match Value::deserialize(d)? {
        Value::Array(values) => values,
        one => vec![one],
    };
    let read: Result<Vec<T>, _> = values.into_iter().map(serde_json::from_value).collect();
    read.map_err(serde::de::Error::custom)
}

/// The schema of one value or a list of different ones.
pub(super) fn one_or_many_of(one: &Schema) -> Schema {
    json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "uniqueItems": true }] })
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_or_many_of(&generator.subschema_for::<T>())
    }
}

/// One entry of `codecs`: a codec, with lists for its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CodecAxis {
    /// float32.
    Float32,
    /// Faiss SQ8.
    Int8,
    /// The frozen binary instrument.
    Binary(BinaryAxis),
    /// Product quantisation.
    Pq(PqAxis),
}

/// Parameters of `binary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BinaryAxis {
    /// Bits of a code.
    pub bits: OneOrMany<Bits>,
    /// Projection seeds: a number n means 0 … n−1, a list means itself.
    #[serde(default)]
    pub seeds: Seeds,
}

/// Parameters of `pq`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PqAxis {
    /// Bytes of a code.
    pub bytes: OneOrMany<PqBytes>,
}

/// A number of bits: a multiple of 8 from 8 to 4096.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Bits(#[schemars(range(min = 8, max = 4096), extend("multipleOf" = 8))] pub u32);

/// A number of sub-quantisers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PqBytes(#[schemars(range(min = 1, max = 1024))] pub u32);

/// Seeds of a codec.
#[derive(Clone, Debug, PartialEq)]
pub struct Seeds(pub Vec<u32>);

impl Default for Seeds {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Serialize for Seeds {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

/// More seeds than this are not a plan but a slip of the pen.
const MAX_SEEDS: u64 = 10_000;

impl<'de> Deserialize<'de> for Seeds {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(d)?;
        match value.as_u64() {
            Some(count @ 1..=MAX_SEEDS) => {
                (0..count).map(|seed| u32::try_from(seed).map_err(D::Error::custom)).collect()
            }
            Some(count) => Err(D::Error::custom(format!("{count} seeds, allowed are 1 to {MAX_SEEDS}"))),
            None => serde_json::from_value(value).map_err(D::Error::custom),
        }
        .map(Self)
    }
}

impl JsonSchema for Seeds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Seeds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let seed = json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": MAX_SEEDS },
                { "type": "array", "items": seed, "minItems": 1, "maxItems": MAX_SEEDS, "uniqueItems": true }
            ]
        })
    }
}

impl CodecAxis {
    /// The codecs of this entry: parameters in the order written, seeds innermost.
    pub fn expand(&self) -> Vec<Codec> {
        match self {
            Self::Float32 => vec![Codec::Float32],
            Self::Int8 => vec![Codec::Int8],
            Self::Pq(axis) => axis.bytes.iter().map(|bytes| Codec::Pq { bytes: bytes.0 }).collect(),
            Self::Binary(axis) => {
                let of = |bits: &Bits| {
                    let bits = bits.0;
                    axis.seeds.0.iter().map(move |seed| Codec::Binary { bits, seed: *seed })
                };
                axis.bits.iter().flat_map(of).collect()
            }
        }
    }
}
