//! Errors of enrollment sessions, and the reasons why a frame is rejected.

use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use vision::QualityIssue;

use crate::people::{PeopleError, Rejection};
use crate::store::error::StoreError;

/// Why a request about a session fails.
#[derive(Debug, thiserror::Error)]
pub enum EnrollmentError {
    /// The session does not exist or belongs to another tenant.
    #[error("there is no such enrollment session")]
    NotFound,
    /// The session has expired.
    #[error("the session has expired; start another one")]
    Expired,
    /// The session is completed or cancelled.
    #[error("the session has ended; start another one")]
    Closed,
    /// The session does not have enough good frames to be completed.
    #[error("the session needs {required} good frames and has {good}")]
    NotEnoughFrames {
        /// Number of good frames in the session.
        good: usize,
        /// Number of good frames required.
        required: i32,
    },
    /// A frame shows another person than the other frames, or than the enrolled person with that key.
    #[error("frame {index}: {reason}")]
    Frame {
        /// Index of the frame, from 0.
        index: usize,
        /// Why the frame was rejected.
        reason: Rejection,
    },
    /// An argument is invalid.
    #[error("{0}")]
    BadInput(String),
    /// Judging a frame or enrolling the person failed.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for EnrollmentError {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

/// Why a frame is rejected. Stored with the frame.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum FrameRejection {
    /// The frame repeats an earlier one or was captured at the same moment, so it does not indicate a live capture.
    #[error("this frame is too similar to an earlier one; move a little")]
    Duplicate,
    /// The image is rejected for enrollment.
    #[error(transparent)]
    Picture(Rejection),
}

impl FrameRejection {
    /// The quality issues; empty unless the frame was rejected for them.
    #[must_use]
    pub fn issues(&self) -> &[QualityIssue] {
        match self {
            Self::Duplicate => &[],
            Self::Picture(reason) => reason.issues(),
        }
    }
}
