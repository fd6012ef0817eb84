//! Decisions about a sweep, and the collection of garbage.

use axum::extract::State;
use axum::response::Json;
use bitsweep_proto::manifest::Budget;
use bitsweep_proto::{Action, Track};

use super::App;
use super::extract::{At, Sent, sweep};
use super::problem::{Answer, Problem, Sort};
use super::submit::leads;
use super::types::{BudgetChange, BudgetLimits, Collect, Collected, Decided, TrackName};

async fn decide(app: &App, id: &str, action: Action) -> Answer<Json<Decided>> {
    let sweep = sweep(id)?;
    leads(app)?;
    let control = app.desk.control(sweep, action).await?;
    let forgiven = match control.action {
        Action::Retry { forgiven } => forgiven.len() as u64,
        Action::Cancel | Action::Resume | Action::Budget { .. } | Action::Reported => 0,
    };
    Ok(Json(Decided { sweep, forgiven }))
}

/// Nobody wants the sweep any more: its jobs stop, unless another sweep wants them.
#[utoipa::path(
    post, path = "/api/v1/sweeps/{sweep}/cancel", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = Decided))
)]
pub(super) async fn cancel(State(app): State<App>, At(id): At<String>) -> Answer<Json<Decided>> {
    decide(&app, &id, Action::Cancel).await
}

/// The sweep is wanted again.
#[utoipa::path(
    post, path = "/api/v1/sweeps/{sweep}/resume", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = Decided))
)]
pub(super) async fn resume(State(app): State<App>, At(id): At<String>) -> Answer<Json<Decided>> {
    decide(&app, &id, Action::Resume).await
}

/// Jobs that were given up or put aside are tried again: the attempts that they had no longer count.
#[utoipa::path(
    post, path = "/api/v1/sweeps/{sweep}/retry", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = Decided))
)]
pub(super) async fn retry(State(app): State<App>, At(id): At<String>) -> Answer<Json<Decided>> {
    decide(&app, &id, Action::Retry { forgiven: Vec::new() }).await
}

/// A report of the sweep was written: gates that wait for one may open.
#[utoipa::path(
    post, path = "/api/v1/sweeps/{sweep}/reported", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    responses((status = 200, body = Decided))
)]
pub(super) async fn reported(State(app): State<App>, At(id): At<String>) -> Answer<Json<Decided>> {
    decide(&app, &id, Action::Reported).await
}

/// The limits of a budget are now these.
#[utoipa::path(
    post, path = "/api/v1/sweeps/{sweep}/budgets", params(("sweep" = String, Path, pattern = "^[0-9a-fA-F]{64}$")),
    request_body = BudgetChange, responses((status = 200, body = Decided))
)]
pub(super) async fn budgets(
    State(app): State<App>,
    At(id): At<String>,
    Sent(change): Sent<BudgetChange>,
) -> Answer<Json<Decided>> {
    let sweep = sweep(&id)?;
    let budget = limits(&change.budget).map_err(|why| Problem::new(Sort::Unprocessable, why))?;
    let budgets = app.desk.status(sweep).await?.budgets.len();
    if change.index as usize > budgets {
        let detail = format!("there is no budgets[{}]: the sweep has {budgets}, the next is {budgets}", change.index);
        return Err(Problem::new(Sort::Unprocessable, detail));
    }
    decide(&app, &id, Action::Budget { index: change.index, budget }).await
}

/// The budget with these limits, as the manifest's schema allows them.
fn limits(asked: &BudgetLimits) -> Result<Budget, String> {
    let BudgetLimits { gpu_hours, usd, bytes, configurations, tier, track } = *asked;
    for (name, limit) in [("gpu_hours", gpu_hours), ("usd", usd)] {
        if limit.is_some_and(|limit| !limit.is_finite() || limit < 0.0) {
            return Err(format!("{name} must be 0 or more"));
        }
    }
    if tier.is_some_and(|tier| !(1..=1000).contains(&tier)) {
        return Err("tier must be from 1 to 1000".to_owned());
    }
    if gpu_hours.is_none() && usd.is_none() && bytes.is_none() && configurations.is_none() {
        return Err("name a limit: gpu_hours, usd, bytes or configurations".to_owned());
    }
    let track = track.map(|track| match track {
        TrackName::Core => Track::Core,
        TrackName::Exploratory => Track::Exploratory,
    });
    Ok(Budget { gpu_hours, usd, bytes, configurations, tier, track })
}

/// Deletes what no sweep needs.
#[utoipa::path(post, path = "/api/v1/gc", request_body = Collect, responses((status = 200, body = Collected)))]
pub(super) async fn collect(State(app): State<App>, Sent(wanted): Sent<Collect>) -> Answer<Json<Collected>> {
    leads(&app)?;
    let report = app.desk.collect(&wanted.forget, wanted.dry_run).await?;
    Ok(Json(Collected::of(&report, wanted.dry_run)))
}
