//! The small value types of a manifest: one value or a list, codec axes, seeds.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::approximate::{HnswAxis, IvfpqAxis};
use crate::codec::{Centre, Codec, Pq, PqScoring, Rotation, Scoring, Sign};

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

impl<T: Default + PartialEq> OneOrMany<T> {
    /// Whether it is what is meant where nothing is said: then it is not written, so that the ids of sweeps do not change.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The default value alone.
impl<T: Default> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(vec![T::default()])
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
    /// Faiss SQ4.
    Int4,
    /// The binary instrument and its variants.
    Binary(BinaryAxis),
    /// Product quantisation.
    Pq(PqAxis),
    /// Product quantisation after a learnt rotation.
    Opq(PqAxis),
    /// Product quantisation with 4 bits a sub-space, for fast scans.
    Pq4fs(PqAxis),
    /// RaBitQ with one bit a dimension.
    Rabitq,
    /// 2 bits a dimension, cut at the quartiles of the corpus.
    Int2,
    /// A graph over the vectors as they are; searches are approximate.
    Hnsw(HnswAxis),
    /// Inverted lists of product quantised residuals; searches are approximate.
    Ivfpq(IvfpqAxis),
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
    /// Where the thresholds lie: at 0, at the mean document, at the median of each bit.
    #[serde(default, skip_serializing_if = "OneOrMany::is_default")]
    pub centre: OneOrMany<Centre>,
    /// What is projected on: the first dimensions (`none`), normal numbers, those made orthonormal, directions of greatest
    /// variance (`pca`; needs `centre: mean` or `median`), those rotated (`itq`; needs `centre: mean`).
    #[serde(default, skip_serializing_if = "OneOrMany::is_default")]
    pub rotation: OneOrMany<Rotation>,
    /// How a query meets a code: by Hamming distance (`symmetric`), or uncoded (`asymmetric`).
    #[serde(default, skip_serializing_if = "OneOrMany::is_default")]
    pub scoring: OneOrMany<Scoring>,
}

/// Parameters of `pq`, `opq` and `pq4fs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PqAxis {
    /// Bytes of a code.
    pub bytes: OneOrMany<PqBytes>,
    /// Starts of k-means: a number n means 0 … n−1, a list means itself. Default: one, from the documents in the order of the
    /// corpus and Faiss's fixed seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
    /// How a query meets a decoded vector: by the inner product, or by that over the decoded vector's length (`cosine`; not for
    /// `pq4fs`).
    #[serde(default, skip_serializing_if = "OneOrMany::is_default")]
    pub scoring: OneOrMany<PqScoring>,
}

/// A number of bits: a multiple of 8 from 8 to 4096.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Bits(#[schemars(range(min = 8, max = 4096), extend("multipleOf" = 8))] pub u32);

/// Bytes of one code.
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
    /// The codecs of this entry: parameters in the order written, seeds innermost. A rotation that is not drawn has one
    /// codec for all seeds.
    pub fn expand(&self) -> Vec<Codec> {
        match self {
            Self::Float32 => vec![Codec::Float32],
            Self::Int8 => vec![Codec::Int8],
            Self::Int4 => vec![Codec::Int4],
            Self::Rabitq => vec![Codec::Rabitq],
            Self::Int2 => vec![Codec::Int2],
            Self::Hnsw(axis) => axis.expand(),
            Self::Ivfpq(axis) => axis.expand(),
            Self::Pq(axis) => axis.expand(Codec::Pq),
            Self::Opq(axis) => axis.expand(Codec::Opq),
            Self::Pq4fs(axis) => axis.expand(Codec::Pq4fs),
            Self::Binary(axis) => axis.expand(),
        }
    }
}

