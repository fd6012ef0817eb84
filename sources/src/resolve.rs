//! From a manifest to its lock: which source is used, and whether its content is still the locked one.
//!
//! What is locked stays: nothing is asked or fetched while the lock has the entry and the store its blobs. Only folders
//! on this machine are read again, because they change without anyone deciding it. A fresh store is filled from the
//! locked source at the locked revision, or, where that one cannot be had, from another source with the same content.

mod classification;

use bitsweep_proto::lock::{
    LOCK_VERSION, LockedClassification, LockedDataset, LockedFile, LockedModel, LockedSimilarity,
};
use bitsweep_proto::manifest::{Dataset, Manifest, Model, SourceRef};
use bitsweep_proto::{Digest, Lock, Task};

use crate::canonical::Splits;
use crate::content::Content;
use crate::dataset::Asked;
use crate::error::{Change, Problem, SourceError};
use crate::options::{Options, Report};
use crate::origin::{self, Origin, Want};
use crate::session::Session;
use crate::{checksum, dataset, folder, model, similarity};
use classification::ClassificationItem;

/// Resolves all sources of a manifest, imports what the store lacks, and returns the lock: entries of `locked` stay
/// as they are where they can, new ones are added, those that the manifest no longer has are dropped.
///
/// With [`Options::update_lock`] everything is resolved anew.
#[expect(clippy::too_many_arguments, reason = "what is resolved, what was, where to, how, and whom to tell")]
pub fn resolve(
    manifest: &Manifest,
    locked: Option<&Lock>,
    content: &dyn Content,
    options: &Options,
    report: &mut dyn Report,
) -> Result<Lock, SourceError> {
    let mut session = Session::new(content, options, report);
    let locked = locked.filter(|_| !options.update_lock);
    let mut lock = Lock {
        version: LOCK_VERSION,
        models: Default::default(),
        datasets: Default::default(),
        similarity: Default::default(),
        classification: Default::default(),
    };
    for (name, model) in &manifest.models {
        let item = ModelItem { name, model };
        let entry = locked.and_then(|lock| lock.models.get(name));
        lock.models.insert(name.clone(), resolve_item(&item, entry, &mut session)?);
    }
    for (name, dataset) in &manifest.datasets {
        match dataset.task {
            Task::Retrieval => {
                let item = DatasetItem { name, dataset, asked: Asked::of(dataset.subsample.as_ref(), manifest.seed) };
                let before = locked.and_then(|lock| lock.datasets.get(name));
                let entry = before.filter(|entry| item.is_asked_for(entry));
                item.check_pool(entry, options)?;
                let mut entry = resolve_item(&item, entry, &mut session)?;
                item.check_files(before, &entry)?;
                entry.ignore_identical_ids = item.ignores_identical_ids();
                lock.datasets.insert(name.clone(), entry);
            }
            Task::Similarity => {
                let item = SimilarityItem { name, dataset };
                let entry = locked.and_then(|lock| lock.similarity.get(name));
                let same = |entry: &&LockedSimilarity| entry.split == dataset.split && entry.fit == item.fit();
                let entry = resolve_item(&item, entry.filter(same), &mut session)?;
                lock.similarity.insert(name.clone(), entry);
            }
            Task::Classification => {
                let item = ClassificationItem { name, dataset };
                let entry = locked.and_then(|lock| lock.classification.get(name));
                let same = |entry: &&LockedClassification| entry.split == dataset.split && entry.fit == item.fit();
                let entry = resolve_item(&item, entry.filter(same), &mut session)?;
                lock.classification.insert(name.clone(), entry);
            }
        }
    }
    lock.version = lock.needed_version();
    Ok(lock)
}

