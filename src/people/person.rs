//! Looking up, listing, updating and deleting people.

use entity::face;
use entity::ids::{AnyId, FaceId, PersonId};
use entity::person::{Column, Entity, Model};
use sea_orm::sea_query::{Alias, Expr, LikeExpr, Order, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::lookup::{find_in, gallery_key, owned};
use super::names::fold;
use super::{People, PeopleError, PersonChanges, PersonRef, check_name};
use crate::access::caller::Caller;
use crate::store::database::Write;
use crate::store::idempotency;
use crate::store::page::{Page, PageRequest};

/// Selects people of a gallery.
#[derive(Clone, Debug)]
pub struct PersonSearch {
    /// Name of the gallery; an unknown gallery has no people.
    pub gallery: String,
    /// Only people whose display name or external id starts with this prefix, ignoring case and Unicode form.
    pub prefix: Option<String>,
}

/// A gallery with its numbers of people and faces.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct GalleryCount {
    /// Name of the gallery, as sent when its first person was enrolled.
    pub gallery: String,
    /// Number of people.
    pub people: i64,
    /// Number of enrolled faces.
    pub faces: i64,
}

impl People {
    /// Returns those of `ids` that are the caller's people, in no particular order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn people(&self, caller: &Caller, ids: &[PersonId]) -> Result<Vec<Model>, PeopleError> {
        Ok(owned(caller).filter(Column::Id.is_in(ids.iter().copied())).all(self.database.reader()).await?)
    }

    /// A page of the people of a gallery, newest first.
    ///
    /// # Errors
    /// When the gallery's name is invalid, or the database fails.
    pub async fn list(
        &self,
        caller: &Caller,
        search: &PersonSearch,
        page: PageRequest,
    ) -> Result<Page<Model>, PeopleError> {
        let searched = self.searched(caller, search).await?;
        Ok(page.read(searched, Column::Id, self.database.reader()).await?)
    }

    /// The total number of people that [`Self::list`] selects.
    ///
    /// # Errors
    /// Same as [`Self::list`].
    pub async fn count(&self, caller: &Caller, search: &PersonSearch) -> Result<u64, PeopleError> {
        Ok(self.searched(caller, search).await?.count(self.database.reader()).await?)
    }

    /// The caller's galleries, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn galleries(&self, caller: &Caller) -> Result<Vec<GalleryCount>, PeopleError> {
        let person = (Entity, Column::Id);
        let counted = owned(caller)
            .select_only()
            .expr_as(name_of_gallery(), "gallery")
            .expr_as(Expr::col(person).count_distinct(), "people")
            .expr_as(Expr::col((face::Entity, face::Column::Id)).count(), "faces")
            .join(sea_orm::JoinType::LeftJoin, faces_of_person())
            .group_by(Column::Tenant)
            .group_by(Column::GalleryKey)
            .order_by_asc(Column::GalleryKey);
        Ok(counted.into_model().all(self.database.reader()).await?)
    }

    /// Updates a person's data.
    ///
    /// # Errors
    /// [`PeopleError::PersonNotFound`], or the reason why the changes are invalid.
    pub async fn update(
        &self,
        caller: &Caller,
        who: &PersonRef,
        changes: PersonChanges,
    ) -> Result<Model, PeopleError> {
        changes.check(self.clock.now())?;
        let mut write = self.database.write().await?;
        let mut person = find_in(&*write, caller, who).await?.ok_or(PeopleError::PersonNotFound)?;
        changes.apply(&mut person);
        let person = self.touch(&write, person).await?;
        // A replaced name is personal data as well.
        self.database.erase_after(&mut write);
        caller.trail.record(&mut write, [person.id.into()]).await?;
        write.commit().await?;
        Ok(person)
    }

    /// Deletes a person with all faces, and returns the id and the number of deleted faces. Searches that start
    /// afterwards do not find the person.
    ///
    /// # Errors
    /// [`PeopleError::PersonNotFound`] when the caller has no such person.
    pub async fn delete(&self, caller: &Caller, who: &PersonRef) -> Result<(PersonId, usize), PeopleError> {
        let mut write = self.database.write().await?;
        let person = find_in(&*write, caller, who).await?.ok_or(PeopleError::PersonNotFound)?;
        let faces = face::Entity::find().filter(face::Column::PersonId.eq(person.id)).all(&*write).await?;
        // Deleting the row cascades to faces, templates and the sessions that enrolled the person.
        Entity::delete_by_id(person.id).exec(&*write).await?;
        idempotency::forget_nodes(&write, &[person.id.0]).await?;
        let ids: Vec<FaceId> = faces.iter().map(|face| face.id).collect();
        let gone = ids.iter().map(|id| AnyId::from(*id)).chain([person.id.into()]);
        caller.trail.record(&mut write, gone).await?;
        self.forget_faces(&mut write, &person, ids);
        write.commit().await?;
        let chips: Vec<FaceId> = faces.iter().filter(|face| face.chip_kept).map(|face| face.id).collect();
        self.remove_chips(&caller.tenant, &chips).await;
        Ok((person.id, faces.len()))
    }

    async fn searched(&self, caller: &Caller, search: &PersonSearch) -> Result<Select<Entity>, PeopleError> {
        check_name("gallery", &search.gallery)?;
        let gallery = gallery_key(self.database.reader(), caller, &search.gallery).await?;
        let in_gallery = owned(caller).filter(Column::GalleryKey.eq(gallery));
        let Some(prefix) = search.prefix.as_deref().filter(|prefix| !prefix.is_empty()) else {
            return Ok(in_gallery);
        };
        check_name("search", prefix)?;
        let mut pattern = String::new();
        for letter in fold(prefix).chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        let begins = |column| Expr::col(column).like(LikeExpr::new(pattern.clone()).escape('\\'));
        Ok(in_gallery.filter(begins(Column::ExternalIdFolded).or(begins(Column::DisplayNameFolded))))
    }

    /// Writes a person's row with the current time as its last change.
    pub(super) async fn touch(&self, write: &Write, mut person: Model) -> Result<Model, PeopleError> {
        person.updated_at = self.clock.now();
        Ok(person.into_active_model().reset_all().update(&**write).await?)
    }

    /// Removes faces from the index and their chips from disk after `write` is committed.
    pub(super) fn forget_faces(&self, write: &mut Write, person: &Model, faces: Vec<FaceId>) {
        let (index, collection) = (self.index.clone(), self.collection(&person.tenant, &person.gallery_key));
        write.after_commit(move || {
            if let Err(error) = index.remove(&collection, &faces) {
                tracing::error!(%error, "the index no longer matches the database; restart to rebuild it");
            }
        });
        self.database.erase_after(write);
    }
}

/// The name of a counted gallery, as sent when its first person was enrolled.
fn name_of_gallery() -> Expr {
    let first = Alias::new("first");
    let of_first = |column| Expr::col((first.clone(), column));
    let in_it = |column| of_first(column).eq(Expr::col((Entity, column)));
    let name = Query::select()
        .expr(of_first(Column::Gallery))
        .from_as(Entity, first.clone())
        .and_where(in_it(Column::Tenant))
        .and_where(in_it(Column::GalleryKey))
        .order_by((first.clone(), Column::Id), Order::Asc)
        .limit(1)
        .to_owned();
    Expr::SubQuery(None, Box::new(name.into()))
}

fn faces_of_person() -> sea_orm::RelationDef {
    Entity::belongs_to(face::Entity).from(Column::Id).to(face::Column::PersonId).into()
}
