//! Submissions: a manifest with its lock is planned here, so that one sweep has one plan whoever submits it.
//!
//! A lock is made by a program, but it comes from outside: names that could become paths, and numbers that would make a
//! plan larger than the machine, are refused before anything is planned.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use bitsweep_proto::job::SHARD_ROWS;
use bitsweep_proto::lock::{LOCK_VERSION, LOCK_VERSION_OF_TASKS, LockedFile};
use bitsweep_proto::manifest::{CodecAxis, RescoreAxis};
use bitsweep_proto::plan::From as Source;
use bitsweep_proto::{Class, Digest, Lock, Manifest, Plan, Profile, Profiles, WorkerCard};
use futures::{StreamExt, TryStreamExt, stream};

use super::App;
use super::extract::Sent;
use super::problem::{Answer, Problem, Sort};
use super::types::{JobsOfKind, Submission, Submitted};
use crate::view::Role;

/// Cells of one sweep.
const MOST_CELLS: u64 = 1_000_000;

/// Inputs of all jobs of a sweep, one for each shard of rows and cell: they are what a plan's memory goes into.
const MOST_INPUTS: u64 = 20_000_000;

/// Bytes of one file, rows of one dataset: far beyond what exists, and far below what overflows.
const LARGEST: u64 = 1 << 46;

/// A vector's dimensions, a text's tokens, a network's layers.
const WIDEST: u32 = 1 << 20;

/// Questions to the store at a time.
const ASKS_AT_A_TIME: usize = 32;

/// Plans a sweep and has it run. Submitting twice is one sweep.
#[utoipa::path(
    post, path = "/api/v1/sweeps", request_body = Submission,
    responses(
        (status = 201, description = "it is on record and will run", body = Submitted),
        (status = 409, description = "`missing` names the blobs to put first", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`mistakes` names all that is wrong with it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn submit(
    State(app): State<App>,
    Sent(submission): Sent<Submission>,
) -> Answer<(StatusCode, Json<Submitted>)> {
    leads(&app)?;
    let profiles = profiles(&app).await?;
    let permit = app.planners.clone().acquire_owned().await;
    let planning = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        plan(&submission, &profiles)
    });
    // What a lock made up by hand can still do to the planner ends here, with its own thread.
    let planned = planning.await.unwrap_or_else(|_| Err(wrong("the lock does not describe sources", Vec::new())));
    let plan = Arc::new(planned?);
    missing(&app, &plan).await?;
    let known = app.desk.store().known().await?;
    let summary = bitsweep_plan::summary(&plan, &|key| known.outcomes.contains_key(key));
    let jobs = summary.kinds.iter().filter(|count| count.total > 0);
    let jobs =
        jobs.map(|count| JobsOfKind { kind: count.kind, total: count.total, reused: count.done, bytes: count.bytes });
    let (name, cells, cautions, jobs) = (plan.name.clone(), plan.cells.len() as u64, plan.cautions(), jobs.collect());
    let sweep = app.desk.submit(plan).await?;
    Ok((StatusCode::CREATED, Json(Submitted { sweep, name, cells, jobs, cautions })))
}

/// Changes are taken by whoever leads, or is about to.
pub(super) fn leads(app: &App) -> Answer<()> {
    match app.desk.role() {
        Role::Leader | Role::Starting => Ok(()),
        Role::Standby => Err(Problem::new(
            Sort::StandBy,
            "this coordinator stands by while another one leads: ask that one, or ask again; it takes over when the other \
             is gone",
        )),
    }
}

fn plan(submission: &Submission, profiles: &Profiles) -> Answer<Plan> {
    let manifest = bitsweep_proto::manifest::read(&submission.manifest, "manifest").map_err(|found| {
        let lines = found.to_string().lines().map(str::to_owned).collect();
        wrong("the manifest has mistakes", lines)
    })?;
    let mistakes = lock_mistakes(&submission.lock);
    if !mistakes.is_empty() {
        return Err(wrong("the lock has mistakes: resolve the sources again with --update-lock", mistakes));
    }
    fits(&manifest, &submission.lock)?;
    bitsweep_plan::plan(&manifest, &submission.manifest, &submission.lock, profiles)
        .map_err(|errors| wrong("the sweep cannot be planned", errors.0.iter().map(ToString::to_string).collect()))
}

