//! From images to faces and embeddings, compared with the numbers of two other implementations.

use std::collections::BTreeMap;

use vision::{
    Chip, DetectOptions, DetectedFace, EmbeddedEngine, Embedding, EngineError, FaceEngine, Landmarks,
    MatchDecision, Metric, Picture, Point, QualityIssue,
};

use crate::photographs::{blurred, changed, enlarged, reduced, right_of, side_by_side, stored_as};
use crate::setup::{Golden, LIMITS, distance_to, engine, photo, picture};

#[test]
fn encoder_agrees_with_dlib() {
    let expected = Golden::read().synthetic_chip.dlib_encoding;
    let embedding = engine().encode(&[synthetic_chip()]).unwrap().remove(0);
    assert_eq!(embedding.values().len(), expected.len());
    for (index, (ours, theirs)) in embedding.values().iter().zip(&expected).enumerate() {
        assert!((ours - theirs).abs() < 1e-4, "value {index}: {ours}, dlib has {theirs}");
    }
}

#[test]
fn chip_cut_at_the_prototypes_landmarks_gives_the_prototypes_embedding() {
    let mut engine = engine();
    for (name, golden) in &Golden::read().photos {
        let face = &golden.mtcnn[0];
        let chip = engine.align(&picture(name), &face.landmarks());
        let embedding = engine.encode(&[chip]).unwrap().remove(0);
        let distance = distance_to(&embedding, &face.encoding);
        assert!(distance < 0.03, "{name}: {distance}");
    }
}

#[test]
fn whole_pipeline_agrees_with_the_prototype_and_with_dlib() {
    let mut engine = engine();
    for (name, golden) in Golden::read().whole_faces() {
        let faces = engine.encode_faces(&[(&picture(name), DetectOptions::default())]).unwrap().remove(0);
        assert_eq!(faces.len(), 1, "{name}");
        let prototype = distance_to(&faces[0].embedding, &golden.mtcnn[0].encoding);
        assert!(prototype < 0.15, "{name}: {prototype} from the prototype");
        let reference = distance_to(&faces[0].embedding, &golden.dlib[0].encoding);
        assert!(reference < 0.25, "{name}: {reference} from dlib");
    }
}

#[test]
fn faces_are_where_the_prototype_found_them() {
    let mut engine = engine();
    for (name, golden) in Golden::read().whole_faces() {
        let picture = picture(name);
        assert_eq!((picture.original_width(), picture.original_height()), (golden.width, golden.height));
        let face = detect(&mut engine, &picture).remove(0);
        let ours = face.bounding_box;
        let [x, y, width, height] = golden.mtcnn[0].bounds;
        for (side, expected) in [(ours.x, x), (ours.y, y), (ours.width, width), (ours.height, height)] {
            assert!((side - expected).abs() < 0.06 * height, "{name}: {ours:?}");
        }
        let points = face.landmarks.points().into_iter().zip(golden.mtcnn[0].landmarks().points());
        assert!(points.into_iter().all(|(a, b)| a.distance(b) < 10.0), "{name}: {:?}", face.landmarks);
    }
}

#[test]
fn same_person_is_near_and_another_is_far() {
    let mut engine = engine();
    let matching = engine.encoder().matching.unwrap();
    let embeddings: BTreeMap<String, Embedding> = Golden::read()
        .whole_faces()
        .map(|(name, _)| (name.clone(), largest(&mut engine, &picture(name))))
        .collect();
    for (name, left) in &embeddings {
        for (other, right) in &embeddings {
            let distance = left.distance(right, Metric::Euclidean).unwrap();
            let is_same = name.contains("biden") == other.contains("biden");
            assert_eq!(distance < 0.6, is_same, "{name} and {other}: {distance}");
            let expected = if is_same { MatchDecision::Match } else { MatchDecision::NoMatch };
            assert_eq!(matching.verify.decision(distance), expected);
            assert_eq!(matching.similarity(distance) > 0.5, is_same);
        }
    }
}

#[test]
fn orientation_changes_neither_faces_nor_embeddings() {
    let mut engine = engine();
    let upright = Picture::decode(&photo("obama.jpg"), &LIMITS).unwrap();
    let face = detect(&mut engine, &upright).remove(0);
    let embedding = largest(&mut engine, &upright);
    for orientation in 1..=8 {
        let file = stored_as(&upright, orientation);
        let picture = Picture::decode(&file, &LIMITS).unwrap();
        assert_eq!((picture.width(), picture.height()), (upright.width(), upright.height()));
        let turned = detect(&mut engine, &picture);
        assert_eq!(turned.len(), 1, "orientation {orientation}");
        let moved = turned[0].bounding_box.intersection(&face.bounding_box) / face.bounding_box.area();
        assert!(moved > 0.95, "orientation {orientation}: {:?}", turned[0].bounding_box);
        let distance = largest(&mut engine, &picture).distance(&embedding, Metric::Euclidean).unwrap();
        assert!(distance < 0.1, "orientation {orientation}: {distance}");
    }
}

#[test]
fn reduced_image_gives_coordinates_of_the_full_one_and_the_same_embedding() {
    let mut engine = engine();
    let full = picture("obama.jpg");
    let face = detect(&mut engine, &full).remove(0);
    let enlarged = enlarged(&full, 4);
    assert_eq!((enlarged.original_width(), enlarged.width()), (4 * full.width(), 2 * full.width()));
    let large = detect(&mut engine, &enlarged).remove(0);
    for (a, b) in face.landmarks.points().into_iter().zip(large.landmarks.points()) {
        assert!((4.0 * a.x - b.x).hypot(4.0 * a.y - b.y) < 40.0, "{:?}", large.landmarks);
    }
    let distance = largest(&mut engine, &enlarged).distance(&largest(&mut engine, &full), Metric::Euclidean);
    assert!(distance.clone().unwrap() < 0.15, "{distance:?}");
}

