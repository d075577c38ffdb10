//! Decoding image files: every format, and damaged or malicious files.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat as Encoding, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use vision::{ImageError, ImageFormat, ImageHeader, ImageLimits, Picture};

use crate::photographs::turned;
use crate::setup::{LIMITS, with_orientation};

#[test]
fn format_and_size_are_detected_by_content() {
    for (format, file) in every_format() {
        let header = ImageHeader::read(&file, &LIMITS).unwrap();
        assert_eq!((header.format, header.width, header.height), (format, 64, 48));
    }
}

#[test]
fn lossless_formats_give_the_exact_pixels() {
    for (format, file) in every_format() {
        let picture = Picture::decode(&file, &LIMITS).unwrap();
        assert_eq!((picture.width(), picture.height()), (64, 48));
        assert_eq!((picture.original_width(), picture.original_height()), (64, 48));
        if matches!(format, ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp) {
            assert_eq!(picture.pixels(), scene(64, 48).as_raw().as_slice(), "{format:?}");
        }
    }
}

#[test]
fn every_jpeg_colour_space_gives_about_the_same_image() {
    let scene = scene(64, 48);
    let grey =
        |rgb: &Rgb<u8>| 0.299 * f32::from(rgb[0]) + 0.587 * f32::from(rgb[1]) + 0.114 * f32::from(rgb[2]);
    let luma: Vec<u8> = scene.pixels().map(|rgb| grey(rgb) as u8).collect();
    let cmyk: Vec<u8> =
        scene.pixels().flat_map(|rgb| [255 - rgb[0], 255 - rgb[1], 255 - rgb[2], 0]).collect();
    let files = [
        (jpeg(scene.as_raw(), 64, 48, ColorType::Rgb, true), scene.as_raw().clone()),
        (jpeg(&luma, 64, 48, ColorType::Luma, false), luma.iter().flat_map(|&grey| [grey; 3]).collect()),
        (jpeg(&cmyk, 64, 48, ColorType::Cmyk, false), scene.as_raw().clone()),
    ];
    for (number, (file, expected)) in files.into_iter().enumerate() {
        let picture = Picture::decode(&file, &LIMITS).unwrap();
        let off: f32 = picture.pixels().iter().zip(&expected).map(|(a, b)| f32::from(a.abs_diff(*b))).sum();
        assert!(off / (expected.len() as f32) < 8.0, "file {number} is off by {off}");
    }
}

#[test]
fn transparency_is_blended_with_white() {
    let colours = [Rgba([0, 0, 0, 0]), Rgba([200, 100, 0, 255]), Rgba([0, 0, 0, 128])];
    let image = RgbaImage::from_fn(3, 1, |x, _| colours[x as usize]);
    let picture = Picture::decode(&encoded(&image.into(), Encoding::Png), &LIMITS).unwrap();
    assert_eq!(picture.pixels(), [255, 255, 255, 200, 100, 0, 127, 127, 127]);
}

#[test]
fn deep_and_grey_pngs_become_eight_bit_rgb() {
    let deep = DynamicImage::ImageRgb8(scene(8, 8)).into_rgb16();
    let picture = Picture::decode(&encoded(&deep.into(), Encoding::Png), &LIMITS).unwrap();
    assert_eq!(picture.pixels(), scene(8, 8).as_raw().as_slice());

    let grey = GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * 20 + y) as u8]));
    let picture = Picture::decode(&encoded(&grey.into(), Encoding::Png), &LIMITS).unwrap();
    assert_eq!(&picture.pixels()[..6], [0, 0, 0, 20, 20, 20]);
}

