//! Computes the rotation that makes a face upright: from landmarks to six numbers. Does not access pixels.

use std::ops::Range;

use super::error::LandmarkFault;
use super::position::Position;
use super::template;

/// More landmarks than any known scheme has.
pub(super) const MAX_LANDMARKS: usize = 1024;
/// Minimum distance between the eyes in pixels; nearer ones determine no direction.
const LEAST_EYE_DISTANCE: f64 = 1.0;
/// The eyes in 68 landmarks in iBUG's order: the one on the left of the picture, and the other.
const EYES_OF_68: [Range<usize>; 2] = [36..42, 42..48];
/// How much a side may exceed a whole number of pixels without being enlarged: this is rounding, not content.
const ROUNDING_PIXELS: f64 = 1e-3;

/// A rotation of a picture about the midpoint of the eyes, shifted so that nothing lies left of or above the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Levelling {
    /// Size of the levelled picture, which contains all corners of the given one.
    pub(super) width: u32,
    pub(super) height: u32,
    /// a, b, c, d, e, f: x' = ax + cy + e, y' = bx + dy + f.
    pub(super) transform: [f64; 6],
    /// Clockwise, above -180 to 180.
    pub(super) rotation_degrees: f64,
}

impl Levelling {
    /// Levels by the landmarks of a picture of `width` x `height` pixels.
    ///
    /// Five landmarks in the order of [`crate::Landmarks`] and 68 in iBUG's order are fitted to a template: the
    /// rotation is that of the similarity with the least squared distance; its scale is fixed at 1. Of any other
    /// number, the first two are the eyes, in either order, and the smaller rotation that levels them is used.
    pub(super) fn of(landmarks: &[Position], width: u32, height: u32) -> Result<Self, LandmarkFault> {
        check_places(landmarks, width, height)?;
        let eyes = eyes(landmarks);
        if eyes[0].distance(eyes[1]) < LEAST_EYE_DISTANCE {
            return Err(LandmarkFault::CoincidentEyes { x: eyes[0].x, y: eyes[0].y });
        }
        let radians = match landmarks.len() {
            5 => fit(landmarks, &template::FIVE)?,
            68 => fit(landmarks, &template::sixty_eight())?,
            _ => -tilt(eyes),
        };
        Ok(Self::turned(radians, Position::mean(&eyes), width, height))
    }

    /// Maps a position of the given picture to the levelled one.
    pub(super) fn apply(&self, at: Position) -> Position {
        let [x_to_x, x_to_y, y_to_x, y_to_y, right, down] = self.transform;
        Position::new(x_to_x * at.x + y_to_x * at.y + right, x_to_y * at.x + y_to_y * at.y + down)
    }

    // radians: clockwise.
    fn turned(radians: f64, centre: Position, width: u32, height: u32) -> Self {
        // Adding zero turns a negative zero into a positive one, which would be printed as "-0".
        let radians = radians + 0.0;
        let (sine, cosine) = radians.sin_cos();
        let mut levelling = Self {
            width,
            height,
            transform: [
                cosine,
                sine,
                0.0 - sine,
                cosine,
                centre.x - cosine * centre.x + sine * centre.y,
                centre.y - sine * centre.x - cosine * centre.y,
            ],
            rotation_degrees: radians.to_degrees(),
        };
        levelling.grow();
        levelling
    }

    // Enlarges the picture to contain all four corners.
    fn grow(&mut self) {
        let (right, bottom) = (f64::from(self.width), f64::from(self.height));
        let corners = [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)];
        let corners = corners.map(|(x, y)| self.apply(Position::new(x, y)));
        let (left, right) = bounds(corners.map(|corner| corner.x));
        let (top, bottom) = bounds(corners.map(|corner| corner.y));
        self.transform[4] -= left;
        self.transform[5] -= top;
        self.width = (right - left - ROUNDING_PIXELS).ceil() as u32;
        self.height = (bottom - top - ROUNDING_PIXELS).ceil() as u32;
    }
}

fn check_places(landmarks: &[Position], width: u32, height: u32) -> Result<(), LandmarkFault> {
    match landmarks.len() {
        found @ 0..2 => return Err(LandmarkFault::TooFew { found }),
        2..=MAX_LANDMARKS => {}
        found => return Err(LandmarkFault::TooMany { found }),
    }
    for (index, &Position { x, y }) in landmarks.iter().enumerate() {
        let number = index + 1;
        if !(x.is_finite() && y.is_finite()) {
            return Err(LandmarkFault::NotFinite { number, x, y });
        }
        if !((0.0..=f64::from(width)).contains(&x) && (0.0..=f64::from(height)).contains(&y)) {
            return Err(LandmarkFault::Outside { number, x, y, width, height });
        }
    }
    Ok(())
}

// Of at least two landmarks.
fn eyes(landmarks: &[Position]) -> [Position; 2] {
    match landmarks.len() {
        68 => EYES_OF_68.map(|eye| Position::mean(&landmarks[eye])),
        _ => [landmarks[0], landmarks[1]],
    }
}

/// The angle in radians by which the line through the eyes falls to the right, -90 to 90 degrees.
fn tilt([first, second]: [Position; 2]) -> f64 {
    let (left, right) = if first.x <= second.x { (first, second) } else { (second, first) };
    (right.y - left.y).atan2(right.x - left.x)
}

/// The angle in radians, clockwise, of the similarity that maps the points as near as possible to a template. Source:
/// Umeyama 1991, in the plane, where the rotation has a closed form.
fn fit(points: &[Position], template: &[Position]) -> Result<f64, LandmarkFault> {
    let (centre, origin) = (Position::mean(points), Position::mean(template));
    let (mut dot, mut cross) = (0.0, 0.0);
    for (point, target) in points.iter().zip(template) {
        let (x, y) = (point.x - centre.x, point.y - centre.y);
        let (wanted_x, wanted_y) = (target.x - origin.x, target.y - origin.y);
        dot += x * wanted_x + y * wanted_y;
        cross += x * wanted_y - y * wanted_x;
    }
    // For points arranged like a face, this is their number times a large part of the distance between the eyes.
    if dot.hypot(cross) < LEAST_EYE_DISTANCE {
        return Err(LandmarkFault::NoFace { found: points.len() });
    }
    Ok(cross.atan2(dot))
}

fn bounds(values: [f64; 4]) -> (f64, f64) {
    (values.into_iter().fold(f64::INFINITY, f64::min), values.into_iter().fold(f64::NEG_INFINITY, f64::max))
}
