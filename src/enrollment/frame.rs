//! Frames of a session, which are assessed on arrival.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use entity::enrollment_frame::{Entity, Model};
use entity::ids::{EnrollmentId, FaceId};
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, IntoActiveModel};
use uuid::Uuid;
use vision::FaceQuality;

use super::session::open_session;
use super::{EnrollmentError, Enrollments, FrameRejection, Session};
use crate::access::caller::Caller;
use crate::images::upload::Hashed;
use crate::inference::Urgency;
use crate::people::{Assessed, NewFace, PeopleError, stored_quality, vector_bytes};

/// Maximum number of frames per session, good or not.
const MAX_FRAMES: usize = 200;

/// A living head moves: a frame whose pose differs by at most this many degrees from a frame just before is a
/// duplicate.
const SAME_POSE_DEGREES: f32 = 4.0;

/// Maximum time between such two frames.
const SAME_MOMENT: TimeDelta = TimeDelta::milliseconds(300);

impl Enrollments {
    /// Judges a frame and, if it is good, stores what is needed to enroll it. Returns the frame's index.
    ///
    /// # Errors
    /// [`EnrollmentError::Expired`] and [`EnrollmentError::Closed`]; a rejected frame is not an error.
    pub async fn add_frame(
        &self,
        caller: &Caller,
        id: EnrollmentId,
        image: Bytes,
    ) -> Result<(Arc<Session>, usize), EnrollmentError> {
        let received_at = self.clock.now();
        self.session(caller, id).await?.check_open(received_at)?;
        let image = Hashed::of(image).await?;
        let assessed = self.people.assess(caller, image, Urgency::Urgent).await?;
        let kept = assessed.face.as_ref().ok().and_then(NewFace::kept_chip);
        let outcome = self.keep(caller, id, assessed, received_at).await;
        let needed =
            |face: FaceId| outcome.as_ref().is_ok_and(|(session, _)| session.chips().contains(&face));
        if let Some(face) = kept.filter(|face| !needed(*face)) {
            self.people.remove_chips(&caller.tenant, &[face]).await;
        }
        outcome
    }

    async fn keep(
        &self,
        caller: &Caller,
        id: EnrollmentId,
        assessed: Assessed,
        received_at: DateTime<Utc>,
    ) -> Result<(Arc<Session>, usize), EnrollmentError> {
        let mut write = self.database.write().await?;
        let Session { mut row, mut frames } = open_session(&write, caller, id, self.clock.now()).await?;
        if frames.len() >= MAX_FRAMES {
            return Err(EnrollmentError::BadInput(format!("a session accepts at most {MAX_FRAMES} frames")));
        }
        let position = frames.len();
        let Assessed { image_sha256, quality, face } = assessed;
        let again = frames.iter().any(|earlier| {
            earlier.image_sha256 == image_sha256
                || received_at - earlier.received_at < SAME_MOMENT && same_pose(earlier, quality.as_ref())
        });
        let (face, rejection) = match face {
            _ if again => (None, Some(FrameRejection::Duplicate)),
            Ok(face) => (Some(face), None),
            Err(reason) => (None, Some(FrameRejection::Picture(reason))),
        };
        let frame = Model {
            enrollment_id: id,
            position: i32::try_from(position).unwrap_or(i32::MAX),
            tenant: caller.tenant.clone(),
            face_id: face.as_ref().map_or_else(|| FaceId(Uuid::now_v7()), |face| face.id),
            image_sha256,
            rejection: rejection.map(json).transpose()?,
            quality: quality.map(json).transpose()?,
            vector: face.as_ref().map(|face| vector_bytes(&face.vector)),
            model_digest: self.people.scale.model.to_string(),
            chip_kept: face.is_some_and(|face| face.chip_kept),
            received_at,
        };
        Entity::insert(frame.clone().into_active_model().reset_all()).exec_without_returning(&*write).await?;
        row.revision += 1;
        let row = row.into_active_model().reset_all().update(&*write).await?;
        frames.push(frame);
        let session = Arc::new(Session { row, frames });
        self.announce(&mut write, &session);
        caller.trail.record(&mut write, [id.into()]).await?;
        write.commit().await?;
        Ok((session, position))
    }
}

/// Whether two frames show the head in the same pose.
fn same_pose(earlier: &Model, quality: Option<&FaceQuality>) -> bool {
    let (Some(quality), Some(earlier)) = (quality, earlier.quality.as_ref()) else { return false };
    let Ok(earlier) = stored_quality(earlier) else { return false };
    (earlier.yaw - quality.yaw).abs() < SAME_POSE_DEGREES
        && (earlier.pitch - quality.pitch).abs() < SAME_POSE_DEGREES
}

/// Why a stored frame was rejected; `None` if it is good.
///
/// # Errors
/// When the stored JSON cannot be read.
pub fn stored_rejection(frame: &Model) -> Result<Option<FrameRejection>, DbErr> {
    let rejection = frame.rejection.clone().map(serde_json::from_value).transpose();
    rejection.map_err(|error| DbErr::Json(format!("a frame's rejection: {error}")))
}

fn json(value: impl serde::Serialize) -> Result<serde_json::Value, EnrollmentError> {
    let value = serde_json::to_value(value);
    value.map_err(|error| PeopleError::internal(format!("a frame as JSON: {error}")).into())
}
