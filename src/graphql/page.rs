//! Relay connections: newest first, keyset cursors.

use async_graphql::connection::{CursorType, OpaqueCursor};
use async_graphql::{Context, Object, OutputType, SimpleObject};
use uuid::Uuid;

use super::detection::Detection;
use super::people::Person;
use super::verification::Container;
use super::{ApiError, ErrorCode};
use crate::page::{Page, PageRequest};

/// Largest page.
pub(super) const MAX_PAGE_SIZE: i32 = 100;

/// What can be listed.
pub(super) trait Listed: OutputType + Sized {
    /// Its row.
    type Row: Into<Self>;
    /// Which of them are wanted.
    type Filter: Send + Sync;

    /// Its place in the list.
    fn place(row: &Self::Row) -> Uuid;

    /// How many of the caller's there are in all.
    fn count(
        context: &Context<'_>,
        filter: &Self::Filter,
    ) -> impl Future<Output = Result<u64, ApiError>> + Send;
}

/// A part of a list, newest first.
pub(super) struct Connection<T: Listed> {
    edges: Vec<Edge<T>>,
    page_info: PageInfo,
    filter: T::Filter,
}

impl<T: Listed> Connection<T> {
    /// The `page` that was asked for by `request`.
    pub(super) fn new(request: PageRequest, page: Page<T::Row>, filter: T::Filter) -> Self {
        let ids: Vec<Uuid> = page.items.iter().map(T::place).collect();
        let edges = page.items.into_iter().zip(&ids);
        Self {
            edges: edges.map(|(row, id)| Edge { cursor: cursor(*id), node: row.into() }).collect(),
            page_info: PageInfo {
                has_previous_page: request.after.is_some(),
                has_next_page: page.has_next,
                start_cursor: ids.first().copied().map(cursor),
                end_cursor: ids.last().copied().map(cursor),
            },
            filter,
        }
    }
}

/// A part of a list, newest first.
#[Object(
    concrete(name = "ContainerConnection", params(Container)),
    concrete(name = "PersonConnection", params(Person)),
    concrete(name = "DetectionConnection", params(Detection))
)]
impl<T: Listed> Connection<T>
where
    Edge<T>: OutputType,
{
    /// What is in this part, with cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// What is in this part.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where this part lies in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many the list has in all; counted only when asked for.
    async fn total_count(&self, context: &Context<'_>) -> Result<Option<u64>, ApiError> {
        T::count(context, &self.filter).await.map(Some)
    }
}

/// One of a list, and its place there.
#[derive(SimpleObject)]
#[graphql(
    concrete(name = "ContainerEdge", params(Container)),
    concrete(name = "PersonEdge", params(Person)),
    concrete(name = "DetectionEdge", params(Detection))
)]
pub(super) struct Edge<T: Listed> {
    /// Its place: pass it as `after` to go on behind it.
    cursor: String,
    /// What is there.
    node: T,
}

/// Where a part lies in its list.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Whether something comes before it.
    has_previous_page: bool,
    /// Whether something comes behind it.
    has_next_page: bool,
    /// Cursor of its first node; null when it is empty.
    start_cursor: Option<String>,
    /// Cursor of its last node; null when it is empty.
    end_cursor: Option<String>,
}

/// Reads `first` and `after`.
pub(super) fn page_request(first: i32, after: Option<&str>) -> Result<PageRequest, ApiError> {
    let size = u64::try_from(first).ok().filter(|_| (1..=MAX_PAGE_SIZE).contains(&first));
    let refusal = || format!("first is from 1 to {MAX_PAGE_SIZE}; {first} was given");
    let first = size.ok_or_else(|| ApiError::new(ErrorCode::BadUserInput, refusal()))?;
    Ok(PageRequest { first, after: after.map(parse_cursor).transpose()? })
}

fn cursor(id: Uuid) -> String {
    OpaqueCursor(id).encode_cursor()
}

fn parse_cursor(cursor: &str) -> Result<Uuid, ApiError> {
    let id = OpaqueCursor::<Uuid>::decode_cursor(cursor);
    id.map(|id| id.0)
        .map_err(|_| ApiError::new(ErrorCode::BadUserInput, "after is not a cursor of this list"))
}
