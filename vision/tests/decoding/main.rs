//! The actual cost of decoding compared with the maximum computed from headers: memory, counted over all threads, and
//! work.

#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, prints its numbers, and its images are small"
)]

mod jpegs;
mod lossless;
mod memory;
mod scans;
mod webp;

use std::io::{Cursor, Read};

use image::{DynamicImage, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use vision::contour::SegmentationMap;
use vision::{ImageError, ImageHeader, ImageLimits, Picture};

use crate::memory::alone;

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

const LIMITS: ImageLimits =
    ImageLimits { max_bytes: 1 << 28, max_pixels: 50_000_000, max_decode_bytes: 1 << 40 };

/// An image that is reduced while it is decoded, and one that is not.
const SIZES: [(u32, u32); 2] = [(3900, 1000), (1500, 1000)];

#[test]
fn image_takes_no_more_memory_than_its_header_allows_and_not_much_less() {
    let alone = alone();
    for (name, file) in SIZES.into_iter().flat_map(every_kind) {
        let header = ImageHeader::read(&file, &LIMITS).unwrap();
        let peak = alone.peak_of(|| Picture::decode(&file, &LIMITS).unwrap());
        tell(&name, "picture", peak, header.cost.memory_bytes);
        // A server must not refuse what it could decode. One mebibyte is allowed for what every decoder may hold.
        let tight = peak as u64 * 13 / 10 + (1 << 20);
        assert!(header.cost.memory_bytes <= tight, "{name}: {peak} of {}", header.cost.memory_bytes);
    }
}

#[test]
fn no_segmentation_map_takes_more_memory_than_its_header_allows() {
    let alone = alone();
    for (name, file) in SIZES.into_iter().flat_map(every_kind) {
        let header = ImageHeader::read_map(&file, &LIMITS).unwrap();
        // Most of them are not maps, which is detected when they are decoded.
        let peak = alone.peak_of(|| SegmentationMap::decode(&file, &LIMITS).is_ok());
        tell(&name, "map", peak, header.cost.map_memory_bytes);
    }
}

#[test]
fn image_that_takes_more_memory_than_available_is_refused_by_its_header() {
    let _alone = alone();
    for (name, file) in every_kind(SIZES[1]) {
        let cost = ImageHeader::read(&file, &LIMITS).unwrap().cost;
        let limits = ImageLimits { max_decode_bytes: cost.memory_bytes - 1, ..LIMITS };
        let refusal = ImageHeader::read(&file, &limits).unwrap_err();
        assert!(matches!(refusal, ImageError::TooMuchMemory { .. }), "{name}: {refusal}");
        assert_eq!(Picture::decode(&file, &limits).unwrap_err(), refusal, "{name}");
        let limits = ImageLimits { max_decode_bytes: cost.map_memory_bytes - 1, ..LIMITS };
        let refusal = ImageHeader::read_map(&file, &limits).unwrap_err();
        assert!(matches!(refusal, ImageError::TooMuchMemory { .. }), "{name}: {refusal}");
    }
}

#[test]
fn fifty_megapixels_of_sixteen_bits_take_little_memory() {
    let alone = alone();
    let (width, height) = (8660, 5773);
    let file = png_of((width, height), [16, 6], &zlib_of_zeros((1 + 8 * width as usize) * height as usize));
    let header = ImageHeader::read(&file, &LIMITS).unwrap();
    let peak = alone.peak_of(|| Picture::decode(&file, &LIMITS).unwrap());
    tell("50 megapixels of RGBA16", "picture", peak, header.cost.memory_bytes);
    assert!(
        header.cost.memory_bytes < 150 << 20,
        "{} bytes for a file of {}",
        header.cost.memory_bytes,
        file.len()
    );
}

#[test]
fn scans_are_limited_by_the_samples_that_they_visit() {
    let _alone = alone();
    let file = jpeg((2048, 2048), true, SamplingFactor::R_4_4_4, ColorType::Rgb);
    let samples = ImageHeader::read(&file, &LIMITS).unwrap().cost.samples;
    let bomb = with_scans_repeated(&file, 80);
    let cost = ImageHeader::read(&bomb, &LIMITS).unwrap().cost;
    assert_eq!(cost.samples, samples + 80 * 2048 * 2048);
    let limits = ImageLimits { max_pixels: 2048 * 2048, ..LIMITS };
    for refusal in [ImageHeader::read(&bomb, &limits).err(), Picture::decode(&bomb, &limits).err()] {
        let limit = 32 * 2048 * 2048;
        assert_eq!(refusal, Some(ImageError::TooManySamples { samples: cost.samples, limit }));
    }
    assert!(ImageHeader::read(&file, &limits).is_ok(), "an ordinary progressive file of the largest size");
}

#[test]
fn small_image_may_have_at_most_a_hundred_scans() {
    let _alone = alone();
    let file = jpeg((64, 48), true, SamplingFactor::R_4_4_4, ColorType::Rgb);
    let refusal = ImageHeader::read(&with_scans_repeated(&file, 200), &LIMITS).unwrap_err();
    assert!(matches!(refusal, ImageError::Invalid { .. }), "{refusal}");
}

#[test]
fn compressed_text_and_colour_profiles_are_not_inflated() {
    let alone = alone();
    let scene = DynamicImage::from(scene(64, 48));
    let plain = encoded(&scene, ImageFormat::Png);
    // 64 MiB that zlib compresses to 64 kB.
    let packed = zlib_of_zeros(64 << 20);
    let profile = [&b"icc\0\0"[..], &packed].concat();
    let text = [&b"comment\0\0"[..], &packed].concat();
    let international = [&b"XML:com.adobe.xmp\0\x01\0\0\0"[..], &packed].concat();
    for (kind, body) in [(b"iCCP", profile), (b"zTXt", text), (b"iTXt", international)] {
        let bomb = with_chunk(&plain, *kind, &body);
        let header = ImageHeader::read(&bomb, &LIMITS).unwrap();
        let peak = alone.peak_of(|| Picture::decode(&bomb, &LIMITS).unwrap());
        tell("a packed chunk", std::str::from_utf8(kind).unwrap(), peak, header.cost.memory_bytes);
        let peak = alone.peak_of(|| SegmentationMap::decode(&bomb, &LIMITS).is_ok());
        tell("a packed chunk", "map", peak, header.cost.map_memory_bytes);
    }
}

#[test]
fn rows_beyond_the_last_are_not_inflated() {
    let alone = alone();
    let plain = encoded(&DynamicImage::from(scene(64, 48)), ImageFormat::Png);
    let more = png_of((64, 48), [8, 2], &zlib_of_zeros(64 << 20));
    let peak = alone.peak_of(|| Picture::decode(&more, &LIMITS).unwrap());
    let most = ImageHeader::read(&plain, &LIMITS).unwrap().cost.memory_bytes;
    tell("a PNG with too many rows", "picture", peak, most);
}

#[test]
fn webp_whose_frame_is_larger_than_its_canvas_is_refused_by_its_header() {
    let alone = alone();
    let bomb = webp::extended((16, 16), &[], &webp::lossy(8000, 6000));
    let refusal = ImageHeader::read(&bomb, &LIMITS).unwrap_err();
    assert!(matches!(refusal, ImageError::Invalid { .. }), "{refusal}");
    let peak = alone.peak_of(|| Picture::decode(&bomb, &LIMITS).unwrap_err());
    assert!(peak < 1 << 20, "{peak}");
}

/// The peak memory in bytes, and the maximum by the header.
fn tell(name: &str, what: &str, peak: usize, most: u64) {
    println!("{name}, as {what}: {peak} of {most} bytes, {} %", peak as u64 * 100 / most);
    assert!(
        peak as u64 <= most,
        "{name}, as {what}: {peak} bytes, more than the {most} that its header allows"
    );
}

fn every_kind((width, height): (u32, u32)) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut add = |name: &str, file: Vec<u8>| files.push((format!("{width}x{height} {name}"), file));
    for (sampling, ratio) in [(SamplingFactor::R_4_4_4, "4:4:4"), (SamplingFactor::R_4_2_0, "4:2:0")] {
        for is_progressive in [false, true] {
            let file = jpeg((width, height), is_progressive, sampling, ColorType::Rgb);
            add(&format!("JPEG {ratio}, turned, progressive: {is_progressive}"), on_its_side(&file));
        }
    }
    for (colours, name) in [(ColorType::Luma, "grey"), (ColorType::Cmyk, "CMYK")] {
        for is_progressive in [false, true] {
            let file = jpeg((width, height), is_progressive, SamplingFactor::R_4_4_4, colours);
            add(&format!("JPEG {name}, progressive: {is_progressive}"), file);
        }
    }
    let image = DynamicImage::from(scene(width, height));
    for image in [
        image.to_luma8().into(),
        image.to_luma_alpha8().into(),
        image.to_luma16().into(),
        image.to_luma_alpha16().into(),
        image.clone(),
        image.to_rgb16().into(),
        image.to_rgba8().into(),
        image.to_rgba16().into(),
    ] {
        add(&format!("PNG {:?}", image.color()), encoded(&image, ImageFormat::Png));
    }
    add("GIF", encoded(&image, ImageFormat::Gif));
    for image in [image.clone(), image.to_rgba8().into()] {
        add(&format!("WebP {:?}", image.color()), encoded(&image, ImageFormat::WebP));
        add(&format!("BMP {:?}", image.color()), encoded(&image, ImageFormat::Bmp));
    }
    let lossy = webp::lossy(width, height);
    let transparency = webp::transparency((width, height));
    add("WebP lossy", webp::riff(&lossy));
    add("WebP lossy, with transparency", webp::extended((width, height), &transparency, &lossy));
    add("WebP animation, with transparency", webp::animation((width, height), &transparency, &lossy));
    files
}

fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([(x / 9) as u8, (y / 7) as u8, ((x ^ y) / 16) as u8]))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn jpeg(
    (width, height): (u32, u32),
    is_progressive: bool,
    sampling: SamplingFactor,
    colours: ColorType,
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 80);
    encoder.set_progressive(is_progressive);
    encoder.set_sampling_factor(sampling);
    let image = DynamicImage::from(scene(width, height));
    let pixels = match colours {
        ColorType::Luma => image.into_luma8().into_raw(),
        ColorType::Cmyk => image.into_rgba8().into_raw(),
        _ => image.into_bytes(),
    };
    encoder.encode(&pixels, width as u16, height as u16, colours).unwrap();
    file
}

/// With an EXIF orientation of a quarter turn.
fn on_its_side(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"\xFF\xE1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

/// With its last scan repeated that many times.
fn with_scans_repeated(progressive: &[u8], times: usize) -> Vec<u8> {
    let scan = progressive.windows(2).rposition(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    let (before, last) = progressive.split_at(scan);
    [before, &last[..last.len() - 2].repeat(times + 1), &[0xFF, 0xD9]].concat()
}

/// A zlib stream of that many zeros.
fn zlib_of_zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::repeat(0).take(bytes as u64), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

/// With a chunk before its pixels.
fn with_chunk(png: &[u8], kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let (header, rest) = png.split_at(33);
    [header, &chunk(kind, body), rest].concat()
}

/// depth: bits per sample, and the colour type.
fn png_of((width, height): (u32, u32), depth: [u8; 2], rows: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &depth, &[0; 3]].concat();
    let chunks = [chunk(*b"IHDR", &header), chunk(*b"IDAT", rows), chunk(*b"IEND", &[])].concat();
    [&b"\x89PNG\r\n\x1A\n"[..], &chunks].concat()
}

fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [&kind[..], body].concat();
    let (length, checksum) = (body.len() as u32, crc32fast::hash(&named));
    [&length.to_be_bytes()[..], &named, &checksum.to_be_bytes()].concat()
}
