//! Segmentation map files, and inputs that cannot be contoured.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};
use vision::contour::{
    ContourError, ContourRequest, LandmarkFault, Position, SegmentationFault, SegmentationMap, Style, draw,
};
use vision::{ImageError, ImageLimits};

use crate::memory::peak_of;
use crate::setup::{LIMITS, with_orientation};
use crate::shapes::map;

const EYES: [Position; 2] = [Position::new(4.0, 5.0), Position::new(12.0, 5.0)];

#[test]
fn grey_levels_are_labels_in_every_lossless_format() {
    let grey = GrayImage::from_fn(16, 12, |x, _| Luma([[0, 3, 200, 4][x as usize / 4]]));
    let colour = DynamicImage::from(grey.clone()).into_rgb8();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif] {
        assert_eq!(labels(&encoded(&colour.clone().into(), format)), [3, 4, 200], "{format:?}");
    }
    assert_eq!(labels(&encoded(&grey.clone().into(), ImageFormat::Png)), [3, 4, 200]);
    assert_eq!(
        labels(&encoded(&DynamicImage::from(grey).into_luma_alpha8().into(), ImageFormat::Png)),
        [3, 4, 200]
    );
}

#[test]
fn colours_are_exact_labels_and_alpha_is_ignored() {
    let colours = [[0, 0, 0], [1, 2, 3], [1, 2, 4], [7, 7, 7]];
    let rgb = RgbImage::from_fn(16, 12, |x, _| Rgb(colours[x as usize / 4]));
    let clear = RgbaImage::from_fn(16, 12, |x, y| {
        let [red, green, blue] = rgb.get_pixel(x, y).0;
        Rgba([red, green, blue, x as u8])
    });
    for image in [DynamicImage::from(rgb), clear.into()] {
        assert_eq!(labels(&encoded(&image, ImageFormat::Png)), [0x01_0203, 0x01_0204, 0x07_0707]);
    }
}

#[test]
fn deep_grey_levels_are_used_unchanged_and_deep_colours_are_refused() {
    let grey = ImageBuffer::from_fn(16, 12, |x, _| Luma([[0_u16, 256, 257, 65_535][x as usize / 4]]));
    assert_eq!(labels(&encoded(&grey.into(), ImageFormat::Png)), [256, 257, 65_535]);
    let colour = ImageBuffer::from_fn(16, 12, |x, _| Rgb([256_u16, 0, x as u16]));
    let refusal = SegmentationMap::decode(&encoded(&colour.into(), ImageFormat::Png), &LIMITS).unwrap_err();
    assert_eq!(refusal, SegmentationFault::DeepColours.into());
}

#[test]
fn deep_maps_take_no_more_memory_than_their_pixels() {
    // One pixel in the last row is not grey.
    let is_odd = |x: u32, y: u32| (x, y) == (999, 999);
    let rgba = |x: u32, y: u32| Rgba([300_u16, 300, if is_odd(x, y) { 301 } else { 300 }, 65_535]);
    let rgb = |x: u32, y: u32| Rgb([300_u16, 300, if is_odd(x, y) { 301 } else { 300 }]);
    let files: [(DynamicImage, usize); 2] = [
        (ImageBuffer::from_fn(1000, 1000, rgb).into(), 6),
        (ImageBuffer::from_fn(1000, 1000, rgba).into(), 8),
    ];
    for (image, bytes_a_pixel) in files {
        let grey = encoded(&image.crop_imm(0, 0, 1000, 999), ImageFormat::Png);
        assert_eq!(labels(&grey), [300]);
        let file = encoded(&image, ImageFormat::Png);
        let mut refusal = None;
        let peak = peak_of(|| refusal = SegmentationMap::decode(&file, &LIMITS).err());
        assert_eq!(refusal, Some(SegmentationFault::DeepColours.into()));
        assert!(peak < (bytes_a_pixel + 1) * 1_000_000, "{peak} bytes");
    }
}

#[test]
fn jpeg_of_a_map_has_too_many_regions_and_is_rotated_upright() {
    let (mut file, mut black) = (Vec::new(), Vec::new());
    let noisy: Vec<u8> = (0..64 * 48 * 3_u32).map(|index| (index * 7 % 251) as u8).collect();
    Encoder::new(&mut file, 80).encode(&noisy, 64, 48, ColorType::Rgb).unwrap();
    let refusal = SegmentationMap::decode(&file, &LIMITS).unwrap_err();
    assert!(
        matches!(refusal, ContourError::SegmentationMismatch(SegmentationFault::TooManyRegions { .. })),
        "{refusal}"
    );

    Encoder::new(&mut black, 100).encode(&[255; 64 * 48 * 3], 64, 48, ColorType::Rgb).unwrap();
    let map = SegmentationMap::decode(&with_orientation(&black, 6), &LIMITS).unwrap();
    assert_eq!((map.width(), map.height(), map.labels()), (48, 64, &[255][..]));
}

#[test]
fn map_may_have_at_most_64_regions() {
    let stripes = |count: u32| {
        encoded(&GrayImage::from_fn(count + 1, 4, |x, _| Luma([x as u8])).into(), ImageFormat::Png)
    };
    assert_eq!(labels(&stripes(64)).len(), 64);
    let refusal = SegmentationMap::decode(&stripes(65), &LIMITS).unwrap_err();
    assert_eq!(refusal, SegmentationFault::TooManyRegions { found: 65 }.into());
    assert!(refusal.to_string().contains("65 distinct values"), "{refusal}");
    let black = GrayImage::new(16, 12);
    let refusal = SegmentationMap::decode(&encoded(&black.into(), ImageFormat::Png), &LIMITS).unwrap_err();
    assert_eq!(refusal, SegmentationFault::NoRegions.into());
}

