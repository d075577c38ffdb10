//! Enrollment of what is not enrolled yet: begun again, it does not look at a picture a second time. Called by the
//! shell's `enroll` command.

use std::collections::HashSet;

use bytes::Bytes;
use entity::face;
use entity::ids::PersonId;
use entity::person::Model;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::judge::digest;
use super::{EnrollRequest, People, PeopleError, PersonRef, Rejected};
use crate::caller::Caller;
use crate::inference::Urgency;

/// What came of pictures of which some may have been enrolled before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewlyEnrolled {
    /// Pictures that were taken now.
    pub taken: usize,
    /// Pictures that the person had before, or that came twice.
    pub known: usize,
    /// Why each of the others was refused, in their order.
    pub rejected: Vec<Rejected>,
}

impl People {
    /// Enrolls the faces of those of `images` that the person does not have yet, in the background; the engine sees no
    /// other. What the request says of the person holds even when no picture is new.
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
            Some(person) => self.pictures_of(person.id).await?,
            None => HashSet::new(),
        };
        let (count, mut new, mut indices) = (images.len(), Vec::new(), Vec::new());
        for (index, image) in images.into_iter().enumerate() {
            if pictures.insert(digest(image.clone()).await?) {
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
        let enrolled = self.enroll(caller, request, new, None, Urgency::Background).await?;
        let in_place = |Rejected { index, reason }| Rejected { index: indices[index], reason };
        let rejected = enrolled.rejected.into_iter().map(in_place).collect();
        Ok(NewlyEnrolled { taken: enrolled.accepted.len(), known, rejected })
    }

    /// The digests of the pictures that a person has.
    async fn pictures_of(&self, person: PersonId) -> Result<HashSet<String>, DbErr> {
        let digests = face::Entity::find()
            .select_only()
            .column(face::Column::ImageSha256)
            .filter(face::Column::PersonId.eq(person));
        Ok(digests.into_tuple::<String>().all(self.database.reader()).await?.into_iter().collect())
    }

    /// Changes a person of whom the request says something else than before.
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
