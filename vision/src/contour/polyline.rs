//! Lines through the corners of cells: the steps evened out, simplified, smoothed. Ends of open lines never move.

use super::crossing::Corner;
use super::position::Position;

/// Borders of at most so many sides of cells keep every corner: they are too short to tell a slope from a shape, and the
/// outline of a single pixel is one of them.
const MAX_SHORT_SIDES: u32 = 8;
/// In straight runs longer than twice this, the line keeps to the run up to so many cells from either end.
const MAX_SLOPE_CELLS: f64 = 4.0;
/// Points that are simplified at once. The search may be as slow as their square, which nobody should be able to ask for
/// with a spiral of millions; a point more in so many is not seen.
const MAX_SPAN: usize = 256;
/// A line is smoothed by less when it is shorter than this many times the smoothing, lest small shapes shrink away.
const LEAST_LENGTH: f64 = 24.0;
/// How far to both sides smoothing looks, in standard deviations.
const REACH: f64 = 3.0;

/// A line along a border, in cells. corners: where the border turns, both ends included, which are one when it is closed.
///
/// A slope is a staircase on a map, whose true line goes through the middle of its steps, not along their corners. Corners
/// between two runs of more than a cell are no stairs, and stay.
pub(super) fn through(corners: &[Corner], is_closed: bool) -> Vec<Position> {
    let lengths: Vec<u32> = corners.windows(2).map(|run| run[0].steps_to(run[1])).collect();
    if lengths.iter().sum::<u32>() <= MAX_SHORT_SIDES {
        let ends = usize::from(is_closed);
        return corners[..corners.len() - ends].iter().map(|&corner| place(corner)).collect();
    }
    let mut points = Vec::with_capacity(lengths.len() + 2);
    let mut before = lengths.last().copied().filter(|_| is_closed);
    for (run, &length) in corners.windows(2).zip(&lengths) {
        if before.is_none_or(|before| before.min(length) >= 2) {
            points.push(place(run[0]));
        }
        push_middle(&mut points, place(run[0]), place(run[1]));
        before = Some(length);
    }
    if !is_closed {
        points.push(place(corners[corners.len() - 1]));
    }
    points
}

/// Leaves out points without which the line stays within `tolerance` of them. Source: Douglas and Peucker 1973.
pub(super) fn simplify(points: &mut Vec<Position>, is_closed: bool, tolerance: f64) {
    if points.len() < 3 {
        return;
    }
    let first = points[0];
    if is_closed {
        points.push(first);
    }
    let last = points.len() - 1;
    // A closed line is two, between its first point and the one that is farthest from it.
    let split = if is_closed { farthest(points, |at| at.distance(first)).0 } else { last };
    let mut anchors: Vec<usize> = (0..last).step_by(MAX_SPAN).chain([split, last]).collect();
    anchors.sort_unstable();
    let mut is_kept = vec![false; points.len()];
    for &anchor in &anchors {
        is_kept[anchor] = true;
    }
    is_kept[last] = !is_closed;
    let mut spans: Vec<_> = anchors.windows(2).map(|span| (span[0], span[1])).collect();
    while let Some((start, end)) = spans.pop() {
        if end - start < 2 {
            continue;
        }
        let (line_start, line_end) = (points[start], points[end]);
        let (offset, distance) =
            farthest(&points[start + 1..end], |at| at.distance_to_line(line_start, line_end));
        if distance > tolerance {
            let middle = start + 1 + offset;
            is_kept[middle] = true;
            spans.extend([(start, middle), (middle, end)]);
        }
    }
    let mut kept = is_kept.into_iter();
    points.retain(|_| kept.next().unwrap_or(false));
}

/// Evens a line out by a Gaussian along it. deviation: its standard deviation in pixels, less on short lines. The result
/// has a point for every pixel of its length.
pub(super) fn smooth(points: &[Position], is_closed: bool, deviation: f64) -> Vec<Position> {
    let (dense, step) = resample(points, is_closed);
    let deviation = deviation.min(dense.len() as f64 * step / LEAST_LENGTH) / step;
    let reach = (deviation * REACH).floor() as usize;
    let count = dense.len();
    if reach == 0 || count < 3 {
        return points.to_vec();
    }
    let weights: Vec<f64> =
        (0..=reach).map(|away| (-0.5 * (away as f64 / deviation).powi(2)).exp()).collect();
    let total = 2.0 * weights.iter().sum::<f64>() - weights[0];
    let blend = |index: usize| {
        let mut sum = Position::new(0.0, 0.0);
        for away in -reach.cast_signed()..=reach.cast_signed() {
            let point = point_at(&dense, is_closed, index.cast_signed() + away);
            let weight = weights[away.unsigned_abs()] / total;
            sum = Position::new(sum.x + point.x * weight, sum.y + point.y * weight);
        }
        sum
    };
    (0..count).map(blend).collect()
}

/// A point of a line that goes on beyond its ends: a closed one by going round, an open one as its own mirror image
/// through the end, which leaves the end where it is when the line is smoothed.
fn point_at(points: &[Position], is_closed: bool, index: isize) -> Position {
    let last = points.len().cast_signed() - 1;
    if is_closed {
        return points[index.rem_euclid(last + 1).cast_unsigned()];
    }
    let end = index.clamp(0, last);
    let mirrored = (2 * end - index).clamp(0, last);
    let [end_point, inside] = [end, mirrored].map(|index| points[index.cast_unsigned()]);
    if end == index {
        return end_point;
    }
    Position::new(2.0 * end_point.x - inside.x, 2.0 * end_point.y - inside.y)
}

/// Points at even steps of about a pixel along a line, and the step.
fn resample(points: &[Position], is_closed: bool) -> (Vec<Position>, f64) {
    let mut line = points.to_vec();
    line.extend(is_closed.then(|| points[0]));
    let length: f64 = line.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let count = length.round().max(1.0);
    let step = length / count;
    let mut dense = Vec::with_capacity(count as usize + 1);
    let mut walked = 0.0;
    for pair in line.windows(2) {
        let segment = pair[0].distance(pair[1]);
        while (dense.len() as f64) * step < walked + segment && (dense.len() as f64) < count {
            dense.push(pair[0].towards(pair[1], (dense.len() as f64 * step - walked) / segment));
        }
        walked += segment;
    }
    if !is_closed {
        dense.extend(points.last());
    }
    (dense, step)
}

fn push_middle(points: &mut Vec<Position>, start: Position, end: Position) {
    let length = start.distance(end);
    if length > 2.0 * MAX_SLOPE_CELLS {
        points.push(start.towards(end, MAX_SLOPE_CELLS / length));
        points.push(end.towards(start, MAX_SLOPE_CELLS / length));
    } else {
        points.push(start.towards(end, 0.5));
    }
}

fn farthest(points: &[Position], distance: impl Fn(&Position) -> f64) -> (usize, f64) {
    let distances = points.iter().map(distance).enumerate();
    distances.fold((0, 0.0), |best, other| if other.1 > best.1 { other } else { best })
}

fn place(corner: Corner) -> Position {
    Position::new(f64::from(corner.x), f64::from(corner.y))
}