/// An entry of the manifest with its sources.
trait Item {
    /// Its entry in the lock.
    type Locked: Clone;
    const WANT: Want;
    fn what(&self) -> String;
    fn sources(&self) -> &[SourceRef];
    /// Reads and imports it from an opened source.
    fn read(&self, origin: &mut Origin, session: &mut Session<'_>) -> Result<Self::Locked, Problem>;
    /// Writes the source into the entry.
    fn named(entry: Self::Locked, source: &SourceRef) -> Self::Locked;
    fn source(entry: &Self::Locked) -> &str;
    fn revision(entry: &Self::Locked) -> Option<&str>;
    /// The source's files as they were read.
    fn files(entry: &Self::Locked) -> &[LockedFile];
    /// What jobs use: equal content is the same entry, whatever the source.
    fn content(entry: &Self::Locked) -> Vec<&LockedFile>;
    /// Names that a folder must not gain unnoticed.
    fn deciding() -> &'static [&'static str];
}

struct ModelItem<'a> {
    name: &'a str,
    model: &'a Model,
}

struct DatasetItem<'a> {
    name: &'a str,
    dataset: &'a Dataset,
    asked: Option<Asked<'a>>,
}

impl Item for ModelItem<'_> {
    type Locked = LockedModel;
    const WANT: Want = Want::Model;
    fn what(&self) -> String {
        format!("model \"{}\"", self.name)
    }
    fn sources(&self) -> &[SourceRef] {
        &self.model.source.0
    }
    fn read(&self, origin: &mut Origin, session: &mut Session<'_>) -> Result<LockedModel, Problem> {
        let names: Vec<String> =
            std::iter::once(self.name.to_owned()).chain(self.sources().iter().map(last_part)).collect();
        model::read(origin, &names, session)
    }
    fn named(mut entry: LockedModel, source: &SourceRef) -> LockedModel {
        entry.source = source.to_string();
        entry
    }
    fn source(entry: &LockedModel) -> &str {
        &entry.source
    }
    fn revision(entry: &LockedModel) -> Option<&str> {
        entry.revision.as_deref()
    }
    fn files(entry: &LockedModel) -> &[LockedFile] {
        &entry.files
    }
    fn content(entry: &LockedModel) -> Vec<&LockedFile> {
        entry.files.iter().collect()
    }
    fn deciding() -> &'static [&'static str] {
        &model::DECIDING
    }
}

impl DatasetItem<'_> {
    /// Whether the entry has the split and the sample that the manifest asks for.
    fn is_asked_for(&self, entry: &LockedDataset) -> bool {
        let same_sample = match (self.asked, &entry.sample) {
            (None, None) => true,
            (Some(asked), Some(locked)) => asked.is(locked),
            _ => false,
        };
        same_sample && entry.split == self.dataset.split
    }

    /// Fails where another sample of a locked source was read from other files than the locked ones.
    fn check_files(&self, before: Option<&LockedDataset>, found: &LockedDataset) -> Result<(), SourceError> {
        let same = |before: &&LockedDataset| (&before.source, &before.split) == (&found.source, &found.split);
        let Some(before) = before.filter(same) else { return Ok(()) };
        let [before, files] = [before, found].map(|entry| entry.files.iter().collect::<Vec<_>>());
        match difference(&before, &files) {
            None => Ok(()),
            Some(change) => {
                Err(SourceError::Changed { what: self.what(), origin: found.source.clone(), change: Box::new(change) })
            }
        }
    }

    /// Fails where a run of the pool is no longer the locked one.
    fn check_pool(&self, entry: Option<&LockedDataset>, options: &Options) -> Result<(), SourceError> {
        let Some(sample) = entry.and_then(|entry| entry.sample.as_ref()) else { return Ok(()) };
        match dataset::change_of_pool(sample, options) {
            Ok(None) => Ok(()),
            Ok(Some(change)) => Err(SourceError::Changed {
                what: self.what(),
                origin: "subsample.pool".to_owned(),
                change: Box::new(change),
            }),
            Err(problem) => Err(failed(problem, &self.what(), "subsample.pool")),
        }
    }

    fn ignores_identical_ids(&self) -> bool {
        let archives = self.sources().iter().filter_map(|source| match source {
            SourceRef::Beir { name } => Some(name.as_str()),
            _ => None,
        });
        let by_default = || dataset::ignored_by_default(std::iter::once(self.name).chain(archives));
        self.dataset.ignore_identical_ids.unwrap_or_else(by_default)
    }
}

