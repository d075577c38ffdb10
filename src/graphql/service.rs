//! `service`: what this server is, and how it is.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::context::ContextExt;
use super::models::Model;
use super::page::MAX_PAGE_SIZE;
use super::{ApiError, Limits};
use crate::health::Health;

/// What this server is, and how it is.
#[derive(SimpleObject)]
pub(super) struct Service {
    /// The version of FaceQL.
    version: &'static str,
    /// True when every component is well.
    ready: bool,
    /// Every part, and how it is.
    components: Vec<Component>,
    /// The models at work.
    models: Vec<Model>,
    /// What is refused for being too much.
    limits: ServiceLimits,
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
    async fn service(&self, context: &Context<'_>) -> Result<Service, ApiError> {
        context.reader()?;
        let (health, limits) = (context.part::<Health>()?, context.part::<Limits>()?);
        let components: Vec<_> = health.check().await.into_iter().map(Component::from).collect();
        Ok(Service {
            version: env!("CARGO_PKG_VERSION"),
            ready: components.iter().all(|component| component.healthy),
            components,
            models: health.models().into_iter().map(|card| Model(Arc::new(card.clone()))).collect(),
            limits: ServiceLimits {
                images_per_container: limits.images_per_container,
                max_upload_bytes: limits.max_upload_bytes,
                max_image_pixels: limits.max_image_pixels,
                max_page_size: MAX_PAGE_SIZE,
            },
        })
    }
}

impl From<crate::health::Component> for Component {
    fn from(component: crate::health::Component) -> Self {
        let (healthy, detail) = match component.state {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        Self { name: component.name, healthy, detail: Some(detail) }
    }
}
