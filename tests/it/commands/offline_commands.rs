//! `faceql detect` and `faceql contour`: files in, files out, without a server.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::binary::faceql;
use crate::support::{drawn, photo};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    faceql(folder, arguments[0], &[]).args(&arguments[1..]).output().unwrap()
}

fn said(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn detect_writes_an_image_and_json_and_continues_after_a_broken_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("photo.jpg"), photo("obama.jpg")).unwrap();
    std::fs::write(path.join("broken.jpg"), b"no image").unwrap();
    let output = run(path, &["detect", "broken.jpg", "missing.jpg", "photo.jpg"]);
    assert_eq!(output.status.code(), Some(1));
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.contains("broken.jpg") && complaints.contains("missing.jpg"), "{complaints}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("photo.jpg: 1 face(s)"));
    let found = said(path, "photo.faces.json");
    assert_eq!((&found["width"], &found["height"]), (&json!(910), &json!(1137)));
    let face = &found["faces"][0];
    assert!(face["box"]["width"].is_number() && face["landmarks"]["leftEye"]["x"].is_number(), "{face}");
    assert_eq!(face["quality"]["issues"], json!([]));
    assert!(std::fs::read(path.join("photo.faces.jpg")).unwrap().starts_with(&[0xFF, 0xD8, 0xFF]));
    assert_eq!(run(path, &["detect", "photo.jpg", "--max-faces", "0"]).status.code(), Some(2));
    std::fs::copy(path.join("photo.jpg"), path.join("photo.png")).unwrap();
    for refused in [&["detect", "photo.jpg", "photo.png"][..], &["detect", "photo.jpg", "--output", "none"]] {
        assert_eq!(run(path, refused).status.code(), Some(1), "{refused:?}");
    }
}

#[test]
fn contour_writes_a_drawing_and_json_or_reports_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // The image is its own map: its shades form some regions.
    std::fs::write(path.join("face.bmp"), drawn(0)).unwrap();
    std::fs::write(path.join("map.bmp"), two_halves()).unwrap();
    std::fs::write(path.join("eyes.json"), r#"[{"x": 20, "y": 20}, {"x": 44, "y": 20}]"#).unwrap();
    std::fs::write(path.join("one.json"), r#"[{"x": 20, "y": 20}]"#).unwrap();
    let output = run(path, &["contour", "face.bmp", "map.bmp", "eyes.json", "--output", "."]);
    assert!(output.status.success(), "{output:?}");
    let data = said(path, "face.contour.json");
    assert_eq!((&data["width"], &data["rotationDegrees"]), (&json!(64), &json!(0.0)));
    assert_eq!(data["regions"].as_array().unwrap().len(), 2);
    assert!(std::fs::read_to_string(path.join("face.contour.svg")).unwrap().starts_with("<svg"));
    for (landmarks, complaint) in [("one.json", "eyes"), ("map.bmp", "expected a list"), ("none", "none")] {
        let output = run(path, &["contour", "face.bmp", "map.bmp", landmarks]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains(complaint), "{landmarks}");
    }
}

/// A map of 64x64 pixels: 1 on the left, 2 on the right.
fn two_halves() -> Vec<u8> {
    let mut file = crate::support::pictures::bmp_header(64, 64);
    file.extend((0..64 * 64).flat_map(|at| if at % 64 < 32 { [1; 3] } else { [2; 3] }));
    file
}
