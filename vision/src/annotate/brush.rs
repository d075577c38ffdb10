//! Paints anti-aliased shapes into RGB pixels. Whatever lies outside the picture is clipped.

use std::ops::Range;

use crate::geometry::{BoundingBox, Point};
use crate::image::Picture;

/// A shape to paint. Sizes are in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// The outline of a rectangle with rounded corners; the line is half inside, half outside.
    Frame { bounds: BoundingBox, radius: f32, width: f32 },
    /// A rectangle with rounded corners.
    Plate { bounds: BoundingBox, radius: f32 },
    /// A filled circle.
    Disc { centre: Point, radius: f32 },
}

/// Paints into a picture.
pub(super) struct Brush<'picture> {
    width: usize,
    height: usize,
    pixels: &'picture mut [u8],
}

impl<'picture> Brush<'picture> {
    pub(super) fn over(picture: &'picture mut Picture) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        Self { width, height, pixels: picture.pixels_mut() }
    }

    pub(super) fn width(&self) -> f32 {
        self.width as f32
    }

    pub(super) fn height(&self) -> f32 {
        self.height as f32
    }

    /// Blends a colour over the pixels of a shape. opacity: 0 to 1.
    pub(super) fn paint(&mut self, shape: &Shape, colour: [u8; 3], opacity: f32) {
        for area in shape.areas().iter().flatten() {
            let rows = clipped(area.y, area.bottom(), self.height);
            let columns = clipped(area.x, area.right(), self.width);
            for y in rows {
                for x in columns.clone() {
                    let centre = Point::new(x as f32 + 0.5, y as f32 + 0.5);
                    self.blend(x, y, colour, opacity * shape.cover(centre));
                }
            }
        }
    }

    /// Blends a colour over one pixel, if it is in the picture. cover: 0 to 1.
    pub(super) fn blend(&mut self, x: usize, y: usize, colour: [u8; 3], cover: f32) {
        if cover <= 0.0 || x >= self.width || y >= self.height {
            return;
        }
        let start = (y * self.width + x) * 3;
        for (channel, value) in self.pixels[start..start + 3].iter_mut().zip(colour) {
            let old = f32::from(*channel);
            *channel = (old + (f32::from(value) - old) * cover).round() as u8;
        }
    }
}

impl Shape {
    /// The fraction of a pixel that the shape covers, 0 to 1, by the distance of its centre from the edge.
    fn cover(&self, pixel: Point) -> f32 {
        let distance = match self {
            Self::Frame { bounds, radius, width } => {
                distance_to_edge(bounds, *radius, pixel).abs() - width / 2.0
            }
            Self::Plate { bounds, radius } => distance_to_edge(bounds, *radius, pixel),
            Self::Disc { centre, radius } => pixel.distance(*centre) - radius,
        };
        (0.5 - distance).clamp(0.0, 1.0)
    }

    /// Non-overlapping rectangles that contain the shape: for a frame its four sides, because its inside is large.
    fn areas(&self) -> [Option<BoundingBox>; 4] {
        match self {
            Self::Frame { bounds, radius, width } => sides(bounds, width / 2.0 + 1.0, *radius).map(Some),
            Self::Plate { bounds, .. } => [Some(grown(bounds, 1.0)), None, None, None],
            Self::Disc { centre, radius } => {
                let bounds = BoundingBox { x: centre.x, y: centre.y, width: 0.0, height: 0.0 };
                [Some(grown(&bounds, radius + 1.0)), None, None, None]
            }
        }
    }
}

// Above, below, left and right: whole pixels, so that no pixel is in two of them.
fn sides(bounds: &BoundingBox, reach: f32, radius: f32) -> [BoundingBox; 4] {
    let outer = grown(bounds, reach);
    let (left, top) = (outer.x.floor(), outer.y.floor());
    let (right, bottom) = (outer.right().ceil(), outer.bottom().ceil());
    let depth = (2.0 * reach + radius).ceil();
    let (inner_left, inner_top) = ((left + depth).min(right), (top + depth).min(bottom));
    let (inner_right, inner_bottom) = ((right - depth).max(inner_left), (bottom - depth).max(inner_top));
    let area =
        |x: f32, y: f32, right: f32, bottom: f32| BoundingBox { x, y, width: right - x, height: bottom - y };
    [
        area(left, top, right, inner_top),
        area(left, inner_bottom, right, bottom),
        area(left, inner_top, inner_left, inner_bottom),
        area(inner_right, inner_top, right, inner_bottom),
    ]
}

fn grown(bounds: &BoundingBox, by: f32) -> BoundingBox {
    let BoundingBox { x, y, width, height } = *bounds;
    BoundingBox { x: x - by, y: y - by, width: width + 2.0 * by, height: height + 2.0 * by }
}

/// Distance in pixels from a point to the edge of a rectangle with rounded corners, negative inside. Source: Inigo
/// Quilez, "2D distance functions".
fn distance_to_edge(bounds: &BoundingBox, radius: f32, point: Point) -> f32 {
    let (half_width, half_height) = (bounds.width / 2.0, bounds.height / 2.0);
    let radius = radius.min(half_width).min(half_height).max(0.0);
    let x = (point.x - bounds.x - half_width).abs() - half_width + radius;
    let y = (point.y - bounds.y - half_height).abs() - half_height + radius;
    x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0) - radius
}

fn clipped(start: f32, end: f32, limit: usize) -> Range<usize> {
    let inside = |edge: f32| edge.clamp(0.0, limit as f32) as usize;
    inside(start.floor())..inside(end.ceil())
}
