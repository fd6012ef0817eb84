//! Datasets of labelled texts as entries of a manifest.

use bitsweep_proto::lock::{LockedClassification, LockedFile};
use bitsweep_proto::manifest::{Dataset, SourceRef};

use super::Item;
use crate::canonical::Splits;
use crate::classification;
use crate::error::Problem;
use crate::origin::{Origin, Want};
use crate::session::Session;

/// A dataset with its name.
pub(super) struct ClassificationItem<'a> {
    pub(super) name: &'a str,
    pub(super) dataset: &'a Dataset,
}

impl ClassificationItem<'_> {
    /// The split whose texts vote. A manifest that was read names one.
    pub(super) fn fit(&self) -> &str {
        self.dataset.fit.as_deref().unwrap_or_default()
    }
}

impl Item for ClassificationItem<'_> {
    type Locked = LockedClassification;
    const WANT: Want = Want::Dataset;
    fn what(&self) -> String {
        format!("dataset \"{}\"", self.name)
    }
    fn sources(&self) -> &[SourceRef] {
        &self.dataset.source.0
    }
    fn read(&self, origin: &mut Origin, session: &mut Session<'_>) -> Result<LockedClassification, Problem> {
        classification::read(origin, &Splits { measured: &self.dataset.split, fit: self.fit() }, session)
    }
    fn named(mut entry: LockedClassification, source: &SourceRef) -> LockedClassification {
        entry.source = source.to_string();
        entry
    }
    fn source(entry: &LockedClassification) -> &str {
        &entry.source
    }
    fn revision(_: &LockedClassification) -> Option<&str> {
        None
    }
    fn files(entry: &LockedClassification) -> &[LockedFile] {
        &entry.files
    }
    fn content(entry: &LockedClassification) -> Vec<&LockedFile> {
        entry.files_of().canonical
    }
    fn deciding() -> &'static [&'static str] {
        &[]
    }
}
