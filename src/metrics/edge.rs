//! Metrics of requests, operations and WebSockets.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Histograms, seconds};

/// Upper bounds of operation costs.
const COSTS: [f64; 9] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0];

/// Metrics of the HTTP and GraphQL interface.
pub struct EdgeMetrics {
    requests: Family<Answered, Counter>,
    request_duration: Histograms<Routed>,
    operations: Family<Ended, Counter>,
    operation_duration: Histograms<Typed>,
    operation_cost: Histograms<Typed>,
    sockets: Gauge,
    subscriptions: Family<Carried, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Routed {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Typed {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Carried {
    transport: &'static str,
}

/// Transport of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket with the graphql-transport-ws protocol.
    WebSocket,
    /// Server-sent events.
    Events,
}

impl EdgeMetrics {
    pub(super) fn new() -> Self {
        Self {
            requests: Family::default(),
            request_duration: seconds(),
            operations: Family::default(),
            operation_duration: seconds(),
            operation_cost: Family::new_with_constructor(|| Histogram::new(COSTS)),
            sockets: Gauge::default(),
            subscriptions: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "HTTP requests completed", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to the headers of an HTTP response",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register(
            "operations",
            "GraphQL operations ended, including rejected requests, by OK or the code of the first error",
            self.operations.clone(),
        );
        registry.register_with_unit(
            "operation_duration",
            "Time to execute a query or a mutation",
            Unit::Seconds,
            self.operation_duration.clone(),
        );
        registry.register("operation_cost", "Cost of GraphQL operations", self.operation_cost.clone());
        registry.register("sockets", "Open WebSocket connections", self.sockets.clone());
        registry.register("subscriptions", "Active subscriptions", self.subscriptions.clone());
    }

    /// Records the response to a request to `route`.
    pub fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answered { route, status }).inc();
        self.request_duration.get_or_create(&Routed { route }).observe(took.as_secs_f64());
    }

    /// Records the execution of a query or a mutation.
    pub fn executed(&self, operation: &'static str, took: Duration) {
        self.operation_duration.get_or_create(&Typed { operation }).observe(took.as_secs_f64());
    }

    /// Records the end of an operation; `cost` is `None` if it was rejected.
    pub fn ended(&self, operation: &'static str, outcome: &'static str, cost: Option<usize>) {
        self.operations.get_or_create(&Ended { operation, outcome }).inc();
        if let Some(cost) = cost {
            // Operations with higher costs are rejected.
            let cost = u32::try_from(cost).unwrap_or(u32::MAX);
            self.operation_cost.get_or_create(&Typed { operation }).observe(cost.into());
        }
    }

    /// Counts a WebSocket until the returned value is dropped.
    #[must_use]
    pub fn socket(&self) -> Open {
        Open::new(self.sockets.clone())
    }

    /// Counts a subscription until the returned value is dropped.
    #[must_use]
    pub fn subscription(&self, transport: Transport) -> Open {
        let transport = match transport {
            Transport::WebSocket => "websocket",
            Transport::Events => "events",
        };
        Open::new(self.subscriptions.get_or_create_owned(&Carried { transport }))
    }
}

/// Something counted as open until it is dropped.
pub struct Open(Gauge);

impl Open {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
