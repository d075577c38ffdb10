//! People, looked up and listed.

use async_graphql::{Context, Object, SimpleObject};
use entity::ids::PersonId;
use entity::person;

use super::types::Gallery;
use super::{Person, PersonRefInput};
use crate::graphql::ApiError;
use crate::graphql::context::ContextExt;
use crate::graphql::page::{PageInfo, cursor, page_size, parse_cursor};
use crate::people::{People, PersonSearch};

#[derive(Default)]
pub(in crate::graphql) struct PeopleQuery;

#[Object]
impl PeopleQuery {
    /// A person; null when there is no such person.
    async fn person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "By our id, or by your own key.")] by: PersonRefInput,
    ) -> Result<Option<Person>, ApiError> {
        let caller = context.reader()?;
        Ok(context.part::<People>()?.find(caller, &by.try_into()?).await?.map(Person))
    }

    /// The people of a gallery, newest first.
    async fn people(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which gallery; an unknown one is empty.", default = "default")] gallery: String,
        #[graphql(desc = "Only those whose name or external id begins with this, in whatever case.")]
        search: Option<String>,
        #[graphql(desc = "How many, from 1 to 100.", default = 20)] first: i32,
        #[graphql(desc = "Only what comes behind this cursor.")] after: Option<String>,
    ) -> Result<PersonConnection, ApiError> {
        let caller = context.reader()?;
        let after = after.as_deref().map(parse_cursor).transpose()?.map(PersonId);
        let (first, search) = (page_size(first)?, PersonSearch { gallery, prefix: search });
        let page = context.part::<People>()?.list(caller, &search, first, after).await?;
        let ids: Vec<_> = page.people.iter().map(|person| person.id.0).collect();
        Ok(PersonConnection {
            page_info: PageInfo::new(after.is_some(), page.has_next, &ids),
            edges: page.people.into_iter().map(PersonEdge::from).collect(),
            search,
        })
    }

    /// All galleries, by name.
    async fn galleries(&self, context: &Context<'_>) -> Result<Vec<Gallery>, ApiError> {
        let galleries = context.part::<People>()?.galleries(context.reader()?).await?;
        Ok(galleries.into_iter().map(Gallery::from).collect())
    }
}

/// A page of people, newest first.
pub(in crate::graphql) struct PersonConnection {
    edges: Vec<PersonEdge>,
    page_info: PageInfo,
    search: PersonSearch,
}

/// A page of people, newest first.
#[Object]
impl PersonConnection {
    /// The people of this page with their cursors.
    async fn edges(&self) -> &[PersonEdge] {
        &self.edges
    }

    /// The people of this page.
    async fn nodes(&self) -> Vec<&Person> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many people are listed in all; counted only when asked for.
    async fn total_count(&self, context: &Context<'_>) -> Result<Option<u64>, ApiError> {
        let caller = context.reader()?;
        Ok(Some(context.part::<People>()?.count(caller, &self.search).await?))
    }
}

/// A person and its place in the list.
#[derive(SimpleObject)]
struct PersonEdge {
    /// Its place: pass it as `after` to go on behind it.
    cursor: String,
    /// The person.
    node: Person,
}

impl From<person::Model> for PersonEdge {
    fn from(row: person::Model) -> Self {
        Self { cursor: cursor(row.id.0), node: Person(row) }
    }
}
