//! What the program says while it works: lines on standard error as text or JSON, and, with the cargo feature `otlp`, spans
//! for a trace collector.
//!
//! For `main`: flatten [`LogArgs`] into the command line; call [`start`] **before** the runtime is made, for the exporter
//! has a thread and a client of its own, with [`SERVICE_LEVEL`] for `coordinator` and `worker` and [`COMMAND_LEVEL`] for all
//! others; keep what it returns until the very end (drop it after `runtime.shutdown_background()`), for the last spans leave
//! when it is dropped.
//!
//! **One trace from submit to commit.** A span with the field `traceparent`, a W3C trace context as `Work::traceparent` is
//! one, becomes a child of the span named there, whichever process that was in. Crates write the field and know nothing of
//! OpenTelemetry.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "otlp")]
mod parent;

use crate::exit::Failure;

/// What commands log where nobody says otherwise. The client of the queue logs as errors what its caller handles.
pub(crate) const COMMAND_LEVEL: &str = "error,lapin=off";

/// What services log where nobody says otherwise.
pub(crate) const SERVICE_LEVEL: &str = "info,lapin=off";

/// How the program logs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// Form of the log on standard error.
    #[arg(long, value_enum, value_name = "FORM", default_value = "text", env = "BITSWEEP_LOG_FORMAT", global = true)]
    pub(crate) log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or per module (info,bitsweep_worker=debug).
    #[arg(long, value_name = "FILTER", env = "BITSWEEP_LOG", global = true)]
    pub(crate) log: Option<String>,
}

/// A form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Keeps the export of spans going; the last ones leave when it is dropped.
#[must_use = "what is dropped at once exports nothing"]
pub(crate) struct Telemetry {
    #[cfg(feature = "otlp")]
    _export: Option<otlp::Export>,
}

/// Starts to log. `default_level` is what is logged where nobody said: [`COMMAND_LEVEL`] or [`SERVICE_LEVEL`].
pub(crate) fn start(args: &LogArgs, default_level: &str) -> Result<Telemetry, Failure> {
    let filter = args.log.as_deref().unwrap_or(default_level);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::wrong(format!(
            "--log or BITSWEEP_LOG, \"{filter}\": {error}; write for example info,bitsweep_worker=debug"
        ))
    })?;
    let lines = lines(args.log_format).with_filter(filter);
    #[cfg(feature = "otlp")]
    let (export, spans) = otlp::start()?;
    let registry = Registry::default().with(lines);
    #[cfg(feature = "otlp")]
    let registry = registry.with(spans);
    // Only a test has one already.
    let _ = registry.try_init();
    Ok(Telemetry {
        #[cfg(feature = "otlp")]
        _export: export,
    })
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Colours are for people: a file, a pipe and whoever sets NO_COLOR get none.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    match format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    }
}
