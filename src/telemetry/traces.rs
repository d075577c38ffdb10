//! Traces by OTLP over HTTP, and how one goes on from a request to its job (W3C Trace Context).

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

use crate::config::{Setting, Settings};

/// The target of all spans that are traced, and of nothing else: what is only logged is in no trace.
pub const TRACED: &str = "faceql::traced";

/// The header, and the column, that says which span goes on.
const TRACEPARENT: &str = "traceparent";

/// How long the collector may take to take a batch.
const SEND_TIME: Duration = Duration::from_secs(10);

/// Where traces go, and how many.
#[derive(Clone)]
pub struct TracesConfig {
    /// The collector; without one nothing is traced.
    pub endpoint: Option<Url>,
    /// Sent along with every batch: may hold a key.
    pub headers: HashMap<String, String>,
    /// How the collector calls this service.
    pub service: String,
    /// The share of requests to trace, of those that belong to no trace yet.
    pub share: f32,
}

impl TracesConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let endpoint = Setting {
            name: "OTEL_EXPORTER_OTLP_ENDPOINT",
            about: "A collector that takes traces by OTLP over HTTP, as in http://localhost:4318; unset: nothing is \
                    traced.",
        };
        let headers = Setting {
            name: "OTEL_EXPORTER_OTLP_HEADERS",
            about: "Headers for the collector, as name=value, separated by commas.",
        };
        let service = Setting { name: "OTEL_SERVICE_NAME", about: "The name of this service in traces." };
        let share = Setting {
            name: "OTEL_TRACES_SAMPLER_ARG",
            about: "The share, 0 to 1, of requests that are traced; those of a trace that began elsewhere follow it. \
                    Empty: all.",
        };
        Self {
            endpoint: settings.url(endpoint),
            headers: settings.parsed(headers, HashMap::new(), "", "name=value, separated by commas", pairs),
            service: settings.text(service, "faceql"),
            share: settings.share(share).unwrap_or(1.0),
        }
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
    /// The client.
    #[error("the client that sends traces: {0}")]
    Client(#[from] reqwest::Error),
    /// The exporter.
    #[error("sending traces: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Traces on their way to a collector.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts sending; `None` when no collector is named.
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

    /// Takes the spans of [`TRACED`], and no event: what is logged may hold more than a trace should.
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
        // It waits for its own thread, which waits for ours.
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if !matches!(stopped, Ok(Ok(()))) {
            warn!("the last traces could not be sent");
        }
    }
}

/// Sends batches on our runtime, since the thread that gathers them has none.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
}

impl Sender {
    fn new() -> Result<Self, TracesError> {
        // reqwest brings no TLS provider here; where one is installed already, it stays.
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

/// Makes `span`, which must not have been entered, part of the trace that `headers` tell of.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        go_on(span, &HeaderExtractor(headers));
    }
}

/// Makes `span`, which must not have been entered, part of the trace of the span that `traceparent` names.
pub fn continue_trace_of(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent {
        go_on(span, &HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]));
    }
}

fn go_on(span: &Span, carrier: &dyn Extractor) {
    if !span.is_disabled() {
        // When nothing is traced, the span is there for the log alone, and has no trace.
        let _ = span.set_parent(TraceContextPropagator::new().extract(carrier));
    }
}

/// Names the span that is at work now; `None` when nothing is traced.
#[must_use]
pub fn traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Headers by which another service goes on with the trace; none when nothing is traced.
#[must_use]
pub fn trace_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut HeaderInjector(&mut headers));
    headers
}
