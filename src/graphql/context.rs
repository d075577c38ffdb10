//! The context of resolvers: the caller, its scopes, cost accounting and data loaders.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID};
use entity::ids::TypedId;
use futures_util::future::BoxFuture;
use tracing::Instrument;

use super::cost_report::CostReport;
use super::domains::Domains;
use super::loaders::Loaders;
use super::{ApiError, ErrorCode, ids};
use crate::access::caller::Caller;
use crate::access::rates::Rates;
use crate::actor::Actor;
use crate::audit::Trail;

/// Limits that are shown to clients by `service`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of images in a new container.
    pub images_per_container: i32,
    /// Maximum size of an image file, in bytes.
    pub max_upload_bytes: u64,
    /// Maximum number of pixels of an image (width times height).
    pub max_image_pixels: u64,
}

/// Belongs to one operation: its caller, its cost report and its data loaders.
pub struct RequestContext {
    caller: Caller,
    bill: CostReport,
    loaders: DataLoader<Loaders>,
}

impl RequestContext {
    /// The context of a request by `caller`.
    #[must_use]
    pub fn new(caller: Caller, domains: Arc<Domains>) -> Self {
        let loaders = Loaders { caller: caller.clone(), domains };
        // The loaders batch concurrent lookups and cache nothing, so that each event of a subscription reads current
        // rows. They run in the request's span, so that their log lines carry the request id.
        let spawn = |task: BoxFuture<'static, ()>| tokio::spawn(task.in_current_span());
        Self {
            caller,
            bill: CostReport::default(),
            loaders: DataLoader::new(loaders, spawn).delay(std::time::Duration::ZERO),
        }
    }
}

impl RequestContext {
    /// Reports the operation's cost in `bill`.
    #[must_use]
    pub fn billed(mut self, bill: CostReport) -> Self {
        self.bill = bill;
        self
    }

    /// The key that is charged for the operation, and the report of the charge.
    pub(super) fn payer(&self) -> (Actor, CostReport) {
        (self.caller.actor, self.bill.clone())
    }

    /// Charges the key for cost that is only known during execution.
    pub(super) fn pay(&self, rates: &Rates, cost: usize) -> Result<(), ApiError> {
        if cost > 0 {
            rates.spend_cost(self.caller.actor, cost)?;
        }
        Ok(())
    }

    /// The request's trail in the audit log.
    pub(super) fn trail(&self) -> &Trail {
        &self.caller.trail
    }
}

/// Short names for what resolvers need.
pub(super) trait ContextExt {
    /// The caller; `FORBIDDEN` if its key lacks the `read` scope.
    fn reader(&self) -> Result<&Caller, ApiError>;
    /// The caller; `FORBIDDEN` if its key lacks the `write` scope.
    fn writer(&self) -> Result<&Caller, ApiError>;
    /// The request's trail in the audit log.
    fn trail(&self) -> Result<&Trail, ApiError>;
    /// Parses the id of a mutation's target and notes it in the audit trail, so that the entry of a refused attempt
    /// names its target.
    fn target<T: TypedId>(&self, id: &ID) -> Result<T, ApiError>;
    /// Charges the key for cost that is only known during execution.
    fn pay(&self, cost: usize) -> Result<(), ApiError>;
    /// The data loaders, which batch lookups by key.
    fn loaders(&self) -> Result<&DataLoader<Loaders>, ApiError>;
    /// A value that the schema or the request was built with.
    fn part<T: Send + Sync + 'static>(&self) -> Result<&T, ApiError>;
}

impl ContextExt for Context<'_> {
    fn reader(&self) -> Result<&Caller, ApiError> {
        let caller = &self.part::<RequestContext>()?.caller;
        if caller.scopes.read { Ok(caller) } else { Err(lacks_scope("read")) }
    }

    fn writer(&self) -> Result<&Caller, ApiError> {
        let caller = &self.part::<RequestContext>()?.caller;
        if caller.scopes.write { Ok(caller) } else { Err(lacks_scope("write")) }
    }

    fn trail(&self) -> Result<&Trail, ApiError> {
        self.part::<RequestContext>().map(RequestContext::trail)
    }

    fn target<T: TypedId>(&self, id: &ID) -> Result<T, ApiError> {
        let id: T = ids::parse(id)?;
        self.trail()?.about([id.into()]);
        Ok(id)
    }

    fn pay(&self, cost: usize) -> Result<(), ApiError> {
        self.part::<RequestContext>()?.pay(self.part()?, cost)
    }

    fn loaders(&self) -> Result<&DataLoader<Loaders>, ApiError> {
        self.part::<RequestContext>().map(|request| &request.loaders)
    }

    fn part<T: Send + Sync + 'static>(&self) -> Result<&T, ApiError> {
        self.data().map_err(|error| ApiError::internal(error.message))
    }
}

/// A `FORBIDDEN` error for a key that lacks `scope`.
#[must_use]
pub fn lacks_scope(scope: &str) -> ApiError {
    ApiError::new(ErrorCode::Forbidden, format!("this key lacks the scope '{scope}'"))
}
