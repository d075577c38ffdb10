//! The exact distance of two vectors, and what it means for the codes, which know only straight lines.

use vision::Metric;

/// More than f64 rounds off in a sum of [`super::MAX_DIMENSIONS`] terms, as a part of their sizes: bounds are widened
/// by it, so that they hold for what is computed as they do on paper.
pub(super) const ROUNDING: f64 = 1e-10;

/// The distance of two vectors of the same length, computed in f64 and rounded once. The same on every machine.
pub(super) fn exact(metric: Metric, left: &[f32], right: &[f32]) -> f32 {
    let distance = match metric {
        Metric::Euclidean => sum(left, right, |a, b| (a - b) * (a - b)).sqrt(),
        Metric::Cosine => {
            let lengths = length(left) * length(right);
            // A zero vector has no direction: it is at distance 1 from everything.
            let cosine = if lengths > 0.0 { sum(left, right, |a, b| a * b) / lengths } else { 0.0 };
            (1.0 - cosine).max(0.0)
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "this is where it is rounded")]
    let rounded = distance as f32;
    rounded
}

/// By what a vector's values are multiplied before they are coded. For cosine that is onto the unit sphere, where
/// the straight line between two points is `sqrt(2 * distance)` long.
pub(super) fn normalisation(metric: Metric, vector: &[f32]) -> f64 {
    match metric {
        Metric::Euclidean => 1.0,
        Metric::Cosine => match length(vector) {
            0.0 => 1.0,
            length => length.recip(),
        },
    }
}

/// The length of the straight line, between vectors so multiplied, that no pair with [`exact`] at most `distance`
/// exceeds. A zero vector keeps to it too: it is 1 away from the sphere, and its distance is 1.
pub(super) fn straight_line(metric: Metric, distance: f32) -> f64 {
    // What was rounded down to `distance` lies below the next number.
    let distance = f64::from(distance.next_up());
    match metric {
        Metric::Euclidean => distance,
        Metric::Cosine => (2.0 * distance.max(0.0) + ROUNDING).sqrt(),
    }
}

/// The length of a vector.
pub(super) fn length(vector: &[f32]) -> f64 {
    sum(vector, vector, |a, b| a * b).sqrt()
}

// Eight sums side by side: one alone would wait for every addition.
fn sum(left: &[f32], right: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (left, right) in left.iter().zip(right) {
        for ((sum, &a), &b) in sums.iter_mut().zip(left).zip(right) {
            *sum += term(f64::from(a), f64::from(b));
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(&a, &b)| term(f64::from(a), f64::from(b)));
    sums.into_iter().chain(rest).sum()
}
