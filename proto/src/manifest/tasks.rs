//! What a dataset of one task must say and one of another may not. Works on the tree, so that its mistakes are reported beside
//! those of the schema; what the schema refuses is passed over.

use serde_json::Value;

use super::default_split;
use super::mistake::{Mistake, MistakeKind};
use super::words;
use super::yaml::{Tree, child};
use crate::task::Task;

/// Adds what does not fit the task of its dataset to `out`.
pub(super) fn check(tree: &Tree, out: &mut Vec<Mistake>) {
    let Some(Value::Object(datasets)) = tree.value.get("datasets") else { return };
    for (name, dataset) in datasets {
        let Value::Object(keys) = dataset else { continue };
        let task = keys.get("task").map(|task| serde_json::from_value::<Task>(task.clone()));
        let Ok(task) = task.unwrap_or(Ok(Task::Retrieval)) else { continue };
        let at = Entry { tree, pointer: child("/datasets", name), dataset };
        match task {
            Task::Retrieval => out.extend(at.idle(
                "fit",
                "nothing for retrieval, where codecs are fitted on the documents; or `task: similarity`, or `task: \
                     classification`",
            )),
            Task::Similarity => {
                out.extend(at.fit("the split on whose sentences codecs are fitted"));
                out.extend(at.idle("ignore_identical_ids", "nothing for similarity: pairs have no ids in common"));
                out.extend(at.idle("subsample", "nothing for similarity: all pairs are measured"));
                out.extend(at.sources("file:folder with pairs in CSV files"));
            }
            Task::Classification => {
                out.extend(at.fit("the split whose labelled texts vote and that codecs are fitted on"));
                out.extend(at.idle("ignore_identical_ids", "nothing for classification: texts have no ids in common"));
                out.extend(at.idle("subsample", "nothing for classification: all texts of both splits are used"));
                out.extend(at.sources("file:folder with labelled texts in CSV or JSON lines files"));
            }
        }
    }
}

/// One dataset of the manifest.
struct Entry<'a> {
    tree: &'a Tree,
    pointer: String,
    dataset: &'a Value,
}

impl Entry<'_> {
    fn mistake(&self, pointer: &str, found: String, allowed: &str) -> Mistake {
        Mistake::of_value(self.tree.value_place(pointer), words::path(pointer), found, allowed.to_owned())
    }

    /// A key that means nothing for the task.
    fn idle(&self, key: &str, allowed: &str) -> Option<Mistake> {
        let value = self.dataset.get(key)?;
        Some(self.mistake(&child(&self.pointer, key), words::found(value), allowed))
    }

    /// Codecs learn from a split of their own, which is `what`.
    fn fit(&self, what: &str) -> Option<Mistake> {
        let split =
            self.dataset.get("split").map_or_else(default_split, |split| split.as_str().unwrap_or("").to_owned());
        let allowed = format!("{what}, not the measured one (\"{split}\")");
        match self.dataset.get("fit") {
            None => {
                let found = words::quote("fit");
                Some(Mistake { kind: MistakeKind::MissingKey, ..self.mistake(&self.pointer, found, &allowed) })
            }
            Some(Value::String(fit)) if *fit == split => {
                Some(self.mistake(&child(&self.pointer, "fit"), words::quote(fit), &allowed))
            }
            Some(_) => None,
        }
    }

    /// BEIR has neither pairs nor labels.
    fn sources(&self, allowed: &str) -> Vec<Mistake> {
        let pointer = child(&self.pointer, "source");
        let each: Vec<(String, &Value)> = match self.dataset.get("source") {
            Some(Value::Array(items)) => {
                (0..).zip(items).map(|(i, item): (usize, _)| (format!("{pointer}/{i}"), item)).collect()
            }
            Some(one) => vec![(pointer, one)],
            None => Vec::new(),
        };
        let beir = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("beir:"));
        let wrong = each.into_iter().filter(|(_, value)| beir(value));
        wrong.map(|(pointer, value)| self.mistake(&pointer, words::found(value), allowed)).collect()
    }
}
