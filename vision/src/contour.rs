//! Parts of a face as outlines: from an image, a segmentation map and landmarks to levelled regions and an SVG drawing.
//!
//! ```text
//! landmarks -- level --> Levelling ----------------------------------+
//! map -- specks --> Grid -- arcs --> lines between two regions each -+- rings --> Region -- svg --> SVG
//! ```
//!
//! Outlines are cut into arcs between two regions each before they are simplified and smoothed, so that neighbours
//! share one border. They are rotated as outlines, not as pixels, so that rotation costs no sharpness.

mod arcs;
mod colors;
mod crossing;
mod error;
mod grid;
mod level;
mod map;
mod polyline;
mod position;
mod rings;
mod simplify;
mod smooth;
mod specks;
mod svg;
mod template;

use serde::{Deserialize, Serialize};

use self::arcs::Arc;
pub use self::error::{ContourError, LandmarkFault, SegmentationFault};
use self::grid::Grid;
use self::level::Levelling;
pub use self::map::SegmentationMap;
pub use self::position::Position;
use self::simplify::simplify;
use self::smooth::smooth;
use self::svg::Backdrop;
use crate::image::{ImageHeader, Picture};

/// Increased whenever the same request may give a different drawing than before; part of the cache key.
pub const ALGORITHM_VERSION: u32 = 2;
/// Default minimum area of a part of a region, in pixels. Smaller parts are not drawn.
pub const DEFAULT_LEAST_AREA: u32 = 16;

/// Maximum size of a drawing in bytes, not counting the embedded picture.
const MAX_SVG_BYTES: usize = 300_000;
/// How far simplifying may move a border, in pixels of the map. The first value is less than half a pixel, since
/// otherwise both sides of a line one pixel wide could coincide. If the drawing is too large, the next value is tried;
/// after the last one, a map of half the size.
const TOLERANCES: [f64; 4] = [0.4, 1.0, 2.0, 4.0];
/// The standard deviation of smoothing 1, in pixels.
const SMOOTHING_PIXELS: f64 = 2.0;
/// How far simplifying may move a smoothed border, in pixels: too little to be visible as an edge.
const SMOOTH_TOLERANCE: f64 = 0.1;
const JPEG_QUALITY: u8 = 85;

/// The request for a drawing. Coordinates are in pixels of the full image as displayed (after EXIF orientation).
#[derive(Debug, Clone, Copy)]
pub struct ContourRequest<'request> {
    /// Width of the image in pixels.
    pub width: u32,
    /// Height of the image in pixels.
    pub height: u32,
    /// 2 to 1,024 positions in the image. The first two are the eyes, in either order, and they alone determine the
    /// rotation. Exceptions are 5 landmarks (in the order of [`crate::Landmarks`]) and 68 (in iBUG's order), which are
    /// fitted to a template by least squares; of 68, the eyes are points 37 to 42 and 43 to 48.
    pub landmarks: &'request [Position],
    /// The style of the drawing.
    pub style: Style,
    /// Parts of a region with fewer pixels are removed as specks.
    pub least_area: u32,
}

impl ContourRequest<'_> {
    /// Refuses what [`draw`] would refuse, given the size of the map, without doing any of the work.
    pub fn check(&self, map_width: u32, map_height: u32) -> Result<(), ContourError> {
        self.level(map_width, map_height).map(|_| ())
    }

    fn level(&self, map_width: u32, map_height: u32) -> Result<Levelling, ContourError> {
        let &Self { width, height, .. } = self;
        self.style.check()?;
        if (map_width, map_height) != (width, height) {
            return Err(SegmentationFault::OtherSize { map_width, map_height, width, height }.into());
        }
        Ok(Levelling::of(self.landmarks, width, height)?)
    }
}

