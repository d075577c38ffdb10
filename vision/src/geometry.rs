//! Positions in a picture. Used by detection, alignment and quality; does not access pixels.
//!
//! Every coordinate is in pixels of the full picture as displayed (after EXIF orientation), even if the picture was
//! decoded at a reduced scale. The origin is the top left corner, x grows to the right, y downwards.

use serde::{Deserialize, Serialize};

/// A position in a picture, in pixels. May lie outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Pixels from the left edge.
    pub x: f32,
    /// Pixels from the top edge.
    pub y: f32,
}

impl Point {
    /// The point at `x`, `y`.
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The point halfway to `other`.
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        Self::new(f32::midpoint(self.x, other.x), f32::midpoint(self.y, other.y))
    }

    /// The distance to `other` in pixels.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An axis-aligned rectangle, in pixels. The box of a face at the edge may extend beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// The x coordinate of the left edge, in pixels.
    pub x: f32,
    /// The y coordinate of the top edge, in pixels.
    pub y: f32,
    /// Width in pixels.
    pub width: f32,
    /// Height in pixels.
    pub height: f32,
}

impl BoundingBox {
    /// The x coordinate of the right edge, in pixels.
    #[must_use]
    pub fn right(&self) -> f32 {
        self.x + self.width
    }

    /// The y coordinate of the bottom edge, in pixels.
    #[must_use]
    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }

    /// Area in square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The smaller of width and height, in pixels.
    #[must_use]
    pub fn short_side(&self) -> f32 {
        self.width.min(self.height)
    }

    /// Area of the intersection of two boxes in square pixels; 0 if they do not overlap.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.right().min(other.right()) - self.x.max(other.x);
        let height = self.bottom().min(other.bottom()) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0)
    }

    /// The fraction of this box that lies inside a picture of the given size, 0 to 1.
    #[must_use]
    pub fn share_inside(&self, width: f32, height: f32) -> f32 {
        let picture = Self { x: 0.0, y: 0.0, width, height };
        if self.area() > 0.0 { self.intersection(&picture) / self.area() } else { 0.0 }
    }
}

/// The five points that locate a face: eye centres, nose tip, mouth corners.
///
/// Left and right are as seen in the picture: the left eye is the one nearer to the left edge of an upright,
/// unmirrored picture (the person's own right eye).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Landmarks {
    /// Centre of the eye on the left of the picture.
    pub left_eye: Point,
    /// Centre of the eye on the right of the picture.
    pub right_eye: Point,
    /// Tip of the nose.
    pub nose: Point,
    /// Corner of the mouth on the left of the picture.
    pub mouth_left: Point,
    /// Corner of the mouth on the right of the picture.
    pub mouth_right: Point,
}

impl Landmarks {
    /// The five points in the order of alignment templates: left eye, right eye, nose, left and right mouth corner.
    #[must_use]
    pub fn points(&self) -> [Point; 5] {
        [self.left_eye, self.right_eye, self.nose, self.mouth_left, self.mouth_right]
    }

    /// Landmarks from five points in the order of [`Landmarks::points`].
    #[must_use]
    pub fn from_points([left_eye, right_eye, nose, mouth_left, mouth_right]: [Point; 5]) -> Self {
        Self { left_eye, right_eye, nose, mouth_left, mouth_right }
    }
}