impl CodecAxis {
    /// How many codecs [`CodecAxis::expand`] makes, without making them.
    pub fn count(&self) -> u64 {
        let count = match self {
            Self::Float32 | Self::Int8 | Self::Int4 | Self::Int2 | Self::Rabitq => 1,
            Self::Hnsw(axis) => axis.count(),
            Self::Ivfpq(axis) => axis.count(),
            Self::Pq(axis) | Self::Opq(axis) | Self::Pq4fs(axis) => {
                let seeds = axis.seeds.as_ref().map_or(1, |seeds| seeds.0.len());
                axis.bytes.0.len().saturating_mul(axis.scoring.0.len()).saturating_mul(seeds)
            }
            Self::Binary(axis) => {
                let seeds = |rotation: &Rotation| if rotation.is_drawn() { axis.seeds.0.len() } else { 1 };
                let forms = axis.bits.0.len() * axis.centre.0.len() * axis.scoring.0.len();
                forms.saturating_mul(axis.rotation.iter().map(seeds).sum())
            }
        };
        count as u64
    }
}

impl PqAxis {
    fn expand(&self, of: fn(Pq) -> Codec) -> Vec<Codec> {
        let seeds: Vec<Option<u32>> = match &self.seeds {
            Some(Seeds(seeds)) => seeds.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        let mut codecs = Vec::new();
        for &PqBytes(bytes) in self.bytes.iter() {
            for &scoring in self.scoring.iter() {
                codecs.extend(seeds.iter().map(|seed| of(Pq { bytes, seed: *seed, scoring })));
            }
        }
        codecs
    }
}

impl BinaryAxis {
    fn expand(&self) -> Vec<Codec> {
        let mut codecs = Vec::new();
        for &Bits(bits) in self.bits.iter() {
            for &centre in self.centre.iter() {
                for &rotation in self.rotation.iter() {
                    for &scoring in self.scoring.iter() {
                        let of =
                            |seed: &u32| Codec::binary(Sign { bits, centre, rotation, scoring, seed: Some(*seed) });
                        let seeds = if rotation.is_drawn() { self.seeds.0.as_slice() } else { &[0] };
                        codecs.extend(seeds.iter().map(of));
                    }
                }
            }
        }
        codecs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(json: &str) -> CodecAxis {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn starts_and_scorings_of_product_quantisation_multiply() {
        let entry = axis(r#"{"opq": {"bytes": [8, 16], "seeds": 3, "scoring": ["inner_product", "cosine"]}}"#);
        let codecs = entry.expand();
        assert_eq!((codecs.len() as u64, entry.count()), (2 * 2 * 3, 12));
        assert_eq!((codecs[3].name().as_str(), codecs[3].seed()), ("opq/8/cosine", Some(0)));
        assert_eq!(axis(r#"{"pq": {"bytes": 8}}"#).expand(), [Codec::pq(8)]);
    }

    #[test]
    fn parameters_multiply_and_seeds_count_where_they_are_used() {
        let entry = axis(
            r#"{"binary": {"bits": [64, 128], "seeds": 3, "centre": ["none", "mean"],
                "rotation": ["gaussian", "none"], "scoring": ["symmetric", "asymmetric"]}}"#,
        );
        let codecs = entry.expand();
        assert_eq!((codecs.len() as u64, entry.count()), (2 * 2 * 2 * (3 + 1), 32));
        let names: Vec<String> = codecs[..4].iter().map(|codec| format!("{codec} {:?}", codec.seed())).collect();
        let [a, b] = ["binary/64", "binary/64/none+gaussian/asymmetric"];
        assert_eq!(
            names,
            [format!("{a} Some(0)"), format!("{a} Some(1)"), format!("{a} Some(2)"), format!("{b} Some(0)")]
        );
        assert_eq!(codecs[6].name(), "binary/64/none+none");
        assert_eq!(codecs[6].seed(), None);
        for (json, names) in [
            (r#""int4""#, ["int4"].as_slice()),
            (r#""int2""#, &["int2"]),
            (r#""rabitq""#, &["rabitq"]),
            (r#"{"opq": {"bytes": [8, 16]}}"#, &["opq/8", "opq/16"]),
            (r#"{"pq4fs": {"bytes": 8}}"#, &["pq4fs/8"]),
            (r#"{"binary": {"bits": 64}}"#, &["binary/64"]),
        ] {
            let entry = axis(json);
            assert_eq!(entry.expand().iter().map(Codec::name).collect::<Vec<_>>(), names);
            assert_eq!(entry.count(), names.len() as u64);
        }
    }
}
