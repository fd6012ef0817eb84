//! `mrl` and `dims` of a model: the lengths its vectors are truncated to; and the patterns that select such cells.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::axis::one_or_many_of;
use super::mistake::Mistake;
use super::words;
use super::yaml::{Tree, child};

/// The most dimensions that can be asked for.
const MOST: u32 = 65_536;

/// The pattern of whole vectors.
const FULL: &str = "full";

/// What `dims` asks of the model.
const NEEDED: &str =
    "nothing without `mrl: true`: the first dimensions of a vector are a vector only where the model was trained so";

fn length() -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST })
}

/// The schema of `dims` of a model.
pub(super) fn lengths(_: &mut SchemaGenerator) -> Schema {
    one_or_many_of(&length())
}

/// Adds the lengths of models that are not said to be trained for them to `out`.
pub(super) fn check(tree: &Tree, out: &mut Vec<Mistake>) {
    let Some(Value::Object(models)) = tree.value.get("models") else { return };
    for (name, model) in models {
        // What is neither true nor false the schema refuses.
        let is_declared = model.get("mrl").is_some_and(|mrl| *mrl != Value::Bool(false));
        if let (Some(dims), false) = (model.get("dims"), is_declared) {
            let pointer = child(&child("/models", name), "dims");
            let (place, path) = (tree.value_place(&pointer), words::path(&pointer));
            out.push(Mistake::of_value(place, path, words::found(dims), NEEDED.to_owned()));
        }
    }
}

/// Which length the vectors of a cell have. Written as `full` (whole vectors) or as a number of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimsPattern {
    /// Whole.
    Full,
    /// Truncated to so many dimensions.
    Only(u32),
}

impl DimsPattern {
    /// Whether vectors truncated to `dims`, or whole ones where that is none, are meant.
    pub fn matches(self, dims: Option<u32>) -> bool {
        match self {
            Self::Full => dims.is_none(),
            Self::Only(only) => dims == Some(only),
        }
    }
}

/// A value is not a [`DimsPattern`].
#[derive(Debug, thiserror::Error)]
#[error("{0} is no length: a number of dimensions, or {FULL}")]
pub struct NotALength(pub String);

impl Serialize for DimsPattern {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Full => s.serialize_str(FULL),
            Self::Only(dims) => s.serialize_u32(*dims),
        }
    }
}

impl<'de> Deserialize<'de> for DimsPattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(d)?;
        let dims = value.as_u64().and_then(|dims| u32::try_from(dims).ok()).filter(|dims| *dims > 0);
        match dims {
            Some(dims) => Ok(Self::Only(dims)),
            None if value == FULL => Ok(Self::Full),
            None => Err(serde::de::Error::custom(NotALength(value.to_string()))),
        }
    }
}

impl JsonSchema for DimsPattern {
    fn schema_name() -> Cow<'static, str> {
        "DimsPattern".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Dimensions that the vectors of a cell are truncated to, or full.",
            "anyOf": [length(), { "type": "string", "enum": [FULL] }],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::read;

    fn manifest(model: &str) -> String {
        format!(
            "sweep: s\nmodels:\n  m: {{ source: file:m, {model} }}\ndatasets: {{ d: {{ source: beir:d }} }}\ncodecs: float32\n"
        )
    }

    fn mistakes(model: &str) -> Vec<String> {
        let refused = read(&manifest(model), "sweep.yaml").unwrap_err();
        refused.mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lengths_are_read_and_are_not_written_where_nothing_is_said() {
        let read = |model: &str| read(&manifest(model), "sweep.yaml").unwrap().models["m"].clone();
        let said = read("mrl: true, dims: [64, 128]");
        assert_eq!((said.mrl, said.dims.as_slice()), (true, &[64, 128][..]));
        assert_eq!(read("mrl: true, dims: 64").dims, [64]);
        assert_eq!(serde_json::to_value(&said).unwrap()["dims"], json!([64, 128]));
        for silent in ["mrl: true", "mrl: false", "normalize: true"] {
            assert!(serde_json::to_value(read(silent)).unwrap().get("dims").is_none(), "{silent}");
        }
        assert!(serde_json::to_value(read("mrl: false")).unwrap().get("mrl").is_none());
    }

    #[test]
    fn lengths_want_a_model_that_was_trained_for_them() {
        let needed = format!("models.m.dims: found a list, allowed: {NEEDED}");
        assert_eq!(mistakes("dims: [64]"), std::slice::from_ref(&needed));
        assert_eq!(mistakes("mrl: false, dims: [64]"), [needed]);
        assert_eq!(mistakes("dims: 64"), [format!("models.m.dims: found 64, allowed: {NEEDED}")]);
        assert_eq!(read(&manifest("dims: [64]"), "").unwrap_err().mistakes[0].line, 3);
        // One mistake is enough to say of `mrl: 1`.
        assert_eq!(mistakes("mrl: 1, dims: [64]").len(), 1);
        for wrong in ["dims: [0]", "dims: [-1]", "dims: [64, 64]", "dims: []", "dims: [half]", "dims: 1.5"] {
            assert_eq!(mistakes(&format!("mrl: true, {wrong}")).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn patterns_match() {
        let pattern = |value| serde_json::from_value::<DimsPattern>(value).unwrap();
        for (value, dims, expected) in [
            (json!("full"), None, true),
            (json!("full"), Some(64), false),
            (json!(64), Some(64), true),
            (json!(64), Some(128), false),
            (json!(64), None, false),
        ] {
            assert_eq!(pattern(value.clone()).matches(dims), expected, "{value} {dims:?}");
            assert_eq!(serde_json::to_value(pattern(value.clone())).unwrap(), value);
        }
        for wrong in [json!("none"), json!(0), json!(-1), json!([64]), json!(4_294_967_296_u64)] {
            assert!(serde_json::from_value::<DimsPattern>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
