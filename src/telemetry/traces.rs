//! Traces by OTLP, where the environment names a collector.
//!
//! The variables are those of OpenTelemetry's specification, and its SDK reads them: collector, headers, time-out,
//! sampler, resource, and the bounds of the queue. Nobody who answers waits for the collector: what does not fit into
//! the queue is dropped.

mod collector;
pub mod spans;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use thiserror::Error;
use tokio::runtime::Handle;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::metrics::VERSION;
use collector::Collector;

/// The target of the spans that are there to be exported. Log lines know nothing of them.
pub(super) const TARGET: &str = "traces";
/// The spans around log lines that are exported too.
const OF_LOG_LINES: [&str; 2] = ["request", "broadcast"];
/// The name of the service, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` has another one.
const SERVICE: &str = "feishu-forward-gateway";
/// How long the end of the process waits for the collector.
const LAST_EXPORT: Duration = Duration::from_secs(2);

fn is_exported(of: &Metadata<'_>) -> bool {
    let is_own = of.target().starts_with(env!("CARGO_CRATE_NAME"));
    of.is_span() && (of.target() == TARGET || is_own && OF_LOG_LINES.contains(&of.name()))
}

/// Sends spans to a collector.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Why spans cannot be exported as the environment asks.
#[derive(Debug, Error)]
pub enum TracesError {
    /// There is only OTLP over HTTP.
    #[error(
        "{variable}: must be http/protobuf, the only protocol by which the gateway exports traces"
    )]
    Protocol {
        /// The variable.
        variable: &'static str,
    },
    /// There is only OTLP.
    #[error("OTEL_TRACES_EXPORTER: must be otlp or none")]
    Exporter,
    /// The SDK cannot use a variable.
    #[error("OTEL_EXPORTER_OTLP_*: {0}")]
    Variables(String),
}

impl Traces {
    /// What the environment asks for. None if it names no collector. `runtime` makes the calls to the collector.
    pub fn from_environment(runtime: &Handle) -> Result<Option<Self>, TracesError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let names_collector = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
            .into_iter()
            .any(|name| variable(name).is_some());
        let is_disabled =
            variable("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
        if !names_collector || is_disabled {
            return Ok(None);
        }
        match variable("OTEL_TRACES_EXPORTER").as_deref() {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(_) => return Err(TracesError::Exporter),
        }
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            match variable(name).as_deref() {
                None => {}
                Some("http/protobuf") => break,
                Some(_) => return Err(TracesError::Protocol { variable: name }),
            }
        }
        let wrong = |error: &dyn std::error::Error| TracesError::Variables(error.to_string());
        let collector = Collector::new(runtime.clone()).map_err(|error| wrong(&error))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| wrong(&error))?;
        let has_name = variable("OTEL_SERVICE_NAME").is_some()
            || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|it| it.contains("service.name="));
        let mut resource =
            Resource::builder().with_attribute(KeyValue::new("service.version", VERSION));
        if !has_name {
            resource = resource.with_service_name(SERVICE);
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Some(Self { provider }))
    }

    /// The layer that makes traces of the spans of `spans`.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SERVICE))
            .with_context_activation(false)
            .with_location(false)
            .with_level(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_exported))
    }

    /// Exports what has not been exported yet, if the collector takes it soon.
    pub async fn end(self) {
        // The SDK waits on this thread.
        let end = move || self.provider.shutdown_with_timeout(LAST_EXPORT);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(end).await {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}
