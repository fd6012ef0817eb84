//! Probes and metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};

use super::App;
use super::types::Health;
use crate::view::Role;

fn health(app: &App) -> Health {
    Health { role: app.desk.role(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// Whether the process lives. No token is needed.
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, body = Health)))]
pub(super) async fn healthz(State(app): State<App>) -> Json<Health> {
    Json(health(&app))
}

/// Whether it leads: 503 while it starts, and while another coordinator leads. No token is needed.
#[utoipa::path(
    get, path = "/readyz", security(()),
    responses((status = 200, description = "it leads", body = Health), (status = 503, description = "it does not", body = Health))
)]
pub(super) async fn readyz(State(app): State<App>) -> Response {
    let health = health(&app);
    let status = match health.role {
        Role::Leader => StatusCode::OK,
        Role::Starting | Role::Standby => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health)).into_response()
}

/// Metrics in the text format of Prometheus. Needs a token as everything else does: names and costs of sweeps are in them.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.desk.metrics()).into_response()
}
