//! Reading sweeps: the list, how one stands, its plan, its outcomes, what failed.

use std::collections::HashSet;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Json, Response};
use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::{Digest, JobKey, Manifest, Plan, SweepId};
use futures::{StreamExt, stream};

use super::App;
use super::extract::{Asked, At, limit, place, sha256, sweep};
use super::problem::{Answer, Problem, Sort};
use super::types::{Failed, Failures, Outcomes, OutcomesWanted, Page, Sweeps, SweepsWanted};
use crate::view::{SweepLine, SweepStatus};

/// Reads at a time: enough to hide the latency of a remote store.
const READS_AT_A_TIME: usize = 32;

/// The sweeps of the store, the last submitted first.
#[utoipa::path(get, operation_id = "sweeps", path = "/api/v1/sweeps", params(SweepsWanted), responses((status = 200, body = Sweeps)))]
pub(super) async fn list(State(app): State<App>, Asked(wanted): Asked<SweepsWanted>) -> Answer<Json<Sweeps>> {
    let limit = limit(wanted.limit)?;
    let after = wanted.after.as_deref().map(sweep).transpose()?;
    let manifest = wanted.manifest.as_deref().map(sha256).transpose()?;
    let mut lines = app.desk.sweeps().await?;
    if let Some(after) = after {
        let at = lines.iter().position(|line| line.id == after).map_or(lines.len(), |at| at + 1);
        lines.drain(..at);
    }
    if let Some(named) = &wanted.named {
        lines.retain(|line| is_named(line, named));
    }
    let mut items = Vec::new();
    let mut lines = lines.into_iter();
    for line in lines.by_ref() {
        if let Some(wanted) = manifest
            && manifest_of(&app, line.id).await? != Some(wanted)
        {
            continue;
        }
        items.push(line);
        if items.len() == limit {
            break;
        }
    }
    let more = lines.next().is_some();
    let next = items.last().filter(|_| more).map(|line| line.id.to_string());
    Ok(Json(Sweeps { items, next }))
}

fn is_named(line: &SweepLine, text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_hexdigit());
    line.name == text || (digits && line.id.to_string().starts_with(&text.to_ascii_lowercase()))
}

/// What a manifest says, in one number: comments and layout do not change it.
pub fn manifest_digest(manifest: &Manifest) -> Digest {
    Digest::of(&serde_json::to_vec(manifest).unwrap_or_default())
}

/// The digest of the manifest of a sweep; `None` where it cannot be read any more.
async fn manifest_of(app: &App, id: SweepId) -> Answer<Option<Digest>> {
    let known = app.manifests.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&id).copied();
    if let Some(known) = known {
        return Ok(known);
    }
    let plan = app.desk.plan(id).await?;
    let read = bitsweep_proto::manifest::read(&plan.manifest, "").ok();
    let digest = read.as_ref().map(manifest_digest);
    app.manifests.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id, digest);
    Ok(digest)
}

/// How a sweep stands.
#[utoipa::path(
    get, path = "/api/v1/sweeps/{sweep}", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = SweepStatus))
)]
pub(super) async fn status(State(app): State<App>, At(id): At<String>) -> Answer<Json<SweepStatus>> {
    Ok(Json(app.desk.status(sweep(&id)?).await?))
}

/// The plan of a sweep, as it is stored.
#[utoipa::path(
    get, path = "/api/v1/sweeps/{sweep}/plan", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = Object))
)]
pub(super) async fn plan(State(app): State<App>, At(id): At<String>) -> Answer<Response> {
    let plan = app.desk.plan(sweep(&id)?).await?;
    // Large plans take a while to write down.
    let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&*plan)).await;
    let body =
        written.ok().and_then(Result::ok).ok_or_else(|| Problem::new(Sort::Broke, "the plan cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The committed outcomes of a sweep's jobs, in the plan's order, as they are stored.
#[utoipa::path(
    get, path = "/api/v1/sweeps/{sweep}/outcomes",
    params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$"), OutcomesWanted),
    responses((status = 200, body = Outcomes))
)]
pub(super) async fn outcomes(
    State(app): State<App>,
    At(id): At<String>,
    Asked(wanted): Asked<OutcomesWanted>,
) -> Answer<Json<Outcomes>> {
    let (limit, first) = (limit(wanted.limit)?, place(wanted.after.as_deref())?);
    let plan = app.desk.plan(sweep(&id)?).await?;
    let mut jobs = plan.jobs.iter().enumerate().skip(first);
    let mut jobs = jobs.by_ref().filter(|(_, job)| wanted.kind.is_none_or(|kind| job.spec.kind() == kind));
    let keys: Vec<JobKey> = jobs.by_ref().take(limit).map(|(_, job)| job.key).collect();
    let next = jobs.next().map(|(index, _)| index.to_string());
    let (items, damaged) = read(app.desk.store(), keys).await?;
    Ok(Json(Outcomes { items, damaged, next }))
}

