//! Boxes that may contain a face, and non-maximum suppression of overlapping ones.

use crate::geometry::BoundingBox;

/// A box and a network's probability that it contains a face, 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) bounds: BoundingBox,
    pub(super) score: f32,
}

impl AsRef<Candidate> for Candidate {
    fn as_ref(&self) -> &Candidate {
        self
    }
}

/// What the common area of two boxes is divided by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Overlap {
    /// The area of their union.
    Union,
    /// The area of the smaller box, so that a box inside another is suppressed however small it is.
    Smaller,
}

impl Overlap {
    fn share(self, a: &BoundingBox, b: &BoundingBox) -> f32 {
        let common = a.intersection(b);
        match self {
            Self::Union => common / (a.area() + b.area() - common),
            Self::Smaller => common / a.area().min(b.area()),
        }
    }
}

/// Non-maximum suppression: keeps, best first, each item that does not overlap a better one by more than `threshold`.
pub(super) fn keep_best<T: AsRef<Candidate>>(mut items: Vec<T>, threshold: f32, overlap: Overlap) -> Vec<T> {
    items.sort_by(|a, b| b.as_ref().score.total_cmp(&a.as_ref().score));
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        let bounds = &item.as_ref().bounds;
        if kept.iter().all(|better| overlap.share(&better.as_ref().bounds, bounds) <= threshold) {
            kept.push(item);
        }
    }
    kept
}

/// Moves the four sides by fractions of the width and height: left, top, right, bottom.
pub(super) fn regress(bounds: &BoundingBox, [left, top, right, bottom]: [f32; 4]) -> BoundingBox {
    let (width, height) = (bounds.width, bounds.height);
    BoundingBox {
        x: bounds.x + left * width,
        y: bounds.y + top * height,
        width: (width + (right - left) * width).max(1.0),
        height: (height + (bottom - top) * height).max(1.0),
    }
}

/// The square around the same centre, as wide as the longer side.
pub(super) fn square(bounds: &BoundingBox) -> BoundingBox {
    let side = bounds.width.max(bounds.height);
    BoundingBox {
        x: bounds.x + (bounds.width - side) / 2.0,
        y: bounds.y + (bounds.height - side) / 2.0,
        width: side,
        height: side,
    }
}
