//! Enrollment that skips images that are already enrolled, so that an interrupted run can be repeated cheaply. Called
//! by the `enroll` command.

use std::collections::HashSet;

use bytes::Bytes;
use entity::face;
use entity::ids::PersonId;
use entity::person::Model;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::{EnrollRequest, People, PeopleError, PersonRef, Rejected};
use crate::access::caller::Caller;
use crate::images::upload::Hashed;
use crate::inference::Urgency;

/// The outcome of enrolling images some of which may already be enrolled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewlyEnrolled {
    /// Images enrolled by this call.
    pub taken: usize,
    /// Images already enrolled for the person, or repeated in the input.
    pub known: usize,
    /// Why each of the other images was rejected, in input order.
    pub rejected: Vec<Rejected>,
}

impl People {
    /// Enrolls in the background the faces of those of `images` that the person does not have yet; only these are
    /// passed to the engine. The changes to the person are applied even if no image is new.
    ///
    /// # Errors
    /// As [`People::enroll`].
    pub async fn enroll_new(
        &self,
        caller: &Caller,
        request: &EnrollRequest,
        images: Vec<Bytes>,
    ) -> Result<NewlyEnrolled, PeopleError> {
        let person = self.find(caller, &PersonRef::Key(request.key.clone())).await?;
        let mut pictures = match &person {
            Some(person) => self.digests_of(person.id).await?,
            None => HashSet::new(),
        };
        let (count, mut new, mut indices) = (images.len(), Vec::new(), Vec::new());
        for (index, image) in images.into_iter().enumerate() {
            let image = Hashed::of(image).await?;
            if pictures.insert(image.sha256.clone()) {
                new.push(image);
                indices.push(index);
            }
        }
        let known = count - new.len();
        if let Some(person) = person
            && known > 0
        {
            self.bring_up_to_date(caller, person, request).await?;
        }
        if new.is_empty() {
            return Ok(NewlyEnrolled { known, ..NewlyEnrolled::default() });
        }
        self.check(request, new.len())?;
        let enrolled = self.enroll_hashed(caller, request, new, None, Urgency::Background).await?;
        let in_place = |Rejected { index, reason }| Rejected { index: indices[index], reason };
        let rejected = enrolled.rejected.into_iter().map(in_place).collect();
        Ok(NewlyEnrolled { taken: enrolled.accepted.len(), known, rejected })
    }

    /// SHA-256 digests of the images that a person's faces were enrolled from.
    async fn digests_of(&self, person: PersonId) -> Result<HashSet<String>, DbErr> {
        let digests = face::Entity::find()
            .select_only()
            .column(face::Column::ImageSha256)
            .filter(face::Column::PersonId.eq(person));
        Ok(digests.into_tuple::<String>().all(self.database.reader()).await?.into_iter().collect())
    }

    /// Updates a person if the request's data differs from what is stored.
    async fn bring_up_to_date(
        &self,
        caller: &Caller,
        person: Model,
        request: &EnrollRequest,
    ) -> Result<(), PeopleError> {
        let mut after = person.clone();
        request.changes.clone().apply(&mut after);
        if after != person {
            self.update(caller, &PersonRef::Id(person.id), request.changes.clone()).await?;
        }
        Ok(())
    }
}
