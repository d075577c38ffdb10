//! Positions and transforms in contouring. Does not access pixels.

use serde::{Deserialize, Serialize};

/// A position in a picture, in pixels from its left and top edge; whole numbers lie between pixels, so that the first
/// pixel reaches from 0 to 1. More precise than [`crate::Point`], because outlines are given to hundredths of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Pixels from the left edge.
    pub x: f64,
    /// Pixels from the top edge.
    pub y: f64,
}

impl Position {
    /// The position at `x`, `y`.
    #[must_use]
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The distance to `other` in pixels.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The position that lies `part` of the way to `other`.
    pub(super) fn towards(self, other: Self, part: f64) -> Self {
        Self::new(self.x + (other.x - self.x) * part, self.y + (other.y - self.y) * part)
    }

    /// The distance in pixels to the nearest position on the line from `start` to `end`.
    pub(super) fn distance_to_line(self, start: Self, end: Self) -> f64 {
        let along = Self::new(end.x - start.x, end.y - start.y);
        let length_squared = along.x * along.x + along.y * along.y;
        if length_squared <= 0.0 {
            return self.distance(start);
        }
        let part = ((self.x - start.x) * along.x + (self.y - start.y) * along.y) / length_squared;
        self.distance(start.towards(end, part.clamp(0.0, 1.0)))
    }

    /// The mean of several positions.
    pub(super) fn mean(places: &[Self]) -> Self {
        let count = places.len().max(1) as f64;
        let sum = places.iter().fold(Self::new(0.0, 0.0), |sum, at| Self::new(sum.x + at.x, sum.y + at.y));
        Self::new(sum.x / count, sum.y / count)
    }

    /// Rounded to hundredths of a pixel. Adding zero turns a negative zero into a positive one.
    pub(super) fn rounded(self) -> Self {
        let hundredths = |pixels: f64| (pixels * 100.0).round() / 100.0 + 0.0;
        Self::new(hundredths(self.x), hundredths(self.y))
    }
}
