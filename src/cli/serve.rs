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
    // Take the port first: a second server should fail before it loads any model.
    let failed = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if config.http.keys.is_empty() {
        if config.http.answers_any_host {
            warn!("ANYBODY ON THE NETWORK may see and change everything: there is no FACEQL_API_KEY");
        } else {
            warn!("no FACEQL_API_KEY is set: everybody on this machine may see and change everything");
        }
    }
    let engines = engines(&config).await?;
    let graphiql = config.http.graphiql;
    let app = App::new(config, Clock::system(), engines).await?;
    info!("the API is at http://{address}/graphql");
    if graphiql {
        info!("GraphiQL is at http://{address}/");
    }
    app.run(listener, stop).await
}
