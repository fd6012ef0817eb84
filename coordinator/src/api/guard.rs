//! What every request passes: who asks, how many at once, for how long.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::App;
use super::problem::{Problem, Sort};

/// Paths that everybody may ask: probes have no token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Around everything: the door, and what a handler that broke looks like from outside.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if !OPEN.contains(&path.as_str())
        && let Err(problem) = admit(&app, request.headers())
    {
        return problem.into_response();
    }
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!("{method} {path} broke: this is a mistake in bitsweep, please report it with the lines above");
        Problem::new(Sort::Broke, "the coordinator made a mistake; its log says more").into_response()
    });
    tracing::debug!("{method} {path}: {}", response.status().as_u16());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Around what answers soon: so many at once, each for so long.
pub(super) async fn short(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_permit) = app.requests.clone().try_acquire_owned() else {
        return Problem::new(Sort::TooMany, "too many requests at once: ask again in a second").into_response();
    };
    let limit = app.settings.limits.time;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("not done within {} s: ask again, or for less at once", limit.as_secs());
            Problem::new(Sort::Timeout, detail).into_response()
        }
    }
}

fn admit(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(tokens) = &app.tokens else { return admit_local(headers) };
    let given = headers.get(header::AUTHORIZATION);
    let Some(given) = given else {
        return Err(Problem::new(Sort::Unauthorized, "no token: send `Authorization: Bearer TOKEN`"));
    };
    let token = given.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    match token {
        Some(token) if tokens.accept(token) => Ok(()),
        Some(_) => Err(Problem::new(Sort::Unauthorized, "the token is not one of the coordinator's token file")),
        None => Err(Problem::new(Sort::Unauthorized, "not a bearer token: send `Authorization: Bearer TOKEN`")),
    }
}

/// Without tokens everybody on this machine may ask, but no page that a browser on it has open.
fn admit_local(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |why: &str| {
        let detail = format!("{why}: a coordinator without a token file answers programs on its own machine only");
        Err(Problem::new(Sort::Forbidden, detail))
    };
    if headers.contains_key(header::ORIGIN) {
        return refused("the request comes from a web page");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback(host) { Ok(()) } else { refused("the request is for another host's name") }
}

/// Whether the `Host` of a request names this machine: `localhost`, 127.x.y.z, `[::1]`, with any port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn names_of_this_machine_are_told_from_others() {
        for ours in ["localhost", "LOCALHOST:8700", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:8700"] {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in ["", "localhost.evil.example", "127.0.0.1.nip.io:8700", "10.0.0.1", "[::2]:1", "example.com:127"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
