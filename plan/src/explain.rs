//! Why a job runs: the outcome whose key comes nearest, and what differs.
//!
//! Where an input job differs, its own fields are compared too, down to the parameter, profile or content that is the
//! root of it.

use std::fmt;

use bitsweep_proto::{Digest, Fields, JobKey};
use indexmap::IndexMap;
use serde::Serialize;

/// Jobs are at most four deep. The limit only ends the search in a store that lies.
const DEEPEST: usize = 16;

/// Why a job has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The outcome of the same kind that differs least; `None` where the kind has none.
    pub nearest: Option<Nearest>,
}

/// An outcome that is nearly the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nearest {
    /// Its key.
    pub key: JobKey,
    /// What differs, in the order of the fields. Empty where the outcome is there after all.
    pub differences: Vec<Difference>,
}

/// One field that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The field's name: `max_tokens`, `profile.self_test`, `input.texts`.
    pub field: String,
    /// The job's value; where a field stands several times, the first that differs. `None` where it has none.
    pub wanted: Option<String>,
    /// The outcome's value there.
    pub found: Option<String>,
    /// Where both values are jobs whose fields are known: what differs between those.
    pub because: Vec<Difference>,
}

/// Compares `wanted`, the fields of a job without an outcome, with the fields of `outcomes` of its kind. `fields_of`
/// gives the fields of input jobs, from the plan or from outcomes.
///
/// The nearest outcome has the fewest fields by name that differ; of several the one whose differences, followed down to
/// their roots, are the fewest; of several the one with the least key.
pub fn explain<'a>(
    wanted: &Fields,
    outcomes: impl IntoIterator<Item = &'a Fields>,
    fields_of: &dyn Fn(&JobKey) -> Option<Fields>,
) -> Explanation {
    let wanted_values = by_name(wanted);
    let same_kind = |other: &&Fields| other.get("kind") == wanted.get("kind");
    let counted: Vec<(usize, &Fields)> = outcomes
        .into_iter()
        .filter(same_kind)
        .map(|other| (differing(&wanted_values, &by_name(other)).len(), other))
        .collect();
    let fewest = counted.iter().map(|(count, _)| *count).min();
    let nearest = counted
        .into_iter()
        .filter(|(count, _)| Some(*count) == fewest)
        .map(|(_, other)| Nearest { key: other.key(), differences: differences(wanted, other, fields_of, 0) })
        .min_by_key(|nearest| (roots(&nearest.differences), nearest.key));
    Explanation { nearest }
}

/// How many differences there are that nothing lies below.
fn roots(differences: &[Difference]) -> usize {
    differences.iter().map(|difference| roots(&difference.because).max(1)).sum()
}

/// The values of each field in order; the inputs of shards share one name.
type Values<'f> = IndexMap<&'f str, Vec<&'f str>>;

fn by_name(fields: &Fields) -> Values<'_> {
    let mut values = Values::new();
    for (name, value) in fields.iter() {
        values.entry(name).or_default().push(value);
    }
    values
}

/// Names whose values are not the same: those of `wanted` in its order, then those that only `found` has.
fn differing<'f>(wanted: &Values<'f>, found: &Values<'f>) -> Vec<&'f str> {
    let changed = wanted.iter().filter(|(name, values)| found.get(*name) != Some(values)).map(|(name, _)| *name);
    let only_found = found.keys().filter(|name| !wanted.contains_key(*name)).copied();
    changed.chain(only_found).collect()
}

fn differences(
    wanted: &Fields,
    found: &Fields,
    fields_of: &dyn Fn(&JobKey) -> Option<Fields>,
    depth: usize,
) -> Vec<Difference> {
    let (wanted, found) = (by_name(wanted), by_name(found));
    let mut differences = Vec::new();
    for field in differing(&wanted, &found) {
        let at = |values: &Values<'_>, i: usize| values.get(field).and_then(|v| v.get(i)).map(|v| (*v).to_owned());
        let first = (0..).find(|i| at(&wanted, *i) != at(&found, *i)).expect("the values differ somewhere");
        let (wanted, found) = (at(&wanted, first), at(&found, first));
        let jobs = job(wanted.as_deref()).zip(job(found.as_deref())).filter(|_| depth < DEEPEST);
        let fields = jobs.and_then(|(a, b)| fields_of(&a).zip(fields_of(&b)));
        let because = fields.map_or_else(Vec::new, |(a, b)| self::differences(&a, &b, fields_of, depth + 1));
        differences.push(Difference { field: field.to_owned(), wanted, found, because });
    }
    differences
}

/// The job that an input field names, where it names one.
fn job(value: Option<&str>) -> Option<JobKey> {
    value?.strip_prefix("job:")?.parse::<Digest>().ok().map(JobKey)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nearest {
            None => f.write_str("never made here, and nothing of its kind was"),
            Some(Nearest { key, differences }) if differences.is_empty() => {
                write!(f, "the outcome {} has its key", key.0.short())
            }
            Some(Nearest { key, differences }) => {
                write!(f, "never made here; the nearest that was made ({}) differs in ", key.0.short())?;
                list(f, differences)
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.because.is_empty() {
            let shown = |value: &Option<String>| value.as_deref().map_or("absent".to_owned(), short);
            return write!(f, "{}: {}, there {}", self.field, shown(&self.wanted), shown(&self.found));
        }
        write!(f, "{}, made by a job that differs in ", self.field)?;
        list(f, &self.because)
    }
}

fn list(f: &mut fmt::Formatter<'_>, differences: &[Difference]) -> fmt::Result {
    for (i, difference) in differences.iter().enumerate() {
        write!(f, "{}{difference}", if i == 0 { "" } else { "; " })?;
    }
    Ok(())
}

/// A value as it is shown: hashes by their first digits.
fn short(value: &str) -> String {
    let (tag, hash) = match value.split_once(':') {
        Some((tag @ ("job" | "blob"), hash)) => (format!("{tag}:"), hash),
        _ => (String::new(), value),
    };
    hash.parse::<Digest>().map_or_else(|_| value.to_owned(), |digest| format!("{tag}{}", digest.short()))
}
