//! People: enrolled with their consent, known again by their faces, and forgotten entirely when they are deleted.
//!
//! Called by `graphql::people`, by guided enrollment and by the shell's bulk commands. Knows no GraphQL and no HTTP.

mod check;
mod chip;
mod enroll;
mod enroll_new;
mod error;
mod face;
mod judge;
mod limits;
mod load;
mod name;
mod name_collisions;
mod normalize;
mod person;
mod recognize;
mod settle;
mod transfer;

use std::sync::Arc;

use entity::ids::Tenant;
use entity::name_key::NameKey;
use sea_orm::DbErr;
use vision::{Matching, Metric, ModelDigest};

use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::config::{Setting, Settings};
use crate::database::Database;
use crate::index::{Collection, VectorIndex};
use crate::inference::{EmbeddedEncoder, KnownModels};

pub use check::{IndexReport, TemplateCount};
pub use enroll::{EnrollMode, Enrolled};
pub use enroll_new::NewlyEnrolled;
pub use error::{ImageMistake, PeopleError, Rejected, Rejection};
pub use face::{stored_quality, vector_bytes, vector_from_bytes};
pub use judge::{Judged, NewFace};
pub use limits::{Change, Consent, MAX_NAME_CHARACTERS, PersonChanges, check_name};
pub use load::{LoadError, Loaded};
pub use name::{PersonKey, PersonRef};
pub use name_collisions::NameCollisions;
pub use person::{GalleryCount, PersonSearch};
pub use recognize::{Candidate, Compared, Identified, MatchScore, SearchLimits, Verified};
pub use settle::{EnrollRequest, Settled};
pub use transfer::{Exported, Imported, NamedModel, TransferError};

/// How people are enrolled.
#[derive(Clone, Debug)]
pub struct PeopleConfig {
    /// Faces that one person may have.
    pub faces_per_person: usize,
    /// Whether the aligned chip of an enrolled face is kept, so that a later model can encode it again.
    pub retain_chips: bool,
}

impl PeopleConfig {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let faces = Setting { name: "FACEQL_FACES_PER_PERSON", about: "Faces that one person may have." };
        let chips = Setting {
            name: "FACEQL_RETAIN_CHIPS",
            about: "Whether the aligned picture of an enrolled face is kept, so that a later model can encode it again.",
        };
        Self {
            faces_per_person: settings.number(faces, 20, 1..=100),
            retain_chips: settings.flag(chips, false),
        }
    }
}

/// How the vectors of the engine's model are told apart.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The model.
    pub model: ModelDigest,
    /// Values in a vector.
    pub dimensions: usize,
    /// How distances are measured.
    pub metric: Metric,
    /// What they mean.
    pub matching: Matching,
}

/// The domain of people and their faces. Cloning shares it.
#[derive(Clone)]
pub struct People {
    /// Rows.
    pub database: Database,
    /// Chips, where they are kept.
    pub blobs: Blobs,
    /// Finds faces among many.
    pub index: Arc<dyn VectorIndex>,
    /// Finds faces in pictures; always the embedded engine, since others judge no quality.
    pub engine: EmbeddedEncoder,
    /// How the engine's vectors are told apart.
    pub scale: Scale,
    /// What the vectors are of.
    pub models: KnownModels,
    /// The time.
    pub clock: Clock,
    /// Counts and times.
    pub config: PeopleConfig,
}

impl People {
    /// The scale of `engine`'s model; `None` when its pack says not what distances mean.
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

    /// Gives the people of a database of the time before names were normalised their keys, and tells the log whose names
    /// collide. Called before anybody is looked for.
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

    /// What the index calls a gallery.
    fn collection(&self, tenant: &Tenant, gallery: &NameKey) -> Collection {
        Collection {
            tenant: tenant.clone(),
            gallery: gallery.clone(),
            model: self.scale.model,
            metric: self.scale.metric,
        }
    }
}
