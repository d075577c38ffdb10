//! The image decoder: any bytes give a picture of the size in their header, or an error.

#![no_main]

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use libfuzzer_sys::fuzz_target;
use vision::contour::SegmentationMap;
use vision::{ImageHeader, ImageLimits, Picture};

const LIMITS: ImageLimits =
    ImageLimits { max_bytes: 1 << 20, max_pixels: 1 << 16, max_decode_bytes: 1 << 26 };

fuzz_target!(init: faceql_fuzz::plant("image", seeds()), |bytes: &[u8]| {
    let header = ImageHeader::read(bytes, &LIMITS);
    match (Picture::decode(bytes, &LIMITS), &header) {
        (Ok(picture), Ok(header)) => {
            assert_eq!((picture.original_width(), picture.original_height()), (header.width, header.height));
            assert_eq!(picture.pixels().len() as u64, 3 * u64::from(picture.width()) * u64::from(picture.height()));
        }
        (Ok(_), Err(error)) => panic!("decoded, though its header was refused: {error}"),
        (Err(_), _) => {}
    }
    if let (Ok(map), Ok(header)) = (SegmentationMap::decode(bytes, &LIMITS), header) {
        assert_eq!((map.width(), map.height()), (header.width, header.height));
    }
});

/// A small pattern in every supported format, in grey, in colour and with transparency where supported.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let shade = |x: u32, y: u32| (x * 16 ^ y * 16) as u8;
    let pictures: [(&str, DynamicImage); 3] = [
        ("grey", GrayImage::from_fn(16, 12, |x, y| Luma([shade(x, y)])).into()),
        ("rgb", RgbImage::from_fn(16, 12, |x, y| Rgb([shade(x, y), shade(y, x), 7])).into()),
        (
            "rgba",
            RgbaImage::from_fn(16, 12, |x, y| Rgba([shade(x, y), 9, shade(y, x), (x * 17) as u8])).into(),
        ),
    ];
    let formats =
        [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];
    let every = pictures.iter().flat_map(|(name, picture)| formats.map(|format| (*name, picture, format)));
    let written = every.filter_map(|(name, picture, format)| {
        let mut file = Cursor::new(Vec::new());
        // Not every format supports grey or transparency.
        picture.write_to(&mut file, format).ok()?;
        Some((format!("seed-{name}.{}", format.extensions_str()[0]), file.into_inner()))
    });
    written.collect()
}