#[test]
fn batch_gives_the_same_results_as_single_calls_in_the_same_order() {
    let mut engine = engine();
    let pictures = ["obama.jpg", "biden.jpg", "obama3.jpg"].map(picture);
    let together =
        engine.encode_faces(&pictures.each_ref().map(|picture| (picture, DetectOptions::default()))).unwrap();
    assert_eq!(together.len(), 3);
    for (picture, faces) in pictures.iter().zip(&together) {
        let alone = largest(&mut engine, picture);
        assert!(alone.distance(&faces[0].embedding, Metric::Euclidean).unwrap() < 1e-5);
    }
    let chips = vec![synthetic_chip(); 35];
    let embeddings = engine.encode(&chips).unwrap();
    assert_eq!(embeddings.len(), 35);
    assert!(embeddings.iter().all(|one| one.distance(&embeddings[0], Metric::Euclidean).unwrap() < 1e-5));
    assert_eq!(engine.encode(&[]).unwrap(), []);
}

#[test]
fn several_faces_come_largest_first_and_options_select_among_them() {
    let mut engine = engine();
    let pair = side_by_side(&picture("obama.jpg"), &picture("biden.jpg"));
    let faces = detect(&mut engine, &pair);
    assert_eq!(faces.len(), 2);
    assert!(faces[0].bounding_box.area() >= faces[1].bounding_box.area());
    let one =
        engine.detect(&pair, &DetectOptions { max_faces: Some(1), ..DetectOptions::default() }).unwrap();
    assert_eq!(one, faces[..1]);
    let sure = DetectOptions { min_confidence: Some(1.1), ..DetectOptions::default() };
    assert_eq!(engine.detect(&pair, &sure).unwrap(), []);
}

#[test]
fn image_without_a_face_has_none_whatever_its_shape() {
    let mut engine = engine();
    for (width, height) in [(1, 1), (11, 500), (640, 1), (3000, 20), (300, 200)] {
        let grey = Picture::from_rgb(width, height, vec![128; (width * height * 3) as usize]).unwrap();
        assert_eq!(detect(&mut engine, &grey), [], "{width}x{height}");
    }
}

#[test]
fn good_photo_has_no_issues_and_its_pose_is_plausible() {
    let quality = detect(&mut engine(), &picture("obama.jpg")).remove(0).quality;
    assert_eq!(quality.issues, []);
    assert!(quality.overall > 0.8, "{quality:?}");
    assert!(
        quality.yaw.abs() < 15.0 && quality.pitch.abs() < 20.0 && quality.roll.abs() < 10.0,
        "{quality:?}"
    );
}

#[test]
fn quality_issues_name_what_is_wrong() {
    let mut engine = engine();
    let good = picture("obama.jpg");
    let dark = changed(&good, |value| value / 6);
    let bright = changed(&picture("obama3.jpg"), |value| value.saturating_mul(3));
    let flat = changed(&good, |value| 255 - (255 - value) / 4);
    for (issue, picture) in [
        (QualityIssue::TooDark, dark),
        (QualityIssue::TooBright, bright),
        (QualityIssue::LowContrast, flat),
        (QualityIssue::Blurred, blurred(&good)),
        (QualityIssue::TooSmall, reduced(&good, 6)),
        (QualityIssue::CutOff, right_of(&good, 470)),
    ] {
        let faces = detect(&mut engine, &picture);
        let quality = &faces.first().unwrap_or_else(|| panic!("no face for {issue:?}")).quality;
        assert!(quality.issues.contains(&issue), "{issue:?} is not in {quality:?}");
    }
}

#[test]
fn nonsensical_landmarks_still_give_a_chip() {
    let (engine, picture) = (engine(), picture("obama.jpg"));
    for (x, y) in [(0.0, 0.0), (f32::NAN, 1.0), (f32::INFINITY, f32::MIN), (-1e9, 1e30)] {
        let points = [0.0, 1.0, 2.0, 3.0, 4.0].map(|factor| Point::new(factor * x, factor * y));
        assert_eq!(engine.align(&picture, &Landmarks::from_points(points)).side(), 150);
    }
}

#[test]
fn chip_of_another_size_is_refused() {
    let chip = Chip::from_rgb(112, vec![0; 112 * 112 * 3]).unwrap();
    let refusal = engine().encode(&[chip]).unwrap_err();
    assert!(matches!(refusal, EngineError::ChipSide { expected: 150, found: 112 }), "{refusal}");
    assert_eq!(Chip::from_rgb(112, vec![0; 112]), None);
}

fn detect(engine: &mut EmbeddedEngine, picture: &Picture) -> Vec<DetectedFace> {
    engine.detect(picture, &DetectOptions::default()).unwrap()
}

fn largest(engine: &mut EmbeddedEngine, picture: &Picture) -> Embedding {
    engine.encode_faces(&[(picture, DetectOptions::default())]).unwrap().remove(0).remove(0).embedding
}

fn synthetic_chip() -> Chip {
    let value = |index: usize| {
        let (x, y, channel) = (index / 3 % 150, index / 3 / 150, index % 3);
        ((3 * x + 5 * y + 40 * channel) % 256) as u8
    };
    Chip::from_rgb(150, (0..150 * 150 * 3).map(value).collect()).unwrap()
}
