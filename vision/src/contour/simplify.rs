//! Removes the points of a line that are not visible. Besides the result it holds only a stretch of the line in memory.

use super::position::Position;

/// Number of points that are simplified at once. The search may take quadratic time, which a spiral with millions of
/// points must not be able to exploit; one extra point per stretch is not visible.
const MAX_SPAN: usize = 256;

/// Removes points such that all of them stay within `tolerance` of the line. The ends of an open line are kept, and so
/// is the first point of a closed one, which is not repeated at the end. Source: Douglas and Peucker 1973.
pub(super) fn simplify(
    points: impl IntoIterator<Item = Position>,
    is_closed: bool,
    tolerance: f64,
) -> Vec<Position> {
    let mut points = points.into_iter();
    let Some(first) = points.next() else { return Vec::new() };
    let (mut line, mut start) = (vec![first], 0);
    for point in points.chain(is_closed.then_some(first)) {
        line.push(point);
        if line.len() - start > MAX_SPAN {
            thin_out(&mut line, start, tolerance);
            start = line.len() - 1;
        }
    }
    thin_out(&mut line, start, tolerance);
    if is_closed {
        line.pop();
    }
    line.shrink_to_fit();
    line
}

/// Simplifies what follows `start`, which is kept, as is the last point.
fn thin_out(line: &mut Vec<Position>, start: usize, tolerance: f64) {
    let mut is_kept = [false; MAX_SPAN + 1];
    mark_kept(&line[start..], &mut is_kept, tolerance);
    let (mut end, last) = (start, line.len() - 1);
    for index in start..=last {
        if index == start || index == last || is_kept[index - start] {
            line[end] = line[index];
            end += 1;
        }
    }
    line.truncate(end);
}

/// Marks the points between the ends that are needed.
fn mark_kept(points: &[Position], is_kept: &mut [bool], tolerance: f64) {
    let [start, between @ .., end] = points else { return };
    let distances = between.iter().map(|point| point.distance_to_line(*start, *end)).enumerate();
    let (offset, distance) =
        distances.fold((0, 0.0), |best, other| if other.1 > best.1 { other } else { best });
    if distance > tolerance {
        let middle = offset + 1;
        is_kept[middle] = true;
        mark_kept(&points[..=middle], &mut is_kept[..=middle], tolerance);
        mark_kept(&points[middle..], &mut is_kept[middle..], tolerance);
    }
}
