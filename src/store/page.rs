//! Keyset pagination, newest first: a page starts after a given id, so that concurrent inserts neither repeat nor hide
//! rows. Independent of tables.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

/// Which page of a list to read.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// Maximum number of items.
    pub first: u64,
    /// Only items after the one with this id.
    pub after: Option<Uuid>,
}

/// A page of a list, newest first.
pub struct Page<T> {
    /// The items, at most as many as requested.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub has_next: bool,
}

impl PageRequest {
    /// Reads a page of `list`, whose rows sort by the ids in `id`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read<E: EntityTrait>(
        self,
        list: Select<E>,
        id: E::Column,
        database: &impl ConnectionTrait,
    ) -> Result<Page<E::Model>, DbErr> {
        let behind = match self.after {
            None => list,
            Some(after) => list.filter(id.lt(after)),
        };
        // One extra row shows whether more follow.
        let mut items = behind.order_by_desc(id).limit(self.first + 1).all(database).await?;
        let has_next = items.len() as u64 > self.first;
        items.truncate(usize::try_from(self.first).unwrap_or(usize::MAX));
        Ok(Page { items, has_next })
    }
}
