//! Starting, reading, completing and cancelling sessions.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::enrollment::{Column, Entity, Model, Status};
use entity::ids::{EnrollmentId, FaceId};
use entity::{enrollment_frame, person};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use super::{EnrollmentError, Enrollments, Session};
use crate::access::caller::Caller;
use crate::people::{
    Change, Consent, EnrollMode, EnrollRequest, NewFace, PeopleError, PersonChanges, PersonKey, Rejected,
    Rejection, check_name, stored_quality, vector_from_bytes,
};
use crate::store::database::Write;

/// Allowed duration of a session, in seconds.
const TIMES: std::ops::RangeInclusive<i32> = 30..=1800;

/// Arguments for a new session.
#[derive(Clone, Debug)]
pub struct Start {
    /// Key of the person to enroll.
    pub key: PersonKey,
    /// Name shown to users.
    pub display_name: Option<String>,
    /// The person's consent to be enrolled.
    pub consent: Consent,
    /// Number of good frames required.
    pub required_frames: i32,
    /// How long the session stays open, in seconds.
    pub ttl_seconds: i32,
}

impl Enrollments {
    /// Starts a session.
    ///
    /// # Errors
    /// [`EnrollmentError`] when an argument is out of range.
    pub async fn start(&self, caller: &Caller, start: Start) -> Result<Session, EnrollmentError> {
        let now = self.clock.now();
        start.key.check()?;
        if let Some(name) = &start.display_name {
            check_name("displayName", name)?;
        }
        start.consent.check(now)?;
        let most = i32::try_from(self.people.config.faces_per_person).unwrap_or(i32::MAX);
        if !(1..=most).contains(&start.required_frames) {
            return Err(EnrollmentError::BadInput(format!("requiredFrames must be from 1 to {most}")));
        }
        let ttl = u64::try_from(start.ttl_seconds).ok().filter(|_| TIMES.contains(&start.ttl_seconds));
        let (shortest, longest) = (TIMES.start(), TIMES.end());
        let out_of_range =
            || EnrollmentError::BadInput(format!("ttlSeconds must be from {shortest} to {longest}"));
        let ttl = Duration::from_secs(ttl.ok_or_else(out_of_range)?);
        let row = Model {
            id: EnrollmentId(Uuid::now_v7()),
            tenant: caller.tenant.clone(),
            status: Status::Open,
            revision: 1,
            gallery: start.key.gallery,
            external_id: start.key.external_id,
            display_name: start.display_name,
            consent_granted_at: start.consent.granted_at,
            consent_reference: start.consent.reference,
            required_frames: start.required_frames,
            expires_at: now + ttl,
            person_id: None,
            created_at: now,
        };
        let mut write = self.database.write().await?;
        caller.trail.record(&mut write, [row.id.into()]).await?;
        Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&*write).await?;
        write.commit().await?;
        Ok(Session { row, frames: Vec::new() })
    }

    /// Returns those of `ids` that are the caller's sessions, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(
        &self,
        caller: &Caller,
        ids: &[EnrollmentId],
    ) -> Result<Vec<Session>, EnrollmentError> {
        let rows = owned(caller).filter(Column::Id.is_in(ids.iter().copied()));
        let rows = rows.all(self.database.reader()).await?;
        let mut frames = frames_of(self.database.reader(), ids).await?;
        let session = |row: Model| {
            let of_row = |frame: &mut enrollment_frame::Model| frame.enrollment_id == row.id;
            let frames = frames.extract_if(.., of_row).collect();
            Session { row, frames }
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Returns one of the caller's sessions.
    ///
    /// # Errors
    /// [`EnrollmentError::NotFound`] when the caller has no session with that id.
    pub async fn session(&self, caller: &Caller, id: EnrollmentId) -> Result<Session, EnrollmentError> {
        self.sessions(caller, &[id]).await?.pop().ok_or(EnrollmentError::NotFound)
    }

    /// Enrolls a person from the good frames and ends the session.
    ///
    /// # Errors
    /// [`EnrollmentError::NotEnoughFrames`]; [`EnrollmentError::Frame`] when the frames show several people or a person
    /// who is already enrolled. The session stays open then.
    pub async fn complete(
        &self,
        caller: &Caller,
        id: EnrollmentId,
    ) -> Result<(Arc<Session>, person::Model), EnrollmentError> {
        let mut write = self.database.write().await?;
        let session = open_session(&write, caller, id, self.clock.now()).await?;
        let (mut row, frames) = (session.row, session.frames);
        let faces: Vec<_> =
            frames.iter().enumerate().filter_map(|(index, frame)| Some((index, good_face(frame)?))).collect();
        let required = row.required_frames;
        if faces.len() < usize::try_from(required).unwrap_or(0) {
            return Err(EnrollmentError::NotEnoughFrames { good: faces.len(), required });
        }
        let assigned = self.people.assign(&mut write, caller, &request(&row), faces).await?;
        // More good frames than the maximum number of faces per person are not an error.
        let fault = |rejected: &Rejected| !matches!(rejected.reason, Rejection::FaceLimitReached { .. });
        if let Some(Rejected { index, reason }) = assigned.rejected.into_iter().find(fault) {
            return Err(EnrollmentError::Frame { index, reason });
        }
        let Some(person) = assigned.person.filter(|_| !assigned.accepted.is_empty()) else {
            let limit = self.people.config.faces_per_person;
            return Err(PeopleError::FaceLimitReached { limit }.into());
        };
        row.person_id = Some(person.id);
        let session = self.end(&mut write, row, Status::Completed).await?;
        let enrolled = assigned.accepted.iter().map(|face| face.id.into());
        caller.trail.record(&mut write, enrolled.chain([id.into(), person.id.into()])).await?;
        write.commit().await?;
        let enrolled =
            |frame: &&enrollment_frame::Model| assigned.accepted.iter().any(|face| face.id == frame.face_id);
        let unneeded = frames.iter().filter(|frame| frame.chip_kept && !enrolled(frame));
        let unneeded: Vec<FaceId> = unneeded.map(|frame| frame.face_id).collect();
        self.people.remove_chips(&caller.tenant, &unneeded).await;
        Ok((session, person))
    }

    /// Cancels a session and deletes its frames.
    ///
    /// # Errors
    /// [`EnrollmentError`] when the session has already ended.
    pub async fn cancel(&self, caller: &Caller, id: EnrollmentId) -> Result<Arc<Session>, EnrollmentError> {
        let mut write = self.database.write().await?;
        let session = open_session(&write, caller, id, self.clock.now()).await?;
        let chips = session.chips();
        let session = self.end(&mut write, session.row, Status::Cancelled).await?;
        caller.trail.record(&mut write, [id.into()]).await?;
        write.commit().await?;
        self.people.remove_chips(&caller.tenant, &chips).await;
        Ok(session)
    }

    /// Ends a session with `status` and deletes its frames as part of `write`.
    pub(super) async fn end(
        &self,
        write: &mut Write,
        mut row: Model,
        status: Status,
    ) -> Result<Arc<Session>, EnrollmentError> {
        row.status = status;
        row.revision += 1;
        let row = row.into_active_model().reset_all().update(&**write).await?;
        enrollment_frame::Entity::delete_many()
            .filter(enrollment_frame::Column::EnrollmentId.eq(row.id))
            .exec(&**write)
            .await?;
        let session = Arc::new(Session { row, frames: Vec::new() });
        self.announce(write, &session);
        self.database.erase_after(write);
        Ok(session)
    }
}

impl Session {
    /// Fails unless the session is still open.
    pub(super) fn check_open(&self, now: DateTime<Utc>) -> Result<(), EnrollmentError> {
        match self.row.status {
            Status::Open if now < self.row.expires_at => Ok(()),
            Status::Open | Status::Expired => Err(EnrollmentError::Expired),
            Status::Completed | Status::Cancelled => Err(EnrollmentError::Closed),
        }
    }

    /// Ids of the frames whose chips are stored.
    pub(super) fn chips(&self) -> Vec<FaceId> {
        self.frames.iter().filter(|frame| frame.chip_kept).map(|frame| frame.face_id).collect()
    }
}

/// The enrollment request that completes a session.
fn request(row: &Model) -> EnrollRequest {
    let consent = Consent { granted_at: row.consent_granted_at, reference: row.consent_reference.clone() };
    EnrollRequest {
        key: PersonKey { gallery: row.gallery.clone(), external_id: row.external_id.clone() },
        changes: PersonChanges {
            display_name: row.display_name.clone().map_or(Change::Keep, Change::Set),
            metadata: Change::Keep,
            consent: Some(consent),
        },
        mode: EnrollMode::Add,
    }
}

/// Reads a session that must be open, as part of `write`.
pub(super) async fn open_session(
    write: &Write,
    caller: &Caller,
    id: EnrollmentId,
    now: DateTime<Utc>,
) -> Result<Session, EnrollmentError> {
    let row = owned(caller).filter(Column::Id.eq(id)).one(&**write).await?;
    let row = row.ok_or(EnrollmentError::NotFound)?;
    let session = Session { frames: frames_of(&**write, &[row.id]).await?, row };
    session.check_open(now)?;
    Ok(session)
}

/// The face to enroll from a good frame.
fn good_face(frame: &enrollment_frame::Model) -> Option<NewFace> {
    Some(NewFace {
        id: frame.face_id,
        image_sha256: frame.image_sha256.clone(),
        quality: stored_quality(frame.quality.as_ref()?).ok()?,
        vector: vector_from_bytes(frame.vector.as_ref()?),
        chip_kept: frame.chip_kept,
    })
}

pub(super) async fn frames_of(
    database: &impl ConnectionTrait,
    ids: &[EnrollmentId],
) -> Result<Vec<enrollment_frame::Model>, sea_orm::DbErr> {
    enrollment_frame::Entity::find()
        .filter(enrollment_frame::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(enrollment_frame::Column::Position)
        .all(database)
        .await
}

fn owned(caller: &Caller) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(caller.tenant.clone()))
}
