//! Text in Noto Sans Mono at the prerendered sizes of its crate: needs neither a font file nor a rasterizer.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::brush::Brush;
use crate::geometry::Point;

/// Text size as a fraction of a picture's long side.
const LETTER: f32 = 1.0 / 45.0;
const WEIGHT: FontWeight = FontWeight::Bold;
const SIZES: [RasterHeight; 4] =
    [RasterHeight::Size32, RasterHeight::Size24, RasterHeight::Size20, RasterHeight::Size16];

/// A font of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font(RasterHeight);

impl Font {
    /// The largest size that is in proportion to a picture, or else the smallest one available.
    pub(super) fn for_side(long_side: f32) -> Self {
        let fits = |size: &RasterHeight| size.val() as f32 <= long_side * LETTER;
        Self(SIZES.into_iter().find(fits).unwrap_or(RasterHeight::Size16))
    }

    /// Height of a line in pixels, including the spacing above and below.
    pub(super) fn height(self) -> f32 {
        self.0.val() as f32
    }

    /// Width of the text in pixels, from the first letter's left edge to the last one's right edge.
    pub(super) fn width_of(self, text: &str) -> f32 {
        (text.chars().count() * get_raster_width(WEIGHT, self.0)) as f32
    }

    /// Draws ASCII text, starting at its upper left corner; other characters are skipped.
    pub(super) fn write(self, brush: &mut Brush<'_>, corner: Point, text: &str, colour: [u8; 3]) {
        let (left, top) = (corner.x as usize, corner.y as usize);
        for (place, letter) in text.chars().enumerate() {
            let Some(raster) = get_raster(letter, WEIGHT, self.0) else { continue };
            let start = left + place * raster.width();
            for (y, row) in raster.rows().enumerate() {
                for (x, &cover) in row.iter().enumerate() {
                    brush.blend(start + x, top + y, colour, f32::from(cover) / 255.0);
                }
            }
        }
    }
}
