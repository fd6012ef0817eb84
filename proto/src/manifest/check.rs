//! The located tree against the schema: each error of the validator becomes a mistake with a place and with words taken
//! from the schema. Knows no key of the manifest by name.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::mistake::{Mistake, MistakeKind};
use super::schema::CHECKED;
use super::words;
use super::yaml::{Tree, child};

/// Adds everything in `tree` that the schema does not allow to `out`.
pub(super) fn against_schema(tree: &Tree, out: &mut Vec<Mistake>) {
    let mut check = Check { tree, root: &CHECKED.schema, found: Vec::new() };
    for error in CHECKED.validator.iter_errors(&tree.value) {
        check.explain(&error);
    }
    // A key that is only misspelt is not missing too.
    let unknown = check.found.iter().filter(|mistake| mistake.kind == MistakeKind::UnknownKey);
    let misspelt: HashSet<(String, String)> =
        unknown.filter_map(|mistake| Some((mistake.path.clone(), words::quote(mistake.nearest.as_deref()?)))).collect();
    let is_misspelt = |mistake: &Mistake| misspelt.contains(&(mistake.path.clone(), mistake.found.clone()));
    check.found.retain(|mistake| mistake.kind != MistakeKind::MissingKey || !is_misspelt(mistake));
    out.append(&mut check.found);
}

struct Check<'a> {
    tree: &'a Tree,
    root: &'a Value,
    found: Vec<Mistake>,
}

