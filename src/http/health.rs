//! Liveness and readiness. The responses state only the status; callers with a key get the reasons from `service`.

use axum::extract::State;
use axum::http::StatusCode;

use crate::health::Health;

/// Liveness: 204 whenever the process responds.
pub(super) async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Readiness: 204 if every component works, otherwise 503.
pub(super) async fn ready(State(health): State<Health>) -> StatusCode {
    let ready = health.check().await.iter().all(|component| component.state.is_ok());
    if ready { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}
