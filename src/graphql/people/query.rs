//! Queries for people and galleries.

use async_graphql::{Context, Object};
use entity::person;
use uuid::Uuid;

use super::types::Gallery;
use super::{Person, PersonRefInput};
use crate::graphql::ApiError;
use crate::graphql::context::ContextExt;
use crate::graphql::execution::complexity;
use crate::graphql::types::page::{Connection, Listed, page_request};
use crate::people::{People, PersonSearch};

#[derive(Default)]
pub(in crate::graphql) struct PeopleQuery;

#[Object]
impl PeopleQuery {
    /// The person with this id or key; null if there is none.
    async fn person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The person, by id or by the caller's own key.")] by: PersonRefInput,
    ) -> Result<Option<Person>, ApiError> {
        let caller = context.reader()?;
        Ok(context.part::<People>()?.find(caller, &by.try_into()?).await?.map(Person))
    }

    /// The people of a gallery, newest first.
    #[graphql(complexity = "complexity::list(first, child_complexity)")]
    async fn people(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Name of the gallery; an unknown one is empty.", default = "default")]
        gallery: String,
        #[graphql(
            desc = "Only people whose display name or external id starts with this; case and Unicode form are ignored."
        )]
        search: Option<String>,
        #[graphql(desc = "Maximum number to return, 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
    ) -> Result<Connection<Person>, ApiError> {
        let request = page_request(first, after.as_deref())?;
        let search = PersonSearch { gallery, prefix: search };
        let page = context.part::<People>()?.list(context.reader()?, &search, request).await?;
        Ok(Connection::new(request, page, search))
    }

    /// All galleries of the tenant, in the order of their names.
    #[graphql(complexity = "complexity::list(10, child_complexity)")]
    async fn galleries(&self, context: &Context<'_>) -> Result<Vec<Gallery>, ApiError> {
        let galleries = context.part::<People>()?.galleries(context.reader()?).await?;
        Ok(galleries.into_iter().map(Gallery::from).collect())
    }
}

impl Listed for Person {
    type Row = person::Model;
    type Filter = PersonSearch;

    fn place(row: &person::Model) -> Uuid {
        row.id.0
    }

    async fn count(context: &Context<'_>, search: &PersonSearch) -> Result<u64, ApiError> {
        Ok(context.part::<People>()?.count(context.reader()?, search).await?)
    }
}
