//! People enrolled, changed and deleted.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entity::ids::FaceId;
use futures_util::future::try_join_all;

use super::input::change;
use super::{ConsentInput, Face, Person, PersonRefInput};
use crate::graphql::context::ContextExt;
use crate::graphql::cost;
use crate::graphql::faces::QualityIssue;
use crate::graphql::images::ImageInput;
use crate::graphql::metadata::Metadata;
use crate::graphql::{ApiError, ErrorCode, ids};
use crate::inference::Urgency;
use crate::people::{self, EnrollRequest, People, PersonChanges, PersonKey, Rejected};

#[derive(Default)]
pub(in crate::graphql) struct PeopleMutation;

#[Object]
impl PeopleMutation {
    /// Adds faces to a person, creating the person when the gallery has none by that externalId.
    #[graphql(complexity = "cost::look(1, child_complexity)")]
    async fn enroll_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and the pictures.")] input: EnrollPersonInput,
    ) -> Result<EnrollPersonPayload, ApiError> {
        let (caller, people) = (context.writer()?, context.part::<People>()?);
        let metadata = Metadata::change(input.metadata, context)?;
        // The first one is paid for already.
        context.pay(cost::PICTURE * input.images.len().saturating_sub(1))?;
        let images = try_join_all(input.images.into_iter().map(|image| image.bytes(context))).await?;
        let request = EnrollRequest {
            key: PersonKey { gallery: input.gallery, external_id: input.external_id },
            changes: PersonChanges {
                display_name: change(input.display_name),
                metadata,
                consent: input.consent.map(Into::into),
            },
            mode: input.mode.into(),
        };
        let key = input.idempotency_key.as_deref();
        let enrolled = people.enroll(caller, &request, images, key, Urgency::Urgent).await?;
        Ok(EnrollPersonPayload {
            person: enrolled.person.map(Person),
            accepted: enrolled.accepted.into_iter().map(Face).collect(),
            rejected: enrolled.rejected.into_iter().map(RejectedImage).collect(),
        })
    }

    /// Changes what is said of a person: what is absent stays, null clears.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn update_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and the changes.")] input: UpdatePersonInput,
    ) -> Result<UpdatePersonPayload, ApiError> {
        let caller = context.writer()?;
        let consent = match input.consent {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Value(consent) => Some(consent.into()),
            MaybeUndefined::Null => {
                let message = "a consent can be replaced, not cleared; delete the person to withdraw it";
                return Err(ApiError::new(ErrorCode::BadUserInput, message));
            }
        };
        let changes = PersonChanges {
            display_name: change(input.display_name),
            metadata: Metadata::change(input.metadata, context)?,
            consent,
        };
        let who = input.person.target(context)?;
        Ok(UpdatePersonPayload {
            person: Person(context.part::<People>()?.update(caller, &who, changes).await?),
        })
    }

    /// Deletes one face of a person; no search that begins afterwards finds it.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn delete_face(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which face.")] input: DeleteFaceInput,
    ) -> Result<DeleteFacePayload, ApiError> {
        let caller = context.writer()?;
        let id: FaceId = context.target(&input.face_id)?;
        let person = context.part::<People>()?.delete_face(caller, id).await?;
        Ok(DeleteFacePayload { deleted_face_id: ids::show(id), person: Person(person) })
    }

    /// Deletes a person with all faces; no search that begins afterwards finds the person.
    #[graphql(complexity = "cost::act(child_complexity)")]
    async fn delete_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom.")] input: DeletePersonInput,
    ) -> Result<DeletePersonPayload, ApiError> {
        let caller = context.writer()?;
        let (id, faces) = context.part::<People>()?.delete(caller, &input.person.target(context)?).await?;
        Ok(DeletePersonPayload { deleted_person_id: ids::show(id), deleted_face_count: faces })
    }
}

