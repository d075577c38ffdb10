//! Containers and images, looked up and listed.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::container;
use entity::ids::{ContainerId, ImageId};

use super::{Container, Image};
use crate::graphql::context::ContextExt;
use crate::graphql::page::{PageInfo, cursor, page_size, parse_cursor};
use crate::graphql::{ApiError, ids};
use crate::verification::{PageRequest, Verification, VerificationError};

#[derive(Default)]
pub(in crate::graphql) struct VerificationQuery;

#[Object]
impl VerificationQuery {
    /// A container; null when there is none by this id.
    async fn container(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`container_…`")] id: ID,
    ) -> Result<Option<Container>, ApiError> {
        let caller = context.reader()?;
        let id: ContainerId = ids::parse(&id)?;
        match context.part::<Verification>()?.snapshot(caller, id).await {
            Ok(snapshot) => Ok(Some(Container::Whole(snapshot))),
            Err(VerificationError::ContainerNotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The containers, newest first.
    async fn containers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only what comes behind this cursor.")] after: Option<String>,
    ) -> Result<ContainerConnection, ApiError> {
        let caller = context.reader()?;
        let after = after.as_deref().map(parse_cursor).transpose()?.map(ContainerId);
        let request = PageRequest { first: page_size(first)?, after };
        let page = context.part::<Verification>()?.list_containers(caller, request).await?;
        let ids: Vec<_> = page.containers.iter().map(|container| container.id.0).collect();
        Ok(ContainerConnection {
            page_info: PageInfo::new(after.is_some(), page.has_next, &ids),
            edges: page.containers.into_iter().map(ContainerEdge::from).collect(),
        })
    }

    /// An image; null when there is none by this id.
    async fn image(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`image_…`")] id: ID,
    ) -> Result<Option<Image>, ApiError> {
        context.reader()?;
        let id: ImageId = ids::parse(&id)?;
        Ok(context.loaders()?.load_one(id).await?.map(Image::from))
    }
}

/// A page of containers, newest first.
pub(in crate::graphql) struct ContainerConnection {
    edges: Vec<ContainerEdge>,
    page_info: PageInfo,
}

/// A page of containers, newest first.
#[Object]
impl ContainerConnection {
    /// The containers of this page with their cursors.
    async fn edges(&self) -> &[ContainerEdge] {
        &self.edges
    }

    /// The containers of this page.
    async fn nodes(&self) -> Vec<&Container> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many containers there are in all; counted only when asked for.
    async fn total_count(&self, context: &Context<'_>) -> Result<Option<u64>, ApiError> {
        let caller = context.reader()?;
        Ok(Some(context.part::<Verification>()?.count_containers(caller).await?))
    }
}

/// A container and its place in the list.
#[derive(SimpleObject)]
struct ContainerEdge {
    /// Its place: pass it as `after` to go on behind it.
    cursor: String,
    /// The container.
    node: Container,
}

impl From<container::Model> for ContainerEdge {
    fn from(row: container::Model) -> Self {
        Self { cursor: cursor(row.id.0), node: row.into() }
    }
}
