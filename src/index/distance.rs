//! The exact distance of two vectors, and its Euclidean equivalent for comparing codes.

use vision::Metric;

/// Exceeds the relative rounding error of f64 in a sum of [`super::MAX_DIMENSIONS`] terms. Bounds are widened by it, so
/// that they hold for computed values too.
pub(super) const ROUNDING: f64 = 1e-10;

/// The distance of two vectors of the same length, computed in f64 and rounded once. Identical on every machine.
pub(super) fn exact(metric: Metric, left: &[f32], right: &[f32]) -> f32 {
    let distance = match metric {
        Metric::Euclidean => sum(left, right, |a, b| (a - b) * (a - b)).sqrt(),
        Metric::Cosine => {
            let lengths = length(left) * length(right);
            // A zero vector has no direction; its distance from everything is defined as 1.
            let cosine = if lengths > 0.0 { sum(left, right, |a, b| a * b) / lengths } else { 0.0 };
            (1.0 - cosine).max(0.0)
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "the single rounding")]
    let rounded = distance as f32;
    rounded
}

/// The factor applied to a vector's values before quantization. For the cosine metric it projects the vector onto the
/// unit sphere, where the Euclidean distance of two points is `sqrt(2 * distance)`.
pub(super) fn normalisation(metric: Metric, vector: &[f32]) -> f64 {
    match metric {
        Metric::Euclidean => 1.0,
        Metric::Cosine => match length(vector) {
            0.0 => 1.0,
            length => length.recip(),
        },
    }
}

/// The maximum Euclidean distance, after normalisation, of any pair whose [`exact`] distance is at most `distance`.
/// Also holds for a zero vector: it is 1 away from the sphere, and its distance is 1.
pub(super) fn straight_line(metric: Metric, distance: f32) -> f64 {
    // Values rounded down to `distance` are less than the next representable number.
    let distance = f64::from(distance.next_up());
    match metric {
        Metric::Euclidean => distance,
        Metric::Cosine => (2.0 * distance.max(0.0) + ROUNDING).sqrt(),
    }
}

/// The Euclidean length of a vector.
pub(super) fn length(vector: &[f32]) -> f64 {
    sum(vector, vector, |a, b| a * b).sqrt()
}

// Eight independent sums, because a single one would be limited by the latency of additions.
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
