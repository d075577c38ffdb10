//! Moves galleries between installations: the file format, export and import. Called by the `export` and `import`
//! commands. Works on lines, independent of files and compression.
//!
//! A transfer is text with one JSON object per line: the [`Header`], which names the model of all vectors; a
//! [`Line::Person`] for each person; and a [`Line::End`], which shows that the file is complete.

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

/// The format name in the header.
const FORMAT: &str = "faceql.people";

/// Format version; raised when older versions of FaceQL cannot read new files.
const VERSION: u32 = 1;

/// Rows inserted per statement: SQLite accepts at most 32,766 parameters.
const ROWS: usize = 2000;

/// The first line of a file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    /// Always `faceql.people`.
    format: String,
    /// Version of the format.
    version: u32,
    /// The model of all vectors in the file.
    model: NamedModel,
    /// When the export started.
    exported_at: DateTime<Utc>,
}

/// A model with its name and digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedModel {
    /// Name of the model, such as `dlib-resnet-v1`.
    pub name: String,
    /// Digest that identifies the model.
    pub digest: ModelDigest,
    /// Number of values in a vector.
    pub dimensions: usize,
}

impl std::fmt::Display for NamedModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({} values, digest {})", self.name, self.dimensions, self.digest)
    }
}

/// Any line after the header.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    /// A person with all faces.
    Person(Box<PersonRecord>),
    /// The last line, with the totals.
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
    /// SHA-256 of the image, lower-case hexadecimal.
    image_sha256: String,
    /// Quality scores and issues, as assessed by the engine.
    quality: Value,
    created_at: DateTime<Utc>,
    /// The vector: little-endian f32 in base64.
    vector: String,
}

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The vectors of the file belong to another model.
    #[error(
        "MODEL_MISMATCH: the file contains vectors of {theirs}, but this server uses {ours}. Vectors of \
         different models cannot be compared. Import the file on a server with its model (FACEQL_MODEL_PACK), or \
         enroll the images again"
    )]
    ModelMismatch {
        /// The model of the file.
        theirs: Box<NamedModel>,
        /// The model of this server.
        ours: Box<NamedModel>,
    },
    /// A line is malformed or invalid.
    #[error("line {line}: {reason}")]
    Line {
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The file ends too early.
    #[error("line {line}: the file is truncated: it ends here, before its last line")]
    CutOff {
        /// Line number, from 1.
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
    /// The loaded model.
    fn named_model(&self) -> NamedModel {
        NamedModel {
            name: self.engine.model().name.clone(),
            digest: self.scale.model,
            dimensions: self.scale.dimensions,
        }
    }
}
