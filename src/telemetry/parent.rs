//! Spans whose parent is in another process.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Place;
use tracing_subscriber::registry::LookupSpan;

/// Reads the field `traceparent` of new spans, and gives them that parent when they are entered first.
pub(super) struct Parents;

/// The parent that a span is to have.
struct Wanted(Context);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Parents {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, place: Place<'_, S>) {
        let mut found = Traceparent(None);
        attributes.record(&mut found);
        if let (Some(parent), Some(span)) = (found.0.as_deref().and_then(parse), place.span(id)) {
            span.extensions_mut().insert(Wanted(parent));
        }
    }

    fn on_enter(&self, id: &Id, place: Place<'_, S>) {
        let wanted = place.span(id).and_then(|span| span.extensions_mut().remove::<Wanted>());
        if let Some(Wanted(parent)) = wanted {
            // It is the current one by now. Where it has started already, its parent stays.
            let _ = Span::current().set_parent(parent);
        }
    }
}

struct Traceparent(Option<String>);

impl Visit for Traceparent {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "traceparent" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "traceparent" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// `00-<trace>-<span>-<flags>`; `None` for anything else, the empty text of work without a trace included.
fn parse(text: &str) -> Option<Context> {
    let mut parts = text.split('-');
    let (Some("00"), Some(trace), Some(span), Some(flags), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let trace = TraceId::from_hex(trace).ok().filter(|trace| *trace != TraceId::INVALID)?;
    let span = SpanId::from_hex(span).ok().filter(|span| *span != SpanId::INVALID)?;
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let remote = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    Some(Context::new().with_remote_span_context(remote))
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn a_span_goes_on_with_a_trace_of_another_process() {
        let kept = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(Parents.and_then(spans));
        let traceparent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::info_span!("attempt", %traceparent);
            let _outer = outer.enter();
            let _inner = tracing::info_span!("commit").entered();
        });
        let spans = kept.get_finished_spans().unwrap();
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (outer, inner) = (named("attempt"), named("commit"));
        assert_eq!(outer.span_context.trace_id().to_string(), "0123456789abcdef0123456789abcdef");
        assert_eq!(outer.parent_span_id.to_string(), "0123456789abcdef");
        assert_eq!(inner.parent_span_id, outer.span_context.span_id());
        assert_eq!(inner.span_context.trace_id(), outer.span_context.trace_id());
    }

    #[test]
    fn what_is_no_trace_context_is_none() {
        for text in ["", "00-0-0-01", "01-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "00-x"] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse("00-00000000000000000000000000000000-0123456789abcdef-01").is_none());
    }
}
