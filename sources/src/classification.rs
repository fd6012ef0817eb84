//! Classification datasets: a folder with a file of labelled texts for each split, and their canonical form.
//!
//! `<split>.csv` under a header, or `<split>.jsonl`: both have `text` and `label`; `label_text` and `id`, which MTEB's datasets have
//! too, are passed over. Blanks around a label do not count, and a number is its text: a dataset gives the same canonical files in
//! either form. They are described at [`LockedClassification`]. Texts of the split that votes which stand in the measured one
//! too are left out: a copy would vote for itself. Other copies stay, each with its vote.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use bitsweep_proto::lock::{ClassificationCounts, LockedClassification, LockedFile};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::canonical::{Splits, TextFile, cut, json, put, rows, wrong};
use crate::csv;
use crate::error::Problem;
use crate::origin::Origin;
use crate::session::Session;

/// What a file must hold.
const WANTED: [&str; 2] = ["text", "label"];

/// What it may hold besides.
const PASSED_OVER: [&str; 2] = ["label_text", "id"];

/// Reads and imports a dataset.
pub(crate) fn read(
    origin: &mut Origin,
    splits: &Splits<'_>,
    session: &mut Session<'_>,
) -> Result<LockedClassification, Problem> {
    let names = [find(origin, splits.measured, "split")?, find(origin, splits.fit, "fit")?];
    let measured = File::read(origin, &names[0], session)?;
    let fit = File::read(origin, &names[1], session)?;
    let sides = Sides::of(&measured, &fit)?;
    let warnings = sides.warnings();
    for warning in &warnings {
        session.warn(warning);
    }
    let (documents, queries) = (&sides.voting, &measured.examples);
    let counts = ClassificationCounts {
        documents: documents.len() as u64,
        classes: sides.classes.len() as u64,
        queries: queries.len() as u64,
    };
    let label = |label: &str| json(&label) + "\n";
    Ok(LockedClassification {
        source: String::new(),
        split: splits.measured.to_owned(),
        fit: splits.fit.to_owned(),
        documents: put("documents.jsonl", rows(documents.iter().map(|example| example.text.as_str())), session)?,
        document_labels: put(
            "document_labels.jsonl",
            documents.iter().map(|example| label(&example.label)).collect(),
            session,
        )?,
        queries: put("queries.jsonl", rows(queries.iter().map(|example| example.text.as_str())), session)?,
        query_labels: put(
            "query_labels.jsonl",
            queries.iter().map(|example| label(&example.label)).collect(),
            session,
        )?,
        counts,
        files: vec![measured.raw.clone(), fit.raw.clone()],
        warnings,
    })
}

/// The name of the file of a split.
fn find(origin: &Origin, split: &str, key: &str) -> Result<String, Problem> {
    let names = ["csv", "jsonl"].map(|ending| format!("{split}.{ending}"));
    let [csv, jsonl] = &names;
    match (origin.has(csv), origin.has(jsonl)) {
        (true, false) => Ok(csv.clone()),
        (false, true) => Ok(jsonl.clone()),
        (true, true) => {
            Err(Problem::Broken(format!("`{key}: {split}` fits {csv} and {jsonl}: keep the one that is meant")))
        }
        (false, false) => Err(Problem::Broken(format!(
            "expected a file {csv} or {jsonl} for `{key}: {split}`, {}",
            origin.what_is_there()
        ))),
    }
}

/// A text with its label.
struct Example {
    text: String,
    label: String,
}

impl Example {
    /// Fails where the label is blank.
    fn new(text: String, label: &str) -> Result<Self, String> {
        match label.trim() {
            "" => Err("no label: expected a text or a number".to_owned()),
            label => Ok(Self { text, label: label.to_owned() }),
        }
    }
}

/// A file as it was read; never empty.
struct File {
    raw: LockedFile,
    examples: Vec<Example>,
}

impl File {
    fn read(origin: &mut Origin, name: &str, session: &mut Session<'_>) -> Result<Self, Problem> {
        let TextFile { raw, text } = TextFile::read(origin, name, session)?;
        let read = if name.ends_with(".csv") { of_csv(&text) } else { of_lines(&text) };
        let examples = read.map_err(|(line, what)| wrong(name, line, &what))?;
        let file = Self { raw, examples };
        let different = classes(file.examples.iter()).len();
        match different {
            0 => Err(Problem::Broken(format!("{name} holds no labelled text"))),
            1 => {
                let (count, label) = (file.examples.len(), cut(&file.examples[0].label));
                Err(Problem::Broken(format!(
                    "{name}: all {count} labels are {label:?}, expected at least two different ones; is it only the beginning \
                     of a sorted file?"
                )))
            }
            _ => Ok(file),
        }
    }

    fn blank_texts(&self) -> Option<String> {
        let blank = self.examples.iter().filter(|example| example.text.trim().is_empty()).count();
        (blank > 0).then(|| format!("{}: {blank} labelled texts are blank", self.raw.name))
    }
}

/// The different labels.
fn classes<'a>(examples: impl Iterator<Item = &'a Example>) -> BTreeSet<&'a str> {
    examples.map(|example| example.label.as_str()).collect()
}

