//! One process owns the database even if its lock file is removed, and a server whose database files were replaced
//! acknowledges nothing.

use serde_json::json;

use super::{create_large_container, until_not_ready};
use crate::support::binary::{Binary, faceql};
use crate::support::server::eventually;

#[tokio::test]
async fn second_server_is_refused_even_if_the_lock_files_were_removed() {
    let folder = tempfile::tempdir().unwrap();
    let first = Binary::serve(folder.path(), &[]).await;
    let refused = |settings: &[(&str, &str)]| {
        let second = faceql(folder.path(), "serve", settings).output().unwrap();
        assert!(!second.status.success());
        String::from_utf8(second.stderr).unwrap()
    };
    std::fs::remove_file(folder.path().join("faceql.lock")).unwrap();
    std::fs::remove_file(folder.path().join("blobs/.lock")).unwrap();
    let told = refused(&[("FACEQL_BLOB_FOLDER", "other")]);
    assert!(told.contains("another FaceQL process has the database open"), "{told}");
    let told = refused(&[("DATABASE_URL", "sqlite:other.db")]);
    assert!(told.contains("another FaceQL process uses the blob folder blobs"), "{told}");
    // Commands that work beside a server still do.
    let made = faceql(folder.path(), "keys", &[]).arg("create").output().unwrap();
    assert!(made.status.success(), "{made:?}");
    eventually(async || first.client.refusal_or_none("{ __typename }").await.is_some()).await;
    assert!(first.terminate().success());
}

#[tokio::test]
async fn server_whose_database_was_deleted_or_replaced_is_not_ready_and_acknowledges_nothing() {
    for replacement in [None, Some("")] {
        for name in ["faceql.db", "faceql.db-wal"] {
            let folder = tempfile::tempdir().unwrap();
            let server = Binary::serve(folder.path(), &[]).await;
            create_large_container(&server.client).await.unwrap();
            let file = folder.path().join(name);
            std::fs::remove_file(&file).unwrap();
            if let Some(replacement) = replacement {
                std::fs::write(&file, replacement).unwrap();
            }
            let refused = create_large_container(&server.client).await;
            assert_eq!(refused, Err("STORAGE_UNAVAILABLE".into()), "{name}");
            let reason = until_not_ready(&server.client).await;
            assert!(reason.contains("was deleted or replaced while it was open"), "{reason}");
            let live = server.client.data("{ __typename }", json!({})).await;
            assert_eq!(live["__typename"], "Query");
        }
    }
}
