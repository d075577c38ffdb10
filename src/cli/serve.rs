//! `faceql serve`.

use tokio::net::TcpListener;
use tracing::{info, warn};

use super::stop;
use crate::app::{App, AppError, engines};
use crate::clock::Clock;
use crate::config::Config;

/// Serves until SIGTERM or Ctrl-C, then drains.
pub(super) async fn run(config: Config) -> Result<(), AppError> {
    let (stop, address) = (stop::on_signal(), config.http.listen);
    // Binds first, so that a second server fails before it loads models.
    let failed = |source| AppError::Listen { address, setting: "FACEQL_LISTEN", source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let engines = engines(&config).await?;
    let app = App::new(config, Clock::system(), engines).await?;
    let (http, asks_for_key) = (app.http(), app.authenticator().asks_for_key());
    http.check_reach(asks_for_key)?;
    if !asks_for_key && http.answers_any_host {
        warn!("no API key exists: ANYONE ON THE NETWORK can read and change all data");
    } else if !asks_for_key {
        warn!(
            "no API key exists: everyone on this machine can read and change all data; create a key with `faceql keys \
             create`"
        );
    }
    let scheme = http.scheme();
    info!("the API is at {scheme}://{address}/graphql");
    if http.graphiql {
        info!("GraphiQL is at {scheme}://{address}/");
    }
    app.run(listener, stop).await?;
    info!("stopped");
    Ok(())
}
