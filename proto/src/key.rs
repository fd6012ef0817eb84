//! Job keys: a hash over explicit canonical fields, and nothing else.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};

/// The name of a job's result: equal keys mean an equal result. Attempt numbers, paths, times and hosts never enter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobKey(pub Digest);

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything that can change a job's output, as ordered name–value pairs. [`Fields::key`] hashes them;
/// `explain` compares them to say which one made a job run again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(Vec<(Cow<'static, str>, String)>);

impl Fields {
    /// Adds a value that cannot hold a line break: numbers, hashes, canonical names.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl fmt::Display) {
        let value = value.to_string();
        debug_assert!(!value.contains('\n'));
        self.0.push((name.into(), value));
    }

    /// Adds free text, as a JSON string so that no text can pass for two fields.
    pub fn push_text(&mut self, name: impl Into<Cow<'static, str>>, value: &str) {
        self.push(name, serde_json::Value::from(value));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// The value of the first field called `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The hash over the fields in order, under a version line: the length of each name and value in bytes, then
    /// `name=value`. The lengths keep any two lists of fields apart, whatever their texts hold.
    pub fn key(&self) -> JobKey {
        let mut hasher = Hasher::new();
        hasher.update(b"bitsweep job 1\n");
        for (name, value) in self.iter() {
            hasher.update(format!("{} {} {name}={value}\n", name.len(), value.len()).as_bytes());
        }
        JobKey(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fields: &[(&str, &str)]) -> JobKey {
        Fields(fields.iter().map(|(name, value)| ((*name).to_owned().into(), (*value).to_owned())).collect()).key()
    }

    #[test]
    fn no_text_passes_for_other_fields() {
        let lists: [&[(&str, &str)]; 8] = [
            &[],
            &[("a", "b")],
            &[("a", "b"), ("c", "d")],
            &[("c", "d"), ("a", "b")],
            &[("a", "b\nc=d")],
            &[("a", "b\n1 1 c=d")],
            &[("a=b\nc", "d")],
            &[("a=", "b")],
        ];
        let keys: std::collections::BTreeSet<JobKey> = lists.iter().map(|fields| key(fields)).collect();
        assert_eq!(keys.len(), lists.len());
        // Keys are stored: this one never changes while the version line stands.
        assert_eq!(key(&[("a", "b")]).to_string(), GOLDEN);
    }

    const GOLDEN: &str = "64e50f17b995d1a4a5190aa375f149ba7b4b5437fb910d32e355842adb14ade9";
}
