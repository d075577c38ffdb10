//! Loads the index from the database at startup.

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

/// Templates read per query.
const PAGE: u64 = 10_000;

/// Number of templates between two progress messages in the log.
const PROGRESS_EVERY: usize = 100_000;

/// Why the index could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error("the templates cannot be read: {0}")]
    Database(#[from] DbErr),
    /// A background task of the load failed.
    #[error("loading the index failed: {0}")]
    BrokeOff(String),
}

/// The result of loading the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Number of faces in the index.
    pub faces: usize,
    /// Templates whose vectors are not valid for their model.
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
    /// Loads all templates of the current model into the index. Damaged templates are skipped and logged.
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
                info!(faces = loaded.faces, "loading the index");
            }
        }
        let took = start.elapsed();
        info!(faces = loaded.faces, damaged = loaded.damaged, ?took, "the index is loaded");
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
                    error!(%error, templates = templates.len(), "the index rejected templates");
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
