//! Containers and images, looked up and listed.

use async_graphql::{Context, ID, Object};
use entity::container;
use entity::ids::{ContainerId, ImageId};
use uuid::Uuid;

use super::{Container, Image};
use crate::graphql::context::ContextExt;
use crate::graphql::cost;
use crate::graphql::page::{Connection, Listed, page_request};
use crate::graphql::{ApiError, ids};
use crate::verification::{Verification, VerificationError};

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
    #[graphql(complexity = "cost::list(first, child_complexity)")]
    async fn containers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, from 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only what comes behind this cursor.")] after: Option<String>,
    ) -> Result<Connection<Container>, ApiError> {
        let request = page_request(first, after.as_deref())?;
        let page = context.part::<Verification>()?.list_containers(context.reader()?, request).await?;
        Ok(Connection::new(request, page, ()))
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

impl Listed for Container {
    type Row = container::Model;
    type Filter = ();

    fn place(row: &container::Model) -> Uuid {
        row.id.0
    }

    async fn count(context: &Context<'_>, (): &()) -> Result<u64, ApiError> {
        Ok(context.part::<Verification>()?.count_containers(context.reader()?).await?)
    }
}
