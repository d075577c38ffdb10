//! Enrollment: takes images, adds their faces to a person, and reports why images are rejected.

use bytes::Bytes;
use entity::ids::{AnyId, FaceId};
use entity::{face, person};
use futures_util::future::{join_all, try_join_all};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::face::faces_in;
use super::lookup::find_in;
use super::{Assessed, Assigned, EnrollRequest, NewFace, People, PeopleError, PersonRef, Rejected};
use crate::access::caller::Caller;
use crate::images::intake::{Found, Intake, take_in};
use crate::images::upload::Hashed;
use crate::inference::Urgency;
use crate::store::database::Write;
use crate::store::idempotency;
use crate::store::idempotency::IdempotencyKey;

/// The outcome of an enrollment.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The person after the enrollment; `None` if the person did not exist and no image was accepted.
    pub person: Option<person::Model>,
    /// Faces enrolled from the accepted images.
    pub accepted: Vec<face::Model>,
    /// Why each of the other images was rejected, in input order.
    pub rejected: Vec<Rejected>,
}

impl Enrolled {
    /// The ids of the person and faces concerned, and of other people who were recognised.
    fn ids(&self) -> impl Iterator<Item = AnyId> {
        let person = self.person.iter().map(|person| person.id.into());
        let accepted = self.accepted.iter().map(|face| face.id.into());
        let others = self.rejected.iter().filter_map(|rejected| Some(rejected.reason.conflicting()?.into()));
        person.chain(accepted).chain(others)
    }
}

/// What an idempotency key stores besides the person.
#[derive(Serialize, Deserialize)]
struct Remembered {
    accepted: Vec<FaceId>,
    rejected: Vec<Rejected>,
}

impl People {
    /// Enrolls the faces of `images`, one face per image. A rejected image does not affect the others.
    ///
    /// # Errors
    /// [`PeopleError`] when the whole request fails. Nothing is changed then.
    pub async fn enroll(
        &self,
        caller: &Caller,
        request: &EnrollRequest,
        images: Vec<Bytes>,
        key: Option<&str>,
        urgency: Urgency,
    ) -> Result<Enrolled, PeopleError> {
        self.check(request, images.len())?;
        let images = try_join_all(images.into_iter().map(Hashed::of)).await?;
        self.enroll_hashed(caller, request, images, key, urgency).await
    }

    /// As [`People::enroll`], of images that are hashed already and a request that was checked.
    pub(super) async fn enroll_hashed(
        &self,
        caller: &Caller,
        request: &EnrollRequest,
        images: Vec<Hashed>,
        key: Option<&str>,
        urgency: Urgency,
    ) -> Result<Enrolled, PeopleError> {
        let key = match key {
            Some(key) => Some(IdempotencyKey {
                tenant: &caller.tenant,
                operation: "enrollPerson",
                parent: Uuid::nil(),
                key,
                input_digest: input_digest(request, &images)?,
            }),
            None => None,
        };
        let mut enrollment = Enrollment {
            people: self,
            caller,
            request,
            images,
            urgency,
            key,
            assessed: Vec::new(),
            chips: Vec::new(),
        };
        let (enrolled, mut unneeded) = take_in(&self.database, &mut enrollment).await?;
        let is_enrolled = |chip: &FaceId| enrolled.accepted.iter().any(|face| face.id == *chip);
        unneeded.extend(enrollment.chips.into_iter().filter(|chip| !is_enrolled(chip)));
        self.remove_chips(&caller.tenant, &unneeded).await;
        Ok(enrolled)
    }