impl Check<'_> {
    fn explain(&mut self, error: &ValidationError<'_>) {
        let pointer = error.instance_path().as_str();
        if self.tree.is_spoilt(pointer) {
            return;
        }
        let node = self.node(error);
        match error.kind() {
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                match context.iter().find(|branch| !branch.iter().any(|error| is_misfit(error, pointer))) {
                    Some(branch) => branch.iter().for_each(|error| self.explain(error)),
                    None => self.wrong_type(error, node),
                }
            }
            Kind::Type { .. } => self.wrong_type(error, node),
            Kind::AdditionalProperties { unexpected } => self.unknown_keys(error, unexpected),
            Kind::Required { property } => self.missing_key(pointer, property.as_str().unwrap_or_default(), node),
            Kind::PropertyNames { error: inner } => {
                let name = inner.instance().as_str().unwrap_or_default();
                let place = self.tree.key_place(&child(pointer, name));
                let allowed = words::allowed(self.node(inner), self.root);
                let found = format!("the name {}", words::quote(name));
                self.found.push(Mistake::of_value(place, words::path(pointer), found, allowed));
            }
            Kind::UniqueItems => self.repeated(pointer, error.instance()),
            Kind::Enum { .. } => self.wrong_name(error),
            Kind::Pattern { .. } => {
                let nearest = words::nearest_form(error.instance().as_str().unwrap_or_default(), node);
                self.value(error, words::allowed(node, self.root)).nearest = nearest;
            }
            Kind::MinItems { limit } => drop(self.value(error, format!("{limit} or more items"))),
            Kind::MaxItems { limit } => drop(self.value(error, format!("up to {limit} items"))),
            Kind::MinProperties { limit } => drop(self.value(error, format!("{limit} or more keys{}", of_known(node)))),
            Kind::MaxProperties { limit } => drop(self.value(error, format!("up to {limit} key{}", of_known(node)))),
            _ => drop(self.value(error, words::allowed(node, self.root))),
        }
    }

    /// The part of the schema that holds the keyword that failed.
    fn node(&self, error: &ValidationError<'_>) -> &'static Value {
        let keyword = error.schema_path().as_str();
        let node = keyword.rsplit_once('/').and_then(|(node, _)| CHECKED.schema.pointer(node));
        node.unwrap_or(&CHECKED.schema)
    }

    /// Adds the mistake that the value of `error` is not what is allowed.
    fn value(&mut self, error: &ValidationError<'_>, allowed: String) -> &mut Mistake {
        let pointer = error.instance_path().as_str();
        let found = words::found(error.instance());
        self.found.push_mut(Mistake::of_value(self.tree.value_place(pointer), words::path(pointer), found, allowed))
    }

    fn wrong_type(&mut self, error: &ValidationError<'_>, node: &Value) {
        let allowed = words::allowed(node, self.root);
        match error.instance().as_ref() {
            Value::String(text) => {
                self.value(error, allowed).found = format!("the text {}", words::quote(text));
            }
            value @ (Value::Number(_) | Value::Bool(_)) if is_text_of(&value.to_string(), node) => {
                self.value(error, format!("{allowed}; \"{value}\" in quotes is one"));
            }
            _ => drop(self.value(error, allowed)),
        }
    }

    /// The alternatives of which the part of the schema that failed is one, or that part.
    fn around(&self, error: &ValidationError<'_>) -> &'static Value {
        let keyword = error.schema_path().as_str();
        let around = keyword.rsplit_once('/').and_then(|(branch, _)| branch.rsplit_once("/anyOf/"));
        let around =
            around.filter(|(_, branch)| !branch.contains('/')).and_then(|(node, _)| CHECKED.schema.pointer(node));
        around.unwrap_or_else(|| self.node(error))
    }

    /// A text that is none of the names. Where a map is an alternative, its keys are names too.
    fn wrong_name(&mut self, error: &ValidationError<'_>) {
        let node = self.around(error);
        let branches = match node.get("anyOf") {
            Some(Value::Array(branches)) => branches.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let options = branches.iter().filter_map(|branch| branch.get("enum")?.as_array()).flatten();
        let keys =
            branches.iter().filter_map(|branch| branch.get("properties")?.as_object()).flat_map(|keys| keys.keys());
        let candidates = options.filter_map(Value::as_str).chain(keys.map(String::as_str));
        let nearest = words::nearest(error.instance().as_str().unwrap_or_default(), candidates);
        self.value(error, words::allowed(node, self.root)).nearest = nearest;
    }

    fn unknown_keys(&mut self, error: &ValidationError<'_>, unexpected: &[String]) {
        let pointer = error.instance_path().as_str();
        let (node, around) = (self.node(error), self.around(error));
        let known = known_keys(node);
        let allowed = if std::ptr::eq(node, around) { words::names(&known) } else { words::allowed(around, self.root) };
        // The reader has said already that merge keys are not used.
        for key in unexpected.iter().filter(|key| *key != "<<") {
            let place = self.tree.key_place(&child(pointer, key));
            self.found.push(Mistake {
                kind: MistakeKind::UnknownKey,
                nearest: words::nearest(key, known.iter().copied()),
                ..Mistake::of_value(place, words::path(pointer), words::quote(key), allowed.clone())
            });
        }
    }

    fn missing_key(&mut self, pointer: &str, key: &str, node: &Value) {
        let allowed = match node.get("properties").and_then(|properties| properties.get(key)) {
            Some(property) => words::allowed(property, self.root),
            None => String::new(),
        };
        let place = self.tree.value_place(pointer);
        self.found.push(Mistake {
            kind: MistakeKind::MissingKey,
            ..Mistake::of_value(place, words::path(pointer), words::quote(key), allowed)
        });
    }

    fn repeated(&mut self, pointer: &str, list: &Value) {
        let mut seen = HashMap::new();
        for (i, item) in list.as_array().into_iter().flatten().enumerate() {
            let here = format!("{pointer}/{i}");
            if self.tree.is_spoilt(&here) {
                continue;
            }
            match seen.entry(item.to_string()) {
                Entry::Occupied(first) => {
                    let first = words::path(&format!("{pointer}/{}", first.get()));
                    let found = format!("{} again, as in {first}", words::found(item));
                    let (place, allowed) = (self.tree.value_place(&here), "each value once".to_owned());
                    self.found.push(Mistake::of_value(place, words::path(&here), found, allowed));
                }
                Entry::Vacant(free) => {
                    free.insert(i);
                }
            }
        }
    }
}

/// Whether `error` says that the value at `pointer` is of another type than the branch is for.
fn is_misfit(error: &ValidationError<'_>, pointer: &str) -> bool {
    error.instance_path().as_str() == pointer
        && match error.kind() {
            Kind::Type { .. } => true,
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                context.iter().all(|branch| branch.iter().any(|error| is_misfit(error, pointer)))
            }
            _ => false,
        }
}

/// Whether `text` is what `node` allows as one text.
fn is_text_of(text: &str, node: &Value) -> bool {
    let node = match node.get("anyOf") {
        Some(Value::Array(branches)) => branches.first().unwrap_or(node),
        _ => node,
    };
    let is_text = node.get("type").is_some_and(|name| name == "string");
    is_text && jsonschema::validator_for(node).is_ok_and(|valid| valid.is_valid(&Value::from(text)))
}

fn known_keys(node: &Value) -> Vec<&str> {
    let properties = node.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

fn of_known(node: &Value) -> String {
    let known = known_keys(node);
    if known.is_empty() { String::new() } else { format!(" of {}", words::names(known)) }
}
