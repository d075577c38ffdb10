//! The models of stored vectors, including those of earlier packs. A model card never changes, so it is cached in
//! memory once read.

use std::collections::HashMap;
use std::sync::Arc;

use entity::model::{ActiveModel, Column, Entity};
use parking_lot::RwLock;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait};
use vision::ModelCard;

use crate::store::database::Database;

/// Model cards by digest. Clones share the cache.
#[derive(Clone)]
pub struct KnownModels {
    database: Database,
    seen: Arc<RwLock<HashMap<String, Arc<ModelCard>>>>,
}

impl KnownModels {
    /// The models registered in `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, seen: Arc::default() }
    }

    /// Registers a model, so that its vectors can refer to it. Updates the thresholds, which may have changed since the
    /// last start.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, card: &ModelCard) -> Result<(), DbErr> {
        let json = serde_json::to_value(card).map_err(|error| DbErr::Json(error.to_string()))?;
        let model = ActiveModel { digest: Set(card.digest.to_string()), card: Set(json) };
        let replace = OnConflict::column(Column::Digest).update_column(Column::Card).to_owned();
        let write = self.database.write().await?;
        Entity::insert(model).on_conflict(replace).exec_without_returning(&*write).await?;
        write.commit().await?;
        self.keep(card.digest.to_string(), card.clone());
        Ok(())
    }

    /// The model with that digest.
    ///
    /// # Errors
    /// When the database fails or has no such model, although every vector refers to one.
    pub async fn get(&self, digest: &str) -> Result<Arc<ModelCard>, DbErr> {
        let seen = self.seen.read().get(digest).cloned();
        if let Some(card) = seen {
            return Ok(card);
        }
        let missing = || DbErr::RecordNotFound(format!("model {digest}"));
        let row = Entity::find_by_id(digest).one(self.database.reader()).await?.ok_or_else(missing)?;
        let card = serde_json::from_value(row.card).map_err(|error| DbErr::Json(error.to_string()))?;
        Ok(self.keep(row.digest, card))
    }

    fn keep(&self, digest: String, card: ModelCard) -> Arc<ModelCard> {
        let card = Arc::new(card);
        self.seen.write().insert(digest, card.clone());
        card
    }
}
