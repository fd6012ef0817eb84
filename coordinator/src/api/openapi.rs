//! The routes and their description: one list makes both.

use axum::extract::State;
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, blobs, decide, events, guard, health, jobs, submit, sweeps};

const ABOUT: &str = "\
What `bitsweep submit`, `status`, `watch` and the others talk to.

Every request but `/healthz` and `/readyz` needs a token of the coordinator's token file, as a bearer token; so does \
`/metrics`. A coordinator without a token file answers its own machine only. Errors are `application/problem+json`; \
their `type` tells them apart. Lists come in pages: ask again with `after` set to `next`. Ids and keys are 64 \
hexadecimal digits; a blob is named by the SHA-256 of its bytes.";

/// The router, and the description of what it answers.
pub(super) fn router(app: App) -> (axum::Router, OpenApi) {
    let guarded = |router: axum::Router<App>| {
        router
            .fallback(sweeps::nowhere)
            .method_not_allowed_fallback(sweeps::no_method)
            .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
            .with_state(app.clone())
    };
    let short = short().layer(middleware::from_fn_with_state(app.clone(), guard::short));
    let (router, openapi) = OpenApiRouter::with_openapi(head()).merge(short).merge(long()).split_for_parts();
    (guarded(router), finish(openapi))
}

/// The description alone.
pub fn description() -> OpenApi {
    finish(OpenApiRouter::with_openapi(head()).merge(short()).merge(long()).into_openapi())
}

/// What is answered at once.
fn short() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sweeps::list, submit::submit))
        .routes(routes!(sweeps::status))
        .routes(routes!(sweeps::plan))
        .routes(routes!(sweeps::outcomes))
        .routes(routes!(sweeps::failures))
        .routes(routes!(sweeps::all_outcomes))
        .routes(routes!(decide::cancel))
        .routes(routes!(decide::resume))
        .routes(routes!(decide::retry))
        .routes(routes!(decide::budgets))
        .routes(routes!(decide::reported))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::attempts))
        .routes(routes!(jobs::log))
        .routes(routes!(jobs::workers))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi_json))
}

/// What may take as long as it moves on.
fn long() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(blobs::has, blobs::get, blobs::put))
        .routes(routes!(events::events))
        .routes(routes!(decide::collect))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = Object)))]
async fn openapi_json(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.description.clone()).into_response()
}

fn head() -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new().title("bitsweep coordinator").version("1").description(Some(ABOUT));
    OpenApiBuilder::new().info(info.license(Some(license)).build()).build()
}

/// What all operations share: the token, and what an error looks like.
fn finish(mut openapi: OpenApi) -> OpenApi {
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let components = openapi.components.take().unwrap_or_else(|| ComponentsBuilder::new().build());
    let mut components = components;
    components.security_schemes.insert("token".to_owned(), token.into());
    openapi.components = Some(components);
    openapi.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    for path in openapi.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.head, &mut path.put, &mut path.post];
        operations.into_iter().flatten().for_each(with_problem);
    }
    openapi
}

fn with_problem(operation: &mut Operation) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new().description("why it was not done, and what to do");
    let problem = problem.content("application/problem+json", content).build();
    operation.responses.responses.insert("default".to_owned(), problem.into());
}