/// Every outcome in the store that counts, of whatever sweep, by key.
#[utoipa::path(get, path = "/api/v1/outcomes", params(Page), responses((status = 200, body = Outcomes)))]
pub(super) async fn all_outcomes(State(app): State<App>, Asked(page): Asked<Page>) -> Answer<Json<Outcomes>> {
    let limit = limit(page.limit)?;
    let after = page.after.as_deref().map(super::extract::job).transpose()?;
    let known = app.desk.store().known().await?;
    let mut keys: Vec<JobKey> =
        known.outcomes.into_keys().filter(|key| after.is_none_or(|after| *key > after)).collect();
    keys.sort_unstable();
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(ToString::to_string);
    let (items, damaged) = read(app.desk.store(), keys).await?;
    Ok(Json(Outcomes { items, damaged, next }))
}

/// The outcomes of `keys` in their order, and what cannot be read of them, in words.
async fn read(store: &Store, keys: Vec<JobKey>) -> Answer<(Vec<bitsweep_proto::Outcome>, Vec<String>)> {
    let mut found = stream::iter(keys).map(|key| store.outcome(key)).buffered(READS_AT_A_TIME);
    let (mut items, mut damaged) = (Vec::new(), Vec::new());
    while let Some(read) = found.next().await {
        match read {
            Ok(outcome) => items.extend(outcome),
            Err(error @ BackendError::Damaged { .. }) => damaged.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((items, damaged))
}

/// Jobs without an outcome whose last attempt said that they cannot be done, in the plan's order.
#[utoipa::path(
    get, path = "/api/v1/sweeps/{sweep}/failures",
    params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$"), Page),
    responses((status = 200, body = Failures))
)]
pub(super) async fn failures(
    State(app): State<App>,
    At(id): At<String>,
    Asked(page): Asked<Page>,
) -> Answer<Json<Failures>> {
    let (limit, first) = (limit(page.limit)?, place(page.after.as_deref())?);
    let plan = app.desk.plan(sweep(&id)?).await?;
    let store = app.desk.store();
    let tried = tried_in_vain(store, &plan).await?;
    let mut open = (0..).zip(&plan.jobs).skip(first).filter(|(_, job)| tried.contains(&job.key));
    let jobs: Vec<JobKey> = open.by_ref().take(limit).map(|(_, job)| job.key).collect();
    let next = open.next().map(|(index, _): (usize, _)| index.to_string());
    Ok(Json(Failures { items: reasons(store, jobs).await?, next }))
}

/// The jobs of `plan` without an outcome whose last attempt said that they cannot be done, in the plan's order, with what
/// it said.
pub async fn failed(store: &Store, plan: &Plan) -> Result<Vec<Failed>, BackendError> {
    let tried = tried_in_vain(store, plan).await?;
    let keys = plan.jobs.iter().map(|job| job.key).filter(|key| tried.contains(key)).collect();
    reasons(store, keys).await
}

/// Jobs with attempts and without an outcome.
async fn tried_in_vain(store: &Store, plan: &Plan) -> Result<HashSet<JobKey>, BackendError> {
    let (known, tried) = (store.known().await?, store.tried().await?);
    let keys = plan.jobs.iter().map(|job| job.key);
    Ok(keys.filter(|key| !known.outcomes.contains_key(key) && tried.contains(key)).collect())
}

async fn reasons(store: &Store, keys: Vec<JobKey>) -> Result<Vec<Failed>, BackendError> {
    let read = |key: JobKey| async move { Ok::<_, BackendError>((key, store.attempts(key).await?)) };
    let mut found = stream::iter(keys).map(read).buffered(READS_AT_A_TIME);
    let mut failed = Vec::new();
    while let Some(read) = found.next().await {
        let (key, attempts) = read?;
        let reason = match attempts.ends.last().map(|end| &end.verdict) {
            Some(Verdict::Failed { code, message }) => format!("{code}: {message}"),
            Some(Verdict::Broke { message }) => message.clone(),
            _ => continue,
        };
        failed.push(Failed { key, reason });
    }
    Ok(failed)
}

/// The problem of a path that does not exist.
pub(super) async fn nowhere(uri: axum::http::Uri) -> Problem {
    let detail = format!("there is no {:.80}: /api/v1/openapi.json lists what there is", uri.path());
    Problem::new(Sort::NoSuchPath, detail)
}

/// The problem of a method that a path does not have.
pub(super) async fn no_method() -> Problem {
    Problem::new(Sort::NoSuchMethod, "the path has no such method: /api/v1/openapi.json lists those it has")
}