fn wrong(detail: &str, mistakes: Vec<String>) -> Problem {
    Problem { mistakes, ..Problem::new(Sort::Unprocessable, detail) }
}

/// What is wrong with a lock that no resolution has made.
fn lock_mistakes(lock: &Lock) -> Vec<String> {
    if lock.version != lock.needed_version() {
        return vec![format!(
            "the lock is of version {}, this coordinator reads {LOCK_VERSION}, and {LOCK_VERSION_OF_TASKS} where a dataset is \
             not for retrieval",
            lock.version
        )];
    }
    let mut mistakes = Vec::new();
    for (name, model) in &lock.models {
        let facts = &model.facts;
        let numbers = [("dim", facts.dim), ("layers", facts.layers), ("max_tokens", facts.max_tokens)];
        for (what, number) in numbers.into_iter().chain([("positions", facts.positions)]) {
            if !(1..=WIDEST).contains(&number) {
                mistakes.push(format!("model {name:?}: {what} is {number}, allowed are 1 to {WIDEST}"));
            }
        }
        mistakes.extend(model.files.iter().filter_map(|file| file_mistake(file, &format!("model {name:?}"))));
    }
    for (name, files) in lock.dataset_files() {
        let files = files.source.iter().chain(files.canonical);
        mistakes.extend(files.filter_map(|file| file_mistake(file, &format!("dataset {name:?}"))));
    }
    let of_retrieval = lock.datasets.iter().flat_map(|(name, dataset)| {
        let counts = dataset.counts;
        let numbers = [counts.documents, counts.queries, counts.queries_without_judgements, counts.judgements];
        numbers.map(|number| (name, number))
    });
    let of_similarity = lock
        .similarity
        .iter()
        .flat_map(|(name, dataset)| [dataset.counts.pairs, dataset.counts.fit].map(|number| (name, number)));
    let of_labels = lock.classification.iter().flat_map(|(name, dataset)| {
        let counts = dataset.counts;
        [counts.documents, counts.classes, counts.queries].map(|number| (name, number))
    });
    let large = of_retrieval.chain(of_similarity).chain(of_labels).filter(|(_, number)| *number > LARGEST);
    mistakes.extend(
        large.map(|(name, number)| format!("dataset {name:?}: a count is {number}, allowed are at most {LARGEST}")),
    );
    mistakes
}

/// Workers lay files out under these names.
fn file_mistake(file: &LockedFile, of: &str) -> Option<String> {
    let part_is_fine =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= 255 && !part.contains('\\');
    let name_is_fine =
        file.name.len() <= 1024 && !file.name.contains(char::is_control) && file.name.split('/').all(part_is_fine);
    if !name_is_fine {
        let shown: String = file.name.chars().take(80).collect();
        return Some(format!("{of}: {shown:?} is not the name of a file inside a source"));
    }
    (file.bytes > LARGEST).then(|| format!("{of}: {} has {} bytes, allowed are {LARGEST}", file.name, file.bytes))
}

/// Vectors of one length and one dataset: so many there are.
fn most_pairs(manifest: &Manifest) -> u64 {
    let lengths: u64 = manifest.models.values().map(|model| 1 + model.dims.len() as u64).sum();
    lengths.saturating_mul(manifest.datasets.len() as u64)
}

/// Cells at most, those of studies among them: what `exclude` leaves out is counted too.
fn most_cells(manifest: &Manifest) -> u64 {
    let codecs: u64 = manifest.codecs.iter().map(CodecAxis::count).sum();
    let stages = 1 + manifest.rescore.as_ref().map_or(0, RescoreAxis::count);
    let studies = u64::from(manifest.codes) + u64::from(manifest.speed.is_some());
    let mut cells = most_pairs(manifest).saturating_mul(codecs).saturating_mul(stages.saturating_add(studies));
    for include in &manifest.include {
        let of = include.model.iter().count() as u64 * include.dataset.iter().count() as u64;
        let codecs: u64 = include.codec.iter().map(CodecAxis::count).sum();
        cells = cells.saturating_add(of.saturating_mul(codecs).saturating_mul(1 + studies));
    }
    let of_geometry = manifest.models.len() as u64 * manifest.datasets.len() as u64;
    cells.saturating_add(if manifest.geometry { of_geometry } else { 0 })
}