#[test]
fn orientation_rotates_the_image_upright() {
    let upright =
        Picture::decode(&jpeg(scene(64, 48).as_raw(), 64, 48, ColorType::Rgb, false), &LIMITS).unwrap();
    for orientation in 1..=8 {
        let stored = turned(&scene(64, 48), orientation);
        let (width, height) = stored.dimensions();
        let file = jpeg(stored.as_raw(), width as u16, height as u16, ColorType::Rgb, false);
        let file = with_orientation(&file, orientation);
        let header = ImageHeader::read(&file, &LIMITS).unwrap();
        assert_eq!((header.width, header.height), (64, 48), "orientation {orientation}");
        let picture = Picture::decode(&file, &LIMITS).unwrap();
        let off: u64 =
            picture.pixels().iter().zip(upright.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(off / (64 * 48 * 3) < 6, "orientation {orientation} is off by {off}");
    }
}

#[test]
fn large_jpeg_is_decoded_at_half_its_size_and_a_small_one_is_not() {
    let (width, height) = (4000, 1000);
    let file = with_orientation(&jpeg(scene(4000, 1000).as_raw(), width, height, ColorType::Rgb, false), 6);
    let picture = Picture::decode(&file, &LIMITS).unwrap();
    assert_eq!((picture.original_width(), picture.original_height()), (1000, 4000));
    assert_eq!((picture.width(), picture.height()), (500, 2000));

    let file = jpeg(scene(3839, 16).as_raw(), 3839, 16, ColorType::Rgb, false);
    assert_eq!(Picture::decode(&file, &LIMITS).unwrap().width(), 3839);
}

#[test]
fn large_png_is_reduced_as_a_jpeg_would_be() {
    let photo = scene(4000, 1000);
    let png = Picture::decode(&encoded(&photo.clone().into(), Encoding::Png), &LIMITS).unwrap();
    let jpeg = Picture::decode(&jpeg(photo.as_raw(), 4000, 1000, ColorType::Rgb, false), &LIMITS).unwrap();
    let sizes = |picture: &Picture| {
        [picture.width(), picture.height(), picture.original_width(), picture.original_height()]
    };
    assert_eq!((sizes(&png), sizes(&jpeg)), ([2000, 500, 4000, 1000], [2000, 500, 4000, 1000]));
    let off: u64 = png.pixels().iter().zip(jpeg.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(off / (2000 * 500 * 3) < 6, "it is off by {off}");

    let small = encoded(&scene(3839, 16).into(), Encoding::Png);
    assert_eq!(Picture::decode(&small, &LIMITS).unwrap().width(), 3839);
}

#[test]
fn truncated_file_is_refused_wherever_it_ends() {
    for (format, file) in every_format().into_iter().chain([(ImageFormat::Jpeg, progressive())]) {
        for length in (1..file.len()).step_by(1 + file.len() / 97).chain([file.len() - 1]) {
            match Picture::decode(&file[..length], &LIMITS) {
                Err(ImageError::Invalid { .. } | ImageError::Unsupported) => {}
                // The trailer of a GIF does not affect its first frame.
                Ok(picture) if format == ImageFormat::Gif => {
                    assert_eq!(picture.pixels(), whole(&file).pixels());
                }
                other => panic!("{format:?} cut to {length} of {} bytes: {other:?}", file.len()),
            }
        }
    }
}

#[test]
fn bytes_after_the_end_are_ignored() {
    for (format, file) in every_format() {
        let longer = [&file[..], b"appended by somebody"].concat();
        let picture = Picture::decode(&longer, &LIMITS).unwrap();
        assert_eq!(picture.pixels(), whole(&file).pixels(), "{format:?}");
    }
}

#[test]
fn empty_files_and_text_are_not_images() {
    assert_eq!(Picture::decode(b"", &LIMITS).unwrap_err(), ImageError::Empty);
    assert_eq!(
        Picture::decode(b"I am a photo.jpg, believe me", &LIMITS).unwrap_err(),
        ImageError::Unsupported
    );
    assert_eq!(ImageHeader::read(b"<svg></svg>", &LIMITS).unwrap_err(), ImageError::Unsupported);
    assert!(matches!(Picture::decode(&[0; 4096], &LIMITS), Err(ImageError::Unsupported)));
}

#[test]
fn too_many_bytes_are_refused_before_they_are_read() {
    let limits = ImageLimits { max_bytes: 10, ..LIMITS };
    let refusal = Picture::decode(b"more than ten bytes", &limits).unwrap_err();
    assert_eq!(refusal, ImageError::TooManyBytes { bytes: 19, limit: 10 });
}

#[test]
fn header_that_claims_too_many_pixels_is_refused() {
    let limits = ImageLimits { max_pixels: 64 * 48 - 1, ..LIMITS };
    for (format, file) in every_format() {
        let refusal = Picture::decode(&file, &limits).unwrap_err();
        let expected = ImageError::TooManyPixels { width: 64, height: 48, limit: 64 * 48 - 1 };
        assert_eq!(refusal, expected, "{format:?}");
    }
}

#[test]
fn forged_header_costs_nothing() {
    let started = std::time::Instant::now();
    for file in bombs() {
        let refusal = Picture::decode(&file, &LIMITS).unwrap_err();
        assert!(matches!(refusal, ImageError::TooManyPixels { .. }), "{refusal:?}");
    }
    assert!(started.elapsed().as_millis() < 500, "{:?}", started.elapsed());
}

#[test]
fn jpeg_with_excessive_scans_is_refused() {
    let file = progressive();
    let scan = file.windows(2).rposition(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    let (before, last) = file.split_at(scan);
    let endless = [before, &last[..last.len() - 2].repeat(200), &[0xFF, 0xD9]].concat();
    assert!(matches!(Picture::decode(&endless, &LIMITS), Err(ImageError::Invalid { .. })));
}

#[test]
fn damaged_files_never_panic() {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % limit as u64) as usize
    };
    let limits = ImageLimits { max_pixels: 1 << 22, ..LIMITS };
    let large = jpeg(scene(3840, 16).as_raw(), 3840, 16, ColorType::Rgb, false);
    let files = every_format().into_iter().map(|(_, file)| file).chain([progressive(), large]);
    for file in files {
        for _ in 0..400 {
            let mut damaged = file.clone();
            for _ in 0..=next(6) {
                // The first kilobyte contains the headers, where damage has the most effect.
                let at = if next(2) == 0 { next(damaged.len().min(1024)) } else { next(damaged.len()) };
                damaged[at] = next(256) as u8;
            }
            if let Ok(picture) = Picture::decode(&damaged, &limits) {
                assert_eq!(picture.pixels().len(), picture.width() as usize * picture.height() as usize * 3);
            }
        }
    }
}

fn every_format() -> Vec<(ImageFormat, Vec<u8>)> {
    let image = DynamicImage::from(scene(64, 48));
    vec![
        (ImageFormat::Jpeg, jpeg(image.as_bytes(), 64, 48, ColorType::Rgb, false)),
        (ImageFormat::Png, encoded(&image, Encoding::Png)),
        (ImageFormat::WebP, encoded(&image, Encoding::WebP)),
        (ImageFormat::Gif, encoded(&image, Encoding::Gif)),
        (ImageFormat::Bmp, encoded(&image, Encoding::Bmp)),
    ]
}

fn progressive() -> Vec<u8> {
    jpeg(scene(64, 48).as_raw(), 64, 48, ColorType::Rgb, true)
}

/// An image with shades, edges and fine detail, whose sides all differ.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let edge = if x * 2 < width && y * 3 < height { 90 } else { 0 };
        Rgb([
            (x * 150 / width + edge) as u8,
            (y * 150 / height + edge) as u8,
            ((x / 8 + y / 8) % 2 * 60) as u8,
        ])
    })
}

