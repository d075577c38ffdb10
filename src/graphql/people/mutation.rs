//! Mutations that enroll, update and delete people and faces.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entity::ids::FaceId;
use futures_util::future::try_join_all;

use super::input::change;
use super::{ConsentInput, Face, Person, PersonRefInput};
use crate::graphql::context::ContextExt;
use crate::graphql::execution::complexity;
use crate::graphql::types::faces::QualityIssue;
use crate::graphql::types::images::ImageInput;
use crate::graphql::types::metadata::Metadata;
use crate::graphql::{ApiError, ErrorCode, ids};
use crate::inference::Urgency;
use crate::people::{self, EnrollRequest, People, PersonChanges, PersonKey, Rejected};

#[derive(Default)]
pub(in crate::graphql) struct PeopleMutation;

#[Object]
impl PeopleMutation {
    /// Enrolls faces of a person from one or more images, and creates the person if the gallery has none with this
    /// `externalId`. Each image is accepted or rejected on its own; a rejected one is no error. Errors:
    /// `CONSENT_REQUIRED`, `FACE_LIMIT_REACHED` for too many images, `BAD_USER_INPUT`, `CONFLICT`,
    /// `ENGINE_UNAVAILABLE`, and `NO_IMAGE`, `INVALID_IMAGE` or `PAYLOAD_TOO_LARGE` if the request does not contain a
    /// file or its base64 cannot be decoded.
    #[graphql(complexity = "complexity::look(1, child_complexity)")]
    async fn enroll_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The person and the images.")] input: EnrollPersonInput,
    ) -> Result<EnrollPersonPayload, ApiError> {
        let (caller, people) = (context.writer()?, context.part::<People>()?);
        let metadata = Metadata::change(input.metadata, context)?;
        // The field's own cost covers the first image.
        context.pay(complexity::IMAGE * input.images.len().saturating_sub(1))?;
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

    /// Changes a person's name, metadata or consent. An omitted field keeps its value, null clears it. Errors:
    /// `NOT_FOUND`, `BAD_USER_INPUT`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn update_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The person and the changes.")] input: UpdatePersonInput,
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

    /// Deletes one face of a person. Searches that start afterwards do not find it. Error: `NOT_FOUND`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn delete_face(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The face to delete.")] input: DeleteFaceInput,
    ) -> Result<DeleteFacePayload, ApiError> {
        let caller = context.writer()?;
        let id: FaceId = context.target(&input.face_id)?;
        let person = context.part::<People>()?.delete_face(caller, id).await?;
        Ok(DeleteFacePayload { deleted_face_id: ids::show(id), person: Person(person) })
    }

    /// Deletes a person and all of the person's faces. Searches that start afterwards do not find them. Error:
    /// `NOT_FOUND`.
    #[graphql(complexity = "complexity::act(child_complexity)")]
    async fn delete_person(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The person to delete.")] input: DeletePersonInput,
    ) -> Result<DeletePersonPayload, ApiError> {
        let caller = context.writer()?;
        let (id, faces) = context.part::<People>()?.delete(caller, &input.person.target(context)?).await?;
        Ok(DeletePersonPayload { deleted_person_id: ids::show(id), deleted_face_count: faces })
    }
}

/// A person and images of the person's face.
#[derive(InputObject)]
struct EnrollPersonInput {
    /// Name of the gallery, 1 to 255 characters. A gallery is created with its first person.
    #[graphql(default = "default")]
    gallery: String,
    /// The caller's own key for the person, unique in the gallery; 1 to 255 characters. Unicode forms of the same text
    /// are the same key.
    external_id: String,
    /// Name of the person for display, 1 to 255 characters. If omitted, it is unchanged; null clears it.
    display_name: MaybeUndefined<String>,
    /// The caller's own JSON, stored and returned but not interpreted: up to 16,384 bytes and 64 levels of nesting. A
    /// number that does not fit 64 bits exactly is `BAD_USER_INPUT`: send it as a string. If omitted, it is unchanged;
    /// null clears it.
    metadata: MaybeUndefined<Metadata>,
    /// The person's consent; required if the person is new. It replaces an earlier one.
    consent: Option<ConsentInput>,
    /// Images that each show the person's face and no other, from 1 to the maximum number of faces of a person (20 by
    /// default).
    images: Vec<ImageInput>,
    /// Whether the person's existing faces are kept.
    #[graphql(default_with = "EnrollMode::Add")]
    mode: EnrollMode,
    /// 1 to 255 bytes. Repeating the mutation with the same key and input returns the first result; a different input
    /// is `CONFLICT`.
    idempotency_key: Option<String>,
}

