//! YAML text to a located tree: JSON values, and where each key and value stands.
//!
//! Only the part of YAML that every reader reads alike is taken. Anchors, tags, merge keys, repeated keys and numbers
//! that look different to different readers (`0x40`, `010`, `1e3`) are mistakes: nothing is silently turned into
//! something else. Does not know what a manifest is.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::mistake::{Mistake, Place};
use super::words;

/// No manifest is nested deeper.
const MAX_DEPTH: usize = 32;

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// A document with the place of everything in it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The document.
    pub(super) value: Value,
    /// Mistakes of the text that do not keep the rest from being read.
    pub(super) mistakes: Vec<Mistake>,
    /// JSON pointers of values that have such a mistake already; nothing more is said of them.
    spoilt: HashSet<String>,
    values: HashMap<String, Place>,
    keys: HashMap<String, Place>,
}

impl Tree {
    /// Where the value at a JSON pointer stands.
    pub(super) fn value_place(&self, pointer: &str) -> Place {
        self.values.get(pointer).copied().unwrap_or(Place::START)
    }

    /// Where the key of the value at a JSON pointer stands.
    pub(super) fn key_place(&self, pointer: &str) -> Place {
        self.keys.get(pointer).copied().unwrap_or_else(|| self.value_place(pointer))
    }

    /// Whether the value at a JSON pointer is known to be wrong, so that its content means nothing.
    pub(super) fn is_spoilt(&self, pointer: &str) -> bool {
        self.spoilt.contains(pointer)
    }
}

/// A JSON pointer with one more step.
pub(super) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Parses one YAML document.
///
/// # Errors
/// The first place where the text is not YAML, or where it cannot be followed: nesting, anchors as keys, no document.
pub(super) fn parse(text: &str) -> Result<Tree, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { parser: Parser::new_from_str(text), tree: Tree::default() };
    let mut found = false;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if found => {
                let place = Place::from(&span.start);
                return Err(Mistake::of_text(place, "a second document begins here; a manifest is one document"));
            }
            Event::DocumentStart(_) => found = true,
            content => reader.tree.value = reader.node((content, span), "", 0)?,
        }
    }
    if reader.tree.value.is_null() {
        return Err(Mistake::of_text(Place::START, "the manifest is empty"));
    }
    Ok(reader.tree)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    tree: Tree,
}

type Step<'a> = (Event<'a>, Span);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Step<'a>, Mistake> {
        match self.parser.next_event() {
            Some(step) => step.map_err(|error| not_yaml(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The value that begins with `step`, to be known as `pointer`.
    fn node(&mut self, step: Step<'a>, pointer: &str, depth: usize) -> Result<Value, Mistake> {
        let (event, span) = step;
        let place = Place::from(&span.start);
        if depth > MAX_DEPTH {
            return Err(Mistake::of_text(place, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.tree.values.entry(pointer.to_owned()).or_insert(place);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.as_deref(), (pointer, place));
                Ok(self.scalar(&text, style, (pointer, place)))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.as_deref(), (pointer, place));
                self.list(pointer, depth)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.as_deref(), (pointer, place));
                self.map(pointer, depth)
            }
            Event::Alias(_) => {
                self.spoil((pointer, place), "aliases (*name) are not used in a manifest; write the value out");
                Ok(Value::Null)
            }
            _ => Err(Mistake::of_text(place, "expected a value")),
        }
    }

    fn list(&mut self, pointer: &str, depth: usize) -> Result<Value, Mistake> {
        let mut items = Vec::new();
        loop {
            let step = self.next()?;
            if matches!(step.0, Event::SequenceEnd | Event::StreamEnd) {
                return Ok(Value::Array(items));
            }
            let item = self.node(step, &format!("{pointer}/{}", items.len()), depth + 1)?;
            items.push(item);
        }
    }

    fn map(&mut self, pointer: &str, depth: usize) -> Result<Value, Mistake> {
        let mut entries = Map::new();
        loop {
            let (event, span) = self.next()?;
            let place = Place::from(&span.start);
            let key = match event {
                Event::MappingEnd | Event::StreamEnd => return Ok(Value::Object(entries)),
                Event::Scalar(key, style, anchor, tag) => {
                    self.refuse_extras(anchor, tag.as_deref(), (pointer, place));
                    self.check_key(&key, style, (pointer, place));
                    key.into_owned()
                }
                _ => return Err(Mistake::of_text(place, "a key has to be a plain name")),
            };
            let inner = child(pointer, &key);
            let first = self.tree.keys.get(&inner).copied().filter(|_| entries.contains_key(&key));
            if let Some(first) = first {
                let what = format!("key {} is here twice, first in line {}", words::quote(&key), first.line);
                self.tree.mistakes.push(Mistake { path: words::path(pointer), ..Mistake::of_text(place, what) });
            } else {
                self.tree.keys.insert(inner.clone(), place);
            }
            let step = self.next()?;
            let nothing = matches!(&step.0, Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty());
            if nothing && first.is_none() {
                // A value that is not there stands where its key stands.
                self.tree.values.insert(inner.clone(), place);
            }
            let value = self.node(step, &inner, depth + 1)?;
            entries.entry(key).or_insert(value);
        }
    }

    /// A mistake about the value itself: what it holds is not looked at any further.
    fn spoil(&mut self, (pointer, place): (&str, Place), what: impl Into<String>) {
        self.tree.spoilt.insert(pointer.to_owned());
        self.tree.mistakes.push(Mistake { path: words::path(pointer), ..Mistake::of_text(place, what) });
    }

    fn refuse_extras(&mut self, anchor: usize, tag: Option<&Tag>, here: (&str, Place)) {
        if anchor != 0 {
            self.spoil(here, "anchors (&name) are not used in a manifest; write the value out where it is needed");
        }
        if let Some(tag) = tag {
            let tag = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
            self.spoil(here, format!("tags ({tag}) are not used in a manifest; write the plain value"));
        }
    }

    fn check_key(&mut self, key: &str, style: ScalarStyle, here: (&str, Place)) {
        let (pointer, place) = here;
        let what = match resolve(key, style) {
            Plain::Text if key == "<<" && style == ScalarStyle::Plain => {
                "merge keys (<<) are not used in a manifest; write the keys out".to_owned()
            }
            Plain::Text => return,
            _ if key.is_empty() => "a key is missing before the colon".to_owned(),
            _ => format!("key {key} is not a text; put it in quotes: \"{key}\""),
        };
        self.tree.mistakes.push(Mistake { path: words::path(pointer), ..Mistake::of_text(place, what) });
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, here: (&str, Place)) -> Value {
        let allowed = match resolve(text, style) {
            Plain::Text => return Value::from(text),
            Plain::Value(value) => return value,
            Plain::Odd(Some(digits)) => format!("plain digits for a number ({digits}), quotes for a text (\"{text}\")"),
            Plain::Odd(None) => format!("a number that fits 64 bits, quotes for a text (\"{}\")", words::cut(text)),
        };
        let (pointer, place) = here;
        self.tree.spoilt.insert(pointer.to_owned());
        self.tree.mistakes.push(Mistake::of_value(place, words::path(pointer), words::cut(text), allowed));
        Value::Null
    }
}

