//! Accepts connections, plain or under TLS, and serves HTTP/1.1 on them until the server stops.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower_http::add_extension::AddExtension;
use tracing::debug;

use super::MAX_HEADER_BYTES;
use super::tls::{self, TlsError};
use super::{Accounted, ConnectionsConfig, Doorway, METRICS_CONNECTIONS, allowed_connections};
use crate::http::HttpConfig;
use crate::http::listener::account::Accounts;

/// Why the server failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener failed.
    #[error("serving: {0}")]
    Listener(#[from] std::io::Error),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Serves `listener` until `stop`, then waits up to the grace time for running requests and socket operations.
///
/// # Errors
/// When the certificate cannot be used.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let ConnectionsConfig { max, header_timeout, .. } = config.connections;
    let max = allowed_connections(max);
    let places = Arc::new(Semaphore::new(max as usize));
    let doorway = Doorway::new(listener, places.clone(), Accounts::new(max, config), &config.connections);
    match &config.tls {
        None => answer(doorway, router, header_timeout, stop).await,
        Some(files) => answer(tls::listen(doorway, files, stop)?, router, header_timeout, stop).await,
    }
    // When all slots are free, every connection and socket has ended.
    if timeout(config.shutdown_grace, places.acquire_many(max)).await.is_err() {
        debug!("the grace time is over; remaining connections are closed");
    }
    Ok(())
}

/// Serves `listener` without TLS until `stop`, and does not wait for running requests.
pub(in crate::http) async fn serve_plainly(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: &CancellationToken,
) {
    let max = config.connections.max.min(METRICS_CONNECTIONS);
    let places = Arc::new(Semaphore::new(max as usize));
    let doorway = Doorway::new(listener, places, Accounts::new(max, config), &config.connections);
    answer(doorway, router, config.connections.header_timeout, stop).await;
}

async fn answer<L>(mut listener: L, router: Router, header_timeout: Duration, stop: &CancellationToken)
where
    L: Listener<Addr = SocketAddr, Io: Accounted>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(MAX_HEADER_BYTES);
    // Built once for all connections.
    let router = router.with_state::<()>(());
    while let Some((stream, _)) = stop.run_until_cancelled(listener.accept()).await {
        let account = stream.account().clone();
        // The bytes of the TLS handshake have been consumed.
        account.taken(u64::MAX);
        let inner = TowerToHyperService::new(AddExtension::new(router.clone(), account.clone()));
        let service = service_fn(move |request: Request<Incoming>| {
            let (account, answer) = (account.clone(), inner.call(request));
            async move { account.while_answering(answer).await }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                debug!(%error, "a connection failed");
            }
        });
    }
}