fn whole(file: &[u8]) -> Picture {
    Picture::decode(file, &LIMITS).unwrap()
}

fn encoded(image: &DynamicImage, encoding: Encoding) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, encoding).unwrap();
    file.into_inner()
}

fn jpeg(pixels: &[u8], width: u16, height: u16, colours: ColorType, is_progressive: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 95);
    encoder.set_progressive(is_progressive);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    encoder.encode(pixels, width, height, colours).unwrap();
    file
}

/// Files of every format that claim the maximum size that their headers can express.
fn bombs() -> Vec<Vec<u8>> {
    let files: Vec<_> = every_format().into_iter().map(|(_, file)| file).collect();
    let [mut jpeg, mut png, mut webp, mut gif, mut bmp]: [Vec<u8>; 5] = files.try_into().unwrap();
    let frame = jpeg.windows(2).position(|bytes| bytes == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    png[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    gif[6..10].fill(0xFF);
    bmp[18..26].copy_from_slice(&[0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0]);
    // Lossless WebP: a byte of signature, then 14 bits of width - 1 and 14 of height - 1.
    let size = webp.windows(4).position(|bytes| bytes == b"VP8L").unwrap() + 9;
    webp[size..size + 4].copy_from_slice(&(0x3FFE_u32 | 0x3FFE << 14).to_le_bytes());
    vec![jpeg, png, webp, gif, bmp]
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