/// A person, and pictures of the face.
#[derive(InputObject)]
struct EnrollPersonInput {
    /// Where to; a gallery comes into being with its first person. 1 to 255 characters.
    #[graphql(default = "default")]
    gallery: String,
    /// The caller's own key for the person, unique in the gallery; 1 to 255 characters, in any Unicode form.
    external_id: String,
    /// What people call the person; 1 to 255 characters. Absent leaves it as it is, null clears it.
    display_name: MaybeUndefined<String>,
    /// Any JSON of up to 16,384 bytes and 64 levels; kept, never read. A number that 64 bits do not hold as it is written
    /// is refused: send it as text. Absent leaves it as it is, null clears it.
    metadata: MaybeUndefined<Metadata>,
    /// Required when the person is new.
    consent: Option<ConsentInput>,
    /// 1 to 20 pictures of the person alone. Each is judged by itself.
    images: Vec<ImageInput>,
    /// What becomes of the faces that the person has already.
    #[graphql(default_with = "EnrollMode::Add")]
    mode: EnrollMode,
    /// Up to 255 bytes; a repeat with the same input returns the first result.
    idempotency_key: Option<String>,
}

/// What becomes of the faces that a person has already.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "people::EnrollMode")]
enum EnrollMode {
    /// They stay; new faces must be like them.
    Add,
    /// They make way for the new ones, all at once, when at least one new one is good.
    Replace,
}

/// What became of the pictures.
#[derive(SimpleObject)]
struct EnrollPersonPayload {
    /// The person; null when it would be new and no image was good enough.
    person: Option<Person>,
    /// The faces of the pictures that were taken. A picture that was enrolled before gives its former face.
    accepted: Vec<Face>,
    /// The pictures that were refused, and why.
    rejected: Vec<RejectedImage>,
}

/// A picture that was refused.
struct RejectedImage(Rejected);

/// A picture that was refused.
#[Object]
impl RejectedImage {
    /// Its place among the pictures, from 0.
    async fn index(&self) -> usize {
        self.0.index
    }

    /// Why.
    async fn code(&self) -> ErrorCode {
        (&self.0.reason).into()
    }

    /// Why, for people.
    async fn message(&self) -> String {
        self.0.reason.to_string()
    }

    /// What is wrong with the face, when it is `POOR_QUALITY`.
    async fn issues(&self) -> Vec<QualityIssue> {
        self.0.reason.issues().iter().copied().map(QualityIssue::from).collect()
    }

    /// Whose face it is, when it is `DUPLICATE_PERSON`; null when that person has been deleted since.
    async fn conflicting_person(&self, context: &Context<'_>) -> Result<Option<Person>, ApiError> {
        match self.0.reason.conflicting() {
            Some(person) => Ok(context.loaders()?.load_one(person).await?.map(Person)),
            None => Ok(None),
        }
    }
}

/// A person, and what is to change.
#[derive(InputObject)]
struct UpdatePersonInput {
    /// Whom.
    person: PersonRefInput,
    /// What people call the person; null clears it.
    display_name: MaybeUndefined<String>,
    /// The caller's own JSON; null clears it.
    metadata: MaybeUndefined<Metadata>,
    /// Replaces the former one; cannot be cleared.
    consent: MaybeUndefined<ConsentInput>,
}

/// The person as it is now.
#[derive(SimpleObject)]
struct UpdatePersonPayload {
    /// The person.
    person: Person,
}

/// Which face to delete.
#[derive(InputObject)]
struct DeleteFaceInput {
    /// `face_…`
    face_id: ID,
}

/// What is gone, and what is left.
#[derive(SimpleObject)]
struct DeleteFacePayload {
    /// The id of what was deleted.
    deleted_face_id: ID,
    /// The person, without that face.
    person: Person,
}

/// Whom to delete.
#[derive(InputObject)]
struct DeletePersonInput {
    /// Whom.
    person: PersonRefInput,
}

/// What is gone.
#[derive(SimpleObject)]
struct DeletePersonPayload {
    /// The id of who was deleted.
    deleted_person_id: ID,
    /// How many faces went along.
    deleted_face_count: usize,
}
