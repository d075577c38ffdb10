//! `faceql enroll`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{CONSENT, command, enroll_tree, faceql, lines, put, rows, tree};
use crate::support::binary::Binary;
use crate::support::photo;

#[tokio::test]
async fn a_folder_tree_is_enrolled_once_and_a_second_run_adds_only_what_is_new() {
    let folder = tree();
    let first = enroll_tree(0, folder.path());
    assert!(first.contains("2 people: 3 images enrolled, 0 enrolled before, 0 refused"), "{first}");
    let before = rows(folder.path()).await;
    assert!(before.0.iter().all(|person| person.consent_reference.as_deref() == Some("form 7")));
    let again = enroll_tree(0, folder.path());
    assert!(again.contains("2 people: 0 images enrolled, 3 enrolled before, 0 refused"), "{again}");
    assert_eq!(rows(folder.path()).await, before);
    put(folder.path(), "people/barack/3.jpg", &photo("obama3.jpg"));
    let more = enroll_tree(0, folder.path());
    assert!(more.contains("1 images enrolled, 3 enrolled before"), "{more}");
    let checked = faceql(0, folder.path(), &["index", "check"]);
    assert!(checked.contains("default/default") && checked.contains("4 faces searched for"), "{checked}");
}

#[tokio::test]
async fn refused_images_are_reported_and_do_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "list/pictures/obama.jpg", &photo("obama.jpg"));
    put(folder.path(), "list/pictures/biden.jpg", &photo("biden.jpg"));
    put(folder.path(), "list/pictures/note.txt", b"no picture");
    let table = "externalId,path,consent,displayName\n\
        barack,pictures/obama.jpg,2026-01-31T12:00:00Z,Barack\n\
        barack,pictures/note.txt,2026-01-31T12:00:00Z,\n\
        barack,pictures/gone.jpg,2026-01-31T12:00:00Z,\n\
        barack,pictures,2026-01-31T12:00:00Z,\n\
        thief,pictures/obama.jpg,2026-01-31T12:00:00Z,\n\
        joe,pictures/biden.jpg,yesterday,\n\
        jane,pictures/biden.jpg,,\n";
    put(folder.path(), "list/people.csv", table.as_bytes());
    let text = faceql(1, folder.path(), &["enroll", "list/people.csv", "--report", "report.ndjson"]);
    let report = lines(&folder.path().join("report.ndjson"));
    let mut codes: Vec<&str> = report.iter().map(|line| line["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    let expected = [
        "BAD_USER_INPUT",
        "CONSENT_REQUIRED",
        // The first of the two people who claim the same face is enrolled.
        "DUPLICATE_PERSON",
        "UNREADABLE",
        "UNREADABLE",
        "UNSUPPORTED_IMAGE",
    ];
    assert_eq!(codes, expected, "{text}");
    assert!(text.contains("line 7: consent"), "{text}");
    let (people, faces, _) = rows(folder.path()).await;
    assert_eq!((people.len(), faces.len()), (1, 1), "{text}");
}

#[tokio::test]
async fn a_table_gives_each_persons_gallery_name_and_consent() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "obama.jpg", &photo("obama.jpg"));
    put(folder.path(), "obama2.jpg", &photo("obama2.jpg"));
    let table = "gallery,externalId,path,consent,consentReference,displayName\n\
        east,one,obama.jpg,2026-01-31T12:00:00Z,form 1,\"Obama, Barack\"\n\
        east,one,obama2.jpg,,,\n\
        ,two,obama.jpg,,,\n";
    put(folder.path(), "people.csv", table.as_bytes());
    let ended = faceql(
        0,
        folder.path(),
        &[&["enroll", "people.csv", "--gallery", "west"], CONSENT.as_slice()].concat(),
    );
    assert!(ended.contains("2 people: 3 images enrolled"), "{ended}");
    let (mut people, faces, _) = rows(folder.path()).await;
    people.sort_by(|one, other| one.gallery.cmp(&other.gallery));
    let said = people.iter().map(|person| {
        json!([person.gallery, person.external_id, person.display_name, person.consent_reference])
    });
    let expected =
        [json!(["east", "one", "Obama, Barack", "form 1"]), json!(["west", "two", null, "form 7"])];
    assert_eq!(said.collect::<Vec<_>>(), expected);
    assert_eq!(faces.iter().filter(|face| face.person_id == people[0].id).count(), 2);
}

#[test]
fn people_without_consent_and_invalid_lists_are_refused() {
    let folder = tree();
    let refused = faceql(1, folder.path(), &["enroll", "people"]);
    assert!(refused.contains("CONSENT_REQUIRED") && refused.contains("2 refused"), "{refused}");
    assert!(faceql(2, folder.path(), &["enroll", "nowhere"]).contains("nowhere"));
    put(folder.path(), "wrong.csv", b"externalId,path,consnt\n");
    assert!(faceql(2, folder.path(), &["enroll", "wrong.csv"]).contains("consnt"));
    put(folder.path(), "short.csv", b"externalId,path\n");
    assert!(faceql(2, folder.path(), &["enroll", "short.csv"]).contains("\"consent\""));
}

#[tokio::test]
async fn a_stopped_run_finishes_the_people_it_has_started_and_the_next_run_continues() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "obama.jpg", &photo("obama.jpg"));
    put(folder.path(), "note.txt", b"no picture");
    let row = |number| format!("{number},{number},obama.jpg,\n");
    let people: String = (0..30).map(row).collect();
    let table = format!("gallery,externalId,path,consent\n0,none,note.txt,\n{people}");
    put(folder.path(), "people.csv", table.as_bytes());
    let arguments = [&["enroll", "people.csv"], CONSENT.as_slice()].concat();
    let mut first = command(folder.path(), &arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(first.stdout.take().unwrap());
    let mut told = String::new();
    out.read_line(&mut told).unwrap();
    assert!(told.contains("note.txt"), "{told}");
    let id = first.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    out.read_to_string(&mut told).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(1));
    assert!(told.contains("run the same command again to continue"), "{told}");
    let before = enrolled_by(folder.path()).await;
    assert!(told.contains(&format!(" {before} images enrolled")), "{told}");
    let second = faceql(1, folder.path(), &arguments);
    let expected = format!("{} images enrolled, {before} enrolled before, 1 refused", 30 - before);
    assert!(second.contains(&expected), "{second}");
    assert_eq!(enrolled_by(folder.path()).await, 30);
}

/// The number of people, each of whom has one face.
async fn enrolled_by(folder: &Path) -> usize {
    let (people, faces, _) = rows(folder).await;
    assert_eq!(people.len(), faces.len());
    people.len()
}

#[tokio::test]
async fn commands_are_refused_while_a_server_has_the_database() {
    let folder = tree();
    let server = Binary::serve(folder.path(), &[]).await;
    put(folder.path(), "people.ndjson", b"{}\n");
    let refused = enroll_tree(2, folder.path());
    assert!(refused.contains("another FaceQL process has the database open; stop it first"), "{refused}");
    for (code, arguments) in [
        (1, ["export", "out.ndjson"]),
        (1, ["import", "people.ndjson"]),
        (2, ["index", "check"]),
        (2, ["index", "rebuild"]),
    ] {
        let refused = faceql(code, folder.path(), &arguments);
        assert!(refused.contains("another FaceQL process has the database open; stop it first"), "{refused}");
    }
    assert!(!folder.path().join("out.ndjson").exists());
    assert!(server.terminate().success());
}
