//! Five landmarks into the encoder's chip: the face turned upright, scaled and cut out so that its landmarks lie where
//! the encoder was taught to expect them. Called by the engine between detection and encoding.

use crate::geometry::{Landmarks, Point};
use crate::image::Picture;

/// A face as the encoder wants to see it: a square of RGB pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    side: u32,
    pixels: Vec<u8>,
}

impl Chip {
    /// A chip from RGB pixels, three bytes each, rows from the top; `None` unless they fill the square.
    #[must_use]
    pub fn from_rgb(side: u32, pixels: Vec<u8>) -> Option<Self> {
        (pixels.len() == side as usize * side as usize * 3).then_some(Self { side, pixels })
    }

    /// Columns, and as many rows.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.side
    }

    /// RGB, three bytes a pixel, rows from the top without padding.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// Samples of a chip pixel along each axis, at most. Enough for a face of 7,000 pixels; landmarks that say more are
/// not worth the time.
const MAX_SAMPLES: u32 = 16;

/// Where an encoder expects the five landmarks in its chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Template {
    /// Columns and rows of the chip.
    pub(crate) side: u32,
    /// The landmarks, in pixels of the chip.
    pub(crate) landmarks: Landmarks,
}

impl Template {
    /// A black chip.
    pub(crate) fn blank(&self) -> Chip {
        Chip { side: self.side, pixels: vec![0; self.side as usize * self.side as usize * 3] }
    }

    /// Cuts the encoder's chip. picture: any size. landmarks: in pixels of the original picture; they may lie outside of
    /// it, what is not in the picture is black. Returns RGB8, side x side.
    ///
    /// The transform is the least-squares similarity (Umeyama 1991): it turns, scales and moves, and never shears or
    /// mirrors. Pixels are interpolated between their four neighbours; of a face that shrinks to less than a third,
    /// several such samples are averaged, because four neighbours would miss most of it.
    pub(crate) fn cut(&self, picture: &Picture, landmarks: &Landmarks) -> Chip {
        let reduction_x = picture.width() as f32 / picture.original_width() as f32;
        let reduction_y = picture.height() as f32 / picture.original_height() as f32;
        // Pixel centres: the middle of the first pixel is 0, in the picture as decoded and in the original.
        let stored = landmarks.points().map(|point| {
            Point::new((point.x + 0.5) * reduction_x - 0.5, (point.y + 0.5) * reduction_y - 0.5)
        });
        let to_picture = Similarity::fit(stored, self.landmarks.points()).inverse();
        Chip { side: self.side, pixels: warp(picture, self.side, to_picture) }
    }
}

/// Turns, scales and moves a point: the complex number `rotation` times the point, plus `shift`.
#[derive(Debug, Clone, Copy)]
struct Similarity {
    rotation: Point,
    shift: Point,
}

impl Similarity {
    /// The similarity that takes `from` nearest to `to`, by the sum of squared distances. In the plane, Umeyama's
    /// solution without mirroring is one division of complex numbers.
    fn fit(from: [Point; 5], to: [Point; 5]) -> Self {
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut real, mut imaginary, mut spread) = (0.0, 0.0, 0.0);
        for (source, target) in from.into_iter().zip(to) {
            let (x, y) = (source.x - from_mean.x, source.y - from_mean.y);
            let (u, v) = (target.x - to_mean.x, target.y - to_mean.y);
            real += x * u + y * v;
            imaginary += x * v - y * u;
            spread += x * x + y * y;
        }
        let rotation = Point::new(real / spread, imaginary / spread);
        let turned = Self { rotation, shift: Point::new(0.0, 0.0) }.apply(from_mean);
        Self { rotation, shift: Point::new(to_mean.x - turned.x, to_mean.y - turned.y) }
    }

    fn apply(&self, point: Point) -> Point {
        Point::new(
            self.rotation.x * point.x - self.rotation.y * point.y + self.shift.x,
            self.rotation.y * point.x + self.rotation.x * point.y + self.shift.y,
        )
    }

    /// The way back.
    fn inverse(&self) -> Self {
        let Point { x, y } = self.rotation;
        let square = x * x + y * y;
        let rotation = Point::new(x / square, -y / square);
        let shift = Self { rotation, shift: Point::new(0.0, 0.0) }.apply(self.shift);
        Self { rotation, shift: Point::new(-shift.x, -shift.y) }
    }

    /// How much longer everything becomes.
    fn scale(&self) -> f32 {
        self.rotation.x.hypot(self.rotation.y)
    }
}

fn mean(points: [Point; 5]) -> Point {
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.x, y + point.y));
    Point::new(x / 5.0, y / 5.0)
}

fn warp(picture: &Picture, side: u32, to_picture: Similarity) -> Vec<u8> {
    let samples = samples_per_axis(to_picture.scale());
    let mut pixels = Vec::with_capacity(side as usize * side as usize * 3);
    for row in 0..side {
        for column in 0..side {
            let mut sum = [0.0; 3];
            for (dx, dy) in offsets(samples) {
                let place = to_picture.apply(Point::new(column as f32 + dx, row as f32 + dy));
                let colour = interpolate(picture, place);
                sum = std::array::from_fn(|channel| sum[channel] + colour[channel]);
            }
            let share = 1.0 / (samples * samples) as f32;
            pixels.extend(sum.map(|channel| (channel * share).round() as u8));
        }
    }
    pixels
}

/// How many samples a chip pixel takes along each axis. One, with its four neighbours, serves down to a third of the
/// size; the encoder does not notice what falls between. Below that they lie no further apart than three pixels.
fn samples_per_axis(picture_pixels_per_chip_pixel: f32) -> u32 {
    ((picture_pixels_per_chip_pixel / 3.0).ceil() as u32).clamp(1, MAX_SAMPLES)
}

/// The places of the samples in a pixel, from its centre: an even grid.
fn offsets(samples: u32) -> impl Iterator<Item = (f32, f32)> {
    let place = move |index: u32| (index as f32 + 0.5) / samples as f32 - 0.5;
    (0..samples).flat_map(move |row| (0..samples).map(move |column| (place(column), place(row))))
}

/// The colour between the four pixels around a place. Outside of the picture everything is black.
fn interpolate(picture: &Picture, place: Point) -> [f32; 3] {
    let (left, top) = (place.x.floor(), place.y.floor());
    let (right_share, bottom_share) = (place.x - left, place.y - top);
    let (column, row) = (left as i64, top as i64);
    let [a, b, c, d] = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| pixel(picture, column + dx, row + dy));
    std::array::from_fn(|channel| {
        let upper = a[channel] + (b[channel] - a[channel]) * right_share;
        let lower = c[channel] + (d[channel] - c[channel]) * right_share;
        upper + (lower - upper) * bottom_share
    })
}

fn pixel(picture: &Picture, column: i64, row: i64) -> [f32; 3] {
    let inside =
        (0..i64::from(picture.width())).contains(&column) && (0..i64::from(picture.height())).contains(&row);
    let start =
        if inside { (row * i64::from(picture.width()) + column) as usize * 3 } else { return [0.0; 3] };
    let rgb = &picture.pixels()[start..start + 3];
    [f32::from(rgb[0]), f32::from(rgb[1]), f32::from(rgb[2])]
}
