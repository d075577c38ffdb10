//! The root field `service`: version, health, models and limits of the server.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::context::ContextExt;
use super::types::models::Model;
use super::types::page::MAX_PAGE_SIZE;
use super::{ApiError, Limits};
use crate::health::{self, Health};

/// The server itself. Health is only checked for the fields that are requested.
pub(super) struct Service;

/// The server: its version, health, models and limits.
#[Object]
impl Service {
    /// Version of FaceQL, such as `1.2.3`.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// True if every component is healthy. The state is at most 2 seconds old.
    async fn ready(&self, context: &Context<'_>) -> Result<bool, ApiError> {
        let components = context.part::<Health>()?.check().await;
        Ok(components.iter().all(|component| component.state.is_ok()))
    }

    /// The server's components and their state, at most 2 seconds old.
    async fn components(&self, context: &Context<'_>) -> Result<Vec<Component>, ApiError> {
        Ok(context.part::<Health>()?.check().await.iter().map(Component::from).collect())
    }

    /// The models in use: detector and encoder, and that of the external encoding service if there is one.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn models(&self, context: &Context<'_>) -> Result<Vec<Model>, ApiError> {
        let models = context.part::<Health>()?.models();
        Ok(models.into_iter().map(|card| Model(Arc::new(card.clone()))).collect())
    }

    /// The limits that apply to uploads and lists.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn limits(&self, context: &Context<'_>) -> Result<ServiceLimits, ApiError> {
        let limits = context.part::<Limits>()?;
        Ok(ServiceLimits {
            images_per_container: limits.images_per_container,
            max_upload_bytes: limits.max_upload_bytes,
            max_image_pixels: limits.max_image_pixels,
            max_page_size: MAX_PAGE_SIZE,
        })
    }
}

/// A component of the server and its state.
#[derive(SimpleObject)]
struct Component {
    /// Name of the component: `database`, `blobs`, `engine`, `jobs`, or `encoder` for an external encoding service.
    name: &'static str,
    /// Whether the component works.
    healthy: bool,
    /// State of the component, or the error, in one line for people.
    detail: Option<String>,
}

/// The limits that apply to uploads and lists.
#[derive(SimpleObject)]
#[graphql(name = "Limits")]
struct ServiceLimits {
    /// Maximum number of images in a new container.
    images_per_container: i32,
    /// Maximum size of an image file, in bytes.
    max_upload_bytes: u64,
    /// Maximum number of pixels of an image (width times height).
    max_image_pixels: u64,
    /// Maximum value of `first` in a list.
    max_page_size: i32,
}

#[derive(Default)]
pub(super) struct ServiceQuery;

#[Object]
impl ServiceQuery {
    /// Version, health, models and limits of the server. `ready` and `components` report the same state as
    /// `/health/ready`.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn service(&self, context: &Context<'_>) -> Result<Service, ApiError> {
        context.reader()?;
        Ok(Service)
    }
}

impl From<&health::Component> for Component {
    fn from(component: &health::Component) -> Self {
        let (Ok(detail) | Err(detail)) = &component.state;
        Self { name: component.name, healthy: component.state.is_ok(), detail: Some(detail.clone()) }
    }
}
