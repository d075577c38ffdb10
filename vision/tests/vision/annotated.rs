//! Annotated images.

use vision::{
    BoundingBox, DetectOptions, DetectedFace, FaceEngine, FaceQuality, Landmarks, MAX_ANNOTATED_SIDE,
    Picture, Point, annotate,
};

use crate::photographs::enlarged;
use crate::setup::{LIMITS, engine, picture};

const GREY: u8 = 128;
/// The colour of landmarks.
const GREEN: [u8; 3] = [0x2B, 0xE0, 0x8C];
/// Pixels from a landmark to the dark ring around its dot, where lines are four pixels wide.
const DOT_TO_RING: u32 = 6;

#[test]
fn copy_is_at_most_1920_pixels_long_and_never_enlarged() {
    for ((width, height), expected) in
        [((3000, 1500), (1920, 960)), ((100, 2500), (77, 1920)), ((640, 480), (640, 480))]
    {
        let copy = annotated(&plain(width, height), &[]);
        assert_eq!((copy.width(), copy.height()), expected);
        assert!(copy.width().max(copy.height()) <= MAX_ANNOTATED_SIDE);
        assert_eq!(changed(&copy, 0..copy.width(), 0..copy.height()), 0);
    }
}

#[test]
fn box_landmarks_and_confidence_are_drawn_at_the_face() {
    let face = face_in(1000.0, 600.0, 800.0, 1000.0);
    // Half of its size: the box is at 500, 300 to 900, 800.
    let copy = annotated(&plain(3840, 2400), std::slice::from_ref(&face));
    for (name, columns, rows) in [
        ("left edge", 498..503, 400..700),
        ("right edge", 898..903, 400..700),
        ("upper edge", 600..800, 298..303),
        ("lower edge", 600..800, 798..803),
        ("confidence", 504..560, 270..290),
    ] {
        let all = columns.len() * rows.len();
        assert!(changed(&copy, columns, rows) * 10 > all * 7, "{name}");
    }
    for point in face.landmarks.points() {
        let (x, y) = ((point.x / 2.0) as u32, (point.y / 2.0) as u32);
        assert_eq!(changed(&copy, x - 2..x + 3, y - 2..y + 3), 25, "{point:?}");
    }
    for (name, columns, rows) in
        [("outside", 0..480, 0..1200), ("cheek", 560..590, 600..690), ("below", 480..920, 830..1200)]
    {
        assert_eq!(changed(&copy, columns, rows), 0, "{name}");
    }
}

#[test]
fn confidence_is_readable_even_at_the_upper_edge() {
    let at_top = annotated(&plain(960, 960), &[face_in(300.0, 2.0, 300.0, 300.0)]);
    let (light, dark) = plate_colours(&at_top, 304..350, 8..24);
    assert!(light > 200 && dark > 50, "{light} pixels of the plate and {dark} of letters");
    // "0.98" and "0.12" differ only in their digits.
    let unsure = DetectedFace { confidence: 0.12, ..face_in(300.0, 2.0, 300.0, 300.0) };
    assert_ne!(at_top.pixels(), annotated(&plain(960, 960), &[unsure]).pixels());
}

#[test]
fn faces_that_extend_beyond_the_image_are_clipped() {
    let picture = plain(400, 300);
    let inside = face_in(100.0, 100.0, 80.0, 80.0);
    let reaching = [
        face_in(-50.0, -60.0, 200.0, 200.0),
        face_in(350.0, 250.0, 200.0, 200.0),
        face_in(-500.0, -500.0, 2000.0, 2000.0),
        face_in(1000.0, 1000.0, 50.0, 50.0),
        face_in(-1e9, 20.0, 50.0, 1e9),
        face_in(20.0, 20.0, 0.0, 0.0),
        face_in(f32::NAN, f32::INFINITY, f32::NAN, f32::NEG_INFINITY),
    ];
    for face in reaching {
        let copy = annotated(&picture, &[face, inside.clone()]);
        assert_eq!((copy.width(), copy.height()), (400, 300));
        assert!(changed(&copy, 99..102, 120..160) > 100);
    }
    assert!(changed(&annotated(&plain(1, 1), &[inside]), 0..1, 0..1) <= 1);
}

#[test]
fn reduced_photo_is_annotated_at_the_right_position() {
    let photo = enlarged(&picture("obama.jpg"), 4);
    assert!(photo.width() < photo.original_width());
    let faces = engine().detect(&photo, &DetectOptions::default()).unwrap();
    let [bare, copy] = [&[][..], &faces[..]].map(|faces| annotated(&photo, faces));
    let scale = copy.width() as f32 / photo.original_width() as f32;
    for point in faces[0].landmarks.points() {
        let (x, y) = ((point.x * scale) as u32, (point.y * scale) as u32);
        let [dot, ring, before] = [pixel(&copy, x, y), pixel(&copy, x + DOT_TO_RING, y), pixel(&bare, x, y)];
        assert!(difference(dot, GREEN) < 40, "{point:?} is {dot:?}");
        assert!(ring.iter().all(|&channel| channel < 110), "around {point:?} is {ring:?}");
        assert!(difference(before, GREEN) > 100, "{point:?} was {before:?}");
    }
}

/// The largest difference of a channel.
fn difference(one: &[u8], other: [u8; 3]) -> u8 {
    one.iter().zip(other).map(|(one, other)| one.abs_diff(other)).max().unwrap()
}

fn pixel(copy: &Picture, x: u32, y: u32) -> &[u8] {
    pixels(copy, x..x + 1, y..y + 1).next().unwrap()
}

/// The number of pixels that are no longer grey.
fn changed(copy: &Picture, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> usize {
    pixels(copy, columns, rows)
        .filter(|pixel| pixel.iter().any(|channel| channel.abs_diff(GREY) > 24))
        .count()
}

/// The number of light and of dark pixels.
fn plate_colours(
    copy: &Picture,
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
) -> (usize, usize) {
    let green: Vec<u8> = pixels(copy, columns, rows).map(|pixel| pixel[1]).collect();
    (green.iter().filter(|&&green| green > 190).count(), green.iter().filter(|&&green| green < 80).count())
}

fn pixels(
    copy: &Picture,
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
) -> impl Iterator<Item = &[u8]> {
    let width = copy.width();
    let places = rows.flat_map(move |y| columns.clone().map(move |x| (y * width + x) as usize * 3));
    places.map(|start| &copy.pixels()[start..start + 3])
}

fn annotated(picture: &Picture, faces: &[DetectedFace]) -> Picture {
    Picture::decode(&annotate(picture, faces).unwrap(), &LIMITS).unwrap()
}

fn plain(width: u32, height: u32) -> Picture {
    Picture::from_rgb(width, height, vec![GREY; width as usize * height as usize * 3]).unwrap()
}

fn face_in(x: f32, y: f32, width: f32, height: f32) -> DetectedFace {
    let at = |right: f32, down: f32| Point::new(x + right * width, y + down * height);
    DetectedFace {
        bounding_box: BoundingBox { x, y, width, height },
        confidence: 0.98,
        landmarks: Landmarks::from_points([
            at(0.3, 0.4),
            at(0.7, 0.4),
            at(0.5, 0.6),
            at(0.35, 0.8),
            at(0.65, 0.8),
        ]),
        quality: FaceQuality {
            overall: 1.0,
            sharpness: 1.0,
            brightness: 1.0,
            contrast: 1.0,
            size: 1.0,
            frontality: 1.0,
            yaw: 0.0,
            pitch: 0.0,
            roll: 0.0,
            issues: Vec::new(),
        },
    }
}
