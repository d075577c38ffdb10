//! The parts of a face as outlines: image, segmentation map and landmarks into levelled regions and an SVG drawing.
//!
//! ```text
//! landmarks -- level --> Levelling ----------------------------------+
//! map -- specks --> Grid -- arcs --> lines between two regions each -+- rings --> Region -- svg --> SVG
//! ```
//!
//! Outlines are cut into arcs between two regions each before they are simplified and smoothed, so that neighbours share
//! one border, and they are turned as outlines, not as pixels, so that turning costs no sharpness.

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

/// Rises whenever the same request may give another drawing than before, so that it belongs into the key of a cache.
pub const ALGORITHM_VERSION: u32 = 2;
/// The least area of a part of a region that is drawn, in pixels, unless something else is asked for.
pub const DEFAULT_LEAST_AREA: u32 = 16;

/// The most bytes of a drawing, the embedded picture apart.
const MAX_SVG_BYTES: usize = 300_000;
/// What simplifying may move a border by, in pixels of the map. The first is less than half a pixel, for else both sides
/// of a line one pixel wide would become one. When the drawing is too large, the next is tried; after the last, a map of
/// half the size.
const TOLERANCES: [f64; 4] = [0.4, 1.0, 2.0, 4.0];
/// The standard deviation of smoothing by 1, in pixels.
const SMOOTHING_PIXELS: f64 = 2.0;
/// What simplifying may move a smoothed border by, in pixels: too little to be seen as an edge.
const SMOOTH_TOLERANCE: f64 = 0.1;
const JPEG_QUALITY: u8 = 85;

/// What is to be drawn. Coordinates count pixels of the full image as a person sees it (after EXIF orientation).
#[derive(Debug, Clone, Copy)]
pub struct ContourRequest<'request> {
    /// Columns of the image.
    pub width: u32,
    /// Rows of the image.
    pub height: u32,
    /// From 2 to 1,024 places in the image. The first two are the eyes, in either order, and alone level the face; but
    /// five (in the order of [`crate::Landmarks`]) or 68 (in iBUG's) are fitted to a template, by least squares, and of
    /// 68 the eyes are points 37 to 42 and 43 to 48.
    pub landmarks: &'request [Position],
    /// How it is to look.
    pub style: Style,
    /// Parts of a region with fewer pixels are dropped as specks.
    pub least_area: u32,
}

impl ContourRequest<'_> {
    /// Refuses what [`draw`] would refuse, given the size of the map, without any of its work.
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

/// How a drawing looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// From 0 (outlines only) to 1 (nothing shines through).
    pub fill_opacity: f64,
    /// In pixels, 0 to 100; 0 draws no outlines.
    pub stroke_width: f64,
    /// Whether outlines are dashed.
    pub is_dashed: bool,
    /// How far outlines are evened out, 0 to 10: they are blurred along themselves by a Gaussian of twice as many pixels.
    /// At 0 they keep to the map's pixels, within half a pixel, unless the map is too detailed: see [`draw`].
    pub smoothing: f64,
}

impl Style {
    /// Refuses numbers that cannot be drawn.
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

/// A levelled face in outlines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contours {
    /// Columns of the levelled picture, which holds all of the image.
    pub width: u32,
    /// Rows of the levelled picture.
    pub height: u32,
    /// a, b, c, d, e, f, which take a place of the image to the levelled picture: x' = ax + cy + e, y' = bx + dy + f.
    pub transform: [f64; 6],
    /// Degrees by which the image was turned, clockwise; above -180 to 180.
    pub rotation_degrees: f64,
    /// By label, ascending. Regions of nothing but specks are missing.
    pub regions: Vec<Region>,
    /// How many parts of regions were too small to be drawn. Each went to the neighbour with the longest common border.
    pub dropped_specks: usize,
    /// A standalone document, below 300,000 bytes without the picture.
    pub svg: String,
}

/// All closed outlines of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// The label in the segmentation map.
    pub label: u32,
    /// As `#rrggbb`.
    pub color: String,
    /// Outlines and the outlines of holes, to be filled by the even-odd rule, in hundredths of pixels of the levelled
    /// picture. Neighbouring regions share the points of their common border.
    pub polygons: Vec<Vec<Position>>,
    /// Square pixels, by counting those of the map.
    pub area: f64,
}

/// What a drawing holds besides the map's cells and the picture: outlines, and the document.
const OUTLINES_BYTES: u64 = 64 << 20;
/// What it holds for each pixel of the map: cells, those of the grid and of its halves, and what was seen of them.
const BYTES_PER_PIXEL: u64 = 6;

/// Bytes that [`SegmentationMap::decode`], [`Picture::decode`] and [`draw`] hold at most, one after the other, besides the
/// files. picture: of the image, when it is to be embedded.
#[must_use]
pub fn drawing_memory(map: &ImageHeader, picture: Option<&ImageHeader>) -> u64 {
    let pixels = u64::from(map.width) * u64::from(map.height);
    let drawing = pixels * BYTES_PER_PIXEL + OUTLINES_BYTES;
    map.cost.map_memory_bytes.max(drawing + picture.map_or(0, |picture| picture.cost.memory_bytes))
}

/// Draws the regions of a map. picture: the image itself, to be embedded under them; it may be of a reduced scale.
///
/// Simplifying moves a border by less than half a pixel if the drawing fits into 300,000 bytes so. If not, borders are
/// moved by up to 1, then 2, then 4 pixels. When that is not enough, and at once when all borders together are longer than
/// 2,000,000 pixels or need more than 100,000 points, the map is halved, as often as it takes: every halving doubles the
/// pixels that a border may be off by, and lines thinner than that may be gone.
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

/// What a drawing is made from, however much it is simplified.
struct Canvas<'request> {
    request: &'request ContourRequest<'request>,
    map: &'request SegmentationMap,
    levelling: Levelling,
    /// Square pixels by number of the region; number 0 is the background.
    areas: Vec<u32>,
}

impl Canvas<'_> {
    /// The regions and their paths, as little simplified as fits.
    fn fill(&self, mut grid: Grid) -> (Vec<Region>, String) {
        loop {
            let arcs = arcs::trace(&grid, TOLERANCES[0]);
            for tolerance in arcs.iter().flat_map(|_| TOLERANCES) {
                let regions = self.regions(arcs.as_deref().unwrap_or_default(), tolerance);
                let paths = svg::paths(&regions, &self.request.style);
                // A thousand bytes go to what is around the paths.
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

    /// An arc simplified, smoothed, and turned into the levelled picture.
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

    // The last cells of a halved map reach out of it when its size is odd.
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
