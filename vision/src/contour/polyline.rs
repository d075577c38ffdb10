//! Lines through the corners of cells, with the steps of slopes evened out. Ends of open lines never move.

use super::crossing::Corner;
use super::position::Position;

/// Borders of at most so many sides of cells keep every corner: they are too short to tell a slope from a shape, and the
/// outline of a single pixel is one of them.
const MAX_SHORT_SIDES: u32 = 8;
/// In straight runs longer than twice this, the line keeps to the run up to so many cells from either end.
const MAX_SLOPE_CELLS: f64 = 4.0;

/// A line along a border, in cells. corners: where the border turns, both ends included, which are one when it is closed.
///
/// A slope is a staircase on a map, whose true line goes through the middle of its steps, not along their corners. Corners
/// between two runs of more than a cell are no stairs, and stay.
pub(super) fn through(corners: &[Corner], is_closed: bool) -> impl Iterator<Item = Position> {
    let lengths = corners.windows(2).map(|run| run[0].steps_to(run[1]));
    let is_short = lengths.clone().sum::<u32>() <= MAX_SHORT_SIDES;
    let mut before = lengths.clone().next_back().filter(|_| is_closed);
    let points = corners.windows(2).zip(lengths).flat_map(move |(run, length)| {
        let is_stair = before.is_some_and(|before| before.min(length) < 2);
        before = Some(length);
        let (start, end) = (place(run[0]), place(run[1]));
        let [first, second] = if is_short { [None; 2] } else { middle(start, end) };
        [Some(start).filter(|_| is_short || !is_stair), first, second]
    });
    points.flatten().chain(corners.last().filter(|_| !is_closed).copied().map(place))
}

/// The points of a run that keep the line to it when it leaves out the corners.
fn middle(start: Position, end: Position) -> [Option<Position>; 2] {
    let length = start.distance(end);
    if length > 2.0 * MAX_SLOPE_CELLS {
        let part = MAX_SLOPE_CELLS / length;
        [Some(start.towards(end, part)), Some(end.towards(start, part))]
    } else {
        [Some(start.towards(end, 0.5)), None]
    }
}

fn place(corner: Corner) -> Position {
    Position::new(f64::from(corner.x), f64::from(corner.y))
}
