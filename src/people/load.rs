//! Fills the index from the database when the service starts.

use std::collections::HashMap;
use std::time::Instant;

use entity::ids::{FaceId, PersonId, Tenant};
use entity::name_key::NameKey;
use entity::{face, person, template};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationDef,
};
use tracing::{error, info};

use super::People;
use crate::index::{Collection, Template};

/// Templates read at once.
const PAGE: u64 = 10_000;

/// How often the log says how far it has come.
const PROGRESS_EVERY: usize = 100_000;

/// Why the index could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error("the templates cannot be read: {0}")]
    Database(#[from] DbErr),
    /// Filling it broke off.
    #[error("filling the index broke off: {0}")]
    BrokeOff(String),
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Faces that can be found now.
    pub faces: usize,
    /// Templates that cannot be of the model they are said to be of.
    pub damaged: usize,
}

#[derive(FromQueryResult)]
struct Row {
    face_id: FaceId,
    person_id: PersonId,
    tenant: Tenant,
    gallery_key: NameKey,
    vector: Vec<u8>,
}

impl People {
    /// Puts all templates of the present model into the index. A damaged one is left out and reported.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(&self) -> Result<Loaded, LoadError> {
        let (start, mut loaded, mut told) = (Instant::now(), Loaded::default(), 0);
        let mut after = None;
        loop {
            let rows = self.page(after).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.face_id);
            let people = self.clone();
            let filling = tokio::task::spawn_blocking(move || people.fill(&rows));
            let page = filling.await.map_err(|panic| LoadError::BrokeOff(panic.to_string()))?;
            loaded.faces += page.faces;
            loaded.damaged += page.damaged;
            if loaded.faces / PROGRESS_EVERY > told {
                told = loaded.faces / PROGRESS_EVERY;
                info!(faces = loaded.faces, "filling the index");
            }
        }
        let took = start.elapsed();
        info!(faces = loaded.faces, damaged = loaded.damaged, ?took, "the index is filled");
        Ok(loaded)
    }

    async fn page(&self, after: Option<FaceId>) -> Result<Vec<Row>, DbErr> {
        let mut page = template::Entity::find()
            .select_only()
            .column(template::Column::FaceId)
            .column(template::Column::Tenant)
            .column(template::Column::Vector)
            .column(face::Column::PersonId)
            .column(person::Column::GalleryKey)
            .join(JoinType::InnerJoin, face_of_template())
            .join(JoinType::InnerJoin, person_of_face())
            .filter(template::Column::ModelDigest.eq(self.scale.model.to_string()))
            .order_by_asc(template::Column::FaceId)
            .limit(PAGE);
        if let Some(after) = after {
            page = page.filter(template::Column::FaceId.gt(after));
        }
        page.into_model().all(self.database.reader()).await
    }

    fn fill(&self, rows: &[Row]) -> Loaded {
        let mut loaded = Loaded::default();
        let vectors: Vec<Option<Vec<f32>>> = rows.iter().map(|row| self.sound_vector(&row.vector)).collect();
        let mut by_gallery: HashMap<Collection, Vec<Template<'_>>> = HashMap::new();
        for (row, vector) in rows.iter().zip(&vectors) {
            let Some(vector) = vector else {
                error!(face.id = %row.face_id, "a template is damaged and will not be found; enroll the face again");
                loaded.damaged += 1;
                continue;
            };
            let template = Template { face: row.face_id, person: row.person_id, vector };
            by_gallery.entry(self.collection(&row.tenant, &row.gallery_key)).or_default().push(template);
        }
        for (collection, templates) in by_gallery {
            match self.index.insert(&collection, &templates) {
                Ok(()) => loaded.faces += templates.len(),
                Err(error) => {
                    error!(%error, templates = templates.len(), "the index refuses templates");
                    loaded.damaged += templates.len();
                }
            }
        }
        loaded
    }
}

pub(super) fn face_of_template() -> RelationDef {
    template::Entity::belongs_to(face::Entity).from(template::Column::FaceId).to(face::Column::Id).into()
}

pub(super) fn person_of_face() -> RelationDef {
    face::Entity::belongs_to(person::Entity).from(face::Column::PersonId).to(person::Column::Id).into()
}