impl Item for DatasetItem<'_> {
    type Locked = LockedDataset;
    const WANT: Want = Want::Dataset;
    fn what(&self) -> String {
        format!("dataset \"{}\"", self.name)
    }
    fn sources(&self) -> &[SourceRef] {
        &self.dataset.source.0
    }
    fn read(&self, origin: &mut Origin, session: &mut Session<'_>) -> Result<LockedDataset, Problem> {
        dataset::read(origin, (&self.dataset.split, self.asked), session)
    }
    fn named(mut entry: LockedDataset, source: &SourceRef) -> LockedDataset {
        entry.source = source.to_string();
        entry
    }
    fn source(entry: &LockedDataset) -> &str {
        &entry.source
    }
    fn revision(_: &LockedDataset) -> Option<&str> {
        None
    }
    fn files(entry: &LockedDataset) -> &[LockedFile] {
        &entry.files
    }
    fn content(entry: &LockedDataset) -> Vec<&LockedFile> {
        entry.files_of().canonical
    }
    fn deciding() -> &'static [&'static str] {
        &[]
    }
}

struct SimilarityItem<'a> {
    name: &'a str,
    dataset: &'a Dataset,
}

impl SimilarityItem<'_> {
    /// The split that codecs are fitted on. A manifest that was read names one.
    fn fit(&self) -> &str {
        self.dataset.fit.as_deref().unwrap_or_default()
    }
}

impl Item for SimilarityItem<'_> {
    type Locked = LockedSimilarity;
    const WANT: Want = Want::Dataset;
    fn what(&self) -> String {
        format!("dataset \"{}\"", self.name)
    }
    fn sources(&self) -> &[SourceRef] {
        &self.dataset.source.0
    }
    fn read(&self, origin: &mut Origin, session: &mut Session<'_>) -> Result<LockedSimilarity, Problem> {
        similarity::read(origin, &Splits { measured: &self.dataset.split, fit: self.fit() }, session)
    }
    fn named(mut entry: LockedSimilarity, source: &SourceRef) -> LockedSimilarity {
        entry.source = source.to_string();
        entry
    }
    fn source(entry: &LockedSimilarity) -> &str {
        &entry.source
    }
    fn revision(_: &LockedSimilarity) -> Option<&str> {
        None
    }
    fn files(entry: &LockedSimilarity) -> &[LockedFile] {
        &entry.files
    }
    fn content(entry: &LockedSimilarity) -> Vec<&LockedFile> {
        entry.files_of().canonical
    }
    fn deciding() -> &'static [&'static str] {
        &[]
    }
}

