//! Spans for a trace collector, over OTLP/HTTP. On where `OTEL_EXPORTER_OTLP_ENDPOINT` (or its form for traces) is set; the
//! other `OTEL_*` variables count as everywhere.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;

use super::parent::Parents;
use crate::exit::Failure;

/// The export; ends, after the last spans have left, when it is dropped.
pub(super) struct Export(SdkTracerProvider);

impl Drop for Export {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            eprintln!("bitsweep: the last spans could not be exported: {error}");
        }
    }
}

const SWITCHES: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Starts the export where an endpoint is set. Must not be called inside a runtime: the client is a blocking one, used by
/// the exporter's own thread.
pub(super) fn start<S>() -> Result<(Option<Export>, Option<impl Layer<S>>), Failure>
where
    S: tracing::Subscriber + for<'s> tracing_subscriber::registry::LookupSpan<'s> + Send + Sync,
{
    if SWITCHES.iter().all(|name| std::env::var_os(name).is_none()) {
        return Ok((None, None));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder().with_http().build();
    // Its words may hold the headers of the environment.
    let exporter = exporter
        .map_err(|_| Failure::wrong("the variables OTEL_EXPORTER_OTLP_* do not describe an endpoint for traces"))?;
    let resource = Resource::builder().with_service_name(service_name()).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("bitsweep"));
    // Parents first: a span has its parent before it starts.
    let layer = Parents.and_then(spans).with_filter(LevelFilter::INFO);
    Ok((Some(Export(provider)), Some(layer)))
}

fn service_name() -> String {
    std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "bitsweep".to_owned())
}
