//! Stored names that differ only in their Unicode form and are kept apart because they predate name normalization.
//! Reported in the log, by `faceql doctor` and by `faceql index check`.

use std::collections::BTreeSet;

use entity::name_key::NameKey;
use entity::person::Model;
use sea_orm::{ConnectionTrait, DbErr};

use super::lookup::has_gallery;
use super::normalize::{holder, page_of_marked};
use crate::ids;

/// Maximum number of collisions described individually.
const NAMED: usize = 20;

/// Galleries and people that are kept apart from others of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameCollisions {
    /// Descriptions of the first collisions.
    named: Vec<String>,
    /// Number of further collisions.
    not_named: usize,
}

impl NameCollisions {
    /// How an operator resolves a collision.
    pub const REMEDY: &str = "delete the unneeded one by its id and restart FaceQL; after that, the other is \
                              found by every spelling";

    /// Reads the collisions of a database whose names have been normalized.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(database: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let (mut collisions, mut galleries) = (Self::default(), BTreeSet::new());
        let mut after = None;
        loop {
            let page = page_of_marked(database, after).await?;
            let Some(last) = page.last() else { return Ok(collisions) };
            after = Some(last.id);
            for person in &page {
                collisions.note_gallery(database, person, &mut galleries).await?;
                collisions.note_person(database, person).await?;
            }
        }
    }

    /// Adds the collision of a person's gallery, unless the gallery was already `seen`.
    async fn note_gallery(
        &mut self,
        database: &impl ConnectionTrait,
        Model { tenant, gallery, gallery_key, .. }: &Model,
        seen: &mut BTreeSet<(String, NameKey)>,
    ) -> Result<(), DbErr> {
        let normal = NameKey::normal(gallery);
        let is_new = *gallery_key != normal && seen.insert((tenant.to_string(), gallery_key.clone()));
        if is_new && has_gallery(database, tenant, &normal).await? {
            self.note(|| {
                format!(
                    "the gallery {gallery:?} of the tenant {tenant} is kept apart from another whose name differs \
                     only in its Unicode form"
                )
            });
        }
        Ok(())
    }

    async fn note_person(&mut self, database: &impl ConnectionTrait, person: &Model) -> Result<(), DbErr> {
        if person.external_id_key == NameKey::normal(&person.external_id) {
            return Ok(());
        }
        if let Some(other) = holder(database, person).await? {
            let (id, other) = (ids::show(person.id), ids::show(other));
            self.note(|| {
                format!(
                    "the external ids of {id} and {other} differ only in their Unicode form: they are kept apart, and \
                     each is found by its id and by its own spelling"
                )
            });
        }
        Ok(())
    }

    fn note(&mut self, sentence: impl FnOnce() -> String) {
        if self.named.len() < NAMED {
            self.named.push(sentence());
        } else {
            self.not_named += 1;
        }
    }

    /// Whether there are no collisions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The full report, one sentence per item.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let rest = (self.not_named > 0).then(|| format!("{} more names collide", self.not_named));
        self.named.iter().cloned().chain(rest)
    }
}