/// Refuses what would be planned for hours, before it is.
fn fits(manifest: &Manifest, lock: &Lock) -> Answer<()> {
    let (pairs, cells) = (most_pairs(manifest), most_cells(manifest));
    if cells > MOST_CELLS {
        return Err(wrong(
            &format!("the sweep has up to {cells} cells, allowed are {MOST_CELLS}: make several of it"),
            Vec::new(),
        ));
    }
    let rows = |name: &String| {
        let of_retrieval = lock.datasets.get(name).map(|dataset| dataset.counts.documents + dataset.counts.queries);
        let of_similarity = || lock.similarity.get(name).map(|dataset| dataset.stored() + dataset.counts.fit);
        let of_labels =
            || lock.classification.get(name).map(|dataset| dataset.counts.documents + dataset.counts.queries);
        of_retrieval.or_else(of_similarity).or_else(of_labels).unwrap_or(0)
    };
    let most_rows = manifest.datasets.keys().map(rows).max().unwrap_or(0);
    let inputs = (most_rows / SHARD_ROWS + 8).saturating_mul(cells.max(pairs));
    if inputs > MOST_INPUTS {
        let detail = format!(
            "the sweep's jobs would have {inputs} inputs (cells × shards of {SHARD_ROWS} rows), allowed are \
             {MOST_INPUTS}: make several of it"
        );
        return Err(wrong(&detail, Vec::new()));
    }
    Ok(())
}

/// Imported content that the jobs need and the store has not.
async fn missing(app: &App, plan: &Plan) -> Answer<()> {
    let inputs = plan.jobs.iter().flat_map(|job| &job.inputs).filter_map(|input| match input.from {
        Source::Blob(digest) => Some(digest),
        Source::Job(_) => None,
    });
    let wanted: BTreeSet<Digest> = inputs.collect();
    let store = app.desk.store();
    let ask = |digest: Digest| async move { Ok::<_, Problem>((!store.has_blob(&digest).await?).then_some(digest)) };
    let asked: Vec<Option<Digest>> = stream::iter(wanted).map(ask).buffered(ASKS_AT_A_TIME).try_collect().await?;
    let missing: Vec<Digest> = asked.into_iter().flatten().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "the store lacks {} of the blobs that the lock names: put each to /api/v1/blobs/SHA256, then submit again \
         (`bitsweep submit` does)",
        missing.len()
    );
    Err(Problem { missing, ..Problem::new(Sort::MissingBlobs, detail) })
}

/// The profiles to plan for: of the live workers those with the most slots, else those of the newest plan, else the
/// coordinator's own.
async fn profiles(app: &App) -> Answer<Profiles> {
    let workers = app.desk.workers().await?;
    let of_newest = || async {
        let newest = app.desk.sweeps().await.ok()?.first()?.id;
        app.desk.plan(newest).await.ok().map(|plan| plan.profiles.clone())
    };
    let (encoder, search) = (most_slots(&workers, Class::Gpu), most_slots(&workers, Class::Cpu));
    let rest = match (&encoder, &search) {
        (Some(_), Some(_)) => app.settings.profiles.clone(),
        _ => of_newest().await.unwrap_or_else(|| app.settings.profiles.clone()),
    };
    Ok(Profiles { encoder: encoder.unwrap_or(rest.encoder), search: search.unwrap_or(rest.search) })
}

/// The profile that most slots of a class have; of several the first by name.
fn most_slots(workers: &[WorkerCard], class: Class) -> Option<Profile> {
    let mut slots: HashMap<&Profile, u32> = HashMap::new();
    for card in workers.iter().filter(|card| card.classes.contains(&class) && !card.leaving) {
        let profiles = &card.offer.profiles;
        let profile = match class {
            Class::Gpu => &profiles.encoder,
            Class::Cpu => &profiles.search,
        };
        *slots.entry(profile).or_default() += card.slots;
    }
    slots.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0))).map(|(profile, _)| profile.clone())
}
