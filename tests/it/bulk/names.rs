//! Names in several Unicode forms, as they occur in file systems and tables.

use std::fs;

use entity::name_key::NameKey;
use entity::person;
use faceql::app::App;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder};

use super::{CONSENT, close, faceql, open, put, rows};
use crate::support::photo;

const COMPOSED: &str = "Jos\u{e9}";
const DECOMPOSED: &str = "Jose\u{301}";

#[tokio::test]
async fn folders_and_tables_name_the_same_person_in_either_form() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &format!("people/{DECOMPOSED}/1.jpg"), &photo("obama.jpg"));
    put(folder.path(), "2.jpg", &photo("obama2.jpg"));
    let table = format!("externalId,path,consent\n{COMPOSED},2.jpg,2026-01-31T12:00:00Z\n");
    fs::write(folder.path().join("list.csv"), table).unwrap();
    faceql(0, folder.path(), &[&["enroll", "people"], CONSENT.as_slice()].concat());
    faceql(0, folder.path(), &["enroll", "list.csv"]);
    let (people, faces, _) = rows(folder.path()).await;
    let names: Vec<&str> = people.iter().map(|person| person.external_id.as_str()).collect();
    assert_eq!((names, faces.len()), (vec![DECOMPOSED], 2));
}

#[tokio::test]
async fn imported_person_is_the_one_with_the_same_name_in_another_form() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, name, picture) in [(&here, DECOMPOSED, "obama.jpg"), (&there, COMPOSED, "obama2.jpg")] {
        put(folder.path(), &format!("people/{name}/1.jpg"), &photo(picture));
        let gallery = format!("gallery {name}");
        let arguments = ["enroll", "people", "--gallery", &gallery];
        faceql(0, folder.path(), &[arguments.as_slice(), &CONSENT].concat());
    }
    let file = here.path().join("people.ndjson").display().to_string();
    faceql(0, here.path(), &["export", "people.ndjson", "--gallery", &format!("gallery {COMPOSED}")]);
    let imported = faceql(0, there.path(), &["import", &file]);
    assert!(imported.contains("0 new, with 1 new faces"), "{imported}");
    let (people, faces, _) = rows(there.path()).await;
    assert_eq!((people.len(), faces.len()), (1, 2));
    assert_eq!(people[0].external_id, COMPOSED);
}

#[tokio::test]
async fn people_who_are_kept_apart_remain_so_after_export_and_import() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(here.path(), "people/1/1.jpg", &photo("obama.jpg"));
    put(here.path(), "people/2/1.jpg", &photo("biden.jpg"));
    faceql(0, here.path(), &[&["enroll", "people"], CONSENT.as_slice()].concat());
    let app = open(here.path()).await;
    // The state that a migration leaves of an old database.
    let write = app.database().write().await.unwrap();
    for (person, name) in rows_of(&app).await.into_iter().zip([DECOMPOSED, COMPOSED]) {
        let renamed = person::Model {
            external_id: name.into(),
            external_id_key: NameKey::as_sent(name),
            keys_as_sent: true,
            ..person
        };
        renamed.into_active_model().reset_all().update(&*write).await.unwrap();
    }
    write.commit().await.unwrap();
    close(app).await;
    let original = rows(here.path()).await;
    let apart: Vec<bool> = original.0.iter().map(|person| person.keys_as_sent).collect();
    assert_eq!(apart, [true, false]);

    let file = here.path().join("people.ndjson").display().to_string();
    faceql(0, here.path(), &["export", "people.ndjson"]);
    for new in [2, 0] {
        let imported = faceql(0, there.path(), &["import", &file]);
        assert!(imported.contains(&format!("{new} new, with {new} new faces")), "{imported}");
        assert_eq!(rows(there.path()).await, original);
    }
}

async fn rows_of(app: &App) -> Vec<person::Model> {
    person::Entity::find().order_by_asc(person::Column::Id).all(app.database().reader()).await.unwrap()
}
