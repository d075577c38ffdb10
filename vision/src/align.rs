//! From five landmarks to the encoder's chip: the face is rotated upright, scaled and cropped so that its landmarks lie
//! where the encoder was trained to expect them. Called by the engine between detection and encoding.

use crate::geometry::{Landmarks, Point};
use crate::image::Picture;

/// The input of an encoder: a square of RGB pixels.
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

    /// Number of columns, and of rows.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.side
    }

    /// RGB, three bytes a pixel, rows from the top without padding.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The chip as a binary PPM file (`P6`), without loss.
    #[must_use]
    pub fn to_ppm(&self) -> Vec<u8> {
        let header = format!("P6\n{side} {side}\n255\n", side = self.side);
        [header.as_bytes(), &self.pixels].concat()
    }
}

/// Maximum number of samples of a chip pixel along each axis. Enough for a face of 7,000 pixels; landmarks that imply a
/// larger one are not worth the time.
const MAX_SAMPLES: u32 = 16;

/// The positions of the five landmarks that an encoder expects in its chip.
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

    /// Cuts the encoder's chip. picture: any size. landmarks: in pixels of the original picture; they may lie outside
    /// it. Whatever is outside the picture is black. Returns RGB8, side x side.
    ///
    /// The transform is the least-squares similarity (Umeyama 1991): it rotates, scales and translates, and never
    /// shears or mirrors. Pixels are interpolated between their four neighbours. If a face shrinks to less than a
    /// third, several such samples are averaged, because four neighbours would miss most of it.
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

/// Rotates, scales and translates a point: the complex number `rotation` times the point, plus `shift`.
#[derive(Debug, Clone, Copy)]
struct Similarity {
    rotation: Point,
    shift: Point,
}

impl Similarity {
    /// The similarity that maps `from` as near as possible to `to`, by the sum of squared distances. In the plane,
    /// Umeyama's solution without mirroring is one division of complex numbers.
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

    /// The inverse.
    fn inverse(&self) -> Self {
        let Point { x, y } = self.rotation;
        let square = x * x + y * y;
        let rotation = Point::new(x / square, -y / square);
        let shift = Self { rotation, shift: Point::new(0.0, 0.0) }.apply(self.shift);
        Self { rotation, shift: Point::new(-shift.x, -shift.y) }
    }

    /// The factor by which lengths grow.
    fn scale(&self) -> f32 {
        self.rotation.x.hypot(self.rotation.y)
    }
}

fn mean(points: [Point; 5]) -> Point {
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.x, y + point.y));
    Point::new(x / 5.0, y / 5.0)
}

fn warp(picture: &Picture, side: u32, to_picture: Similarity) -> Vec<u8> {
    let offsets = offsets(samples_per_axis(to_picture.scale()));
    let starts: Vec<Place> = offsets.map(|offset| Place::from(to_picture.apply(offset))).collect();
    // The step in the picture that corresponds to one chip pixel to the right and one down.
    let Point { x: along, y: across } = to_picture.rotation;
    let (right, down) = (Place::from(Point::new(along, across)), Place::from(Point::new(-across, along)));
    let samples = starts.len() as u32;
    let mut pixels = Vec::with_capacity(side as usize * side as usize * 3);
    for row in 0..i64::from(side) {
        for column in 0..i64::from(side) {
            let mut sum = [0; 3];
            for start in &starts {
                let colour = interpolate(picture, start.after(right, column).after(down, row));
                sum = [sum[0] + colour[0], sum[1] + colour[1], sum[2] + colour[2]];
            }
            pixels.extend(sum.map(|channel| (channel / samples) as u8));
        }
    }
    pixels
}

/// Number of samples of a chip pixel along each axis. One, with its four neighbours, suffices down to a third of the
/// size; the encoder is not affected by what falls between. Below that, samples are at most three pixels apart.
fn samples_per_axis(picture_pixels_per_chip_pixel: f32) -> u32 {
    ((picture_pixels_per_chip_pixel / 3.0).ceil() as u32).clamp(1, MAX_SAMPLES)
}

/// The positions of the samples in the chip's first pixel, whose centre is 0: a regular grid.
fn offsets(samples: u32) -> impl Iterator<Item = Point> {
    let place = move |index: u32| (index as f32 + 0.5) / samples as f32 - 0.5;
    (0..samples).flat_map(move |row| (0..samples).map(move |column| Point::new(place(column), place(row))))
}

/// A position in a picture in whole and 65,536th pixels. Integers are three times as fast as floats here.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: i64,
    y: i64,
}

impl From<Point> for Place {
    fn from(point: Point) -> Self {
        // No picture is that large; invalid landmarks must not overflow.
        let fixed = |value: f32| (value.clamp(-1e7, 1e7) * 65536.0) as i64;
        Self { x: fixed(point.x), y: fixed(point.y) }
    }
}

impl Place {
    fn after(self, step: Self, steps: i64) -> Self {
        Self { x: self.x + step.x * steps, y: self.y + step.y * steps }
    }
}

/// The interpolated colour of the four pixels around a position, 0 to 255. Outside the picture everything is black.
fn interpolate(picture: &Picture, place: Place) -> [u32; 3] {
    let share = |coordinate: i64| (coordinate >> 8) as u32 & 0xFF;
    let (right, lower) = (share(place.x), share(place.y));
    let [a, b, c, d] = neighbours(picture, place.x >> 16, place.y >> 16);
    let between = |channel: usize| {
        let upper_row = u32::from(a[channel]) * (256 - right) + u32::from(b[channel]) * right;
        let lower_row = u32::from(c[channel]) * (256 - right) + u32::from(d[channel]) * right;
        (upper_row * (256 - lower) + lower_row * lower + (1 << 15)) >> 16
    };
    [between(0), between(1), between(2)]
}

/// The four pixels of which the upper left one has these coordinates.
fn neighbours(picture: &Picture, column: i64, row: i64) -> [[u8; 3]; 4] {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let pixels = picture.pixels().as_chunks::<3>().0;
    if (0..width - 1).contains(&column) && (0..height - 1).contains(&row) {
        let (upper, lower) = ((row * width + column) as usize, ((row + 1) * width + column) as usize);
        return [pixels[upper], pixels[upper + 1], pixels[lower], pixels[lower + 1]];
    }
    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, down)| {
        let (column, row) = (column + right, row + down);
        let inside = (0..width).contains(&column) && (0..height).contains(&row);
        if inside { pixels[(row * width + column) as usize] } else { [0; 3] }
    })
}
