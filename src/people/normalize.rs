//! Replaces keys that are names as sent with normalized keys where these are free. Runs when the service opens its
//! database, for people who predate name normalization, and during an import.

use std::collections::BTreeSet;

use entity::ids::{PersonId, Tenant};
use entity::name_key::NameKey;
use entity::person::{Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::lookup::has_gallery;
use super::names::fold;
use crate::store::database::{Database, Write};

/// People processed per page.
const PAGE: u64 = 1000;

/// Assigns normalized keys to the people of `database`, one write per page. People whose normalized key is taken are
/// left unchanged.
///
/// # Errors
/// When the database fails.
pub(super) async fn normalize_all(database: &Database) -> Result<(), DbErr> {
    let mut after = None;
    while !page_of_marked(database.reader(), after).await?.is_empty() {
        let write = database.write().await?;
        after = normalize_page(&write, after).await?;
        write.commit().await?;
    }
    Ok(())
}

/// Like [`normalize_all`], as part of `write`.
///
/// # Errors
/// When the database fails.
pub(super) async fn normalize_names(write: &Write) -> Result<(), DbErr> {
    let mut after = normalize_page(write, None).await?;
    while after.is_some() {
        after = normalize_page(write, after).await?;
    }
    Ok(())
}

/// The next page, after `after`, of people whose keys include a name as sent.
pub(super) async fn page_of_marked(
    database: &impl ConnectionTrait,
    after: Option<PersonId>,
) -> Result<Vec<Model>, DbErr> {
    let mut page = marked().order_by_asc(Column::Id).limit(PAGE);
    if let Some(after) = after {
        page = page.filter(Column::Id.gt(after));
    }
    page.all(database).await
}

/// Must match the condition of the partial index.
fn marked() -> Select<Entity> {
    Entity::find().filter(Expr::col(Column::KeysAsSent))
}

/// Normalizes one page and returns its last person; `None` if there was none.
async fn normalize_page(write: &Write, after: Option<PersonId>) -> Result<Option<PersonId>, DbErr> {
    let mut people = page_of_marked(&**write, after).await?;
    normalize_galleries(write, &mut people).await?;
    let last = people.last().map(|person| person.id);
    for person in people {
        normalize_person(write, person).await?;
    }
    Ok(last)
}

/// All people of a gallery get the normalized key together, or all keep the other one.
async fn normalize_galleries(write: &Write, people: &mut [Model]) -> Result<(), DbErr> {
    let gallery = |person: &Model| (person.tenant.as_str().to_owned(), person.gallery.clone());
    let as_sent = people.iter().filter(|person| person.gallery_key != NameKey::normal(&person.gallery));
    let galleries: BTreeSet<(String, String)> = as_sent.map(gallery).collect();
    for place in galleries {
        let Some(tenant) = Tenant::parse(&place.0) else { continue };
        let (normal, as_sent) = (NameKey::normal(&place.1), NameKey::as_sent(&place.1));
        if has_gallery(&**write, &tenant, &normal).await? {
            continue;
        }
        Entity::update_many()
            .col_expr(Column::GalleryKey, Expr::value(normal.clone()))
            .filter(Column::Tenant.eq(tenant))
            .filter(Column::GalleryKey.eq(as_sent))
            .exec(&**write)
            .await?;
        for person in people.iter_mut().filter(|person| gallery(person) == place) {
            person.gallery_key = normal.clone();
        }
    }
    Ok(())
}

async fn normalize_person(write: &Write, before: Model) -> Result<(), DbErr> {
    let mut person = before.clone();
    let normal = NameKey::normal(&person.external_id);
    if person.external_id_key != normal && holder(&**write, &person).await?.is_none() {
        person.external_id_key = normal.clone();
    }
    let gallery_is_normal = person.gallery_key == NameKey::normal(&person.gallery);
    person.keys_as_sent = person.external_id_key != normal || !gallery_is_normal;
    person.external_id_folded = fold(&person.external_id);
    person.display_name_folded = person.display_name.as_deref().map(fold);
    if person != before {
        person.into_active_model().reset_all().update(&**write).await?;
    }
    Ok(())
}

/// The person of the gallery who has the normalized key of the given person's external id, if any.
pub(super) async fn holder(
    database: &impl ConnectionTrait,
    person: &Model,
) -> Result<Option<PersonId>, DbErr> {
    let of_gallery = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Tenant.eq(person.tenant.clone()))
        .filter(Column::GalleryKey.eq(person.gallery_key.clone()))
        .filter(Column::ExternalIdKey.eq(NameKey::normal(&person.external_id)));
    of_gallery.into_tuple::<PersonId>().one(database).await
}
