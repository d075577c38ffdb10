//! Galleries moved between installations: how people are written to a file, and how they are put in again. Called by
//! the shell's `export` and `import`. Knows lines, and nothing of files and compression.
//!
//! A transfer is text, a JSON object a line: the [`Header`], which names the model of all vectors; a [`Line::Person`]
//! for each person; and a [`Line::End`], which shows that nothing is missing.

mod candidate;
mod export;
mod import;
mod lines;
mod present;

use chrono::{DateTime, Utc};
use entity::ids::{FaceId, PersonId};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vision::ModelDigest;

use super::{Consent, People, PeopleError};

pub use export::Exported;
pub use import::Imported;

/// What the first line says the file is.
const FORMAT: &str = "faceql.people";

/// Raised when a file of the new form cannot be read in the old way.
const VERSION: u32 = 1;

/// Rows in one statement: SQLite takes 32,766 values.
const ROWS: usize = 2000;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    /// Always `faceql.people`.
    format: String,
    /// Of the form.
    version: u32,
    /// The model that every vector in the file is of.
    model: NamedModel,
    /// When the file was begun.
    exported_at: DateTime<Utc>,
}

/// A model as it is told to people and to programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedModel {
    /// Its name, as in `dlib-resnet-v1`.
    pub name: String,
    /// Its identity.
    pub digest: ModelDigest,
    /// Values in a vector.
    pub dimensions: usize,
}

impl std::fmt::Display for NamedModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({} values, digest {})", self.name, self.dimensions, self.digest)
    }
}

/// Every further line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    /// A person.
    Person(Box<PersonRecord>),
    /// The last line: how much there was.
    End(Exported),
}

/// A person with all faces.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PersonRecord {
    id: PersonId,
    gallery: String,
    external_id: String,
    display_name: Option<String>,
    metadata: Option<Value>,
    consent: Consent,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Oldest first.
    faces: Vec<FaceRecord>,
}

/// An enrolled face.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaceRecord {
    id: FaceId,
    /// Of the picture, lower-case hexadecimal.
    image_sha256: String,
    /// Scores and issues, as the engine judged them.
    quality: Value,
    created_at: DateTime<Utc>,
    /// The bits of the numbers: little-endian f32 in base64.
    vector: String,
}

/// Why a transfer broke off.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The vectors are another model's.
    #[error(
        "MODEL_MISMATCH: the file holds vectors of {theirs}, and the model at work here is {ours}. Vectors of \
         different models cannot be compared. Import the file where its model is at work (FACEQL_MODEL_PACK), or \
         enroll the pictures again"
    )]
    ModelMismatch {
        /// The model of the file.
        theirs: Box<NamedModel>,
        /// The model at work.
        ours: Box<NamedModel>,
    },
    /// A line that is not what it should be.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The file ends too early.
    #[error("line {line}: the file ends here, before its last line: it was cut off")]
    CutOff {
        /// Counted from 1.
        line: u64,
    },
    /// People could not be read or written.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The file could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<DbErr> for TransferError {
    fn from(error: DbErr) -> Self {
        Self::People(error.into())
    }
}

impl People {
    /// The model at work.
    fn named_model(&self) -> NamedModel {
        NamedModel {
            name: self.engine.model().name.clone(),
            digest: self.scale.model,
            dimensions: self.scale.dimensions,
        }
    }
}