/// What happens to the existing faces of a person.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "people::EnrollMode")]
enum EnrollMode {
    /// Existing faces are kept. A new face must resemble one of them.
    Add,
    /// Existing faces are replaced in one transaction, provided that at least one new face is accepted.
    Replace,
}

/// Result of `enrollPerson`.
#[derive(SimpleObject)]
struct EnrollPersonPayload {
    /// The person; null if the person would be new and no image was accepted.
    person: Option<Person>,
    /// The faces of the accepted images. For an image that was enrolled before, this is its existing face.
    accepted: Vec<Face>,
    /// The rejected images in the order of the input.
    rejected: Vec<RejectedImage>,
}

/// An image that was not enrolled, and the reason.
struct RejectedImage(Rejected);

/// An image that was not enrolled, and the reason.
#[Object]
impl RejectedImage {
    /// Position of the image in `images`, counted from 0.
    async fn index(&self) -> usize {
        self.0.index
    }

    /// Why the image was rejected.
    async fn code(&self) -> ErrorCode {
        (&self.0.reason).into()
    }

    /// Why the image was rejected, as text for people.
    async fn message(&self) -> String {
        self.0.reason.to_string()
    }

    /// Quality issues of the face if `code` is `POOR_QUALITY`; empty otherwise.
    async fn issues(&self) -> Vec<QualityIssue> {
        self.0.reason.issues().iter().copied().map(QualityIssue::from).collect()
    }

    /// The person that the face matches if `code` is `DUPLICATE_PERSON`; null otherwise, or if that person has been
    /// deleted since.
    async fn conflicting_person(&self, context: &Context<'_>) -> Result<Option<Person>, ApiError> {
        match self.0.reason.conflicting() {
            Some(person) => Ok(context.loaders()?.load_one(person).await?.map(Person)),
            None => Ok(None),
        }
    }
}

/// A person and the changes. Omitted fields keep their value.
#[derive(InputObject)]
struct UpdatePersonInput {
    /// The person to update.
    person: PersonRefInput,
    /// Name of the person for display, 1 to 255 characters; null clears it.
    display_name: MaybeUndefined<String>,
    /// The caller's own JSON, with the limits of `EnrollPersonInput.metadata`; null clears it.
    metadata: MaybeUndefined<Metadata>,
    /// Replaces the recorded consent. Null is `BAD_USER_INPUT`: to withdraw consent, delete the person.
    consent: MaybeUndefined<ConsentInput>,
}

/// Result of `updatePerson`.
#[derive(SimpleObject)]
struct UpdatePersonPayload {
    /// The person after the update.
    person: Person,
}

/// The face to delete.
#[derive(InputObject)]
struct DeleteFaceInput {
    /// Id of the face, `face_…`.
    face_id: ID,
}

/// Result of `deleteFace`.
#[derive(SimpleObject)]
struct DeleteFacePayload {
    /// Id of the deleted face.
    deleted_face_id: ID,
    /// The person, without the deleted face.
    person: Person,
}

/// The person to delete.
#[derive(InputObject)]
struct DeletePersonInput {
    /// The person to delete.
    person: PersonRefInput,
}

/// Result of `deletePerson`.
#[derive(SimpleObject)]
struct DeletePersonPayload {
    /// Id of the deleted person.
    deleted_person_id: ID,
    /// Number of faces deleted with the person.
    deleted_face_count: usize,
}
