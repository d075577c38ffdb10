//! Image files: the set-up's photos, and small ones drawn by hand.

use std::path::{Path, PathBuf};

/// What `make prepare` has laid out.
pub(crate) fn home() -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join(".faceql");
    assert!(home.join("photos").is_dir(), "{} is incomplete: run `make prepare`", home.display());
    home
}

/// The bytes of one of the set-up's photos.
pub(crate) fn photo(name: &str) -> Vec<u8> {
    let path = home().join("photos").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `make prepare`", path.display()))
}

/// A BMP of 64x64 pixels without a face; every `shade` is another file.
pub(crate) fn drawn(shade: u8) -> Vec<u8> {
    let mut file = bmp_header(64, 64);
    let row = |y: u8| (0..64).flat_map(move |x| [shade, y * 4, x * 4]);
    file.extend((0..64).flat_map(row));
    file
}

/// The header of a 24-bit BMP, without its pixels.
pub(crate) fn bmp_header(width: i32, height: i32) -> Vec<u8> {
    let size = 54 + width.wrapping_mul(height).wrapping_mul(3);
    let mut header = b"BM".to_vec();
    for number in [size, 0, 54, 40, width, height] {
        header.extend(number.to_le_bytes());
    }
    header.extend([1, 0, 24, 0]);
    for number in [0, size - 54, 2835, 2835, 0, 0] {
        header.extend(number.to_le_bytes());
    }
    header
}
