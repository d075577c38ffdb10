//! People: enrollment with consent, recognition by face, and complete erasure on deletion.
//!
//! Called by `graphql::people`, by guided enrollment and by the bulk commands. Independent of GraphQL and HTTP.

mod assess;
mod assign;
mod chip;
mod enroll;
mod enroll_new;
mod error;
mod face;
mod index_check;
mod index_load;
mod limits;
mod lookup;
mod name_collisions;
mod names;
mod normalize;
mod person;
mod recognize;
mod transfer;

use std::sync::Arc;

use entity::ids::Tenant;
use entity::name_key::NameKey;
use sea_orm::DbErr;
use vision::{Matching, Metric, ModelDigest};

use crate::clock::Clock;
use crate::index::{Collection, VectorIndex};
use crate::inference::{EmbeddedEncoder, KnownModels};
use crate::settings::section;
use crate::store::blobs::Blobs;
use crate::store::database::Database;

pub use assess::{Assessed, NewFace};
pub use assign::{Assigned, EnrollMode, EnrollRequest};
pub use enroll::Enrolled;
pub use enroll_new::NewlyEnrolled;
pub use error::{ImageMistake, PeopleError, Rejected, Rejection};
pub use face::{stored_quality, vector_bytes, vector_from_bytes};
pub use index_check::{IndexReport, TemplateCount};
pub use index_load::{LoadError, Loaded};
pub use limits::{Change, Consent, PersonChanges};
pub use lookup::{PersonKey, PersonRef};
pub use name_collisions::NameCollisions;
pub use names::{MAX_NAME_CHARACTERS, check_name};
pub use person::{GalleryCount, PersonSearch};
pub use recognize::{Candidate, Compared, Identified, MatchScore, SearchLimits, Verified};
pub use transfer::{Exported, Imported, NamedModel, TransferError};

section! {
    /// Settings of enrollment.
    #[derive(Clone, Debug)]
    pub struct PeopleConfig {
        /// Maximum number of faces per person.
        pub faces_per_person: usize = number("FACEQL_FACES_PER_PERSON", 20, 1..=100),
        /// Whether the aligned chips of enrolled faces are stored, so that a later model can encode them again.
        pub retain_chips: bool = flag("FACEQL_RETAIN_CHIPS", false),
    }
}

/// How vectors of the engine's model are compared.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Digest of the model.
    pub model: ModelDigest,
    /// Number of values in a vector.
    pub dimensions: usize,
    /// Metric of distances.
    pub metric: Metric,
    /// Thresholds that turn distances into decisions.
    pub matching: Matching,
}

/// The people domain. Clones share the same state.
#[derive(Clone)]
pub struct People {
    /// Stores people, faces and templates.
    pub database: Database,
    /// Stores chips, if they are retained.
    pub blobs: Blobs,
    /// Searches templates.
    pub index: Arc<dyn VectorIndex>,
    /// Detects and encodes faces; always the embedded engine, because remote services do not assess quality.
    pub engine: EmbeddedEncoder,
    /// How the engine's vectors are compared.
    pub scale: Scale,
    /// Registry of the models whose vectors are stored.
    pub models: KnownModels,
    /// Source of the current time.
    pub clock: Clock,
    /// Settings of enrollment.
    pub config: PeopleConfig,
}

impl People {
    /// The scale of `engine`'s model; `None` if the model pack does not define its thresholds.
    #[must_use]
    pub fn scale_of(engine: &EmbeddedEncoder) -> Option<Scale> {
        let card = engine.model();
        Some(Scale {
            model: card.digest,
            dimensions: usize::try_from(card.dimensions?).ok()?,
            metric: card.metric?,
            matching: card.matching?,
        })
    }

    /// Assigns normalized keys to people of a database that predates name normalization, and logs colliding names. Must
    /// be called before the first lookup.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn normalize_names(&self) -> Result<(), DbErr> {
        normalize::normalize_all(&self.database).await?;
        let collisions = NameCollisions::read(self.database.reader()).await?;
        collisions.sentences().for_each(|sentence| tracing::warn!("{sentence}"));
        if !collisions.is_empty() {
            tracing::warn!("{}", NameCollisions::REMEDY);
        }
        Ok(())
    }

    /// The index collection of a gallery.
    fn collection(&self, tenant: &Tenant, gallery: &NameKey) -> Collection {
        Collection {
            tenant: tenant.clone(),
            gallery: gallery.clone(),
            model: self.scale.model,
            metric: self.scale.metric,
        }
    }
}
