//! What can go wrong with people, and why a picture of one is refused.

use entity::ids::PersonId;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use vision::{ImageError, QualityIssue};

use crate::blobs::BlobError;
use crate::idempotency::IdempotencyError;
use crate::index::IndexError;
use crate::inference::EncodeError;

/// Why a request about people is refused.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// No such person, or another tenant's.
    #[error("there is no such person")]
    PersonNotFound,
    /// No such face, or another tenant's.
    #[error("there is no such face")]
    FaceNotFound,
    /// The person has no face to compare with.
    #[error("this person has no enrolled face")]
    NoEnrolledFace,
    /// A person's faces are all of models that are not at work.
    #[error(
        "this person's faces were enrolled with another model, whose vectors cannot be compared with the present \
         one's; enroll the person again"
    )]
    OtherModel,
    /// A new person needs it.
    #[error("a new person needs a recorded consent: when it was granted, and where the proof is kept")]
    ConsentRequired,
    /// More pictures than a person may have faces.
    #[error("a person has at most {limit} faces")]
    FaceLimitReached {
        /// How many a person may have.
        limit: usize,
    },
    /// A picture that must show one good face does not.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// An argument makes no sense.
    #[error("{0}")]
    BadInput(String),
    /// The engine did not work.
    #[error("{0}")]
    EngineUnavailable(String),
    /// The idempotency key does not serve.
    #[error(transparent)]
    Idempotency(IdempotencyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A defect of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<IdempotencyError> for PeopleError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::Database(error) => Self::Database(error),
            other => Self::Idempotency(other),
        }
    }
}

impl From<EncodeError> for PeopleError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Image(error) => Self::Rejected(error.into()),
            EncodeError::Unavailable(reason) | EncodeError::Refused(reason) => {
                Self::EngineUnavailable(reason)
            }
        }
    }
}

impl From<IndexError> for PeopleError {
    fn from(error: IndexError) -> Self {
        Self::Internal(format!("the index: {error}"))
    }
}

/// Why a picture is not taken as the face of a person. Kept with idempotency keys and enrollment frames.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Rejection {
    /// The bytes are no picture that is read.
    #[error("{message}")]
    Image {
        /// Which kind of mistake.
        kind: ImageMistake,
        /// What is wrong.
        message: String,
    },
    /// It shows nobody.
    #[error("the picture shows no face")]
    NoFace,
    /// It shows several people, and it is not clear who is meant.
    #[error("the picture shows more than one face")]
    MultipleFaces,
    /// The face cannot be seen well enough.
    #[error("the face is not good enough: {}", listed(.issues))]
    PoorQuality {
        /// What is wrong with it.
        issues: Vec<QualityIssue>,
    },
    /// It is the face of another person of the gallery.
    #[error("this is the face of another person of the gallery")]
    DuplicatePerson {
        /// That person.
        conflicting: PersonId,
    },
    /// It is unlike the person's other faces.
    #[error("this face is unlike the person's other faces")]
    DifferentPerson,
    /// The person has as many faces as are allowed.
    #[error("the person has {limit} faces, and more are not kept")]
    FaceLimitReached {
        /// How many a person may have.
        limit: usize,
    },
}

impl Rejection {
    /// What is wrong with the face, when it is not good enough.
    #[must_use]
    pub fn issues(&self) -> &[QualityIssue] {
        match self {
            Self::PoorQuality { issues } => issues,
            _ => &[],
        }
    }

    /// Whose face it is, when it is another person's.
    #[must_use]
    pub fn conflicting(&self) -> Option<PersonId> {
        match self {
            Self::DuplicatePerson { conflicting } => Some(*conflicting),
            _ => None,
        }
    }
}

/// What is wrong with bytes that should be a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageMistake {
    /// There are none.
    Empty,
    /// Too many bytes.
    TooManyBytes,
    /// Too many pixels.
    TooManyPixels,
    /// More scans, or more memory to decode it, than is allowed.
    TooCostly,
    /// A format that is not read.
    Unsupported,
    /// Broken or cut short.
    Invalid,
}

impl From<ImageError> for Rejection {
    fn from(error: ImageError) -> Self {
        let kind = match error {
            ImageError::Empty => ImageMistake::Empty,
            ImageError::TooManyBytes { .. } => ImageMistake::TooManyBytes,
            ImageError::TooManyPixels { .. } => ImageMistake::TooManyPixels,
            ImageError::TooManySamples { .. } | ImageError::TooMuchMemory { .. } => ImageMistake::TooCostly,
            ImageError::Unsupported => ImageMistake::Unsupported,
            ImageError::Invalid { .. } => ImageMistake::Invalid,
        };
        Self::Image { kind, message: error.to_string() }
    }
}

/// One picture of several that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its place among the pictures, from 0.
    pub index: usize,
    /// Why.
    pub reason: Rejection,
}

fn listed(issues: &[QualityIssue]) -> String {
    let words = issues.iter().map(|issue| match issue {
        QualityIssue::TooSmall => "too small",
        QualityIssue::Blurred => "blurred",
        QualityIssue::TooDark => "too dark",
        QualityIssue::TooBright => "too bright",
        QualityIssue::LowContrast => "too little contrast",
        QualityIssue::ExtremePose => "turned away",
        QualityIssue::LowConfidence => "hardly recognisable as a face",
        QualityIssue::CutOff => "cut off at the picture's edge",
    });
    words.collect::<Vec<_>>().join(", ")
}
