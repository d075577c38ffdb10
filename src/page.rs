//! A part of a long list, newest first: asked for by the id that it comes behind (a keyset), so that what is added
//! meanwhile neither repeats nor hides anything. Knows no table.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// How many, at most.
    pub first: u64,
    /// Only what comes behind this one.
    pub after: Option<Uuid>,
}

/// A part of a list, newest first.
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Whether there are more behind them.
    pub has_next: bool,
}

impl PageRequest {
    /// Reads the wanted part of `list`, whose rows sort by the ids in `id`.
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
        // One more than wanted tells whether there are more.
        let mut items = behind.order_by_desc(id).limit(self.first + 1).all(database).await?;
        let has_next = items.len() as u64 > self.first;
        items.truncate(usize::try_from(self.first).unwrap_or(usize::MAX));
        Ok(Page { items, has_next })
    }
}