    /// The earlier result of the key, without faces that were deleted since.
    async fn earlier(
        &self,
        database: &impl ConnectionTrait,
        caller: &Caller,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Enrolled>, PeopleError> {
        let Some(key) = key else { return Ok(None) };
        let Some((person, details)) = key.earlier_details(database).await? else { return Ok(None) };
        let remembered: Remembered = serde_json::from_value(details.unwrap_or_default())
            .map_err(|error| PeopleError::internal(format!("a remembered enrollment: {error}")))?;
        let person = find_in(database, caller, &PersonRef::Id(person.into())).await?;
        let mut accepted = faces_in(database, caller, &remembered.accepted).await?;
        accepted.sort_by_key(|face| remembered.accepted.iter().position(|id| *id == face.id));
        let earlier = Enrolled { person, accepted, rejected: remembered.rejected };
        caller.trail.about(earlier.ids());
        Ok(Some(earlier))
    }

    pub(super) fn check(&self, request: &EnrollRequest, images: usize) -> Result<(), PeopleError> {
        let limit = self.config.faces_per_person;
        request.key.check()?;
        request.changes.check(self.clock.now())?;
        match images {
            0 => Err(PeopleError::BadInput("images must contain at least one image".into())),
            images if images > limit => Err(PeopleError::FaceLimitReached { limit }),
            _ => Ok(()),
        }
    }
}

/// An enrollment that is being taken in: assessing its images takes the place of storing bytes.
struct Enrollment<'a> {
    people: &'a People,
    caller: &'a Caller,
    request: &'a EnrollRequest,
    images: Vec<Hashed>,
    urgency: Urgency,
    key: Option<IdempotencyKey<'a>>,
    /// What came of each image.
    assessed: Vec<Assessed>,
    /// The chips that are stored so far.
    chips: Vec<FaceId>,
}

impl Intake for Enrollment<'_> {
    /// The enrollment, and the chips that are no longer needed once it is committed.
    type Kept = (Enrolled, Vec<FaceId>);

    type Error = PeopleError;

    async fn find<C: ConnectionTrait>(&self, database: &C) -> Result<Option<Found<Self::Kept>>, PeopleError> {
        let earlier = self.people.earlier(database, self.caller, self.key.as_ref()).await?;
        Ok(earlier.map(|earlier| Found::Repeat((earlier, Vec::new()))))
    }

    async fn store(&mut self) -> Result<(), PeopleError> {
        // A first look spares the engine; `assign` decides.
        let who = PersonRef::Key(self.request.key.clone());
        if self.request.changes.consent.is_none() && self.people.find(self.caller, &who).await?.is_none() {
            return Err(PeopleError::ConsentRequired);
        }
        let images = std::mem::take(&mut self.images).into_iter();
        let assessed = images.map(|image| self.people.assess(self.caller, image, self.urgency));
        // All of them, so that the chips of each are known even if one fails.
        let assessed = join_all(assessed).await;
        let faces = assessed.iter().flatten().filter_map(|assessed| assessed.face.as_ref().ok());
        self.chips = faces.filter_map(NewFace::kept_chip).collect();
        self.assessed = assessed.into_iter().collect::<Result<_, _>>()?;
        Ok(())
    }

    async fn insert(&mut self, write: &mut Write) -> Result<Self::Kept, PeopleError> {
        let (mut faces, mut rejected) = (Vec::new(), Vec::new());
        for (index, assessed) in std::mem::take(&mut self.assessed).into_iter().enumerate() {
            match assessed.face {
                Ok(face) => faces.push((index, face)),
                Err(reason) => rejected.push(Rejected { index, reason }),
            }
        }
        let assigned = self.people.assign(write, self.caller, self.request, faces).await?;
        let Assigned { person, accepted, rejected: refused, former_chips } = assigned;
        rejected.extend(refused);
        rejected.sort_by_key(|rejected| rejected.index);
        let enrolled = Enrolled { person, accepted, rejected };
        if let Some(key) = &self.key {
            let remembered = Remembered {
                accepted: enrolled.accepted.iter().map(|face| face.id).collect(),
                rejected: enrolled.rejected.clone(),
            };
            let details = serde_json::to_value(&remembered)
                .map_err(|error| PeopleError::internal(format!("an enrollment as JSON: {error}")))?;
            let person = enrolled.person.as_ref().map_or(Uuid::nil(), |person| person.id.0);
            key.remember_details(write, person, Some(details), self.people.clock.now()).await?;
        }
        self.caller.trail.record(write, enrolled.ids()).await?;
        Ok((enrolled, former_chips))
    }

    async fn discard(&mut self) {
        let chips = std::mem::take(&mut self.chips);
        self.people.remove_chips(&self.caller.tenant, &chips).await;
    }
}

/// Tells a repeat from another request.
fn input_digest(request: &EnrollRequest, images: &[Hashed]) -> Result<String, PeopleError> {
    let text = serde_json::to_string(request)
        .map_err(|error| PeopleError::internal(format!("an enrollment as JSON: {error}")))?;
    let digests = images.iter().map(|image| image.sha256.clone());
    let input: Vec<String> = std::iter::once(text).chain(digests).collect();
    Ok(idempotency::digest(input.join("\n").as_bytes()))
}
