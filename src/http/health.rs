//! Is it alive, is it ready? Tells yes or no; the reasons are in `service`, for callers with a key.

use axum::extract::State;
use axum::http::StatusCode;

use crate::health::Health;

/// The process answers.
pub(super) async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Every part works.
pub(super) async fn ready(State(health): State<Health>) -> StatusCode {
    let ready = health.check().await.iter().all(|component| component.state.is_ok());
    if ready { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}
