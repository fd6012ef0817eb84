//! Datasets whose queries are documents of the corpus, or share their ids: a document with the id of the query is not
//! a result.
//!
//! The list is that of MTEB (`ignore_identical_ids` of its retrieval tasks): ArguAna, FEVER, FiQA, MS MARCO, Quora. In
//! all others, SciFact and NQ among them, equal ids are accidents and dropping such a document would be wrong. (BEIR's
//! own evaluator drops them everywhere.)

/// Names of the archives, which are also the usual names in manifests.
const IGNORED: [&str; 5] = ["arguana", "fever", "fiqa", "msmarco", "quora"];

/// Whether equal ids are dropped, by the names of a dataset: that of the manifest and those of its `beir:` sources.
pub(crate) fn ignored_by_default<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| IGNORED.contains(&name.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_any_name() {
        assert!(ignored_by_default(["mine", "ArguAna"].into_iter()));
        assert!(!ignored_by_default(["scifact", "nq", "climate-fever", "arguana-mini"].into_iter()));
        assert!(!ignored_by_default([].into_iter()));
    }
}