/// The style of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// Opacity of the regions, from 0 (outlines only) to 1 (opaque).
    pub fill_opacity: f64,
    /// Width of the outlines in pixels, 0 to 100; 0 draws no outlines.
    pub stroke_width: f64,
    /// Whether outlines are dashed.
    pub is_dashed: bool,
    /// How strongly outlines are smoothed, 0 to 10: they are blurred along themselves by a Gaussian of twice as many
    /// pixels. At 0 they follow the map's pixels to within half a pixel, unless the map is too detailed: see [`draw`].
    pub smoothing: f64,
}

impl Style {
    /// Refuses values that cannot be drawn.
    pub fn check(&self) -> Result<(), ContourError> {
        let numbers = [
            ("fill opacity", self.fill_opacity, 1.0),
            ("stroke width", self.stroke_width, 100.0),
            ("smoothing", self.smoothing, 10.0),
        ];
        let least = 0.0;
        match numbers.into_iter().find(|(_, found, most)| !(least..=*most).contains(found)) {
            Some((name, found, most)) => Err(ContourError::BadStyle { name, found, least, most }),
            None => Ok(()),
        }
    }
}

impl Default for Style {
    fn default() -> Self {
        Self { fill_opacity: 0.25, stroke_width: 2.0, is_dashed: false, smoothing: 1.0 }
    }
}

/// The outlines of a levelled face.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contours {
    /// Width of the levelled picture, which contains all of the image.
    pub width: u32,
    /// Height of the levelled picture.
    pub height: u32,
    /// a, b, c, d, e, f, which map a position in the image to the levelled picture: x' = ax + cy + e, y' = bx + dy + f.
    pub transform: [f64; 6],
    /// Rotation of the image in degrees, clockwise; above -180, up to 180.
    pub rotation_degrees: f64,
    /// By label, ascending. Regions that consist only of specks are missing.
    pub regions: Vec<Region>,
    /// Number of parts of regions that were too small to be drawn. Each was added to the neighbour with the longest
    /// common border.
    pub dropped_specks: usize,
    /// A standalone SVG document, below 300,000 bytes without the picture.
    pub svg: String,
}

/// All closed outlines of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// The label in the segmentation map.
    pub label: u32,
    /// The colour, as `#rrggbb`.
    pub color: String,
    /// Outlines and the outlines of holes, to be filled by the even-odd rule, in hundredths of pixels of the levelled
    /// picture. Neighbouring regions share the points of their common border.
    pub polygons: Vec<Vec<Position>>,
    /// Area in square pixels, counted in the map.
    pub area: f64,
}

/// Memory of a drawing besides the map's cells and the picture: outlines, and the document.
const OUTLINES_BYTES: u64 = 64 << 20;
/// Memory per pixel of the map: its cells, those of the grid and of its halves, and the cells' states.
const BYTES_PER_PIXEL: u64 = 6;

/// Maximum bytes that [`SegmentationMap::decode`], [`Picture::decode`] and [`draw`], one after the other, hold besides
/// the files. picture: of the image, if it is embedded.
#[must_use]
pub fn drawing_memory(map: &ImageHeader, picture: Option<&ImageHeader>) -> u64 {
    let pixels = u64::from(map.width) * u64::from(map.height);
    let drawing = pixels * BYTES_PER_PIXEL + OUTLINES_BYTES;
    map.cost.map_memory_bytes.max(drawing + picture.map_or(0, |picture| picture.cost.memory_bytes))
}

