//! Cuts the borders of a map into arcs. Each arc runs between two points where more than two regions meet, or is
//! closed, and separates the same two regions along its whole length. Whatever is done to an arc applies to both
//! regions, so neighbours keep one border however it is simplified and smoothed. Arcs also end in the corners of the
//! map, so that smoothing does not round them.
//!
//! Borders follow the sides of pixels. Where two regions touch diagonally in a corner, four arcs meet there and none is
//! drawn through it: pixels that share only a corner are not connected.

use super::crossing::{Corner, Crossing, Heading};
use super::grid::Grid;
use super::polyline;
use super::position::Position;
use super::simplify::simplify;

/// Number of points above which a map is too detailed for a drawing: several times what fits into one.
const MAX_POINTS: usize = 100_000;

/// Total length of all borders in pixels above which a map is too detailed. The cost of smoothing grows with the
/// length, however few turns there are, and a spiral can be as long as the map has pixels.
const MAX_LENGTH: usize = 2_000_000;

/// Number of turns of a single border above which a map is too detailed, since following it would dominate memory use.
const MAX_CORNERS: usize = 200_000;

/// A border between two regions.
#[derive(Debug)]
pub(super) struct Arc {
    pub(super) ends: [End; 2],
    /// The regions to the left and to the right in the direction from the first end to the second; 0 is background.
    pub(super) sides: (u8, u8),
    /// Whether it meets no other arc. Both ends are then the same position, which is only the first of the points.
    pub(super) is_closed: bool,
    /// In pixels of the picture, within half a pixel of the sides of cells, ends included.
    pub(super) points: Vec<Position>,
}

/// The end of an arc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) corner: Corner,
    /// The direction that leads from here into the arc.
    pub(super) inwards: Heading,
}

/// All borders of a map; `None` if they are too detailed to be drawn.
pub(super) fn trace(grid: &Grid, tolerance_cells: f64) -> Option<Vec<Arc>> {
    let mut tracer = Tracer::over(grid);
    let (mut arcs, mut points) = (Vec::new(), 0);
    // Closed borders are what is left after all others have been walked.
    for is_closed in [false, true] {
        for corner in corners(grid) {
            let crossing = Crossing::at(grid, corner);
            if crossing.is_plain() || tracer.is_end(corner, crossing) == is_closed {
                continue;
            }
            for heading in Heading::ALL {
                if crossing.is_border(heading) && !tracer.has_walked(corner, heading) {
                    let trail = tracer.walk(corner, heading)?;
                    let arc = trail.into_arc(grid, crossing.sides(heading), is_closed, tolerance_cells);
                    points += arc.points.len();
                    arcs.push(arc);
                }
            }
            if points > MAX_POINTS {
                return None;
            }
        }
    }
    Some(arcs)
}

fn corners(grid: &Grid) -> impl Iterator<Item = Corner> + use<> {
    let (width, height) = (grid.width() as u32, grid.height() as u32);
    (0..=height).flat_map(move |y| (0..=width).map(move |x| Corner { x, y }))
}

struct Tracer<'grid> {
    grid: &'grid Grid,
    /// The sides that have been walked, by corner: bit 0 the one to the east, bit 1 the one to the south.
    walked: Vec<u8>,
    /// How many more sides may be walked.
    sides_left: usize,
}

impl<'grid> Tracer<'grid> {
    fn over(grid: &'grid Grid) -> Self {
        let walked = vec![0; (grid.width() + 1) * (grid.height() + 1)];
        Self { grid, walked, sides_left: MAX_LENGTH / grid.pixels_per_cell() as usize }
    }

    /// Follows a border to its end, or back to its start; `None` as soon as it is too detailed.
    fn walk(&mut self, start: Corner, heading: Heading) -> Option<Trail> {
        let mut trail = Trail { corners: vec![start], first: heading, last: heading };
        let mut at = start;
        while trail.corners.len() < MAX_CORNERS {
            self.sides_left = self.sides_left.checked_sub(1)?;
            self.mark(at, trail.last);
            at = at.next(trail.last);
            let crossing = Crossing::at(self.grid, at);
            if at == start || self.is_end(at, crossing) {
                trail.corners.push(at);
                return Some(trail);
            }
            let onward = crossing.onward(trail.last);
            if onward != trail.last {
                trail.corners.push(at);
                trail.last = onward;
            }
        }
        None
    }

    /// Whether the borders that meet in a corner end there.
    fn is_end(&self, corner: Corner, crossing: Crossing) -> bool {
        crossing.is_node()
            || (self.grid.is_outermost(corner.x as usize, corner.y as usize) && !crossing.is_plain())
    }

    fn mark(&mut self, corner: Corner, heading: Heading) {
        let (side, bit) = self.side(corner, heading);
        self.walked[side] |= bit;
    }

    fn has_walked(&self, corner: Corner, heading: Heading) -> bool {
        let (side, bit) = self.side(corner, heading);
        self.walked[side] & bit != 0
    }

    // A side belongs to its western or northern corner.
    fn side(&self, corner: Corner, heading: Heading) -> (usize, u8) {
        let (owner, bit) = match heading {
            Heading::East => (corner, 1),
            Heading::South => (corner, 2),
            Heading::West => (corner.next(heading), 1),
            Heading::North => (corner.next(heading), 2),
        };
        (owner.y as usize * (self.grid.width() + 1) + owner.x as usize, bit)
    }
}

/// The corners where a border turns, its ends included.
struct Trail {
    corners: Vec<Corner>,
    first: Heading,
    last: Heading,
}

impl Trail {
    fn into_arc(self, grid: &Grid, sides: (u8, u8), is_closed: bool, tolerance_cells: f64) -> Arc {
        let [start, end] = [self.corners[0], self.corners[self.corners.len() - 1]];
        let mut points = simplify(polyline::through(&self.corners, is_closed), is_closed, tolerance_cells);
        let pixels = f64::from(grid.pixels_per_cell());
        for at in &mut points {
            *at = Position::new(at.x * pixels, at.y * pixels);
        }
        Arc {
            ends: [
                End { corner: start, inwards: self.first },
                End { corner: end, inwards: self.last.back() },
            ],
            sides,
            is_closed,
            points,
        }
    }
}
