//! Errors of people operations, and the reasons why an image is rejected.

use entity::ids::PersonId;
use serde::{Deserialize, Serialize};
use vision::{ImageError, QualityIssue};

use crate::index::IndexError;
use crate::inference::EncodeError;
use crate::store::error::{StoreError, from_store_errors};

/// Why a request about people fails.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The person does not exist or belongs to another tenant.
    #[error("there is no such person")]
    PersonNotFound,
    /// The face does not exist or belongs to another tenant.
    #[error("there is no such face")]
    FaceNotFound,
    /// The person has no enrolled face to compare with.
    #[error("this person has no enrolled face")]
    NoEnrolledFace,
    /// All of the person's faces were enrolled with models that are not loaded.
    #[error(
        "this person's faces were enrolled with another model, whose vectors cannot be compared with the current \
         one's; enroll the person again"
    )]
    OtherModel,
    /// A new person requires a consent.
    #[error("a new person needs a recorded consent: when it was granted, and where the proof is kept")]
    ConsentRequired,
    /// The request has more images than a person may have faces.
    #[error("a person can have at most {limit} faces")]
    FaceLimitReached {
        /// Maximum number of faces per person.
        limit: usize,
    },
    /// An image that must show one face of sufficient quality does not.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// An argument is invalid.
    #[error("{0}")]
    BadInput(String),
    /// The engine failed.
    #[error("{0}")]
    EngineUnavailable(String),
    /// A store failed, or refuses the idempotency key.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_store_errors!(PeopleError);

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
        Self::internal(format!("the index: {error}"))
    }
}

/// Why an image is rejected as the face of a person. Stored with idempotency keys and enrollment frames.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Rejection {
    /// The bytes are not an image in a supported format.
    #[error("{message}")]
    Image {
        /// Machine-readable reason.
        kind: ImageMistake,
        /// Human-readable reason.
        message: String,
    },
    /// The image shows no face.
    #[error("the image shows no face")]
    NoFace,
    /// The image shows several faces, and the choice is ambiguous.
    #[error("the image shows more than one face")]
    MultipleFaces,
    /// The quality of the face is insufficient.
    #[error("the face is not good enough: {}", listed(.issues))]
    PoorQuality {
        /// The quality issues found.
        issues: Vec<QualityIssue>,
    },
    /// The face matches another person of the gallery.
    #[error("this is the face of another person of the gallery")]
    DuplicatePerson {
        /// The other person.
        conflicting: PersonId,
    },
    /// The face does not match the person's other faces.
    #[error("this face does not match the person's other faces")]
    DifferentPerson,
    /// The person already has the maximum number of faces.
    #[error("the person already has the maximum of {limit} faces")]
    FaceLimitReached {
        /// Maximum number of faces per person.
        limit: usize,
    },
}

impl Rejection {
    /// The quality issues; empty unless the face was rejected for them.
    #[must_use]
    pub fn issues(&self) -> &[QualityIssue] {
        match self {
            Self::PoorQuality { issues } => issues,
            _ => &[],
        }
    }

    /// The other person whose face this is, if it was rejected for that.
    #[must_use]
    pub fn conflicting(&self) -> Option<PersonId> {
        match self {
            Self::DuplicatePerson { conflicting } => Some(*conflicting),
            _ => None,
        }
    }
}

/// Why bytes were rejected as an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageMistake {
    /// The upload is empty.
    Empty,
    /// The file has too many bytes.
    TooManyBytes,
    /// The image has too many pixels.
    TooManyPixels,
    /// Decoding would take more scans or more memory than allowed.
    TooCostly,
    /// The format is not supported.
    Unsupported,
    /// The file is corrupt or truncated.
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

/// A rejected image of a request with several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Index among the request's images, from 0.
    pub index: usize,
    /// Why the image was rejected.
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
        QualityIssue::CutOff => "cut off at the image's edge",
    });
    words.collect::<Vec<_>>().join(", ")
}