/// The last part of a source: the name of the repository, package or folder.
fn last_part(source: &SourceRef) -> String {
    let path = match source {
        SourceRef::Hf { repo, .. } => repo,
        SourceRef::Beir { name } => name,
        SourceRef::Pypi { package, .. } => package,
        SourceRef::File { path } => path,
    };
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

fn resolve_item<I: Item>(
    item: &I,
    locked: Option<&I::Locked>,
    session: &mut Session<'_>,
) -> Result<I::Locked, SourceError> {
    session.what = item.what();
    let of_entry = |entry: &&I::Locked| item.sources().iter().find(|source| source.to_string() == I::source(entry));
    let Some((entry, source)) = locked.and_then(|entry| Some((entry, of_entry(&entry)?))) else {
        return first_usable(item, item.sources().to_vec(), session).map(|(_, entry)| entry);
    };
    let failed = |problem: Problem| failed(problem, &item.what(), I::source(entry));
    let changed = |origin: &SourceRef, change: Change| SourceError::Changed {
        what: item.what(),
        origin: origin.to_string(),
        change: Box::new(change),
    };
    if let SourceRef::File { path } = source
        && let Some(change) = change_on_disk::<I>(entry, path, session.options).map_err(failed)?
    {
        return Err(changed(source, change));
    }
    if has_all::<I>(entry, session).map_err(failed)? {
        return Ok(entry.clone());
    }
    let others = item.sources().iter().filter(|other| *other != source).cloned();
    let order = std::iter::once(pinned(source, I::revision(entry))).chain(others).collect();
    let (used, found) = first_usable(item, order, session)?;
    match difference(&I::content(entry), &I::content(&found)) {
        Some(change) => Err(changed(&used, change)),
        None => Ok(entry.clone()),
    }
}

/// A problem of the only source that counts.
fn failed(problem: Problem, what: &str, origin: &str) -> SourceError {
    match problem.of(what, origin) {
        Ok(tried) => SourceError::NoSource { what: what.to_owned(), tried: vec![tried] },
        Err(error) => error,
    }
}

/// Tries the sources in order.
fn first_usable<I: Item>(
    item: &I,
    order: Vec<SourceRef>,
    session: &mut Session<'_>,
) -> Result<(SourceRef, I::Locked), SourceError> {
    let mut tried = Vec::new();
    let last = order.len().saturating_sub(1);
    for (at, source) in order.into_iter().enumerate() {
        let read = origin::open(&source, I::WANT, session).and_then(|mut origin| item.read(&mut origin, session));
        match read {
            Ok(entry) => return Ok((source.clone(), I::named(entry, &source))),
            Err(problem) => {
                let skipped = problem.of(&item.what(), &source.to_string())?;
                // Of the last one the error tells.
                if at < last {
                    session.report.line(&format!("{}, {source}: {}; trying the next source", item.what(), skipped.why));
                }
                tried.push(skipped);
            }
        }
    }
    Err(SourceError::NoSource { what: item.what(), tried })
}

/// The source at a revision.
fn pinned(source: &SourceRef, locked: Option<&str>) -> SourceRef {
    let mut source = source.clone();
    if let (SourceRef::Hf { revision: asked, .. } | SourceRef::Pypi { version: asked, .. }, Some(locked)) =
        (&mut source, locked)
    {
        *asked = Some(locked.to_owned());
    }
    source
}

fn has_all<I: Item>(entry: &I::Locked, session: &Session<'_>) -> Result<bool, Problem> {
    for file in I::content(entry) {
        if !session.content.has(&file.sha256)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first file of a folder that differs from the lock. A folder or file that is gone does not: the store may have it.
fn change_on_disk<I: Item>(entry: &I::Locked, path: &str, options: &Options) -> Result<Option<Change>, Problem> {
    let folder = match folder::locate(path, options) {
        Ok(folder) => folder,
        Err(Problem::Absent(_)) => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let locked = |name: &str| I::files(entry).iter().find(|file| file.name == name).map(|file| file.sha256);
    let names = I::files(entry).iter().map(|file| file.name.as_str());
    let new = I::deciding().iter().copied().filter(|name| locked(name).is_none());
    for name in names.chain(new) {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        let (locked, found) = (locked(name), checksum::of_file(&path)?);
        if locked != Some(found) {
            return Ok(Some(Change { file: name.to_owned(), locked, found: Some(found) }));
        }
    }
    Ok(None)
}

/// The first difference between two lists of files.
fn difference(locked: &[&LockedFile], found: &[&LockedFile]) -> Option<Change> {
    let of = |files: &[&LockedFile], name: &str| -> Option<Digest> {
        files.iter().find(|file| file.name == name).map(|file| file.sha256)
    };
    locked.iter().chain(found).map(|file| file.name.as_str()).find_map(|name| {
        let change = Change { file: name.to_owned(), locked: of(locked, name), found: of(found, name) };
        (change.locked != change.found).then_some(change)
    })
}
