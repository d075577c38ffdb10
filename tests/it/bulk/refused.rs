//! Files that `faceql import` refuses, and of which it imports nothing.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{enrolled_tree, faceql, lines, rows, write_lines};

/// An exported file: compressed, and as lines.
fn exported() -> (Vec<u8>, Vec<Value>) {
    let folder = enrolled_tree();
    faceql(0, folder.path(), &["export", "people.ndjson"]);
    faceql(0, folder.path(), &["export", "people.ndjson.gz"]);
    (fs::read(folder.path().join("people.ndjson.gz")).unwrap(), lines(&folder.path().join("people.ndjson")))
}

/// The error message for a file of which nothing is imported.
fn refused(folder: &Path, name: &str) -> String {
    let text = faceql(1, folder, &["import", name]);
    assert!(text.contains(name) && text.contains("Nothing was imported"), "{text}");
    text
}

/// Like [`refused`], for a file with these lines.
fn refused_lines(folder: &Path, lines: &[Value]) -> String {
    write_lines(&folder.join("lines.ndjson"), lines);
    refused(folder, "lines.ndjson")
}

async fn assert_empty(folder: &TempDir) {
    assert_eq!(rows(folder.path()).await, Default::default());
}

#[tokio::test]
async fn vectors_of_another_model_are_refused_with_both_names() {
    let (_, mut foreign) = exported();
    foreign[0]["model"]["digest"] = json!("ab".repeat(32));
    foreign[0]["model"]["name"] = json!("arcface-x");
    let folder = tempfile::tempdir().unwrap();
    let text = refused_lines(folder.path(), &foreign);
    assert!(text.contains("MODEL_MISMATCH") && text.contains("arcface-x"), "{text}");
    assert!(text.contains("dlib-resnet-v1") && text.contains("FACEQL_MODEL_PACK"), "{text}");
    assert_empty(&folder).await;
}

#[tokio::test]
async fn a_truncated_file_is_detected_wherever_it_was_cut() {
    let (packed, whole) = exported();
    let folder = tempfile::tempdir().unwrap();
    // In the middle, and within gzip's own checksum at the end, where no line is missing.
    for length in [packed.len() / 2, packed.len() - 3] {
        fs::write(folder.path().join("cut.ndjson.gz"), &packed[..length]).unwrap();
        let cut = refused(folder.path(), "cut.ndjson.gz");
        assert!(cut.contains("truncated"), "{length}: {cut}");
    }
    let short = refused_lines(folder.path(), &whole[..2]);
    assert!(short.contains("line 2") && short.contains("truncated"), "{short}");
    let text: Vec<String> = whole.iter().map(Value::to_string).collect();
    let text = text.join("\n");
    fs::write(folder.path().join("cut.ndjson"), &text[..text.len() / 2]).unwrap();
    assert!(refused(folder.path(), "cut.ndjson").contains("truncated"));
    let fewer = refused_lines(folder.path(), &[&whole[..2], &whole[3..]].concat());
    assert!(fewer.contains("line 3: expected 2 people with 3 faces, found 1"), "{fewer}");
    let more = refused_lines(folder.path(), &[&whole[..], &whole[1..2]].concat());
    assert!(more.contains("line 5: there is data after the last line"), "{more}");
    assert_empty(&folder).await;
}

#[tokio::test]
async fn a_file_that_was_not_exported_is_refused_before_it_fills_the_memory() {
    let (packed, _) = exported();
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = packed.clone();
    damaged[packed.len() / 2..][..8].fill(0);
    let mut endless = GzEncoder::new(Vec::new(), Compression::fast());
    endless.write_all(&vec![b'['; 64 << 20]).unwrap();
    let files: [(&str, Vec<u8>, &str); 6] = [
        ("empty", Vec::new(), "the file is empty"),
        ("damaged", damaged, "line "),
        ("endless", endless.finish().unwrap(), "line 1: longer than 16777216 bytes"),
        ("picture", crate::support::photo("obama.jpg"), "line 1"),
        ("other", b"{\"format\":\"another\"}\n".to_vec(), "this is not a file of `faceql export`"),
        ("newer", b"{\"format\":\"faceql.people\",\"version\":2}\n".to_vec(), "only version 1"),
    ];
    for (name, bytes, reason) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
        let text = refused(folder.path(), name);
        assert!(text.contains(reason), "{name}: {text}");
    }
    assert!(faceql(1, folder.path(), &["import", "nowhere"]).contains("nowhere: "));
    assert_empty(&folder).await;
}

#[tokio::test]
async fn a_person_that_the_api_would_refuse_is_refused_with_the_line() {
    let (_, whole) = exported();
    let folder = tempfile::tempdir().unwrap();
    for (pointer, value, reason) in [
        ("/externalId", json!(""), "externalId must have 1 to 255"),
        ("/displayName", json!("x".repeat(256)), "displayName must have 1 to 255"),
        ("/metadata", json!("x".repeat(20_000)), "metadata must have at most"),
        ("/consent/grantedAt", json!("2999-01-01T00:00:00Z"), "in the future"),
        ("/consent", json!(null), "invalid type"),
        ("/faces/0/vector", json!("AAAA"), "128 finite numbers"),
        ("/faces/0/vector", json!("!"), "its vector"),
        ("/faces/0/quality", json!({}), "quality"),
        ("/faces/0/imageSha256", json!("../../etc"), "hexadecimal"),
        ("/faces/0/id", json!("x"), "UUID"),
    ] {
        let mut forged = whole.clone();
        *forged[2].pointer_mut(pointer).unwrap() = value;
        let text = refused_lines(folder.path(), &forged);
        assert!(text.contains("line 3") && text.contains(reason), "{pointer}: {text}");
    }
    assert_empty(&folder).await;
}
