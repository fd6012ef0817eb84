//! Garbage: what no plan needs.
//!
//! Roots are all plans; [`Store::forget`] takes one away. Kept are: what plans import; outcomes, revocations and attempts
//! of planned jobs; the blobs of their outcomes that count; the checkpoints of those that are not done, with their blobs.
//!
//! Things go in an order that a kill in between cannot turn into a lie: outcomes before the revocations that disown
//! them, records before the blobs that they name.

use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};

use bitsweep_proto::plan::From;
use bitsweep_proto::{Digest, JobKey, Plan, SweepId};
use futures::TryStreamExt;
use object_store::path::Path;

use super::layout::{self, ATTEMPTS, BLOBS, CHECKPOINTS, OUTCOMES, REVOKED};
use super::{Known, Store, StoreLock, failure, in_background};
use crate::error::BackendError;

/// What a collection kept and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Objects kept.
    pub kept: u64,
    /// Objects removed, or that would be.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is needed.
#[derive(Default)]
struct Roots {
    jobs: HashSet<JobKey>,
    blobs: HashSet<Digest>,
}

impl Roots {
    fn add(&mut self, plan: &Plan) {
        for model in plan.lock.models.values() {
            self.blobs.extend(model.files.iter().map(|file| file.sha256));
        }
        for dataset in plan.lock.datasets.values() {
            let canonical = [&dataset.corpus, &dataset.document_ids, &dataset.queries, &dataset.qrels];
            self.blobs.extend(dataset.files.iter().chain(canonical).map(|file| file.sha256));
        }
        for job in &plan.jobs {
            self.jobs.insert(job.key);
            for input in &job.inputs {
                if let From::Blob(digest) = input.from {
                    self.blobs.insert(digest);
                }
            }
        }
    }
}

impl Store {
    /// Removes what no plan needs but those of `forget`, which are forgotten. With `dry_run` it only counts. The lock says
    /// that no run is under way: its newest blobs have no record yet.
    pub async fn gc(&self, lock: &StoreLock, forget: &[SweepId], dry_run: bool) -> Result<GcReport, BackendError> {
        let mut roots = Roots::default();
        for sweep in self.sweeps().await?.iter().filter(|sweep| !forget.contains(sweep)) {
            match self.plan(sweep).await {
                Ok(plan) => roots.add(&plan),
                Err(BackendError::Damaged { what, .. }) => {
                    return Err(BackendError::store_damaged(format!(
                        "{what}; nothing is removed while nobody knows what it needs: run its manifest again, or forget it"
                    )));
                }
                Err(error) => return Err(error),
            }
        }
        for sweep in forget.iter().filter(|_| !dry_run) {
            self.forget(lock, sweep).await?;
        }
        let known = self.known().await?;
        self.add_outcomes(&mut roots, &known).await?;
        self.add_checkpoints(&mut roots, &known).await?;
        let planned = |key| roots.jobs.contains(&key);
        let unfinished = |key| planned(key) && !known.outcomes.contains_key(&key);
        let mut sieve = Sieve { store: self, dry_run, report: GcReport::default() };
        sieve.sift(CHECKPOINTS, |at| layout::read_job(at).is_none_or(unfinished)).await?;
        sieve.sift(OUTCOMES, |at| layout::read_generation(at).is_none_or(|(key, _)| planned(key))).await?;
        sieve.sift(REVOKED, |at| layout::read_generation(at).is_none_or(|(key, _)| planned(key))).await?;
        sieve.sift(ATTEMPTS, |at| layout::read_job(at).is_none_or(planned)).await?;
        sieve.sift(BLOBS, |at| layout::read_blob(at).is_none_or(|blob| roots.blobs.contains(&blob))).await?;
        sieve.remove_left_behind().await?;
        Ok(sieve.report)
    }

    /// The blobs of the outcomes that count of planned jobs.
    async fn add_outcomes(&self, roots: &mut Roots, known: &Known) -> Result<(), BackendError> {
        let done = known.outcomes.iter().filter(|(key, _)| roots.jobs.contains(key));
        let names = done.map(|(key, generation)| layout::generation(OUTCOMES, *key, *generation)).collect();
        for (_, outcome) in self.objects.get_sound_records::<bitsweep_proto::Outcome>(names).await? {
            roots.blobs.extend(outcome.produced.artifact.iter().map(|item| item.blob));
        }
        Ok(())
    }

    /// The blobs of the checkpoints of planned jobs that are not done.
    async fn add_checkpoints(&self, roots: &mut Roots, known: &Known) -> Result<(), BackendError> {
        let folders = self.objects.folders(&Path::from(CHECKPOINTS)).await?;
        for key in folders.iter().filter_map(layout::read_job) {
            if roots.jobs.contains(&key) && !known.outcomes.contains_key(&key) {
                roots.blobs.extend(self.checkpoints(key).await?.iter().map(|item| item.blob));
            }
        }
        Ok(())
    }
}

/// Removes, or only counts.
struct Sieve<'a> {
    store: &'a Store,
    dry_run: bool,
    report: GcReport,
}

impl Sieve<'_> {
    /// Removes what `keep` does not keep of the objects in `folder`. Names that are not the store's are kept.
    async fn sift(&mut self, folder: &str, keep: impl Fn(&Path) -> bool) -> Result<(), BackendError> {
        let (mut listed, mut remove) = (self.store.objects.list(&Path::from(folder)), Vec::new());
        while let Some(meta) = listed.try_next().await? {
            if keep(&meta.location) {
                self.report.kept += 1;
            } else {
                self.report.removed += 1;
                self.report.bytes += meta.size;
                remove.push(meta.location);
            }
        }
        for at in remove.iter().filter(|_| !self.dry_run) {
            self.store.objects.delete(at).await?;
        }
        Ok(())
    }

    /// Removes what killed processes left of their writes.
    async fn remove_left_behind(&mut self) -> Result<(), BackendError> {
        let Some(root) = self.store.shared.folder.clone() else { return Ok(()) };
        let found = in_background(move || find_left_behind(&root).map_err(|error| failure::of_file(&root, error)));
        for (path, bytes) in found.await? {
            self.report.removed += 1;
            self.report.bytes += bytes;
            if !self.dry_run {
                std::fs::remove_file(&path).map_err(|error| failure::of_file(&path, error))?;
            }
        }
        Ok(())
    }
}

/// Files that killed processes left in the store, with their sizes. Folders that are not the store's are let alone.
fn find_left_behind(root: &FilePath) -> std::io::Result<Vec<(PathBuf, u64)>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if folder != root || layout::FOLDERS.iter().any(|ours| name == *ours) {
                    folders.push(entry.path());
                }
            } else if layout::is_left_behind(&name.to_string_lossy()) {
                found.push((entry.path(), entry.metadata()?.len()));
            }
        }
    }
    Ok(found)
}
