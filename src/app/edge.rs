//! Assembles what serves HTTP from the configuration and the domains.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use entity::ids::{ContourId, DetectionId, TypedId};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::access::file_links::{FileLinks, FilesConfig, LinkedKind};
use crate::access::rates::Rates;
use crate::config::Config;
use crate::graphql::{Limits, schema};
use crate::http::{BodyBudget, Documents, Edge, Executor, MetricsEndpoint, RequestBodies, RequestReader};
use crate::shares::SharedLimit;
use crate::{contours, detection};

/// The kinds of blobs that signed links may refer to, each with the id prefix of its owner. No link can expose others.
const LINKED: [LinkedKind; 3] = [
    (detection::ORIGINALS, DetectionId::PREFIX),
    (detection::ANNOTATED, DetectionId::PREFIX),
    (contours::DRAWINGS, ContourId::PREFIX),
];

impl App {
    pub(super) fn scrape(&self) -> MetricsEndpoint {
        MetricsEndpoint {
            metrics: self.metrics.clone(),
            engine: self.health.engines.embedded.clone(),
            queue: Some(self.queue.clone()),
            index: Some(self.domains.people.index.clone()),
        }
    }

    pub(super) fn edge(&self, address: SocketAddr, stop: &CancellationToken) -> Edge {
        let limits = Limits {
            images_per_container: self.config.containers.images_per_container,
            max_upload_bytes: self.config.engine.limits.max_bytes,
            max_image_pixels: self.config.engine.limits.max_pixels,
        };
        let FilesConfig { public_url, lifetime } = self.config.files.clone();
        let scheme = self.config.http.scheme();
        let base = public_url.unwrap_or_else(|| format!("{scheme}://{}", reachable(address)));
        let links = FileLinks::new(base, lifetime, &self.secret, self.clock.clone(), &LINKED);
        let Config { http, documents, rates, .. } = &*self.config;
        let rates = Rates::new(rates, documents.limits.cost, http.max_request_bytes);
        let limit = |total: usize| SharedLimit::new(total as u64, http.shares);
        let metrics = self.metrics.edge.clone();
        let api = schema(
            self.domains.clone(),
            self.health.clone(),
            limits,
            self.config.documents.limits,
            rates.clone(),
            links.clone(),
        );
        Edge {
            executor: Executor::new(
                api,
                rates.clone(),
                self.config.http.request_timeout,
                self.config.documents.limits.response_bytes,
                metrics.clone(),
            ),
            domains: Arc::new(self.domains.clone()),
            authenticator: self.authenticator(),
            turns: limit(http.max_concurrent_requests),
            streams: limit(http.streams.max),
            unacknowledged: limit(http.streams.max_unacknowledged),
            requests: RequestReader {
                documents: Documents::new(&self.config.documents),
                json: http.json_limits(),
                max_batch: http.max_batch,
                max_upload_bytes: limits.max_upload_bytes,
                allowed_origins: http.allowed_origins.clone(),
            },
            bodies: RequestBodies {
                budget: BodyBudget::new(http, http.max_request_bytes),
                timeout: http.body_timeout,
                rates: Some(rates.clone()),
            },
            rates,
            socket: self.config.http.streams.socket.clone(),
            links,
            audit: self.audit.clone(),
            metrics,
            stop: stop.clone(),
        }
    }
}

/// The address at which this machine reaches a listener on `address`: loopback for an unspecified one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let own: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    if address.ip().is_unspecified() { SocketAddr::new(own, address.port()) } else { address }
}
