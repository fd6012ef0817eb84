//! Names that refer to other parts of the manifest: models, datasets and codecs in `exclude`, `include`, `expect` and `tiers`;
//! and codecs listed twice. Works on the tree, so that its mistakes are reported beside those of the schema; what the
//! schema refuses is passed over.

use std::collections::HashMap;

use serde_json::Value;

use super::axis::CodecAxis;
use super::mistake::Mistake;
use super::pattern::CodecPattern;
use super::words;
use super::yaml::{Tree, child};
use crate::codec::Codec;

/// Adds all names of `tree` that name nothing, and all codecs that are there twice, to `out`.
pub(super) fn look_up(tree: &Tree, out: &mut Vec<Mistake>) {
    let mut names = Names { tree, out };
    let listed = names.codecs("/codecs");
    names.refuse_overlaps(&listed);
    let mut entries = listed.0.clone();
    let mut listed = listed.codecs();
    for entry in names.entries("/exclude") {
        names.cells(&entry);
        names.patterns(&child(&entry, "codec"), listed.as_deref());
    }
    for entry in names.entries("/include") {
        names.cells(&entry);
        let more = names.codecs(&child(&entry, "codec"));
        listed = listed.zip(more.codecs()).map(|(listed, more)| [listed, more].concat());
        entries.extend(more.0);
    }
    names.refuse_mixed_seeds(&entries);
    for entry in names.entries("/expect") {
        names.cells(&entry);
    }
    for entry in names.entries("/tiers") {
        let entry = child(&entry, "where");
        names.cells(&entry);
        names.patterns(&child(&entry, "codec"), listed.as_deref());
    }
}

/// Codec entries by their pointers; `None` for those that the schema refuses.
struct Listed(Vec<(String, Option<CodecAxis>)>);

impl Listed {
    /// All codecs, or `None` where some are not known.
    fn codecs(&self) -> Option<Vec<Codec>> {
        let each: Option<Vec<Vec<Codec>>> =
            self.0.iter().map(|(_, axis)| axis.as_ref().map(CodecAxis::expand)).collect();
        each.map(|each| each.concat())
    }
}

struct Names<'a> {
    tree: &'a Tree,
    out: &'a mut Vec<Mistake>,
}

