//! `faceql encoder`.

use tokio::net::TcpListener;
use tracing::info;

use super::stop;
use crate::app::{AppError, embedded_encoder, serve_metrics};
use crate::config::Config;
use crate::http::{Authenticator, MetricsEndpoint, encoder_router, serve};

/// Serves `POST /v1/selfie` until SIGTERM or Ctrl-C, then drains.
pub(super) async fn run(config: Config) -> Result<(), AppError> {
    let (stop, address) = (stop::on_signal(), config.http.listen);
    let failed = |source| AppError::Listen { address, setting: "FACEQL_LISTEN", source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let authenticator =
        Authenticator::new(config.http.keys.clone(), None, config.http.failed_auth_per_minute);
    config.http.check_reach(authenticator.asks_for_key())?;
    let encoder = embedded_encoder(&config.engine).await?;
    let scrape = MetricsEndpoint::of_engine(encoder);
    serve_metrics(&config.http, &scrape, &stop).await?;
    let router = encoder_router(scrape, &authenticator, config.engine.limits.max_bytes, &config.http);
    info!("the encoding service is at {}://{address}/v1/selfie", config.http.scheme());
    serve(listener, router, &config.http, &stop).await?;
    info!("stopped");
    Ok(())
}
