//! Relay connections: newest first, keyset cursors.

use async_graphql::SimpleObject;
use async_graphql::connection::{CursorType, OpaqueCursor};
use uuid::Uuid;

use super::{ApiError, ErrorCode};

/// Largest page.
pub(super) const MAX_PAGE_SIZE: i32 = 100;

/// Reads `first`.
pub(super) fn page_size(first: i32) -> Result<u64, ApiError> {
    let size = u64::try_from(first).ok().filter(|_| (1..=MAX_PAGE_SIZE).contains(&first));
    size.ok_or_else(|| {
        ApiError::new(
            ErrorCode::BadUserInput,
            format!("first is from 1 to {MAX_PAGE_SIZE}; {first} was given"),
        )
    })
}

/// A place in a list: right behind the node with this id.
pub(super) fn cursor(id: Uuid) -> String {
    OpaqueCursor(id).encode_cursor()
}

/// Reads `after`.
pub(super) fn parse_cursor(cursor: &str) -> Result<Uuid, ApiError> {
    let id = OpaqueCursor::<Uuid>::decode_cursor(cursor);
    id.map(|id| id.0)
        .map_err(|_| ApiError::new(ErrorCode::BadUserInput, "after is not a cursor of this list"))
}

/// Where a page lies in its list.
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

impl PageInfo {
    /// Of the page with these nodes. It begins the list unless it is asked for by a cursor.
    pub(super) fn new(by_cursor: bool, has_next: bool, ids: &[Uuid]) -> Self {
        Self {
            has_previous_page: by_cursor,
            has_next_page: has_next,
            start_cursor: ids.first().copied().map(cursor),
            end_cursor: ids.last().copied().map(cursor),
        }
    }
}
