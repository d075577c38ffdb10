//! What resolvers find in their context.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID};
use entity::ids::TypedId;
use futures_util::future::BoxFuture;
use tracing::Instrument;

use super::cost::Bill;
use super::loaders::Loaders;
use super::{ApiError, ErrorCode, ids};
use crate::audit::Trail;
use crate::caller::{Actor, Caller};
use crate::contours::Contours;
use crate::detection::Detections;
use crate::enrollment::Enrollments;
use crate::people::People;
use crate::rates::Rates;
use crate::verification::Verification;

/// The limits that clients may want to know.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Images that a new container takes.
    pub images_per_container: i32,
    /// Largest image file.
    pub max_upload_bytes: u64,
    /// Largest image.
    pub max_image_pixels: u64,
}

/// What resolvers call.
#[derive(Clone)]
pub struct Domains {
    /// Containers and images.
    pub verification: Verification,
    /// People and faces.
    pub people: People,
    /// Guided enrollment.
    pub enrollments: Enrollments,
    /// Detection jobs.
    pub detections: Detections,
    /// Contour jobs.
    pub contours: Contours,
}

/// Belongs to one operation: who asks, what is paid, and the loaders that ask for them.
pub struct RequestContext {
    caller: Caller,
    bill: Bill,
    loaders: DataLoader<Loaders>,
}

impl RequestContext {
    /// The context of a request by `caller`.
    #[must_use]
    pub fn new(caller: Caller, domains: Arc<Domains>) -> Self {
        let loaders = Loaders { caller: caller.clone(), domains };
        // Loaders only gather what is asked for at the same time and keep nothing: the next event of a
        // subscription reads afresh.
        // In the request's span, which carries its id into the log.
        let spawn = |task: BoxFuture<'static, ()>| tokio::spawn(task.in_current_span());
        Self {
            caller,
            bill: Bill::default(),
            loaders: DataLoader::new(loaders, spawn).delay(std::time::Duration::ZERO),
        }
    }
}

impl RequestContext {
    /// The same, with what it cost written on `bill`.
    #[must_use]
    pub fn billed(mut self, bill: Bill) -> Self {
        self.bill = bill;
        self
    }

    /// Who pays for the request, and what it is written on.
    pub(super) fn payer(&self) -> (Actor, Bill) {
        (self.caller.actor, self.bill.clone())
    }

    /// Takes from what the key has left for what is only known while the request is executed.
    pub(super) fn pay(&self, rates: &Rates, cost: usize) -> Result<(), ApiError> {
        if cost > 0 {
            rates.spend_cost(self.caller.actor, cost)?;
        }
        Ok(())
    }

    /// What the request leaves in the audit log.
    pub(super) fn trail(&self) -> &Trail {
        &self.caller.trail
    }
}

/// Short names for what resolvers need.
pub(super) trait ContextExt {
    /// The caller, when it may read.
    fn reader(&self) -> Result<&Caller, ApiError>;
    /// The caller, when it may write.
    fn writer(&self) -> Result<&Caller, ApiError>;
    /// What the request leaves in the audit log.
    fn trail(&self) -> Result<&Trail, ApiError>;
    /// Reads the id of what a mutation is about, and notes it, so that a refused attempt says what it was aimed at.
    fn target<T: TypedId>(&self, id: &ID) -> Result<T, ApiError>;
    /// Takes from what the key has left for what is only known while the request is executed.
    fn pay(&self, cost: usize) -> Result<(), ApiError>;
    /// Loads by key, many at once.
    fn loaders(&self) -> Result<&DataLoader<Loaders>, ApiError>;
    /// What the schema was built with.
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

/// The refusal of a caller whose key does not let it do what takes this scope.
#[must_use]
pub fn lacks_scope(scope: &str) -> ApiError {
    ApiError::new(ErrorCode::Forbidden, format!("this key lacks the scope '{scope}'"))
}
