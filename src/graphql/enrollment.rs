//! Guided enrollment sessions: query, mutations, subscription and their types.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use entity::ids::EnrollmentId;
use entity::{enrollment, enrollment_frame};
use tokio_stream::{Stream, StreamExt};

use super::context::ContextExt;
use super::execution::complexity;
use super::people::{ConsentInput, Person};
use super::types::faces::QualityIssue;
use super::types::images::ImageInput;
use super::{ApiError, ErrorCode, ids};
use crate::enrollment::{Enrollments, Session, Start, stored_rejection};
use crate::people::PersonKey;

/// A guided enrollment session with its frames.
pub(super) struct Enrollment(pub(super) Arc<Session>);

/// A guided enrollment session: takes one camera frame at a time, assesses it and says what to change, until enough
/// frames are accepted to enroll the person. An ended session can be read for a limited time (1 day by default).
#[Object]
impl Enrollment {
    /// TypeID, `enrollment_…`.
    pub(super) async fn id(&self) -> ID {
        ids::show(self.0.row.id)
    }

    /// State of the session.
    async fn status(&self) -> EnrollmentStatus {
        self.0.row.status.into()
    }

    /// Name of the gallery in which the person is to be enrolled.
    async fn gallery(&self) -> &str {
        &self.0.row.gallery
    }

    /// The caller's own key for the person, unique in the gallery.
    async fn external_id(&self) -> &str {
        &self.0.row.external_id
    }

    /// When the session expires, unless it is completed or cancelled before.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.row.expires_at
    }

    /// Number of accepted frames required to complete the session.
    async fn required_frames(&self) -> i32 {
        self.0.row.required_frames
    }

    /// The frames received so far, oldest first, at most 200; empty once the session has ended.
    #[expect(clippy::unused_async, reason = "resolvers are async")]
    #[graphql(complexity = "complexity::list(10, child_complexity)")]
    async fn frames(&self) -> Result<Vec<EnrollmentFrame>, ApiError> {
        self.0.frames.iter().map(EnrollmentFrame::new).collect()
    }

    /// The enrolled person; null until the session is COMPLETED, or if the person has been deleted since.
    async fn person(&self, context: &Context<'_>) -> Result<Option<Person>, ApiError> {
        match self.0.row.person_id {
            None => Ok(None),
            Some(id) => Ok(context.loaders()?.load_one(id).await?.map(Person)),
        }
    }
}

impl From<Session> for Enrollment {
    fn from(session: Session) -> Self {
        Self(Arc::new(session))
    }
}

/// State of a guided enrollment session.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "enrollment::Status")]
enum EnrollmentStatus {
    /// Accepts frames.
    Open,
    /// The person was enrolled; the frames are deleted.
    Completed,
    /// Cancelled by the caller; the frames are deleted.
    Cancelled,
    /// The time limit passed; the frames are deleted.
    Expired,
}

/// Assessment of one frame.
#[derive(SimpleObject)]
struct EnrollmentFrame {
    /// Position of the frame in the session, counted from 0.
    index: i32,
    /// Whether the frame counts toward `requiredFrames`.
    accepted: bool,
    /// Why the frame was rejected; null if it was accepted.
    code: Option<ErrorCode>,
    /// What to change, as text for people; null if the frame was accepted.
    message: Option<String>,
    /// Quality issues of the face if `code` is `POOR_QUALITY`; empty otherwise.
    issues: Vec<QualityIssue>,
    /// When the server received the frame.
    received_at: DateTime<Utc>,
}

impl EnrollmentFrame {
    fn new(frame: &enrollment_frame::Model) -> Result<Self, ApiError> {
        let rejection = stored_rejection(frame)?;
        let issues = rejection.as_ref().map(|reason| reason.issues().to_vec()).unwrap_or_default();
        Ok(Self {
            index: frame.position,
            accepted: rejection.is_none(),
            code: rejection.as_ref().map(ErrorCode::from),
            message: rejection.map(|reason| reason.to_string()),
            issues: issues.into_iter().map(QualityIssue::from).collect(),
            received_at: frame.received_at,
        })
    }
}

#[derive(Default)]
pub(super) struct EnrollmentQuery;

#[Object]
impl EnrollmentQuery {
    /// The enrollment session with this id; null if there is none.
    async fn enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the session, `enrollment_…`.")] id: ID,
    ) -> Result<Option<Enrollment>, ApiError> {
        context.reader()?;
        let id: EnrollmentId = ids::parse(&id)?;
        Ok(context.loaders()?.load_one(id).await?.map(Enrollment))
    }
}

#[derive(Default)]
pub(super) struct EnrollmentMutation;

