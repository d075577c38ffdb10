//! Relay connections, newest first, with keyset cursors.

use std::borrow::Cow;

use async_graphql::connection::{CursorType, OpaqueCursor};
use async_graphql::{Context, Object, OutputType, SimpleObject, TypeName};
use uuid::Uuid;

use crate::graphql::{ApiError, ErrorCode};
use crate::store::page::{Page, PageRequest};

/// Maximum value of `first`.
pub(in crate::graphql) const MAX_PAGE_SIZE: i32 = 100;

/// An object type that can be listed.
pub(in crate::graphql) trait Listed: OutputType + Sized {
    /// The database row of the type.
    type Row: Into<Self>;
    /// Restricts which objects are listed.
    type Filter: Send + Sync;

    /// The key of a row's position in the list.
    fn place(row: &Self::Row) -> Uuid;

    /// Number of the caller's objects that pass the filter, on all pages.
    fn count(
        context: &Context<'_>,
        filter: &Self::Filter,
    ) -> impl Future<Output = Result<u64, ApiError>> + Send;
}

/// A page of a list, newest first.
pub(in crate::graphql) struct Connection<T: Listed> {
    edges: Vec<Edge<T>>,
    page_info: PageInfo,
    filter: T::Filter,
}

impl<T: Listed> Connection<T> {
    /// Builds the connection for `page`, the result of `request`.
    pub(in crate::graphql) fn new(request: PageRequest, page: Page<T::Row>, filter: T::Filter) -> Self {
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

/// A page of a list, newest first.
#[Object(name_type)]
impl<T: Listed> Connection<T> {
    /// The items of this page with their cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The items of this page.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Position of this page in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// Number of items on all pages; counted only if requested.
    async fn total_count(&self, context: &Context<'_>) -> Result<Option<u64>, ApiError> {
        T::count(context, &self.filter).await.map(Some)
    }
}

/// An item of a list and its position.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub(in crate::graphql) struct Edge<T: Listed> {
    /// Position of the item. Pass it as `after` to continue after this item.
    cursor: String,
    /// The item.
    node: T,
}

impl<T: Listed> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

impl<T: Listed> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// Position of a page in its list.
#[derive(SimpleObject)]
pub(in crate::graphql) struct PageInfo {
    /// Whether this page was requested with a cursor, so that there are items before it.
    has_previous_page: bool,
    /// Whether there are items after this page.
    has_next_page: bool,
    /// Cursor of the page's first item; null if the page is empty.
    start_cursor: Option<String>,
    /// Cursor of the page's last item, to pass as `after` for the next page; null if the page is empty.
    end_cursor: Option<String>,
}

/// Parses `first` and `after`; `BAD_USER_INPUT` if one of them is invalid.
pub(in crate::graphql) fn page_request(first: i32, after: Option<&str>) -> Result<PageRequest, ApiError> {
    let size = u64::try_from(first).ok().filter(|_| (1..=MAX_PAGE_SIZE).contains(&first));
    let refusal = || format!("first must be from 1 to {MAX_PAGE_SIZE}, but is {first}");
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
