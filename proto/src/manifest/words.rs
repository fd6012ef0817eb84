//! Words for messages: values, paths, what a part of the schema allows, the nearest name.

use serde_json::Value;

/// The longest piece of a manifest that a message repeats, in characters.
const MAX_SHOWN: usize = 60;

/// The most names that a message lists.
const MAX_NAMES: usize = 24;

/// `text` in quotes, control characters escaped, cut where it is long.
pub(super) fn quote(text: &str) -> String {
    Value::from(cut(text)).to_string()
}

/// `text`, cut where it is long.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What was found.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(map) if map.is_empty() => "an empty map".to_owned(),
        Value::Object(map) if map.len() == 1 => format!("a map with the key {}", names(map.keys())),
        Value::Object(map) => format!("a map with the keys {}", names(map.keys())),
        Value::Bool(_) | Value::Number(_) => cut(&value.to_string()),
    }
}

/// Names in a row; many are cut short.
pub(super) fn names<S: AsRef<str>>(all: impl IntoIterator<Item = S>) -> String {
    let all: Vec<S> = all.into_iter().collect();
    let shown = |name: &str| if name.contains(char::is_control) { quote(name) } else { cut(name) };
    let mut shown: Vec<String> = all.iter().take(MAX_NAMES).map(|name| shown(name.as_ref())).collect();
    if all.len() > MAX_NAMES {
        shown.push(format!("… ({} in all)", all.len()));
    }
    shown.join(", ")
}

/// A JSON pointer as a person writes it: `/codecs/2/binary/bits` is `codecs[2].binary.bits`.
pub(super) fn path(pointer: &str) -> String {
    let mut out = String::new();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let word = !step.is_empty() && step.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !step.is_empty() && step.chars().all(|c| c.is_ascii_digit()) && !out.is_empty() {
            out.push_str(&format!("[{step}]"));
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(&if word { step } else { quote(&step) });
    }
    out
}

/// What the part `node` of the schema `root` allows.
pub(super) fn allowed(node: &Value, root: &Value) -> String {
    let node = resolve(node, root);
    let text_of = |key: &str| node.get(key).and_then(Value::as_str);
    if let Some(words) = text_of("patternErrorMessage") {
        return words.to_owned();
    }
    if let Some(Value::Array(options)) = node.get("enum") {
        return names(options.iter().map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned)));
    }
    if let Some(Value::Array(branches)) = node.get("anyOf") {
        return alternatives(branches, root);
    }
    match text_of("type") {
        Some("integer") => whole_number(node),
        Some("number") => number(node, "a number"),
        Some("boolean") => "true or false".to_owned(),
        Some("string") => "a text".to_owned(),
        Some("array") => match node.get("items") {
            Some(items) => format!("a list, each item: {}", allowed(items, root)),
            None => "a list".to_owned(),
        },
        Some("object") => map(node, root),
        _ => "something else".to_owned(),
    }
}

fn alternatives(branches: &[Value], root: &Value) -> String {
    if let [one, list] = branches
        && list.get("items") == Some(one)
    {
        return format!("{}; or a list of these", allowed(one, root));
    }
    branches.iter().map(|branch| allowed(branch, root)).collect::<Vec<_>>().join("; or ")
}

fn whole_number(node: &Value) -> String {
    let bound = |key: &str| node.get(key).filter(|bound| bound.is_number()).map(Value::to_string);
    let kind = match bound("multipleOf") {
        Some(step) => format!("a multiple of {step}"),
        None => "a whole number".to_owned(),
    };
    number(node, &kind)
}

/// `kind`, from the least to the greatest that is allowed.
fn number(node: &Value, kind: &str) -> String {
    let bound = |key: &str| node.get(key).filter(|bound| bound.is_number()).map(Value::to_string);
    match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) => format!("{kind} from {low} to {high}"),
        (Some(low), None) => format!("{kind} from {low}"),
        (None, Some(high)) => format!("{kind} up to {high}"),
        (None, None) => kind.to_owned(),
    }
}

fn map(node: &Value, root: &Value) -> String {
    let Some(Value::Object(properties)) = node.get("properties") else {
        return "a map from names to what they mean".to_owned();
    };
    if node.get("maxProperties").is_some_and(|most| most == 1) {
        // The variants of an enum: each is shown with the keys it needs.
        let variant =
            |(key, content)| format!("{{ {key}: {{ {}: … }} }}", needed(resolve(content, root)).join(": …, "));
        return properties.iter().map(variant).collect::<Vec<_>>().join(", ");
    }
    format!("a map with the {} {}", if properties.len() == 1 { "key" } else { "keys" }, names(properties.keys()))
}

/// The keys that a map has to have, or where there are none, those it can have.
fn needed(node: &Value) -> Vec<&str> {
    if let Some(Value::Array(required)) = node.get("required") {
        return required.iter().filter_map(Value::as_str).collect();
    }
    let properties = node.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

/// The part of the schema that `node` refers to, or itself.
pub(super) fn resolve<'a>(node: &'a Value, root: &'a Value) -> &'a Value {
    let target = node.get("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.strip_prefix('#')?));
    match target {
        Some(target) => resolve(target, root),
        None => node,
    }
}

/// The candidate that `name` is most likely a slip of: its beginning, or a third of its letters wrong, capitals aside.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name_lower = name.to_lowercase();
    let length = name_lower.chars().count();
    // Long texts are no slips, and comparing them takes long.
    let close = candidates.into_iter().take_while(|_| length <= MAX_SHOWN).filter(|candidate| *candidate != name);
    let close = close.filter_map(|candidate| {
        let lower = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&name_lower, &lower);
        let fits = distance <= (length.max(lower.chars().count()) + 1) / 3 && distance < length;
        let begins = length >= 3 && lower.starts_with(&name_lower);
        (fits || begins).then_some((distance, candidate))
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate.to_owned())
}

/// The nearest text to `text` that `node` allows by one of its examples, with the number of `text` in the place of the
/// example's: near `ndcg@20` is `nDCG@20`.
pub(super) fn nearest_form(text: &str, node: &Value) -> Option<String> {
    let examples = node.get("examples")?.as_array()?;
    let number = number_in(text);
    let with_number = |example: &str| Some(example.replacen(number_in(example)?, number?, 1));
    let forms: Vec<String> = examples
        .iter()
        .filter_map(Value::as_str)
        .flat_map(|example| [with_number(example), Some(example.to_owned())])
        .flatten()
        .collect();
    let valid = jsonschema::validator_for(node).ok()?;
    let valid = forms.iter().filter(|form| valid.is_valid(&Value::from(form.as_str())));
    nearest(text, valid.map(String::as_str))
}

/// The last run of digits.
fn number_in(text: &str) -> Option<&str> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let before = text[..end].trim_end_matches(|c: char| c.is_ascii_digit());
    Some(&text[before.len()..end])
}
