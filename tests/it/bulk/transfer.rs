//! `faceql export` and `faceql import`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use faceql::people::{Change, Consent, PersonChanges, PersonKey, PersonRef};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::{
    close, command, enroll_tree, enrolled_tree, faceql, lines, open, put, rows, said, tree, write_lines,
};
use crate::support::photo;
use crate::support::server::caller;

fn metadata() -> Value {
    json!({
        "share": 31.245_270_191_439_438,
        "large": 9_007_199_254_740_993_u64,
        "tiny": 5e-324,
        "nested": [null, { "": "\u{2028}" }],
    })
}

/// Gives the tree's Barack values that are hard to preserve.
async fn describe(folder: &Path) {
    let app = open(folder).await;
    let key = PersonKey { gallery: "default".into(), external_id: "barack".into() };
    let changes = PersonChanges {
        display_name: Change::Set("Ba\"r\nack \u{1F44B} Ὀδυσσεύς".into()),
        metadata: Change::Set(metadata()),
        consent: Some(Consent {
            granted_at: "2026-01-31T12:00:00.123456789Z".parse().unwrap(),
            reference: Some("form\t8".into()),
        }),
    };
    app.people().update(&caller(), &PersonRef::Key(key), changes).await.unwrap();
    close(app).await;
}

#[tokio::test]
async fn every_row_is_the_same_after_export_and_import() {
    let (here, there) = (enrolled_tree(), tempfile::tempdir().unwrap());
    describe(here.path()).await;
    let file = here.path().join("people.ndjson.gz");
    faceql(0, here.path(), &["export", "people.ndjson.gz"]);
    let path = file.display().to_string();
    let first = faceql(0, there.path(), &["import", &path]);
    assert!(first.contains("2 people imported") && first.contains("2 new, with 3 new faces"), "{first}");
    let original = rows(here.path()).await;
    let described = original.0.iter().find_map(|person| person.metadata.clone());
    assert_eq!(described, Some(metadata()));
    assert_eq!(rows(there.path()).await, original);
    let again = faceql(0, there.path(), &["import", &path]);
    assert!(again.contains("0 new, with 0 new faces; 3 faces existed already"), "{again}");
    assert_eq!(rows(there.path()).await, original);
    // The images are known, so the same person is not enrolled a second time.
    put(there.path(), "people/stranger/1.jpg", &photo("obama3.jpg"));
    let known = enroll_tree(1, there.path());
    assert!(known.contains("DUPLICATE_PERSON") && known.contains("barack"), "{known}");
}

#[test]
fn an_exported_file_is_private_and_appears_completely_or_not_at_all() {
    let folder = enrolled_tree();
    for name in ["people.ndjson", "people.ndjson.gz"] {
        put(folder.path(), &format!("{name}.partial"), b"of an export that was killed");
        faceql(0, folder.path(), &["export", name]);
        assert!(!folder.path().join(format!("{name}.partial")).exists());
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut unpacked = String::new();
    let packed = fs::File::open(folder.path().join("people.ndjson.gz")).unwrap();
    GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    let plain = fs::read_to_string(folder.path().join("people.ndjson")).unwrap();
    let after_header = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(after_header(&plain), after_header(&unpacked));
    // A file cannot replace a folder.
    put(folder.path(), "taken/file", b"");
    let refused = faceql(1, folder.path(), &["export", "taken"]);
    assert!(refused.contains("taken: "), "{refused}");
    assert!(folder.path().join("taken/file").exists() && !folder.path().join("taken.partial").exists());
    assert!(faceql(1, folder.path(), &["export", "nowhere/file"]).contains("nowhere/file: "));
}

#[test]
fn only_the_requested_gallery_and_tenant_are_exported() {
    let folder = enrolled_tree();
    let count = |arguments: &[&str]| {
        faceql(0, folder.path(), &[&["export", "people.ndjson"], arguments].concat());
        lines(&folder.path().join("people.ndjson")).len() - 2
    };
    assert_eq!((count(&[]), count(&["--gallery", "default"])), (2, 2));
    assert_eq!((count(&["--gallery", "other"]), count(&["--tenant", "other"])), (0, 0));
}

#[tokio::test]
async fn taken_ids_are_not_reused_and_an_existing_person_gets_the_missing_faces() {
    let (here, there) = (tree(), tempfile::tempdir().unwrap());
    enroll_tree(0, here.path());
    faceql(0, here.path(), &["export", "people.ndjson"]);
    let file = here.path().join("people.ndjson");
    let mut part = lines(&file);
    part[1..3].iter_mut().for_each(|line| line["faces"].as_array_mut().unwrap().truncate(1));
    part[3]["faces"] = json!(2);
    write_lines(&there.path().join("part.ndjson"), &part);
    let path = file.display().to_string();
    faceql(0, there.path(), &["import", "part.ndjson"]);
    let merged = faceql(0, there.path(), &["import", &path]);
    assert!(merged.contains("0 new, with 1 new faces; 2 faces existed already"), "{merged}");
    let other = faceql(0, there.path(), &["import", &path, "--tenant", "other"]);
    assert!(other.contains("2 new, with 3 new faces"), "{other}");
    let repeated = faceql(0, there.path(), &["import", &path, "--tenant", "other"]);
    assert!(repeated.contains("0 new, with 0 new faces"), "{repeated}");
    let (people, faces, templates) = rows(there.path()).await;
    assert_eq!((people.len(), faces.len(), templates.len()), (4, 6, 6));
    let (original, _, _) = rows(here.path()).await;
    let kept = people.iter().filter(|person| original.iter().any(|other| other.id == person.id));
    assert!(kept.clone().all(|person| person.tenant == caller().tenant) && kept.count() == 2);
}

#[tokio::test]
async fn an_import_respects_the_maximum_number_of_faces_of_a_person() {
    let (here, there) = (enrolled_tree(), tempfile::tempdir().unwrap());
    faceql(0, here.path(), &["export", "people.ndjson"]);
    let path = here.path().join("people.ndjson").display().to_string();
    let mut import = command(there.path(), &["import", &path]);
    let refused = said(1, &import.env("FACEQL_FACES_PER_PERSON", "1").output().unwrap());
    assert!(refused.contains("\"barack\" would have 2 faces") && refused.contains("line "), "{refused}");
    assert_eq!(rows(there.path()).await, Default::default());
}
