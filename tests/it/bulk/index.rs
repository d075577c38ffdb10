//! `faceql index check` and `faceql index rebuild`.

use std::path::Path;

use entity::template;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::{close, enrolled_tree, faceql, lines, open};

#[tokio::test]
async fn sound_templates_are_found_and_damaged_ones_are_reported() {
    let folder = enrolled_tree();
    let checked = faceql(0, folder.path(), &["index", "check"]);
    assert!(checked.contains("3 templates, 0 damaged, 3 in the index"), "{checked}");
    assert!(checked.contains("3 faces searched for by their own vectors, 0 not found"), "{checked}");
    let sampled = faceql(0, folder.path(), &["index", "check", "--sample", "2"]);
    assert!(sampled.contains("2 faces searched for"), "{sampled}");
    let rebuilt = faceql(0, folder.path(), &["index", "rebuild"]);
    assert!(rebuilt.contains("built with 3 faces in") && rebuilt.contains("0 damaged"), "{rebuilt}");

    Box::pin(change_one(folder.path(), template::Column::Vector, Expr::value(vec![0_u8; 8]))).await;
    let checked = faceql(1, folder.path(), &["index", "check"]);
    assert!(checked.contains("FAIL default/default"), "{checked}");
    assert!(checked.contains("3 templates, 1 damaged, 2 in the index"), "{checked}");
    let rebuilt = faceql(1, folder.path(), &["index", "rebuild"]);
    assert!(rebuilt.contains("built with 2 faces in") && rebuilt.contains("1 damaged"), "{rebuilt}");
}

#[tokio::test]
async fn templates_of_another_model_are_reported_but_are_not_an_error() {
    let folder = enrolled_tree();
    let other = Expr::value("ab".repeat(32));
    Box::pin(change_one(folder.path(), template::Column::ModelDigest, other)).await;
    let checked = faceql(0, folder.path(), &["index", "check"]);
    assert!(checked.contains("1 templates, of a model that is not in use"), "{checked}");
    assert!(checked.contains("2 templates, 0 damaged, 2 in the index"), "{checked}");
    let told = faceql(0, folder.path(), &["export", "people.ndjson"]);
    assert!(told.contains("2 people with 2 faces") && told.contains("1 faces left out"), "{told}");
    let end = lines(&folder.path().join("people.ndjson")).pop().unwrap();
    assert_eq!(end, json!({ "kind": "end", "people": 2, "faces": 2, "facesLeftOut": 1 }));
}

/// Changes one of the templates.
async fn change_one(folder: &Path, column: template::Column, value: Expr) {
    let app = open(folder).await;
    let one = template::Entity::find().one(app.database().reader()).await.unwrap().unwrap();
    let write = app.database().write().await.unwrap();
    let this = template::Column::FaceId.eq(one.face_id);
    template::Entity::update_many().col_expr(column, value).filter(this).exec(&*write).await.unwrap();
    write.commit().await.unwrap();
    close(app).await;
}

#[test]
fn a_missing_database_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    for (code, arguments) in
        [(2, ["index", "check"]), (2, ["index", "rebuild"]), (1, ["export", "out.ndjson"])]
    {
        let refused = faceql(code, folder.path(), &arguments);
        assert!(refused.contains("there is no database faceql.db"), "{refused}");
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}
