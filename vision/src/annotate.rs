//! Draws detections into a copy of the picture: boxes, landmarks and the detector's confidence.
//!
//! Everything is painted as anti-aliased shapes, scaled in proportion to the copy.

mod brush;
mod text;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use self::brush::{Brush, Shape};
use self::text::Font;
use crate::detect::DetectedFace;
use crate::geometry::{BoundingBox, Point};
use crate::image::{ImageError, Picture};

/// Maximum long side of the copy, in pixels.
pub const MAX_ANNOTATED_SIDE: u32 = 1920;

const JPEG_QUALITY: u8 = 85;
/// Line width as a fraction of the copy's long side, with a minimum of [`MIN_LINE`] pixels.
const LINE: f32 = 1.0 / 480.0;
const MIN_LINE: f32 = 2.0;
/// Maximum line width for a small face, as a fraction of its box's short side.
const MAX_LINE_IN_BOX: f32 = 1.0 / 16.0;

const ACCENT: [u8; 3] = [0x2B, 0xE0, 0x8C];
const DARK: [u8; 3] = [0x10, 0x18, 0x14];

/// A JPEG of the picture with its faces drawn in, at most [`MAX_ANNOTATED_SIDE`] pixels on the long side. Faces are in
/// pixels of the original picture; parts outside it are clipped.
pub fn annotate(picture: &Picture, faces: &[DetectedFace]) -> Result<Vec<u8>, ImageError> {
    let mut copy = reduced(picture)?;
    let scale = copy.width() as f32 / picture.original_width() as f32;
    let mut sheet = Sheet::over(&mut copy, scale);
    // The largest last, so that its label is on top of the others.
    for face in faces.iter().rev() {
        sheet.draw_face(face);
    }
    copy.to_jpeg(JPEG_QUALITY)
}

/// The picture that is drawn into.
struct Sheet<'copy> {
    brush: Brush<'copy>,
    /// Pixels of the copy per pixel of the original picture.
    scale: f32,
    line: f32,
    font: Font,
}

impl<'copy> Sheet<'copy> {
    fn over(copy: &'copy mut Picture, scale: f32) -> Self {
        let long_side = copy.width().max(copy.height()) as f32;
        let line = (long_side * LINE).max(MIN_LINE);
        Self { brush: Brush::over(copy), scale, line, font: Font::for_side(long_side) }
    }

    fn draw_face(&mut self, face: &DetectedFace) {
        let bounds = self.scaled(&face.bounding_box);
        let line = self.line.min(bounds.short_side() * MAX_LINE_IN_BOX).max(1.0);
        self.draw_box(bounds, line);
        for point in face.landmarks.points() {
            self.draw_landmark(point, line);
        }
        // Rounded down, so that a label never shows more than the confidence.
        let confidence = (face.confidence * 100.0).floor() / 100.0;
        self.draw_label(bounds, line, &format!("{confidence:.2}"));
    }

    /// A line with a dark outline, visible on light and on dark backgrounds.
    fn draw_box(&mut self, bounds: BoundingBox, line: f32) {
        let radius = line * 2.5;
        self.brush.paint(&Shape::Frame { bounds, radius, width: line + (line * 0.5).max(1.0) }, DARK, 0.45);
        self.brush.paint(&Shape::Frame { bounds, radius, width: line }, ACCENT, 1.0);
    }

    fn draw_landmark(&mut self, point: Point, line: f32) {
        let centre = Point::new(point.x * self.scale, point.y * self.scale);
        self.brush.paint(&Shape::Disc { centre, radius: line * 2.0 }, DARK, 0.75);
        self.brush.paint(&Shape::Disc { centre, radius: line * 1.3 }, ACCENT, 1.0);
    }

    /// A label with the text at the upper left corner of the box, or inside the box if there is no room above.
    fn draw_label(&mut self, bounds: BoundingBox, line: f32, text: &str) {
        let padding = (self.font.height() * 0.25).round();
        let (width, height) = (self.font.width_of(text) + 2.0 * padding, self.font.height());
        let (left, top) = (bounds.x - line / 2.0, bounds.y - height - line);
        let (most_left, most_top) = (self.brush.width() - width, self.brush.height() - height);
        let x = left.min(most_left).max(0.0).round();
        let y = if top >= 0.0 { top } else { bounds.y + line }.min(most_top).max(0.0).round();
        let plate = BoundingBox { x, y, width, height };
        self.brush.paint(&Shape::Plate { bounds: plate, radius: height * 0.2 }, ACCENT, 1.0);
        self.font.write(&mut self.brush, Point::new(x + padding, y), text, DARK);
    }

    fn scaled(&self, bounds: &BoundingBox) -> BoundingBox {
        BoundingBox {
            x: bounds.x * self.scale,
            y: bounds.y * self.scale,
            width: bounds.width * self.scale,
            height: bounds.height * self.scale,
        }
    }
}

/// A copy that fits the maximum size.
fn reduced(picture: &Picture) -> Result<Picture, ImageError> {
    let long_side = picture.width().max(picture.height());
    if long_side <= MAX_ANNOTATED_SIDE {
        return Picture::from_rgb(picture.width(), picture.height(), picture.pixels().to_vec());
    }
    let side = |side: u32| {
        (f64::from(side) * f64::from(MAX_ANNOTATED_SIDE) / f64::from(long_side)).round().max(1.0) as u32
    };
    let (width, height) = (side(picture.width()), side(picture.height()));
    let source = ImageRef::new(picture.width(), picture.height(), picture.pixels(), PixelType::U8x3)
        .map_err(|error| failed(&error))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(&error))?;
    Picture::from_rgb(width, height, target.into_vec())
}

fn failed(error: &dyn std::error::Error) -> ImageError {
    ImageError::Invalid { reason: error.to_string() }
}
