//! Enrollment: pictures in, faces of a person out, and for each picture that is refused the reason.

use bytes::Bytes;
use entity::ids::FaceId;
use entity::{face, person};
use futures_util::future::try_join_all;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::limits::check_metadata;
use super::name::find_in;
use super::{Enrollment, NewFace, People, PeopleError, PersonRef, Rejected, Settled, check_name};
use crate::caller::Caller;
use crate::idempotency::{self, IdempotencyKey};
use crate::inference::Urgency;

/// What becomes of the faces a person has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrollMode {
    /// They stay.
    Add,
    /// They make way for the new ones, in one write.
    Replace,
}

/// What came of an enrollment.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The person as it is now; `None` when it would be new and no picture was good enough.
    pub person: Option<person::Model>,
    /// The faces of the pictures that were taken.
    pub accepted: Vec<face::Model>,
    /// Why each of the others was refused, in their order.
    pub rejected: Vec<Rejected>,
}

/// What an idempotency key remembers beside the person.
#[derive(Serialize, Deserialize)]
struct Remembered {
    accepted: Vec<FaceId>,
    rejected: Vec<Rejected>,
}

impl People {
    /// Enrolls the faces of `images`, one each. Pictures that are refused do not hinder the others.
    ///
    /// # Errors
    /// [`PeopleError`] says what hinders all of them. Nothing is changed then.
    pub async fn enroll(
        &self,
        caller: &Caller,
        enrollment: &Enrollment,
        images: Vec<Bytes>,
        key: Option<&str>,
        urgency: Urgency,
    ) -> Result<Enrolled, PeopleError> {
        self.check(enrollment, images.len())?;
        let key = match key {
            Some(key) => Some(IdempotencyKey {
                tenant: &caller.tenant,
                operation: "enrollPerson",
                parent: Uuid::nil(),
                key,
                input_digest: input_digest(enrollment, &images).await?,
            }),
            None => None,
        };
        if let Some(earlier) = self.earlier(self.database.reader(), caller, key.as_ref()).await? {
            return Ok(earlier);
        }
        // A first look spares the engine; `settle` decides.
        let who = PersonRef::Key(enrollment.key.clone());
        if enrollment.consent.is_none() && self.find(caller, &who).await?.is_none() {
            return Err(PeopleError::ConsentRequired);
        }
        let judged = try_join_all(images.into_iter().map(|image| self.judge(caller, image, urgency))).await?;
        let (mut faces, mut rejected) = (Vec::new(), Vec::new());
        for (index, judged) in judged.into_iter().enumerate() {
            match judged.face {
                Ok(face) => faces.push((index, face)),
                Err(reason) => rejected.push(Rejected { index, reason }),
            }
        }
        let kept: Vec<FaceId> =
            faces.iter().filter(|(_, face)| face.chip_kept).map(|(_, face)| face.id).collect();
        let outcome = self.write(caller, enrollment, faces, rejected, key.as_ref()).await;
        let needed = |id: &FaceId| {
            outcome.as_ref().is_ok_and(|(enrolled, _)| enrolled.accepted.iter().any(|face| face.id == *id))
        };
        // After a failed commit the rows may still be there: the sweeper sees which chips have no owner.
        if !matches!(outcome, Err(PeopleError::Database(_))) {
            let unneeded: Vec<FaceId> = kept.into_iter().filter(|id| !needed(id)).collect();
            self.remove_chips(&caller.tenant, &unneeded).await;
        }
        let (enrolled, former_chips) = outcome?;
        self.remove_chips(&caller.tenant, &former_chips).await;
        Ok(enrolled)
    }

    /// Returns what came of it and the chips that are no longer needed.
    async fn write(
        &self,
        caller: &Caller,
        enrollment: &Enrollment,
        faces: Vec<(usize, NewFace)>,
        mut rejected: Vec<Rejected>,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<(Enrolled, Vec<FaceId>), PeopleError> {
        let mut write = self.database.write().await?;
        if let Some(earlier) = self.earlier(&*write, caller, key).await? {
            return Ok((earlier, Vec::new()));
        }
        let settled = self.settle(&mut write, caller, enrollment, faces).await?;
        let Settled { person, accepted, rejected: refused, former_chips } = settled;
        rejected.extend(refused);
        rejected.sort_by_key(|rejected| rejected.index);
        let enrolled = Enrolled { person, accepted, rejected };
        if let Some(key) = key {
            let remembered = Remembered {
                accepted: enrolled.accepted.iter().map(|face| face.id).collect(),
                rejected: enrolled.rejected.clone(),
            };
            let details = serde_json::to_value(&remembered)
                .map_err(|error| PeopleError::Internal(format!("an enrollment as JSON: {error}")))?;
            let person = enrolled.person.as_ref().map_or(Uuid::nil(), |person| person.id.0);
            key.remember_details(&write, person, Some(details), self.clock.now()).await?;
        }
        write.commit().await?;
        Ok((enrolled, former_chips))
    }

    /// What the key led to before; faces that are gone since are left out.
    async fn earlier(
        &self,
        database: &impl ConnectionTrait,
        caller: &Caller,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<Option<Enrolled>, PeopleError> {
        let Some(key) = key else { return Ok(None) };
        let Some((person, details)) = key.earlier_details(database).await? else { return Ok(None) };
        let remembered: Remembered = serde_json::from_value(details.unwrap_or_default())
            .map_err(|error| PeopleError::Internal(format!("a remembered enrollment: {error}")))?;
        let person = find_in(database, caller, &PersonRef::Id(person.into())).await?;
        let mut accepted = self.faces(caller, &remembered.accepted).await?;
        accepted.sort_by_key(|face| remembered.accepted.iter().position(|id| *id == face.id));
        Ok(Some(Enrolled { person, accepted, rejected: remembered.rejected }))
    }

    fn check(&self, enrollment: &Enrollment, images: usize) -> Result<(), PeopleError> {
        let limit = self.config.faces_per_person;
        enrollment.key.check()?;
        if let Some(name) = enrollment.display_name.as_set() {
            check_name("displayName", name)?;
        }
        check_metadata(enrollment.metadata.as_set())?;
        if let Some(consent) = &enrollment.consent {
            consent.check(self.clock.now())?;
        }
        match images {
            0 => Err(PeopleError::BadInput("images has at least one picture".into())),
            images if images > limit => Err(PeopleError::FaceLimitReached { limit }),
            _ => Ok(()),
        }
    }
}

/// Tells a repeat from another request.
async fn input_digest(enrollment: &Enrollment, images: &[Bytes]) -> Result<String, PeopleError> {
    let (text, images) = (format!("{enrollment:?}"), images.to_vec());
    let hashing = tokio::task::spawn_blocking(move || {
        let pictures = images.iter().map(|image| idempotency::digest(image));
        idempotency::digest(std::iter::once(text).chain(pictures).collect::<Vec<_>>().join("\n").as_bytes())
    });
    hashing.await.map_err(|panic| PeopleError::Internal(format!("hashing pictures: {panic}")))
}