/// What an unquoted word is.
enum Plain {
    Text,
    Value(Value),
    /// A number in a way of writing that readers of YAML or of JSON do not agree on; with its plain digits.
    Odd(Option<String>),
}

/// The core schema of YAML 1.2, with its less plain numbers set apart.
fn resolve(text: &str, style: ScalarStyle) -> Plain {
    if style != ScalarStyle::Plain {
        return Plain::Text;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Value(Value::Null),
        "true" | "True" | "TRUE" => return Plain::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Plain::Value(Value::Bool(false)),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (&text[..1], rest),
        None => ("", text),
    };
    let minus = if sign == "-" { "-" } else { "" };
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        let rest =
            digits.strip_prefix(prefix).filter(|rest| rest.chars().all(|c| c.is_digit(radix)) && !rest.is_empty());
        if let Some(rest) = rest {
            return Plain::Odd(u64::from_str_radix(rest, radix).ok().map(|n| format!("{minus}{n}")));
        }
    }
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Plain::Odd(None);
    }
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
        return whole(minus, digits, text);
    }
    if is_decimal(digits) { decimal(text) } else { Plain::Text }
}

fn whole(minus: &str, digits: &str, text: &str) -> Plain {
    let trimmed = digits.trim_start_matches('0');
    let plain = format!("{minus}{}", if trimmed.is_empty() { "0" } else { trimmed });
    let number = plain.parse::<u64>().map(Number::from).or_else(|_| plain.parse::<i64>().map(Number::from));
    match number {
        Ok(number) if plain == text => Plain::Value(Value::Number(number)),
        Ok(_) => Plain::Odd(Some(plain)),
        Err(_) => Plain::Odd(None),
    }
}

fn decimal(text: &str) -> Plain {
    match text.parse::<f64>() {
        // A JSON schema takes 1e3 for a whole number, the types do not.
        Ok(value) if value.fract() == 0.0 && value.abs() < 9e15 => Plain::Odd(Some(format!("{value:.0}"))),
        Ok(value) => Number::from_f64(value)
            .filter(|_| value.fract() != 0.0)
            .map_or(Plain::Odd(None), |n| Plain::Value(Value::Number(n))),
        Err(_) => Plain::Odd(None),
    }
}

/// `[0-9]*(\.[0-9]*)?([eE][-+]?[0-9]+)?` with at least one digit before the exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_fits && all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// A scanner's error in our words where its own need knowledge of the YAML specification.
fn not_yaml(error: &ScanError) -> Mistake {
    let place = Place::from(error.marker());
    let info = error.info();
    let what = if info.contains("tab") {
        "a tab; YAML is indented with spaces".to_owned()
    } else if info.contains("flow") {
        format!("not YAML: {info}; a bracket or brace before it may be open")
    } else if info.contains("quoted scalar") {
        format!("not YAML: {info}; the quote may not be closed")
    } else {
        format!("not YAML: {info}")
    };
    Mistake::of_text(place, what)
}
