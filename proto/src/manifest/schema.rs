//! The JSON schema of a manifest, generated from its types; it is checked in as `proto/schema/manifest.schema.json`.

use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::{Map, Value, json};

use super::Manifest;

/// Names of models, datasets and splits: they become part of the names of cells and files.
pub(super) const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
/// [`NAME_PATTERN`] in words.
pub(super) const NAME_WORDS: &str =
    "a name of letters, digits, dots, dashes and underscores that begins with a letter or digit";
/// One line of text.
pub(super) const LINE_PATTERN: &str = "^[^\\s\\p{Cc}]([^\\p{Cc}]*[^\\s\\p{Cc}])?$";
/// [`LINE_PATTERN`] in words.
pub(super) const LINE_WORDS: &str = "one line of text, without spaces at its ends";

/// The schema of [`NAME_PATTERN`].
pub(super) fn name() -> Value {
    json!({ "pattern": NAME_PATTERN, "patternErrorMessage": NAME_WORDS })
}

/// The JSON schema (draft 2020-12) of a manifest. `patternErrorMessage` says in words what a `pattern` allows; editors
/// that know YAML show it, and so do our own messages.
pub fn schema() -> Value {
    CHECKED.schema.clone()
}

/// The schema with its validator.
pub(super) struct Checked {
    pub(super) schema: Value,
    pub(super) validator: Validator,
}

/// Built once.
pub(super) static CHECKED: LazyLock<Checked> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with_transform(simplify);
    let schema: Value = settings.into_generator().into_root_schema_for::<Manifest>().into();
    let validator = jsonschema::validator_for(&schema).expect("a schema generated from types is a schema");
    Checked { schema, validator }
});

/// Makes what schemars generates say what we mean, in every part of the schema.
fn simplify(schema: &mut Schema) {
    merge_variants(schema);
    refuse_null(schema);
    transform_subschemas(&mut simplify, schema);
}

/// Turns the schema of an enum, one branch a variant, into an `enum` of its names and one map of its variants with
/// content. The branches of what is left differ in type, so that a value can be wrong in one of them only.
pub(super) fn merge_variants(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let mut names = Vec::new();
    let mut maps = Map::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum"), variant.get("properties")) {
            (Some(name), _, _) => names.push(name.clone()),
            (_, Some(Value::Array(more)), _) => names.extend(more.iter().cloned()),
            (_, _, Some(Value::Object(content))) => maps.extend(content.clone()),
            _ => return,
        }
    }
    let names = json!({ "type": "string", "enum": names });
    let maps = (!maps.is_empty()).then(|| {
        json!({
            "type": "object", "properties": maps, "additionalProperties": false, "minProperties": 1, "maxProperties": 1
        })
    });
    let no_names = names["enum"].as_array().is_some_and(Vec::is_empty);
    schema.remove("oneOf");
    let rest = match maps {
        None => names,
        Some(maps) if no_names => maps,
        Some(maps) => json!({ "anyOf": [names, maps] }),
    };
    if let Value::Object(rest) = rest {
        schema.ensure_object().extend(rest);
    }
}

/// Drops `null` from optional values: a key without a value is a mistake, not a default.
fn refuse_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = branches.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}
