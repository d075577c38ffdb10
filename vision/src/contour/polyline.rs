//! Lines through the corners of cells, with the steps of slopes smoothed out. Ends of open lines never move.

use super::crossing::Corner;
use super::position::Position;

/// Borders with at most this many cell sides keep every corner: they are too short to distinguish a slope from a shape,
/// and the outline of a single pixel is one of them.
const MAX_SHORT_SIDES: u32 = 8;
/// In straight runs longer than twice this, the line stays on the run except for this many cells at either end.
const MAX_SLOPE_CELLS: f64 = 4.0;

/// A line along a border, in cells. corners: where the border turns, including both ends, which are the same if it is
/// closed.
///
/// On a map, a slope is a staircase. The true line goes through the middle of its steps, not along their corners.
/// Corners between two runs of more than one cell are not part of a staircase and are kept.
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

/// The points of a run that keep the line on it when its corners are left out.
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