impl Names<'_> {
    /// Pointers of the items of a list, or of the one value in its place.
    fn entries(&self, pointer: &str) -> Vec<String> {
        match self.tree.value.pointer(pointer) {
            Some(Value::Array(items)) => (0..items.len()).map(|i| format!("{pointer}/{i}")).collect(),
            Some(_) => vec![pointer.to_owned()],
            None => Vec::new(),
        }
    }

    fn codecs(&self, pointer: &str) -> Listed {
        let read = |pointer: String| {
            let value = self.tree.value.pointer(&pointer).cloned().unwrap_or_default();
            let axis = serde_json::from_value(value).ok();
            (pointer, axis)
        };
        Listed(self.entries(pointer).into_iter().map(read).collect())
    }

    fn mistake(&self, pointer: &str, found: String, allowed: String) -> Mistake {
        Mistake::of_value(self.tree.value_place(pointer), words::path(pointer), found, allowed)
    }

    /// Models and datasets that an entry names.
    fn cells(&mut self, entry: &str) {
        for (axis, all) in [("model", "/models"), ("dataset", "/datasets")] {
            let Some(Value::Object(known)) = self.tree.value.pointer(all) else { continue };
            for pointer in self.entries(&child(entry, axis)) {
                let Some(Value::String(name)) = self.tree.value.pointer(&pointer) else { continue };
                if !known.contains_key(name) {
                    let nearest = words::nearest(name, known.keys().map(String::as_str));
                    let found = format!("the unknown {axis} {}", words::quote(name));
                    self.out.push(Mistake { nearest, ..self.mistake(&pointer, found, words::names(known.keys())) });
                }
            }
        }
    }

    /// Codec patterns that match nothing.
    fn patterns(&mut self, pointer: &str, listed: Option<&[Codec]>) {
        let Some(listed) = listed else { return };
        for pointer in self.entries(pointer) {
            let Some(value) = self.tree.value.pointer(&pointer) else { continue };
            let Ok(pattern) = serde_json::from_value::<CodecPattern>(value.clone()) else { continue };
            if listed.iter().any(|codec| pattern.matches(codec)) {
                continue;
            }
            let cut = words::cut(&value.to_string());
            if let Some(seeds) = pattern.without_seeds().and_then(|pattern| seeds(&pattern, listed)) {
                let found = format!("{cut}, but there are no such seeds in this sweep: {seeds}");
                let allowed = "seeds that the codec has, or a pattern without seeds".to_owned();
                self.out.push(self.mistake(&pointer, found, allowed));
            } else {
                let mut known: Vec<String> = listed.iter().map(Codec::name).collect();
                known.dedup();
                let nearest = value.as_str().and_then(|name| words::nearest(name, known.iter().map(String::as_str)));
                let found = format!("{cut}, which matches no codec of this sweep");
                self.out.push(Mistake { nearest, ..self.mistake(&pointer, found, words::names(&known)) });
            }
        }
    }

    /// Codecs that one entry has with seeds and another without: a mean of fixed starts and drawn ones would be of neither.
    fn refuse_mixed_seeds(&mut self, entries: &[(String, Option<CodecAxis>)]) {
        let mut first: HashMap<String, (&str, bool)> = HashMap::new();
        for (pointer, axis) in entries {
            for codec in axis.iter().flat_map(CodecAxis::expand) {
                let is_seeded = codec.seed().is_some();
                let (earlier, was_seeded) = *first.entry(codec.name()).or_insert((pointer, is_seeded));
                if was_seeded != is_seeded {
                    let [here, there] = if is_seeded { ["with", "without"] } else { ["without", "with"] };
                    let found = format!("{codec} {here} seeds, and {there} seeds in {}", words::path(earlier));
                    self.out.push(self.mistake(pointer, found, "each codec with seeds or without".to_owned()));
                    break;
                }
            }
        }
    }

    /// Codecs that two entries name. Equal entries are left to the schema.
    fn refuse_overlaps(&mut self, listed: &Listed) {
        let mut first: HashMap<Codec, usize> = HashMap::new();
        for (i, (pointer, axis)) in listed.0.iter().enumerate() {
            for codec in axis.iter().flat_map(CodecAxis::expand) {
                let earlier = *first.entry(codec).or_insert(i);
                if earlier != i && listed.0[earlier].1 != *axis {
                    let seed = codec.seed().map(|seed| format!(" with seed {seed}")).unwrap_or_default();
                    let found = format!("{codec}{seed} again, as in {}", words::path(&listed.0[earlier].0));
                    self.out.push(self.mistake(pointer, found, "each codec once".to_owned()));
                    break;
                }
            }
        }
    }
}

/// Codecs told of in one message.
const TOLD: usize = 3;

/// The seeds of each codec that matches, in words; `None` where none does.
fn seeds(pattern: &CodecPattern, listed: &[Codec]) -> Option<String> {
    let mut seeds: Vec<(String, Vec<u32>)> = Vec::new();
    for codec in listed.iter().filter(|codec| pattern.matches(codec)) {
        let name = codec.name();
        let at = seeds.iter().position(|(of, _)| *of == name).unwrap_or(seeds.len());
        if at == seeds.len() {
            seeds.push((name, Vec::new()));
        }
        seeds[at].1.extend(codec.seed());
    }
    let more = seeds.len().saturating_sub(TOLD);
    let told = seeds.iter().take(TOLD).map(|(name, seeds)| format!("{name} has {}", ranges(seeds)));
    let mut told: Vec<String> = told.collect();
    told.extend((more > 0).then(|| format!("{more} more match without seeds")));
    (!told.is_empty()).then(|| told.join(", "))
}

/// `none`, `0`, `0 to 2`, `0 to 2 and 7`.
fn ranges(seeds: &[u32]) -> String {
    let mut seeds = seeds.to_vec();
    seeds.sort_unstable();
    seeds.dedup();
    let runs = seeds.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let words = runs.map(|run| match run {
        [first, .., last] => format!("{first} to {last}"),
        run => run.iter().map(u32::to_string).collect(),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_told_in_words() {
        assert_eq!([&[][..], &[3], &[0, 1, 2], &[7, 0, 1]].map(ranges), ["none", "3", "0 to 2", "0 to 1 and 7"]);
    }
}
