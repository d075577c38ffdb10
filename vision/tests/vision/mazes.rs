//! Maps that require the maximum amount of work. For the tests and the benchmark of contours.

use vision::contour::SegmentationMap;

/// A line one pixel wide that winds inwards one pixel apart from itself: a border about as long as the map has pixels.
pub(crate) fn spiral(side: u32) -> SegmentationMap {
    let columns = side as usize;
    let mut labels = vec![0; columns * columns];
    let mut at = 0;
    labels[at] = 1;
    let headings = [1, columns.cast_signed(), -1, -columns.cast_signed()];
    for (turn, heading) in headings.into_iter().cycle().enumerate() {
        let length = (columns - 1).saturating_sub(turn.saturating_sub(1) / 2 * 2);
        if length == 0 {
            break;
        }
        for _ in 0..length {
            at = at.wrapping_add_signed(heading);
            labels[at] = 1;
        }
    }
    SegmentationMap::from_labels(side, side, &labels).unwrap()
}

/// Straight teeth one pixel wide, one pixel apart: a border about as long as the map has pixels.
pub(crate) fn comb(side: u32) -> SegmentationMap {
    map(side, |x, y| u32::from(y == 0 || x % 2 == 0))
}

/// Teeth two pixels wide, one in every `step` pixels, that turn at every pixel.
pub(crate) fn jagged_comb(side: u32, step: u32) -> SegmentationMap {
    map(side, |x, y| u32::from(y == 0 || (x + y % 2) % step < 2))
}

/// One of two regions or background in every pixel, pseudorandom and reproducible.
pub(crate) fn noise(side: u32) -> SegmentationMap {
    let mut random = 7_u32;
    let mut label = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) % 3
    };
    let labels: Vec<u32> = (0..side * side).map(|_| label()).collect();
    SegmentationMap::from_labels(side, side, &labels).unwrap()
}

/// Specks of 15 pixels on a region, one in every hundred pixels.
pub(crate) fn specks(side: u32) -> SegmentationMap {
    map(side, |x, y| if x % 10 < 3 && y % 10 < 5 { 2 } else { 1 })
}

fn map(side: u32, label: impl Fn(u32, u32) -> u32) -> SegmentationMap {
    let labels: Vec<u32> =
        (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).map(|(x, y)| label(x, y)).collect();
    SegmentationMap::from_labels(side, side, &labels).unwrap()
}