#[test]
fn map_must_respect_the_limits_of_images() {
    let file = encoded(&GrayImage::from_pixel(16, 12, Luma([1])).into(), ImageFormat::Png);
    let limits = ImageLimits { max_pixels: 16 * 12 - 1, ..LIMITS };
    let refusal = SegmentationMap::decode(&file, &limits).unwrap_err();
    let expected = ImageError::TooManyPixels { width: 16, height: 12, limit: 16 * 12 - 1 };
    assert_eq!(refusal, ContourError::UnreadableMap(expected));
    let refusal = SegmentationMap::decode(b"no image", &LIMITS).unwrap_err();
    assert_eq!(refusal, ContourError::UnreadableMap(ImageError::Unsupported));
}

#[test]
fn large_map_is_read_at_full_size() {
    let fine = GrayImage::from_fn(4000, 20, |x, _| Luma([(x % 2) as u8 * 9]));
    let map = SegmentationMap::decode(&encoded(&fine.into(), ImageFormat::Png), &LIMITS).unwrap();
    assert_eq!((map.width(), map.height(), map.labels()), (4000, 20, &[9][..]));
}

#[test]
fn number_of_labels_must_match_the_pixels() {
    let refusal = SegmentationMap::from_labels(4, 4, &[1; 15]).unwrap_err();
    assert_eq!(refusal, SegmentationFault::OtherLength { found: 15, width: 4, height: 4 }.into());
}

#[test]
fn map_of_another_size_is_refused_with_both_sizes() {
    let request = request(&EYES);
    let refusal = draw(&request, &map(15, 12, |_, _| 1), None).unwrap_err();
    let expected = SegmentationFault::OtherSize { map_width: 15, map_height: 12, width: 16, height: 12 };
    assert_eq!(refusal, expected.into());
    assert!(refusal.to_string().contains("15x12") && refusal.to_string().contains("16x12"), "{refusal}");
    assert_eq!(request.check(15, 12).unwrap_err(), refusal);
    assert_eq!(request.check(16, 12), Ok(()));
}

#[test]
fn landmarks_without_a_direction_are_refused() {
    let with = |x: f64, y: f64| vec![EYES[0], EYES[1], Position::new(x, y)];
    let outside = |x: f64, y: f64| LandmarkFault::Outside { number: 3, x, y, width: 16, height: 12 };
    let mut on_one_place = vec![Position::new(8.0, 8.0); 68];
    on_one_place[0] = EYES[0];
    let refused = [
        (vec![], LandmarkFault::TooFew { found: 0 }),
        (EYES[..1].to_vec(), LandmarkFault::TooFew { found: 1 }),
        (vec![EYES[0]; 1025], LandmarkFault::TooMany { found: 1025 }),
        (with(16.1, 5.0), outside(16.1, 5.0)),
        (with(5.0, -0.1), outside(5.0, -0.1)),
        (with(5.0, 1e300), outside(5.0, 1e300)),
        (vec![EYES[0], EYES[0]], LandmarkFault::CoincidentEyes { x: 4.0, y: 5.0 }),
        (on_one_place, LandmarkFault::CoincidentEyes { x: 8.0, y: 8.0 }),
    ];
    for (landmarks, fault) in refused {
        assert_eq!(refusal_of(&landmarks), fault.into(), "{landmarks:?}");
    }
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for landmarks in [with(wrong, 1.0), with(1.0, wrong)] {
            let refusal = refusal_of(&landmarks);
            let is_told =
                matches!(refusal, ContourError::InvalidLandmarks(LandmarkFault::NotFinite { number: 3, .. }));
            assert!(is_told, "{refusal}");
        }
    }
    // Eyes at a face's width, with nose and mouth placed so that they cancel out the direction of the eyes.
    let no_face = [(4.0, 6.0), (8.0, 6.0), (6.0, 6.0), (8.38, 6.0), (3.62, 6.0)];
    let refusal = refusal_of(&no_face.map(|(x, y)| Position::new(x, y)));
    assert!(
        matches!(refusal, ContourError::InvalidLandmarks(LandmarkFault::NoFace { found: 5 })),
        "{refusal}"
    );
}

#[test]
fn landmarks_may_lie_exactly_on_the_edge() {
    let corners = [Position::new(0.0, 0.0), Position::new(16.0, 12.0)];
    assert_eq!(request(&corners).check(16, 12), Ok(()));
}

#[test]
fn style_that_cannot_be_drawn_is_refused() {
    let good = Style::default();
    let styles = [
        Style { fill_opacity: 1.01, ..good },
        Style { fill_opacity: -0.01, ..good },
        Style { fill_opacity: f64::NAN, ..good },
        Style { stroke_width: -1.0, ..good },
        Style { stroke_width: 100.5, ..good },
        Style { smoothing: -0.1, ..good },
        Style { smoothing: f64::INFINITY, ..good },
    ];
    for style in styles {
        let refusal = ContourRequest { style, ..request(&EYES) }.check(16, 12).unwrap_err();
        assert!(matches!(refusal, ContourError::BadStyle { .. }), "{style:?}");
    }
    let refusal = styles[0].check().unwrap_err();
    assert_eq!(refusal.to_string(), "the fill opacity is 1.01, but must be from 0 to 1");
}

fn request(landmarks: &[Position]) -> ContourRequest<'_> {
    ContourRequest { width: 16, height: 12, landmarks, style: Style::default(), least_area: 1 }
}

fn refusal_of(landmarks: &[Position]) -> ContourError {
    request(landmarks).check(16, 12).unwrap_err()
}

fn labels(file: &[u8]) -> Vec<u32> {
    SegmentationMap::decode(file, &LIMITS).unwrap().labels().to_vec()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}
