//! Receives a request's body: counts it towards the caller's limits while it arrives, and enforces the time limit.

use std::time::Duration;

use axum::extract::Request;

use super::body_budget::BodyBudget;
use super::upload_rate::UploadRate;
use crate::access::caller::Caller;
use crate::access::rates::Rates;
use crate::graphql::ErrorCode;
use crate::http::graphql::refusal::Refusal;
use crate::http::listener::account::Account;
use crate::shares::Held;

/// Receives bodies. Clones share the limits.
#[derive(Clone)]
pub struct RequestBodies {
    /// The memory budget of all requests and unread responses.
    pub budget: BodyBudget,
    /// How long a request may take to arrive.
    pub timeout: Duration,
    /// Rate limits per key; `None` without limits.
    pub rates: Option<Rates>,
}

impl RequestBodies {
    /// Receives the body of `request` with `read`. Returns its result and the request's part of the budget.
    pub(in crate::http) async fn receive<T, F>(
        &self,
        caller: &Caller,
        request: Request,
        read: impl FnOnce(Request) -> F,
    ) -> Result<(T, Held), Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let party = caller.party();
        if let Some(account) = request.extensions().get::<Account>() {
            // What the connection reads from now on is this caller's, not an unauthenticated client's.
            account.count_as(self.budget.nothing(&party));
        }
        let (arrival, request) = self.budget.enter(&party, request)?;
        let (upload, request) = match &self.rates {
            Some(rates) => UploadRate::of(rates, caller.actor, request)
                .map(|(upload, request)| (Some(upload), request))?,
            None => (None, request),
        };
        let received = tokio::time::timeout(self.timeout, read(request)).await;
        // The bytes count even if the request is refused.
        if let (Some(upload), Some(rates)) = (upload, &self.rates) {
            upload.settle(rates)?;
        }
        let held = arrival.end()?;
        let late = |_| Refusal::new(ErrorCode::Timeout, "the request did not arrive in time");
        Ok((received.map_err(late)??, held))
    }
}
