//! Image files: the setup's photos, and small ones drawn by code.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use vision::{ImageLimits, Picture};

/// The folder that `make prepare` installs into.
pub(crate) fn home() -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join(".faceql");
    assert!(home.join("photos").is_dir(), "{} is incomplete: run `make prepare`", home.display());
    home
}

/// The bytes of one of the setup's photos.
pub(crate) fn photo(name: &str) -> Vec<u8> {
    let path = home().join("photos").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `make prepare`", path.display()))
}

/// A BMP of 64x64 pixels without a face; every `shade` gives a different file.
pub(crate) fn drawn(shade: u8) -> Vec<u8> {
    let mut file = bmp_header(64, 64);
    let row = |y: u8| (0..64).flat_map(move |x| [shade, y * 4, x * 4]);
    file.extend((0..64).flat_map(row));
    file
}

/// An image with one row and that many columns.
pub(crate) fn wide(columns: u8) -> Bytes {
    let mut file = bmp_header(columns.into(), 1);
    file.resize(file.len() + usize::from(columns).next_multiple_of(4) * 3, 0);
    file.into()
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

/// A photo's pixels, to be drawn over; [`Canvas::file`] makes an image of them.
#[derive(Clone)]
pub(crate) struct Canvas {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Canvas {
    /// A photo of the setup.
    pub(crate) fn photo(name: &str) -> Self {
        let limits = ImageLimits { max_bytes: 1 << 24, max_pixels: 1 << 26, max_decode_bytes: 1 << 30 };
        let picture = Picture::decode(&photo(name), &limits).unwrap();
        let pixels = picture.pixels().as_chunks().0.to_vec();
        Self { width: picture.width() as usize, pixels }
    }

    fn height(&self) -> usize {
        self.pixels.len() / self.width
    }

    /// Reduced to `width` pixels by leaving out pixels.
    pub(crate) fn reduced(&self, width: usize) -> Self {
        let height = self.height() * width / self.width;
        let pixel =
            |x: usize, y: usize| self.pixels[y * self.width / width * self.width + x * self.width / width];
        Self { width, pixels: each_pixel(width, height, pixel) }
    }

    /// About the same size as before, but made only of every `side`th pixel in both directions.
    pub(crate) fn blurred(&self, side: usize) -> Self {
        let small = self.reduced(self.width / side);
        let pixel = |x: usize, y: usize| {
            let (left, top) = ((x / side).min(small.width - 2), (y / side).min(small.height() - 2));
            let (right, down) = ((x % side), (y % side));
            std::array::from_fn(|channel| {
                let at = |x: usize, y: usize| usize::from(small.pixels[y * small.width + x][channel]);
                let upper = at(left, top) * (side - right) + at(left + 1, top) * right;
                let lower = at(left, top + 1) * (side - right) + at(left + 1, top + 1) * right;
                u8::try_from((upper * (side - down) + lower * down) / (side * side)).unwrap()
            })
        };
        let (width, height) = (small.width * side, small.height() * side);
        Self { width, pixels: each_pixel(width, height, pixel) }
    }

    /// Each channel value replaced by `change`.
    pub(crate) fn with(mut self, change: impl Fn(u8) -> u8) -> Self {
        self.pixels.iter_mut().flatten().for_each(|channel| *channel = change(*channel));
        self
    }

    /// With `other` to its right, on black.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        let (width, height) = (self.width + other.width, self.height().max(other.height()));
        let row = |picture: &Self, y: usize| {
            let rows = &picture.pixels[y.min(picture.height() - 1) * picture.width..][..picture.width];
            if y < picture.height() { rows.to_vec() } else { vec![[0; 3]; picture.width] }
        };
        let pixels = (0..height).flat_map(|y| [row(self, y), row(other, y)].concat()).collect();
        Self { width, pixels }
    }

    /// The image as a BMP file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let padding = (4 - self.width * 3 % 4) % 4;
        let mut file = bmp_header(i32::try_from(self.width).unwrap(), i32::try_from(self.height()).unwrap());
        for row in self.pixels.chunks(self.width).rev() {
            file.extend(row.iter().flat_map(|[red, green, blue]| [blue, green, red]));
            file.extend(vec![0; padding]);
        }
        file
    }
}

fn each_pixel(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<[u8; 3]> {
    (0..width * height).map(|at| pixel(at % width, at / width)).collect()
}
