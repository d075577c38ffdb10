//! What can go wrong with a session, and why a frame is refused.

use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use vision::QualityIssue;

use crate::people::{PeopleError, Rejection};

/// Why a request about a session is refused.
#[derive(Debug, thiserror::Error)]
pub enum EnrollmentError {
    /// No such session, or another tenant's.
    #[error("there is no such enrollment session")]
    NotFound,
    /// Its time has run out.
    #[error("the session's time has run out; start another one")]
    Expired,
    /// It is completed or cancelled.
    #[error("the session has ended; start another one")]
    Closed,
    /// It cannot be completed yet.
    #[error("the session needs {required} good frames and has {good}")]
    NotEnoughFrames {
        /// Good frames that it has.
        good: usize,
        /// Good frames that it needs.
        required: i32,
    },
    /// A frame shows another person than the rest, or than the person of that key.
    #[error("frame {index}: {reason}")]
    Frame {
        /// Which frame, from 0.
        index: usize,
        /// Why.
        reason: Rejection,
    },
    /// An argument makes no sense.
    #[error("{0}")]
    BadInput(String),
    /// Judging a frame or enrolling the person failed.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Why a frame is not taken. Stored with the frame.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum FrameRejection {
    /// It is an earlier frame again, or was taken at the same moment: no sign of a living capture.
    #[error("this frame is too like an earlier one: move a little")]
    Duplicate,
    /// Its picture will not do.
    #[error(transparent)]
    Picture(Rejection),
}

impl FrameRejection {
    /// What is wrong with the face, when it is not good enough.
    #[must_use]
    pub fn issues(&self) -> &[QualityIssue] {
        match self {
            Self::Duplicate => &[],
            Self::Picture(reason) => reason.issues(),
        }
    }
}
