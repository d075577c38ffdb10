//! Malicious JPEGs, with many scans or with large metadata.

use vision::{ImageError, ImageHeader, Picture};

use crate::memory::alone;
use crate::scans::many_scans;
use crate::{LIMITS, jpeg, tell};
use jpeg_encoder::{ColorType, SamplingFactor};

#[test]
fn fifty_megapixels_are_refused_with_a_hundred_scans_and_decoded_with_thirty() {
    let alone = alone();
    let bomb = many_scans((8660, 5773), 100);
    assert!(bomb.len() < 300_000);
    let refusal = Picture::decode(&bomb, &LIMITS).unwrap_err();
    assert!(matches!(refusal, ImageError::TooManySamples { .. }), "{refusal}");
    let most = many_scans((8660, 5773), 30);
    let header = ImageHeader::read(&most, &LIMITS).unwrap();
    let peak = alone.peak_of(|| Picture::decode(&most, &LIMITS).unwrap());
    tell("50 megapixels in 30 scans", "picture", peak, header.cost.memory_bytes);
}

#[test]
fn metadata_counts_as_memory() {
    let alone = alone();
    let plain = jpeg((640, 480), false, SamplingFactor::R_4_2_0, ColorType::Rgb);
    for start in
        [&b"ICC_PROFILE\0\x01\xFF"[..], b"http://ns.adobe.com/xap/1.0/\0", b"Exif\0\0", b"none of these"]
    {
        let marker = if start.starts_with(b"ICC") { 0xE2 } else { 0xE1 };
        let segment = segment(marker, &[start, &vec![b'.'; 60_000][..]].concat());
        let file = [&plain[..2], &segment.repeat(300), &plain[2..]].concat();
        let header = ImageHeader::read(&file, &LIMITS).unwrap();
        let peak = alone.peak_of(|| Picture::decode(&file, &LIMITS).unwrap()) as u64;
        assert!(peak <= header.cost.memory_bytes, "{peak} of {}", header.cost.memory_bytes);
    }
}

#[test]
fn file_with_too_many_segments_is_refused_before_the_decoder_reads_them() {
    let _alone = alone();
    let plain = jpeg((64, 48), false, SamplingFactor::R_4_2_0, ColorType::Rgb);
    // The parts of a long XMP, each empty. The decoder searches all of them at each segment.
    let part = [&b"http://ns.adobe.com/xmp/extension/\0"[..], &[b'0'; 32], &[0, 0, 0, 9], &[0; 4]].concat();
    let parts = segment(0xE1, &part).repeat(100_000);
    let bomb = [&plain[..2], &parts, &plain[2..]].concat();
    // So that decoders see the segments, but a count of them does not.
    let hidden = [&plain[..2], &[0xFF, 0x00, 0xE1], &parts[2..], &plain[2..]].concat();
    let alone_standing = [&plain[..2], &[0xFF, 0xD0, 0x00, 0x02], &parts, &plain[2..]].concat();
    for file in [bomb, hidden, alone_standing] {
        let refusal = ImageHeader::read(&file, &LIMITS).unwrap_err();
        assert!(matches!(refusal, ImageError::Invalid { .. }), "{refusal}");
    }
}

#[test]
fn file_with_too_many_codes_is_refused() {
    let _alone = alone();
    let plain = jpeg((64, 48), false, SamplingFactor::R_4_2_0, ColorType::Rgb);
    let code = [&[0x13, 1][..], &[0; 15], &[7]].concat();
    let few = [&plain[..2], &segment(0xC4, &code.repeat(3000)).repeat(4), &plain[2..]].concat();
    let many = [&plain[..2], &segment(0xC4, &code.repeat(3000)).repeat(5), &plain[2..]].concat();
    assert!(Picture::decode(&few, &LIMITS).is_ok());
    assert!(matches!(ImageHeader::read(&many, &LIMITS), Err(ImageError::Invalid { .. })));
}

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &length[..], body].concat()
}