/// The rows of a CSV file under a header. Fails with the line and what is wrong there.
fn of_csv(text: &str) -> Result<Vec<Example>, (u64, String)> {
    let mut records = csv::records(text)?.into_iter();
    let Some(header) = records.next() else { return Ok(Vec::new()) };
    let columns: Vec<&str> = header.fields.iter().map(|field| field.trim()).collect();
    let in_header = |what: String| (header.line, what);
    known("column", columns.iter().copied()).map_err(in_header)?;
    let [text, label] = WANTED.map(|name| columns.iter().position(|column| *column == name));
    let missing = |name: &str| in_header(format!("no column \"{name}\", {}", expected("column")));
    let (text, label) = (text.ok_or_else(|| missing("text"))?, label.ok_or_else(|| missing("label"))?);
    let example = |mut record: csv::Record| {
        let found = record.fields.len();
        if found != columns.len() {
            let what = format!("{found} fields under {} columns; quote a text with commas", columns.len());
            return Err((record.line, what));
        }
        let label = std::mem::take(&mut record.fields[label]);
        Example::new(std::mem::take(&mut record.fields[text]), &label).map_err(|what| (record.line, what))
    };
    records.map(example).collect()
}

/// The objects of a JSON lines file; blank lines hold none.
fn of_lines(text: &str) -> Result<Vec<Example>, (u64, String)> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| of_object(line).map_err(|what| (number, what))).collect()
}

/// The fields of a JSON object as they stand there: one that is there twice is there twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

fn of_object(line: &str) -> Result<Example, String> {
    let read: Result<Fields, _> = serde_json::from_str(line);
    let Fields(fields) = read.map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        format!(
            "broken JSON at column {}: {message}; expected one object {{\"text\": …, \"label\": …}} a line",
            error.column()
        )
    })?;
    known("field", fields.iter().map(|(name, _)| name.as_str()))?;
    let get = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let text = match get("text") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => return Err(format!("`text` is {}, expected a text", cut(&other.to_string()))),
        None => return Err(format!("no field \"text\", {}", expected("field"))),
    };
    match get("label") {
        Some(Value::String(label)) => Example::new(text, label),
        Some(Value::Number(label)) => Example::new(text, &label.to_string()),
        None | Some(Value::Null) => Example::new(text, ""),
        Some(other) => Err(format!("`label` is {}, expected a text or a number", cut(&other.to_string()))),
    }
}

/// Fails where a name is none that a file may hold, or is there twice.
fn known<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if !WANTED.contains(&name) && !PASSED_OVER.contains(&name) {
            return Err(format!("unknown {what} \"{}\", {}", cut(name), expected(what)));
        }
        if !seen.insert(name) {
            return Err(format!("{what} \"{name}\" is there twice"));
        }
    }
    Ok(())
}

fn expected(what: &str) -> String {
    format!("expected the {what}s {}; {} may be there too", WANTED.join(" and "), PASSED_OVER.join(" and "))
}

/// Both splits beside one another.
struct Sides<'a> {
    measured: &'a File,
    fit: &'a File,
    /// Texts of `fit` that do not stand in the measured split.
    voting: Vec<&'a Example>,
    /// Their labels.
    classes: BTreeSet<&'a str>,
}

impl<'a> Sides<'a> {
    /// Fails where no vote could be right, or none wrong.
    fn of(measured: &'a File, fit: &'a File) -> Result<Self, Problem> {
        let seen: HashSet<&str> = measured.examples.iter().map(|example| example.text.as_str()).collect();
        let voting: Vec<&Example> =
            fit.examples.iter().filter(|example| !seen.contains(example.text.as_str())).collect();
        let classes = classes(voting.iter().copied());
        let (name, other) = (&fit.raw.name, &measured.raw.name);
        if classes.len() < 2 {
            return Err(Problem::Broken(format!(
                "{name}: without the texts that stand in {other} too, {} of {} are left with {} labels: too little to vote; \
                 name another split with `fit:`",
                voting.len(),
                fit.examples.len(),
                classes.len()
            )));
        }
        if !measured.examples.iter().any(|example| classes.contains(example.label.as_str())) {
            return Err(Problem::Broken(format!(
                "{other}: none of its labels stands in {name} ({:?} …, {:?} …): are they splits of one dataset?",
                cut(&measured.examples[0].label),
                cut(&voting[0].label)
            )));
        }
        Ok(Self { measured, fit, voting, classes })
    }

    /// What is odd but usable.
    fn warnings(&self) -> Vec<String> {
        let (name, other) = (&self.fit.raw.name, &self.measured.raw.name);
        let mut warnings: Vec<String> = [self.measured, self.fit].into_iter().filter_map(File::blank_texts).collect();
        let left_out = self.fit.examples.len() - self.voting.len();
        if left_out > 0 {
            warnings.push(format!(
                "{name}: {left_out} texts stand in {other} too; they do not vote, and codecs are not fitted on them"
            ));
        }
        let mut first: HashMap<&str, &str> = HashMap::new();
        let mut twofold: HashSet<&str> = HashSet::new();
        for example in &self.voting {
            if *first.entry(&example.text).or_insert(&example.label) != example.label {
                twofold.insert(&example.text);
            }
        }
        if !twofold.is_empty() {
            warnings
                .push(format!("{name}: {} texts stand there with several labels; each of them votes", twofold.len()));
        }
        let labels = self.measured.examples.iter().map(|example| example.label.as_str());
        let unknown: Vec<&str> = labels.filter(|label| !self.classes.contains(label)).collect();
        if let Some(label) = unknown.first() {
            warnings.push(format!(
                "{other}: {} texts have labels that no text that votes has ({:?} …): no vote is right for them",
                unknown.len(),
                cut(label)
            ));
        }
        warnings
    }
}
