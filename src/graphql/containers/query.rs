//! Queries for containers and images.

use async_graphql::{Context, ID, Object};
use entity::container;
use entity::ids::{ContainerId, ImageId};
use uuid::Uuid;

use super::{Container, Image};
use crate::containers::{ContainerError, Containers};
use crate::graphql::context::ContextExt;
use crate::graphql::execution::complexity;
use crate::graphql::types::page::{Connection, Listed, page_request};
use crate::graphql::{ApiError, ids};

#[derive(Default)]
pub(in crate::graphql) struct ContainerQuery;

#[Object]
impl ContainerQuery {
    /// The container with this id; null if there is none.
    async fn container(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the container, `container_…`.")] id: ID,
    ) -> Result<Option<Container>, ApiError> {
        let caller = context.reader()?;
        let id: ContainerId = ids::parse(&id)?;
        match context.part::<Containers>()?.snapshot(caller, id).await {
            Ok(snapshot) => Ok(Some(Container::Whole(snapshot))),
            Err(ContainerError::ContainerNotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The tenant's containers, newest first.
    #[graphql(complexity = "complexity::list(first, child_complexity)")]
    async fn containers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Maximum number to return, 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<Container>, ApiError> {
        let request = page_request(first, after.as_deref())?;
        let page = context.part::<Containers>()?.list_containers(context.reader()?, request).await?;
        Ok(Connection::new(request, page, ()))
    }

    /// The image with this id; null if there is none.
    async fn image(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the image, `image_…`.")] id: ID,
    ) -> Result<Option<Image>, ApiError> {
        context.reader()?;
        let id: ImageId = ids::parse(&id)?;
        Ok(context.loaders()?.load_one(id).await?.map(Image::from))
    }
}

impl Listed for Container {
    type Row = container::Model;
    type Filter = ();

    fn place(row: &container::Model) -> Uuid {
        row.id.0
    }

    async fn count(context: &Context<'_>, (): &()) -> Result<u64, ApiError> {
        Ok(context.part::<Containers>()?.count_containers(context.reader()?).await?)
    }
}
