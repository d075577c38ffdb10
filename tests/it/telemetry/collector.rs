//! A trace collector like those of operators: OTLP over HTTP, protobuf.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// The requests that arrived.
#[derive(Default)]
struct Arrived {
    requests: Vec<(HeaderMap, Bytes)>,
    spans: Vec<Span>,
    services: Vec<String>,
}

/// Receives traces at [`Collector::url`].
#[derive(Clone)]
pub(super) struct Collector {
    pub(super) url: String,
    arrived: Arc<Mutex<Arrived>>,
}

/// A received span.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) attributes: HashMap<String, String>,
    pub(super) failed: bool,
    pub(super) events: usize,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let arrived = Arc::<Mutex<Arrived>>::default();
        let routes = Router::new().route("/v1/traces", post(take)).with_state(arrived.clone());
        let (tell, told) = oneshot::channel();
        // A separate thread, since a test may wait for a process that waits for the collector.
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, routes).await
            })
        });
        Self { url: format!("http://{}", told.await.unwrap()), arrived }
    }

    /// All spans that have arrived.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.arrived.lock().unwrap().spans.clone()
    }

    /// The spans of one trace.
    pub(super) fn trace(&self, id: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.trace == id).collect()
    }

    /// The names of the services that sent spans.
    pub(super) fn services(&self) -> Vec<String> {
        self.arrived.lock().unwrap().services.clone()
    }

    /// The headers and bodies of everything that arrived.
    pub(super) fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.arrived.lock().unwrap().requests.clone()
    }
}

async fn take(State(arrived): State<Arc<Mutex<Arrived>>>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut arrived = arrived.lock().unwrap();
    arrived.requests.push((headers, body));
    for resource in request.resource_spans {
        let mut attributes = texts(&resource.resource.unwrap().attributes);
        arrived.services.extend(attributes.remove("service.name"));
        arrived.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(read));
    }
}

fn read(span: otlp::Span) -> Span {
    Span {
        name: span.name,
        trace: hex::encode(span.trace_id),
        id: hex::encode(span.span_id),
        parent: hex::encode(span.parent_span_id),
        attributes: texts(&span.attributes),
        failed: span.status.is_some_and(|status| status.code == otlp::status::StatusCode::Error as i32),
        events: span.events.len(),
    }
}

fn texts(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &AnyValue| match value.value.clone() {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |pair: &KeyValue| Some((pair.key.clone(), text(pair.value.as_ref()?)));
    attributes.iter().filter_map(pair).collect()
}
