//! `rescore`: how many candidates are ranked again, and by what; and the patterns that select such cells.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::axis::OneOrMany;
use crate::codec::Codec;
use crate::rescore::{Exact, Rescore};

/// Candidates where the manifest says a factor and no `k`.
const DEFAULT_K: u32 = 10;

/// The greatest factor, and the greatest `k`.
const MOST: u32 = 10_000;

/// Which second stages every codec gets. Written as a list of factors (`[1, 2, 4, 8]`: so many times 10 candidates, by float32),
/// or with parameters. 0 is the codec alone, which is measured in any case.
#[derive(Clone, Debug, PartialEq)]
pub struct RescoreAxis {
    /// Candidates as multiples of `k`.
    pub factors: Vec<u32>,
    /// The ranks that one looks at in the end.
    pub k: u32,
    /// What candidates are ranked again by.
    pub with: OneOrMany<Exact>,
}

impl RescoreAxis {
    /// The second stages that serve `codec`: by `with` in the order written, factors innermost.
    pub fn expand(&self, codec: &Codec) -> impl Iterator<Item = Rescore> {
        let each = self.with.iter().flat_map(|with| {
            let of = |factor: &u32| Rescore { with: *with, candidates: factor * self.k };
            self.factors.iter().filter(|factor| **factor > 0).map(of)
        });
        each.filter(|rescore| rescore.serves(codec))
    }

    /// How many second stages [`RescoreAxis::expand`] makes at most, without making them.
    pub fn count(&self) -> u64 {
        let factors = self.factors.iter().filter(|factor| **factor > 0).count() as u64;
        factors.saturating_mul(self.with.iter().count() as u64)
    }
}

/// The form with parameters.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Candidates as multiples of `k`; 0 is the codec alone, which is measured in any case.
    #[schemars(schema_with = "factors")]
    factors: Vec<u32>,
    /// The ranks that one looks at in the end.
    #[serde(default = "default_k")]
    #[schemars(range(min = 1, max = MOST))]
    k: u32,
    /// What candidates are ranked again by.
    #[serde(default)]
    with: OneOrMany<Exact>,
}

fn factors(_: &mut SchemaGenerator) -> Schema {
    let factor = json_schema!({ "type": "integer", "minimum": 0, "maximum": MOST });
    json_schema!({ "type": "array", "items": factor, "minItems": 1, "uniqueItems": true })
}

fn default_k() -> u32 {
    DEFAULT_K
}

/// Always with parameters: how it was written changes no sweep.
impl Serialize for RescoreAxis {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Parameters { factors: self.factors.clone(), k: self.k, with: self.with.clone() }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for RescoreAxis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(d)?;
        if value.is_array() {
            let factors = serde_json::from_value(value).map_err(D::Error::custom)?;
            return Ok(Self { factors, k: DEFAULT_K, with: OneOrMany::default() });
        }
        let Parameters { factors, k, with } = serde_json::from_value(value).map_err(D::Error::custom)?;
        Ok(Self { factors, k, with })
    }
}

impl JsonSchema for RescoreAxis {
    fn schema_name() -> Cow<'static, str> {
        "RescoreAxis".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Second stages: how many candidates of each codec are ranked again, as multiples of k (10), and by what (float32).",
            "anyOf": [factors(generator), Parameters::json_schema(generator)],
        })
    }
}

/// Which second stage a cell has. Written as `none`, `any`, `float32`, `int8` (with any number of candidates), `float32/80`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RescorePattern {
    /// None.
    None,
    /// Any.
    Any,
    /// By these vectors.
    With(Exact),
    /// This one.
    Only(Rescore),
}

impl RescorePattern {
    /// Whether `rescore` is one of them.
    pub fn matches(&self, rescore: Option<Rescore>) -> bool {
        match self {
            Self::None => rescore.is_none(),
            Self::Any => rescore.is_some(),
            Self::With(with) => rescore.is_some_and(|rescore| rescore.with == *with),
            Self::Only(only) => rescore == Some(*only),
        }
    }
}

const PATTERN: &str = "^(none|any|(float32|int8)(/[1-9][0-9]{0,8})?)$";
const WORDS: &str = "none, any, float32, int8, or a number of candidates too: float32/80";

/// A text is not a [`RescorePattern`].
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no second stage: {WORDS}")]
pub struct NotARescore(pub String);

impl FromStr for RescorePattern {
    type Err = NotARescore;
    fn from_str(text: &str) -> Result<Self, NotARescore> {
        match text {
            "none" => Ok(Self::None),
            "any" => Ok(Self::Any),
            "float32" => Ok(Self::With(Exact::Float32)),
            "int8" => Ok(Self::With(Exact::Int8)),
            _ => Rescore::parse(text).map(Self::Only).ok_or_else(|| NotARescore(text.to_owned())),
        }
    }
}

impl Serialize for RescorePattern {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => s.serialize_str("none"),
            Self::Any => s.serialize_str("any"),
            Self::With(with) => s.serialize_str(with.name()),
            Self::Only(rescore) => s.collect_str(rescore),
        }
    }
}

impl<'de> Deserialize<'de> for RescorePattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for RescorePattern {
    fn schema_name() -> Cow<'static, str> {
        "RescorePattern".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which second stage a cell has.",
            "type": "string", "pattern": PATTERN, "patternErrorMessage": WORDS, "examples": ["none", "any", "float32/80"],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_of_factors_is_the_short_form() {
        let read = |value| serde_json::from_value::<RescoreAxis>(value).unwrap();
        let short = read(json!([0, 1, 4]));
        assert_eq!(short, read(json!({ "factors": [0, 1, 4] })));
        assert_eq!(read(serde_json::to_value(&short).unwrap()), short);
        let names = |axis: &RescoreAxis, codec| axis.expand(&codec).map(|r| r.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&short, Codec::Rabitq), ["float32/10", "float32/40"]);
        assert!(names(&short, Codec::Float32).is_empty());
        let both = read(json!({ "factors": [2], "k": 5, "with": ["int8", "float32"] }));
        assert_eq!(names(&both, Codec::Rabitq), ["int8/10", "float32/10"]);
        assert_eq!(names(&both, Codec::Int8), ["float32/10"]);
        assert_eq!([short.count(), both.count()], [2, 2]);
    }

    #[test]
    fn patterns_match() {
        let pattern = |text: &str| text.parse::<RescorePattern>().unwrap();
        let of = |text: &str| Rescore::parse(text);
        for (text, rescore, expected) in [
            ("none", None, true),
            ("none", of("int8/10"), false),
            ("any", None, false),
            ("any", of("int8/10"), true),
            ("int8", of("int8/10"), true),
            ("int8", of("float32/10"), false),
            ("float32/10", of("float32/10"), true),
            ("float32/10", of("float32/20"), false),
        ] {
            assert_eq!(pattern(text).matches(rescore), expected, "{text} {rescore:?}");
            assert_eq!(serde_json::to_value(pattern(text)).unwrap(), text);
        }
        assert!("pq/10".parse::<RescorePattern>().is_err());
    }
}
