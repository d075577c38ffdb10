//! `service`: what this server is, and how it is.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::context::ContextExt;
use super::models::Model;
use super::page::MAX_PAGE_SIZE;
use super::{ApiError, Limits};
use crate::health::{self, Health};

/// What this server is, and how it is. Only what is asked for is looked at.
pub(super) struct Service;

/// What this server is, and how it is.
#[Object]
impl Service {
    /// The version of FaceQL.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// True when every component is well.
    async fn ready(&self, context: &Context<'_>) -> Result<bool, ApiError> {
        let components = context.part::<Health>()?.check().await;
        Ok(components.iter().all(|component| component.state.is_ok()))
    }

    /// Every part, and how it is.
    async fn components(&self, context: &Context<'_>) -> Result<Vec<Component>, ApiError> {
        Ok(context.part::<Health>()?.check().await.iter().map(Component::from).collect())
    }

    /// The models at work.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    async fn models(&self, context: &Context<'_>) -> Result<Vec<Model>, ApiError> {
        let models = context.part::<Health>()?.models();
        Ok(models.into_iter().map(|card| Model(Arc::new(card.clone()))).collect())
    }

    /// What is refused for being too much.
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

/// A part of the server.
#[derive(SimpleObject)]
struct Component {
    /// Its name.
    name: &'static str,
    /// Whether it works.
    healthy: bool,
    /// One line on how it is.
    detail: Option<String>,
}

/// What is refused for being too much.
#[derive(SimpleObject)]
#[graphql(name = "Limits")]
struct ServiceLimits {
    /// Images that a new container takes.
    images_per_container: i32,
    /// Largest image file, in bytes.
    max_upload_bytes: u64,
    /// Largest image, in pixels (width times height).
    max_image_pixels: u64,
    /// Largest page of a list.
    max_page_size: i32,
}

#[derive(Default)]
pub(super) struct ServiceQuery;

#[Object]
impl ServiceQuery {
    /// Version, models, limits and the state of every part; the same facts as /health/ready.
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
