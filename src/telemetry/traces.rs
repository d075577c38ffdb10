//! Traces by OTLP over HTTP, and trace propagation from a request to its job (W3C Trace Context).

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HeaderExtractor, HeaderInjector, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber, warn};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::settings::section;

/// The target of all traced spans, and of nothing else: spans and events with other targets are only logged.
pub const TRACED: &str = "faceql::traced";

/// The header and the column with the parent span.
const TRACEPARENT: &str = "traceparent";

/// Maximum time for sending a batch to the collector.
const SEND_TIME: Duration = Duration::from_secs(10);

section! {
    /// Where traces go, and how many.
    #[derive(Clone)]
    pub struct TracesConfig {
        /// Collector that takes traces by OTLP over HTTP, such as `http://localhost:4318`. Empty: no traces.
        pub endpoint: Option<Url> = url("OTEL_EXPORTER_OTLP_ENDPOINT"),
        /// Headers for the collector, as name=value, separated by commas. They may hold a key.
        pub headers: HashMap<String, String> =
            parsed("OTEL_EXPORTER_OTLP_HEADERS", HashMap::new(), "", "name=value, separated by commas", pairs),
        /// Name of this service in traces.
        pub service: String = text("OTEL_SERVICE_NAME", "faceql"),
        /// Share of requests to trace, 0 to 1. A request of a trace that began elsewhere follows that trace. Empty: all.
        pub share: f32 = share("OTEL_TRACES_SAMPLER_ARG") => |share: Option<f32>| share.unwrap_or(1.0),
    }
}

impl fmt::Debug for TracesConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TracesConfig({}, …)", self.service)
    }
}

fn pairs(text: &str) -> Option<HashMap<String, String>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',').map(pair).collect()
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The HTTP client could not be created.
    #[error("cannot create the client for sending traces: {0}")]
    Client(#[from] reqwest::Error),
    /// The exporter could not be created.
    #[error("cannot create the trace exporter: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Traces to be sent to a collector.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts sending; `None` if no collector is configured.
    pub(super) fn start(config: &TracesConfig) -> Result<Option<Self>, TracesError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
            .with_headers(config.headers.clone())
            .with_http_client(Sender::new()?)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(config.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::TraceIdRatioBased(config.share.into());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .build();
        Ok(Some(Self(provider)))
    }

    /// Collects the spans of [`TRACED`] but no events: log messages may contain more than traces should.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        OpenTelemetryLayer::new(self.0.tracer("faceql"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TRACED))
    }

    pub(super) async fn stop(self) {
        // Shutdown waits for the exporter's thread, which waits for our runtime, so it must not block the runtime.
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if !matches!(stopped, Ok(Ok(()))) {
            warn!("the remaining traces could not be sent");
        }
    }
}

/// Sends batches on our runtime, because the thread that gathers them has none.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
}

impl Sender {
    fn new() -> Result<Self, TracesError> {
        // reqwest is built without a TLS provider; an installed one is kept.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            reqwest::Client::builder().timeout(SEND_TIME).redirect(reqwest::redirect::Policy::none());
        Ok(Self { client: client.build()?, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

/// Makes `span`, which must not have been entered, part of the trace described by `headers`.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        go_on(span, &HeaderExtractor(headers));
    }
}

/// Makes `span`, which must not have been entered, a child of the span that `traceparent` names.
pub fn continue_trace_of(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent {
        go_on(span, &HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]));
    }
}

fn go_on(span: &Span, carrier: &dyn Extractor) {
    if !span.is_disabled() {
        // Without tracing, the span exists only for the log and has no trace.
        let _ = span.set_parent(TraceContextPropagator::new().extract(carrier));
    }
}

/// The traceparent of the current span; `None` if it is not traced.
#[must_use]
pub fn traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Headers that propagate the trace to another service; empty if nothing is traced.
#[must_use]
pub fn trace_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut HeaderInjector(&mut headers));
    headers
}
