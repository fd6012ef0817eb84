//! A worker's metrics over HTTP.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

use crate::exit::Failure;

/// Answers `/metrics` and `/healthz` at `listen` for as long as the program runs. Nothing else can be asked, and no token
/// is needed: the numbers name no sweep, model or data.
pub(crate) async fn serve(listen: SocketAddr, registry: Registry) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| {
        Failure::wrong(format!("{listen} cannot be listened on: {error}; choose another with --listen"))
    })?;
    let bound = listener.local_addr()?;
    let app = Router::new()
        .route("/metrics", get(move || std::future::ready(metrics(&registry))))
        .route("/healthz", get(|| std::future::ready("ok\n")));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::warn!("no metrics any more: {error}");
        }
    });
    Ok(bound)
}

fn metrics(registry: &Registry) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
