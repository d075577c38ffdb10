//! Enrollment: pictures in, faces of a person out, and for each picture that is refused the reason.

use bytes::Bytes;
use entity::ids::{AnyId, FaceId};
use entity::{face, person};
use futures_util::future::{join_all, try_join_all};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::face::faces_in;
use super::judge::digest;
use super::name::find_in;
use super::{EnrollRequest, Judged, People, PeopleError, PersonRef, Rejected, Settled};
use crate::caller::Caller;
use crate::database::Write;
use crate::idempotency::{self, IdempotencyKey};
use crate::inference::Urgency;

/// What becomes of the faces a person has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

impl Enrolled {
    /// Whom and what it is about; also who else was recognised.
    fn ids(&self) -> impl Iterator<Item = AnyId> {
        let person = self.person.iter().map(|person| person.id.into());
        let accepted = self.accepted.iter().map(|face| face.id.into());
        let others = self.rejected.iter().filter_map(|rejected| Some(rejected.reason.conflicting()?.into()));
        person.chain(accepted).chain(others)
    }
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
        request: &EnrollRequest,
        images: Vec<Bytes>,
        key: Option<&str>,
        urgency: Urgency,
    ) -> Result<Enrolled, PeopleError> {
        self.check(request, images.len())?;
        let key = match key {
            Some(key) => Some(IdempotencyKey {
                tenant: &caller.tenant,
                operation: "enrollPerson",
                parent: Uuid::nil(),
                key,
                input_digest: input_digest(request, &images).await?,
            }),
            None => None,
        };
        if let Some(earlier) = self.earlier(self.database.reader(), caller, key.as_ref()).await? {
            return Ok(earlier);
        }
        // A first look spares the engine; `settle` decides.
        let who = PersonRef::Key(request.key.clone());
        if request.changes.consent.is_none() && self.find(caller, &who).await?.is_none() {
            return Err(PeopleError::ConsentRequired);
        }
        let judged = join_all(images.into_iter().map(|image| self.judge(caller, image, urgency))).await;
        let kept: Vec<FaceId> =
            judged.iter().flatten().filter_map(|judged| judged.face.as_ref().ok()?.kept_chip()).collect();
        match self.prepare(caller, request, judged, key.as_ref()).await {
            Ok((write, enrolled, mut chips)) => {
                // When this fails the rows may still be there: the sweeper sees which chips have no owner.
                write.commit().await?;
                chips.extend(
                    kept.into_iter().filter(|id| enrolled.accepted.iter().all(|face| face.id != *id)),
                );
                self.remove_chips(&caller.tenant, &chips).await;
                Ok(enrolled)
            }
            Err(error) => {
                self.remove_chips(&caller.tenant, &kept).await;
                Err(error)
            }
        }
    }

    /// All but the commit. Returns what comes of it, and which chips are needed no longer then.
    async fn prepare(
        &self,
        caller: &Caller,
        request: &EnrollRequest,
        judged: Vec<Result<Judged, PeopleError>>,
        key: Option<&IdempotencyKey<'_>>,
    ) -> Result<(Write, Enrolled, Vec<FaceId>), PeopleError> {
        let (mut faces, mut rejected) = (Vec::new(), Vec::new());
        for (index, judged) in judged.into_iter().enumerate() {
            match judged?.face {
                Ok(face) => faces.push((index, face)),
                Err(reason) => rejected.push(Rejected { index, reason }),
            }
        }
        let mut write = self.database.write().await?;
        if let Some(earlier) = self.earlier(&*write, caller, key).await? {
            return Ok((write, earlier, Vec::new()));
        }
        let settled = self.settle(&mut write, caller, request, faces).await?;
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
        caller.trail.record(&mut write, enrolled.ids()).await?;
        Ok((write, enrolled, former_chips))
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
        let mut accepted = faces_in(database, caller, &remembered.accepted).await?;
        accepted.sort_by_key(|face| remembered.accepted.iter().position(|id| *id == face.id));
        let earlier = Enrolled { person, accepted, rejected: remembered.rejected };
        caller.trail.about(earlier.ids());
        Ok(Some(earlier))
    }

    fn check(&self, request: &EnrollRequest, images: usize) -> Result<(), PeopleError> {
        let limit = self.config.faces_per_person;
        request.key.check()?;
        request.changes.check(self.clock.now())?;
        match images {
            0 => Err(PeopleError::BadInput("images has at least one picture".into())),
            images if images > limit => Err(PeopleError::FaceLimitReached { limit }),
            _ => Ok(()),
        }
    }
}

/// Tells a repeat from another request.
async fn input_digest(request: &EnrollRequest, images: &[Bytes]) -> Result<String, PeopleError> {
    let text = serde_json::to_string(request)
        .map_err(|error| PeopleError::Internal(format!("an enrollment as JSON: {error}")))?;
    let pictures = try_join_all(images.iter().cloned().map(digest)).await?;
    Ok(idempotency::digest([vec![text], pictures].concat().join("\n").as_bytes()))
}
