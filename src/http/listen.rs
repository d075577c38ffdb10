//! Connections in, plain or under TLS, until the server is to stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::{Listener, ListenerExt, TapIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::HttpConfig;
use super::tls::{self, TlsError};

/// Why a server broke off.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener failed.
    #[error("serving: {0}")]
    Listener(#[from] std::io::Error),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Answers what comes to `listener` until `stop`, then lets running requests end within the grace time.
///
/// # Errors
/// When the certificate cannot be used, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let grace = config.shutdown_grace;
    match &config.tls {
        None => serve_on(listener.tap_io(|stream| prompt(stream)), router, grace, stop).await,
        Some(files) => {
            let listener = tls::listen(listener, files, stop)?;
            serve_on(listener.tap_io(|stream| prompt(stream.get_ref().0)), router, grace, stop).await
        }
    }
}

async fn serve_on<L, F>(
    listener: TapIo<L, F>,
    router: Router,
    grace: Duration,
    stop: &CancellationToken,
) -> Result<(), ServeError>
where
    L: Listener<Addr = SocketAddr>,
    F: FnMut(&mut L::Io) + Send + 'static,
{
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = cut_off => Ok(()),
    }
}

/// Sends what is written at once: an event must not wait for the acknowledgement of the one before.
fn prompt(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection stays slow");
    }
}
