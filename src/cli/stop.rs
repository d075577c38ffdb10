//! Handles SIGTERM and Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// A token that is cancelled on SIGTERM or SIGINT.
pub(super) fn on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                info!("stopping; waiting for work in progress");
                told.cancel();
            }
            (Err(error), _) | (_, Err(error)) => error!(%error, "could not register signal handlers"),
        }
    });
    stop
}
