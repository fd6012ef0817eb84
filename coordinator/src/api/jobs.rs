//! Jobs, their attempts and logs, and the workers.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Json, Response};
use bitsweep_backends::store::Attempts;
use bitsweep_backends::{BackendError, Store};
use bitsweep_proto::{JobKey, Nonce, Outcome};

use super::App;
use super::extract::{Asked, At, job, limit, nonce, place};
use super::problem::{Answer, Problem, Sort};
use super::types::{AttemptOfJob, AttemptsOfJob, Job, Page, Workers};

/// A job with its outcome.
#[utoipa::path(
    get, operation_id = "job", path = "/api/v1/jobs/{job}", params(("job" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = Job))
)]
pub(super) async fn get(State(app): State<App>, At(key): At<String>) -> Answer<Json<Job>> {
    let key = job(&key)?;
    let store = app.desk.store();
    let (outcome, attempts) = (store.outcome(key).await?, attempts_of(store, key).await?);
    if attempts.is_empty() {
        let detail = format!("job {key} was never tried here, or there is no such job");
        return Err(Problem::new(Sort::NotFound, detail));
    }
    Ok(Json(Job { key, attempts: attempts.len() as u64, outcome }))
}

/// The attempts on a job, in the order of their starts.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/attempts", params(("job" = String, Path, pattern = "^[0-9a-fA-F]{64}$"), Page),
    responses((status = 200, body = AttemptsOfJob))
)]
pub(super) async fn attempts(
    State(app): State<App>,
    At(key): At<String>,
    Asked(page): Asked<Page>,
) -> Answer<Json<AttemptsOfJob>> {
    let (limit, first) = (limit(page.limit)?, place(page.after.as_deref())?);
    let all = attempts_of(app.desk.store(), job(&key)?).await?;
    let next = first.saturating_add(limit);
    let next = (next < all.len()).then(|| next.to_string());
    let items = all.into_iter().skip(first).take(limit).collect();
    Ok(Json(AttemptsOfJob { items, next }))
}

/// The attempts on a job, in the order in which they began; those of which only an end is left come last. One that an
/// outcome names committed it, whatever else is on record of it; a short one has left nothing else.
pub async fn attempts_of(store: &Store, key: JobKey) -> Result<Vec<AttemptOfJob>, BackendError> {
    let mut all = merged(store.attempts(key).await?);
    for generation in 0..=store.generation_of(key).await? {
        let outcome = match store.outcome_at(key, generation).await {
            // Nobody knows who made it.
            Err(BackendError::Damaged { .. }) => None,
            read => read?,
        };
        let Some(outcome) = outcome else { continue };
        if let Some(maker) = all.iter_mut().find(|attempt| attempt.attempt == outcome.attempt) {
            maker.committed = true;
            continue;
        }
        let began = began(&outcome);
        let after = |other: &AttemptOfJob| other.start.as_ref().is_none_or(|start| start.started_at > began);
        let place = all.iter().position(after).unwrap_or(all.len());
        all.insert(place, AttemptOfJob { attempt: outcome.attempt, start: None, end: None, committed: true });
    }
    Ok(all)
}

/// When the attempt began that made an outcome, in seconds since 1970.
fn began(outcome: &Outcome) -> u64 {
    outcome.provenance.committed_at.saturating_sub(outcome.cost.seconds as u64)
}

/// Starts and ends by attempt.
fn merged(attempts: Attempts) -> Vec<AttemptOfJob> {
    let mut ends: BTreeMap<Nonce, _> = attempts.ends.into_iter().map(|end| (end.attempt.clone(), end)).collect();
    let started = attempts.starts.into_iter().map(|start| AttemptOfJob {
        attempt: start.attempt.clone(),
        end: ends.remove(&start.attempt),
        start: Some(start),
        committed: false,
    });
    let mut all: Vec<AttemptOfJob> = started.collect();
    all.extend(ends.into_iter().map(|(attempt, end)| AttemptOfJob {
        attempt,
        start: None,
        end: Some(end),
        committed: false,
    }));
    all
}

/// What an attempt said, as far as it is in the store.
#[utoipa::path(
    get, path = "/api/v1/jobs/{job}/attempts/{attempt}/log",
    params(
        ("job" = String, Path, pattern = "^[0-9a-fA-F]{64}$"), ("attempt" = String, Path, pattern = "^[0-9a-f]{32}$"),
    ),
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn log(State(app): State<App>, At((key, attempt)): At<(String, String)>) -> Answer<Response> {
    let (key, attempt) = (job(&key)?, nonce(&attempt)?);
    let log = app.desk.store().log(key, &attempt).await?;
    if log.is_empty() {
        let detail = format!("attempt {attempt} of job {key} has no log: it said nothing yet, or there is none such");
        return Err(Problem::new(Sort::NotFound, detail));
    }
    // Whatever a job wrote, it goes out as text.
    let text = String::from_utf8_lossy(&log).into_owned();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// The workers that live.
#[utoipa::path(get, path = "/api/v1/workers", responses((status = 200, body = Workers)))]
pub(super) async fn workers(State(app): State<App>) -> Answer<Json<Workers>> {
    Ok(Json(Workers { items: app.desk.workers().await? }))
}
