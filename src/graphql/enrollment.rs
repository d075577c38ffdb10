//! Guided enrollment sessions: queries, mutations, the subscription and their types.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use entity::ids::EnrollmentId;
use entity::{enrollment, enrollment_frame};
use tokio_stream::{Stream, StreamExt};

use super::context::ContextExt;
use super::cost;
use super::faces::QualityIssue;
use super::images::ImageInput;
use super::people::{ConsentInput, Person};
use super::{ApiError, ErrorCode, ids};
use crate::enrollment::{Enrollments, Session, Start, stored_rejection};
use crate::people::PersonKey;

/// A guided enrollment: takes frame after frame and says of each what to change.
pub(super) struct Enrollment(pub(super) Arc<Session>);

/// A guided enrollment: takes frame after frame and says of each what to change.
#[Object]
impl Enrollment {
    /// Its TypeID, `enrollment_…`.
    pub(super) async fn id(&self) -> ID {
        ids::show(self.0.row.id)
    }

    /// How far it has come.
    async fn status(&self) -> EnrollmentStatus {
        self.0.row.status.into()
    }

    /// The gallery of the person to be.
    async fn gallery(&self) -> &str {
        &self.0.row.gallery
    }

    /// The caller's own key of the person to be.
    async fn external_id(&self) -> &str {
        &self.0.row.external_id
    }

    /// When it ends by itself.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.row.expires_at
    }

    /// How many good frames it takes to complete it.
    async fn required_frames(&self) -> i32 {
        self.0.row.required_frames
    }

    /// The frames so far, in order; none once it has ended.
    #[expect(clippy::unused_async, reason = "every resolver must be")]
    #[graphql(complexity = "cost::list(10, child_complexity)")]
    async fn frames(&self) -> Result<Vec<EnrollmentFrame>, ApiError> {
        self.0.frames.iter().map(EnrollmentFrame::new).collect()
    }

    /// Who was enrolled; null until it is COMPLETED, and when that person has been deleted since.
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

/// How far a guided enrollment has come.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "enrollment::Status")]
enum EnrollmentStatus {
    /// It takes frames.
    Open,
    /// The person is enrolled.
    Completed,
    /// Ended by the caller; its frames are gone.
    Cancelled,
    /// Its time ran out; its frames are gone.
    Expired,
}

/// A frame, judged.
#[derive(SimpleObject)]
struct EnrollmentFrame {
    /// Its place among the frames, from 0.
    index: i32,
    /// Whether it is good.
    accepted: bool,
    /// Why it is not; null when it is.
    code: Option<ErrorCode>,
    /// What to change, for people; null when it is good.
    message: Option<String>,
    /// What is wrong with the face, when it is `POOR_QUALITY`.
    issues: Vec<QualityIssue>,
    /// When it came.
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
    /// A guided enrollment; null when there is none by this id.
    async fn enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`enrollment_…`")] id: ID,
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
    /// Opens a guided enrollment.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn start_enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom to enroll, and within which time.")] input: StartEnrollmentInput,
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

    /// Judges a frame at once. A frame that will not do is no error: it says what to change.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn add_enrollment_frame(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The frame, and where to.")] input: AddEnrollmentFrameInput,
    ) -> Result<AddEnrollmentFramePayload, ApiError> {
        let caller = context.writer()?;
        let id: EnrollmentId = context.target(&input.enrollment_id)?;
        let image = input.image.bytes(context).await?;
        let (session, place) = context.part::<Enrollments>()?.add_frame(caller, id, image).await?;
        let frame = session.frames.get(place).ok_or_else(|| ApiError::internal("a frame was lost"))?;
        Ok(AddEnrollmentFramePayload { frame: EnrollmentFrame::new(frame)?, enrollment: Enrollment(session) })
    }

    /// Enrolls the person with the good frames, and ends the session.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn complete_enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which session.")] input: CompleteEnrollmentInput,
    ) -> Result<CompleteEnrollmentPayload, ApiError> {
        let caller = context.writer()?;
        let id: EnrollmentId = context.target(&input.enrollment_id)?;
        let (session, person) = context.part::<Enrollments>()?.complete(caller, id).await?;
        Ok(CompleteEnrollmentPayload { enrollment: Enrollment(session), person: Person(person) })
    }

    /// Ends the session without enrolling anybody, and deletes its frames.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn cancel_enrollment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which session.")] input: CancelEnrollmentInput,
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
    /// The session now, then after each change; ends when it is COMPLETED, CANCELLED or EXPIRED.
    async fn enrollment_changed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "`enrollment_…`")] id: ID,
    ) -> Result<impl Stream<Item = Result<Enrollment, ApiError>> + use<>, ApiError> {
        let caller = context.reader()?.clone();
        let id: EnrollmentId = ids::parse(&id)?;
        let changes = context.part::<Enrollments>()?.watch(caller, id).await?;
        Ok(changes.map(|change| change.map(Enrollment).map_err(ApiError::from)))
    }
}

/// Whom to enroll, and within which time.
#[derive(InputObject)]
struct StartEnrollmentInput {
    /// Where to; a gallery comes into being with its first person. 1 to 255 characters.
    #[graphql(default = "default")]
    gallery: String,
    /// The caller's own key for the person, unique in the gallery; 1 to 255 characters, in any Unicode form.
    external_id: String,
    /// What people call the person; 1 to 255 characters.
    display_name: Option<String>,
    /// That the person agreed to be enrolled.
    consent: ConsentInput,
    /// Good frames that it takes, 1 to 20.
    #[graphql(default = 3)]
    required_frames: i32,
    /// How long the session is open, in seconds: 30 to 1,800.
    #[graphql(default = 900)]
    ttl_seconds: i32,
}

/// The new session.
#[derive(SimpleObject)]
struct StartEnrollmentPayload {
    /// The session, OPEN.
    enrollment: Enrollment,
}

/// A frame, and where to.
#[derive(InputObject)]
struct AddEnrollmentFrameInput {
    /// `enrollment_…`
    enrollment_id: ID,
    /// A picture of the person alone.
    image: ImageInput,
}

/// The frame, judged.
#[derive(SimpleObject)]
struct AddEnrollmentFramePayload {
    /// The session with the frame.
    enrollment: Enrollment,
    /// The frame.
    frame: EnrollmentFrame,
}

/// Which session to complete.
#[derive(InputObject)]
struct CompleteEnrollmentInput {
    /// `enrollment_…`
    enrollment_id: ID,
}

/// Who was enrolled.
#[derive(SimpleObject)]
struct CompleteEnrollmentPayload {
    /// The session, COMPLETED.
    enrollment: Enrollment,
    /// The person.
    person: Person,
}

/// Which session to cancel.
#[derive(InputObject)]
struct CancelEnrollmentInput {
    /// `enrollment_…`
    enrollment_id: ID,
}

/// The session as it ended.
#[derive(SimpleObject)]
struct CancelEnrollmentPayload {
    /// The session, CANCELLED.
    enrollment: Enrollment,
}
