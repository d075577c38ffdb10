//! The picture at the size at which faces are detected, and crops of it at the input sizes of the networks.

use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::engine::EngineError;
use crate::geometry::BoundingBox;
use crate::image::Picture;

/// RGB pixels scaled from a [`Picture`]. The memory is reused for the next picture.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Scales the picture to `width` x `height`.
    pub(super) fn draw(
        &mut self,
        picture: &Picture,
        width: u32,
        height: u32,
        scaler: &mut Scaler,
    ) -> Result<(), EngineError> {
        let source = ImageRef::new(picture.width(), picture.height(), picture.pixels(), PixelType::U8x3)
            .map_err(failed)?;
        self.fill(&source, width, height, scaler)
    }

    /// Scales another canvas to `width` x `height`.
    pub(super) fn shrink(
        &mut self,
        canvas: &Self,
        width: u32,
        height: u32,
        scaler: &mut Scaler,
    ) -> Result<(), EngineError> {
        self.fill(&canvas.view()?, width, height, scaler)
    }

    /// Crops `area`, scaled to side x side, into `cut` (RGB8). Whatever lies outside the canvas is black.
    pub(super) fn cut(
        &self,
        area: &BoundingBox,
        side: u32,
        cut: &mut [u8],
        scaler: &mut Scaler,
    ) -> Result<(), EngineError> {
        let columns = Span::inside(area.x, area.width, self.width, side);
        let rows = Span::inside(area.y, area.height, self.height, side);
        cut.fill(0);
        if columns.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let mut whole = Image::from_slice_u8(side, side, cut, PixelType::U8x3).map_err(failed)?;
        let mut inside =
            CroppedImageMut::new(&mut whole, columns.start, rows.start, columns.length, rows.length)
                .map_err(failed)?;
        let crop = scaler.smooth.crop(columns.source, rows.source, columns.source_length, rows.source_length);
        scaler.resizer.resize(&self.view()?, &mut inside, &crop).map_err(failed)
    }

    /// Fills it with black.
    pub(super) fn blacken(&mut self, width: u32, height: u32) {
        self.pixels.clear();
        self.pixels.resize(width as usize * height as usize * 3, 0);
        (self.width, self.height) = (width, height);
    }

    fn fill(
        &mut self,
        source: &ImageRef<'_>,
        width: u32,
        height: u32,
        scaler: &mut Scaler,
    ) -> Result<(), EngineError> {
        self.pixels.resize(width as usize * height as usize * 3, 0);
        (self.width, self.height) = (width, height);
        let mut target =
            Image::from_slice_u8(width, height, &mut self.pixels, PixelType::U8x3).map_err(failed)?;
        let options = if source.width() >= 3 * width / 2 { &scaler.average } else { &scaler.smooth };
        scaler.resizer.resize(source, &mut target, options).map_err(failed)
    }

    fn view(&self) -> Result<ImageRef<'_>, EngineError> {
        ImageRef::new(self.width, self.height, &self.pixels, PixelType::U8x3).map_err(failed)
    }
}

/// A scaler that takes every pixel of the source into account. Keeps its buffers.
#[derive(Debug)]
pub(super) struct Scaler {
    resizer: Resizer,
    /// Nearer pixels count more.
    smooth: ResizeOptions,
    /// All pixels that contribute to one are weighted equally: a third faster, and as good where there are many.
    average: ResizeOptions,
}

impl Default for Scaler {
    fn default() -> Self {
        let by = |filter| ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        Self { resizer: Resizer::new(), smooth: by(FilterType::Bilinear), average: by(FilterType::Box) }
    }
}

/// Along one axis: the pixels of a crop that the canvas covers, and the part of the canvas that they come from.
#[derive(Debug)]
struct Span {
    start: u32,
    length: u32,
    source: f64,
    source_length: f64,
}

impl Span {
    fn inside(start: f32, length: f32, limit: u32, side: u32) -> Self {
        let (start, length, limit) = (f64::from(start), f64::from(length), f64::from(limit));
        let per_pixel = length / f64::from(side);
        let pixel = |edge: f64| ((edge - start) / per_pixel).round().clamp(0.0, f64::from(side));
        let (first, last) = (pixel(start.max(0.0)), pixel((start + length).min(limit)));
        let (from, to) = (start + first * per_pixel, start + last * per_pixel);
        let (from, to) = (from.clamp(0.0, limit), to.clamp(0.0, limit));
        Self {
            start: first as u32,
            length: (last - first).max(0.0) as u32,
            source: from,
            source_length: to - from,
        }
    }

    fn is_empty(&self) -> bool {
        self.length == 0 || self.source_length <= 0.0
    }
}

fn failed(error: impl std::error::Error) -> EngineError {
    EngineError::Scaling { reason: error.to_string() }
}
