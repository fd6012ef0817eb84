//! Garbage: what no plan needs.
//!
//! Roots are all plans; [`Store::forget`] takes one away. Kept are: what plans import, and what was decided about them;
//! outcomes, revocations, attempts and logs of planned jobs; the blobs of their outcomes that count; the checkpoints of
//! those that are not done, with their blobs.
//!
//! Things go in an order that a kill in between cannot turn into a lie: outcomes before the revocations that disown
//! them, records before the blobs that they name.
//!
//! **Where workers are at work meanwhile** a blob is put before the record that names it, and an outcome that no plan
//! needs now may be needed by the plan that is submitted next. So nothing goes that is younger than
//! [`GcOptions::min_age`], and whoever puts a blob that is there already makes it young again when it is older than an
//! hour ([`Store::put_blob`]). That age must therefore be longer, by more than an hour and by what the clocks differ, than
//! the longest time between the putting of a blob and of its record: [`SHARED_MIN_AGE`] is. Where an outcome goes although
//! a new plan has just counted on it, its job runs again.
//!
//! A store that is no folder can be locked against others in the same process only, so there the age is *all* that makes a
//! collection safe. Parts of uploads that a killed worker never ended are not listed by any object store's ordinary
//! interface: give the bucket a rule that ends them (S3: `AbortIncompleteMultipartUpload` after a day).

use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, SystemTime};

use bitsweep_proto::plan::From;
use bitsweep_proto::{Digest, JobKey, Plan, SweepId};
use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::layout::{self, ATTEMPTS, BLOBS, CHECKPOINTS, CONTROLS, LOGS, OUTCOMES, REVOKED};
use super::{Change, Known, Store, StoreLock, failure, in_background};
use crate::error::BackendError;

/// The least age of what goes while workers may be at work.
pub const SHARED_MIN_AGE: Duration = Duration::from_secs(48 * 3600);

/// How to collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GcOptions {
    /// Only counts.
    pub dry_run: bool,
    /// What is younger stays. May be zero only where nobody is at work: see [`Store::gc_min_age`].
    pub min_age: Duration,
}

/// What a collection kept and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Objects kept.
    pub kept: u64,
    /// Objects removed, or that would be.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that nobody needs, but too young to be removed.
    pub young: u64,
}

/// What is needed.
#[derive(Default)]
struct Roots {
    sweeps: HashSet<SweepId>,
    jobs: HashSet<JobKey>,
    blobs: HashSet<Digest>,
}

impl Roots {
    fn add(&mut self, plan: &Plan) {
        for model in plan.lock.models.values() {
            self.blobs.extend(model.files.iter().map(|file| file.sha256));
        }
        for (_, files) in plan.lock.dataset_files() {
            self.blobs.extend(files.source.iter().chain(files.canonical).map(|file| file.sha256));
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
    /// The age that is right for a collection by whoever has the lock and no worker of his own at work: none in a folder,
    /// [`SHARED_MIN_AGE`] elsewhere, where workers take no notice of the lock. A coordinator whose workers share a folder
    /// takes the latter too.
    pub fn gc_min_age(&self) -> Duration {
        if self.folder().is_some() { Duration::ZERO } else { SHARED_MIN_AGE }
    }

    /// Removes what no plan needs but those of `forget`, which are forgotten. The lock keeps runs away; workers, and
    /// everybody where the store is no folder, are kept safe by the age of what goes alone: see the module.
    pub async fn gc(&self, lock: &StoreLock, forget: &[SweepId], options: GcOptions) -> Result<GcReport, BackendError> {
        let mut roots = Roots::default();
        self.add_plans(&mut roots, forget).await?;
        for sweep in forget.iter().filter(|_| !options.dry_run) {
            self.forget(lock, sweep).await?;
        }
        let known = self.known().await?;
        self.add_outcomes(&mut roots, &known).await?;
        self.add_checkpoints(&mut roots, &known).await?;
        // What was submitted meanwhile counts too.
        self.add_plans(&mut roots, forget).await?;
        let planned = |key| roots.jobs.contains(&key);
        let unfinished = |key| planned(key) && !known.outcomes.contains_key(&key);
        let before = SystemTime::now().checked_sub(options.min_age).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut sieve = Sieve { store: self, dry_run: options.dry_run, before, report: GcReport::default() };
        self.note(Change::Loss);
        sieve.sift(CHECKPOINTS, |at| layout::read_job(at).is_none_or(unfinished)).await?;
        sieve.sift(OUTCOMES, |at| layout::read_generation(at).is_none_or(|(key, _)| planned(key))).await?;
        sieve.sift(REVOKED, |at| layout::read_generation(at).is_none_or(|(key, _)| planned(key))).await?;
        sieve.sift(ATTEMPTS, |at| layout::read_job(at).is_none_or(planned)).await?;
        sieve.sift(LOGS, |at| layout::read_job(at).is_none_or(planned)).await?;
        sieve.sift(CONTROLS, |at| layout::read_control_sweep(at).is_none_or(|id| roots.sweeps.contains(&id))).await?;
        sieve.sift(BLOBS, |at| layout::read_blob(at).is_none_or(|blob| roots.blobs.contains(&blob))).await?;
        sieve.remove_left_behind().await?;
        self.note(Change::Loss);
        Ok(sieve.report)
    }

    /// What all plans need that were not looked at yet and are not to be forgotten.
    async fn add_plans(&self, roots: &mut Roots, forget: &[SweepId]) -> Result<(), BackendError> {
        let sweeps = self.sweeps().await?;
        for sweep in sweeps.iter().filter(|sweep| !forget.contains(sweep)) {
            if !roots.sweeps.insert(*sweep) {
                continue;
            }
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
        Ok(())
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
    /// What was put later stays.
    before: SystemTime,
    report: GcReport,
}

impl Sieve<'_> {
    /// Removes what `keep` does not keep of the objects in `folder`. Names that are not the store's are kept.
    async fn sift(&mut self, folder: &str, keep: impl Fn(&Path) -> bool) -> Result<(), BackendError> {
        let (mut listed, mut remove) = (self.store.objects.list(&Path::from(folder)), Vec::new());
        while let Some(meta) = listed.try_next().await? {
            if keep(&meta.location) {
                self.report.kept += 1;
            } else if self.is_young(&meta) {
                self.report.young += 1;
            } else {
                self.report.removed += 1;
                self.report.bytes += meta.size;
                remove.push(meta.location);
            }
        }
        if self.dry_run { Ok(()) } else { self.store.objects.delete_all(remove).await }
    }

    fn is_young(&self, meta: &ObjectMeta) -> bool {
        SystemTime::from(meta.last_modified) > self.before
    }

    /// Removes what killed processes left of their writes.
    async fn remove_left_behind(&mut self) -> Result<(), BackendError> {
        let Some(root) = self.store.shared.folder.clone() else { return Ok(()) };
        let before = self.before;
        let found =
            in_background(move || find_left_behind(&root, before).map_err(|error| failure::of_file(&root, error)));
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

/// Files that processes left in the store before then, with their sizes. Folders that are not the store's are let alone.
fn find_left_behind(root: &FilePath, before: SystemTime) -> std::io::Result<Vec<(PathBuf, u64)>> {
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
                let meta = entry.metadata()?;
                if meta.modified()? <= before {
                    found.push((entry.path(), meta.len()));
                }
            }
        }
    }
    Ok(found)
}