#[Object]
impl EnrollmentMutation {
    /// Starts a guided enrollment session. Error: `BAD_USER_INPUT`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn start_enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The person to enroll, and the terms of the session.")] input: StartEnrollmentInput,
    ) -> Result<StartEnrollmentPayload, ApiError> {
        let caller = context.writer()?;
        let start = Start {
            key: PersonKey { gallery: input.gallery, external_id: input.external_id },
            display_name: input.display_name,
            consent: input.consent.into(),
            required_frames: input.required_frames,
            ttl_seconds: input.ttl_seconds,
        };
        let session = context.part::<Enrollments>()?.start(caller, start).await?;
        Ok(StartEnrollmentPayload { enrollment: session.into() })
    }

    /// Assesses a frame and returns the result. A frame that is not good enough is no error: it is returned with
    /// `accepted` false and the reason. Errors: `NOT_FOUND`, `SESSION_EXPIRED`, `SESSION_CLOSED`, `BAD_USER_INPUT`
    /// after 200 frames, `ENGINE_UNAVAILABLE`, and `NO_IMAGE`, `INVALID_IMAGE` or `PAYLOAD_TOO_LARGE` if the request
    /// does not contain the file or its base64 cannot be decoded.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn add_enrollment_frame(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The frame and its session.")] input: AddEnrollmentFrameInput,
    ) -> Result<AddEnrollmentFramePayload, ApiError> {
        let caller = context.writer()?;
        let id: EnrollmentId = context.target(&input.enrollment_id)?;
        let image = input.image.bytes(context).await?;
        let (session, place) = context.part::<Enrollments>()?.add_frame(caller, id, image).await?;
        let frame = session
            .frames
            .get(place)
            .ok_or_else(|| ApiError::internal("the new frame is missing from its session"))?;
        Ok(AddEnrollmentFramePayload { frame: EnrollmentFrame::new(frame)?, enrollment: Enrollment(session) })
    }

    /// Enrolls the person with the accepted frames and ends the session. Errors: `NOT_FOUND`, `SESSION_EXPIRED`,
    /// `SESSION_CLOSED`, `NOT_ENOUGH_FRAMES`, `DUPLICATE_PERSON` or `DIFFERENT_PERSON` (the message names the frame),
    /// `FACE_LIMIT_REACHED`. After one of the last four the session stays open.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn complete_enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session.")] input: CompleteEnrollmentInput,
    ) -> Result<CompleteEnrollmentPayload, ApiError> {
        let caller = context.writer()?;
        let id: EnrollmentId = context.target(&input.enrollment_id)?;
        let (session, person) = context.part::<Enrollments>()?.complete(caller, id).await?;
        Ok(CompleteEnrollmentPayload { enrollment: Enrollment(session), person: Person(person) })
    }

    /// Ends the session without enrolling the person, and deletes its frames. Errors: `NOT_FOUND`, `SESSION_EXPIRED`,
    /// `SESSION_CLOSED`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn cancel_enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session.")] input: CancelEnrollmentInput,
    ) -> Result<CancelEnrollmentPayload, ApiError> {
        let caller = context.writer()?;
        let id: EnrollmentId = context.target(&input.enrollment_id)?;
        let session = context.part::<Enrollments>()?.cancel(caller, id).await?;
        Ok(CancelEnrollmentPayload { enrollment: Enrollment(session) })
    }
}

#[derive(Default)]
pub(super) struct EnrollmentSubscription;

#[Subscription]
impl EnrollmentSubscription {
    /// Emits the session's present state, then every change. Completes once the session is COMPLETED, CANCELLED or
    /// EXPIRED. Error: `NOT_FOUND`.
    async fn enrollment_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the session, `enrollment_…`.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Enrollment, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?.clone();
        let id: EnrollmentId = ids::parse(&id)?;
        let changes = context.part::<Enrollments>()?.watch(caller, id).await?;
        Ok(changes.map(|change| change.map(Enrollment).map_err(ApiError::from)))
    }
}

/// The person to enroll, and the terms of the session.
#[derive(InputObject)]
struct StartEnrollmentInput {
    /// Name of the gallery, 1 to 255 characters. A gallery is created with its first person.
    #[graphql(default = "default")]
    gallery: String,
    /// The caller's own key for the person, unique in the gallery; 1 to 255 characters. Unicode forms of the same text
    /// are the same key.
    external_id: String,
    /// Name of the person for display, 1 to 255 characters. If omitted, an existing person keeps its name.
    display_name: Option<String>,
    /// The person's consent to be enrolled.
    consent: ConsentInput,
    /// Number of accepted frames required to complete the session, from 1 to the maximum number of faces of a person
    /// (20 by default).
    #[graphql(default = 3)]
    required_frames: i32,
    /// Time limit of the session in seconds, 30 to 1,800.
    #[graphql(default = 900)]
    ttl_seconds: i32,
}

/// Result of `startEnrollment`.
#[derive(SimpleObject)]
struct StartEnrollmentPayload {
    /// The new session, OPEN.
    enrollment: Enrollment,
}

/// A frame and its session.
#[derive(InputObject)]
struct AddEnrollmentFrameInput {
    /// Id of the session, `enrollment_…`.
    enrollment_id: ID,
    /// An image that shows the person's face and no other.
    image: ImageInput,
}

/// Result of `addEnrollmentFrame`.
#[derive(SimpleObject)]
struct AddEnrollmentFramePayload {
    /// The session, including the new frame.
    enrollment: Enrollment,
    /// The assessment of the new frame.
    frame: EnrollmentFrame,
}

/// The session to complete.
#[derive(InputObject)]
struct CompleteEnrollmentInput {
    /// Id of the session, `enrollment_…`.
    enrollment_id: ID,
}

/// Result of `completeEnrollment`.
#[derive(SimpleObject)]
struct CompleteEnrollmentPayload {
    /// The session, now COMPLETED.
    enrollment: Enrollment,
    /// The enrolled person.
    person: Person,
}

/// The session to cancel.
#[derive(InputObject)]
struct CancelEnrollmentInput {
    /// Id of the session, `enrollment_…`.
    enrollment_id: ID,
}

/// Result of `cancelEnrollment`.
#[derive(SimpleObject)]
struct CancelEnrollmentPayload {
    /// The session, now CANCELLED.
    enrollment: Enrollment,
}