/// Draws the regions of a map. picture: the image itself, to be embedded under them; it may be decoded at a reduced
/// scale.
///
/// Simplifying moves a border by less than half a pixel if the drawing then fits into 300,000 bytes. If not, borders
/// are moved by up to 1, then 2, then 4 pixels. If that is not enough, or immediately if all borders together are
/// longer than 2,000,000 pixels or need more than 100,000 points, the map is halved as often as necessary. Every
/// halving doubles the pixels by which a border may be off, and thinner lines may disappear.
pub fn draw(
    request: &ContourRequest<'_>,
    map: &SegmentationMap,
    picture: Option<&Picture>,
) -> Result<Contours, ContourError> {
    let levelling = request.level(map.width(), map.height())?;
    let mut grid = Grid::of(map);
    let dropped_specks = specks::drop_specks(&mut grid, request.least_area as usize);
    let canvas = Canvas { request, map, levelling, areas: areas(&grid, map.labels().len()) };
    let (regions, paths) = canvas.fill(grid);
    let backdrop = picture.map(backdrop).transpose()?;
    Ok(Contours {
        width: levelling.width,
        height: levelling.height,
        transform: levelling.transform,
        rotation_degrees: levelling.rotation_degrees,
        regions,
        dropped_specks,
        svg: svg::document(&paths, &levelling, &request.style, backdrop.as_ref()),
    })
}

/// The input of a drawing, independent of how much it is simplified.
struct Canvas<'request> {
    request: &'request ContourRequest<'request>,
    map: &'request SegmentationMap,
    levelling: Levelling,
    /// Square pixels by the region's number; number 0 is the background.
    areas: Vec<u32>,
}

impl Canvas<'_> {
    /// The regions and their paths, simplified as little as the size limit allows.
    fn fill(&self, mut grid: Grid) -> (Vec<Region>, String) {
        loop {
            let arcs = arcs::trace(&grid, TOLERANCES[0]);
            for tolerance in arcs.iter().flat_map(|_| TOLERANCES) {
                let regions = self.regions(arcs.as_deref().unwrap_or_default(), tolerance);
                let paths = svg::paths(&regions, &self.request.style);
                // A thousand bytes are reserved for what surrounds the paths.
                if paths.len() + 1000 < MAX_SVG_BYTES {
                    return (regions, paths);
                }
            }
            grid = grid.halved();
        }
    }

    fn regions(&self, arcs: &[Arc], tolerance: f64) -> Vec<Region> {
        let lines: Vec<_> = arcs.iter().map(|arc| self.line(arc, tolerance)).collect();
        let outlines = rings::assemble(arcs, &lines, self.map.labels().len());
        let drawn = outlines.into_iter().zip(&self.areas).skip(1).zip(self.map.labels()).enumerate();
        let region = |(index, ((polygons, &area), &label))| Region {
            label,
            color: colors::of_region(index).to_owned(),
            polygons,
            area: f64::from(area),
        };
        drawn.map(region).filter(|region| !region.polygons.is_empty()).collect()
    }

    /// An arc, simplified, smoothed, and mapped to the levelled picture.
    fn line(&self, arc: &Arc, tolerance: f64) -> Vec<Position> {
        let mut points = arc.points.clone();
        if tolerance > TOLERANCES[0] {
            points = simplify(points, arc.is_closed, tolerance);
        }
        if self.request.style.smoothing > 0.0 {
            let deviation = self.request.style.smoothing * SMOOTHING_PIXELS;
            let smooth_tolerance = SMOOTH_TOLERANCE * tolerance / TOLERANCES[0];
            points = smooth(&points, arc.is_closed, deviation, smooth_tolerance);
        }
        points.into_iter().map(|point| self.levelling.apply(self.inside(point)).rounded()).collect()
    }

    // The last cells of a halved map extend beyond it if its size is odd.
    fn inside(&self, point: Position) -> Position {
        let (right, bottom) = (f64::from(self.request.width), f64::from(self.request.height));
        Position::new(point.x.clamp(0.0, right), point.y.clamp(0.0, bottom))
    }
}

fn areas(grid: &Grid, regions: usize) -> Vec<u32> {
    let mut areas = vec![0; regions + 1];
    for &cell in grid.cells() {
        areas[usize::from(cell)] += 1;
    }
    areas
}

fn backdrop(picture: &Picture) -> Result<Backdrop, ContourError> {
    let jpeg = picture.to_jpeg(JPEG_QUALITY).map_err(ContourError::Embedding)?;
    Ok(Backdrop { jpeg, width: picture.original_width(), height: picture.original_height() })
}
