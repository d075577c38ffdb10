//! Smooths lines with a Gaussian along them. A line is processed through a window, so its samples are never held in
//! full.

use std::collections::VecDeque;

use super::position::Position;
use super::simplify::simplify;

/// A line shorter than this multiple of the smoothing is smoothed less, so that small shapes do not shrink away.
const LEAST_LENGTH: f64 = 24.0;
/// How far smoothing reaches to both sides, in standard deviations.
const REACH: f64 = 3.0;
/// Samples per standard deviation, but at most one per pixel: a smoothed line has no finer detail.
const SAMPLES: f64 = 4.0;

/// Smooths a line with a Gaussian along it, and removes points such that the result stays within `tolerance`.
/// deviation: its standard deviation in pixels, reduced on short lines.
pub(super) fn smooth(points: &[Position], is_closed: bool, deviation: f64, tolerance: f64) -> Vec<Position> {
    let length = (0..segments(points, is_closed)).map(|index| length_of(segment(points, index))).sum::<f64>();
    let deviation = deviation.min(length / LEAST_LENGTH);
    let samples = Samples::of(points, is_closed, length, (deviation / SAMPLES).max(1.0));
    let steps = deviation / samples.step;
    let reach = (steps * REACH).floor() as usize;
    if reach == 0 {
        return simplify(points.iter().copied(), is_closed, tolerance);
    }
    let [before, after] = samples.beyond(reach);
    let line = before.into_iter().chain(samples).chain(after);
    let mut smooth = simplify(blend(line, &weights(steps, reach)), is_closed, tolerance);
    if let ([first, .., last], [start, .., end], false) = (points, &mut smooth[..], is_closed) {
        // Other lines end in exactly the same positions, which rounding may have moved.
        (*start, *end) = (*first, *last);
    }
    smooth
}

/// A line sampled at equal steps. The samples of an open line include both ends, those of a closed one only its first
/// point.
#[derive(Debug, Clone)]
struct Samples<'points> {
    points: &'points [Position],
    is_closed: bool,
    step: f64,
    count: usize,
    /// The index of the next sample.
    next: usize,
    /// The segment of the last sample, and the length of the line before it.
    segment: usize,
    walked: f64,
}

impl<'points> Samples<'points> {
    fn of(points: &'points [Position], is_closed: bool, length: f64, about_step: f64) -> Self {
        let steps = (length / about_step).round().max(1.0);
        let count = steps as usize + usize::from(!is_closed);
        Self { points, is_closed, step: length / steps, count, next: 0, segment: 0, walked: 0.0 }
    }

    /// The continuation of a line at both ends, `reach` samples each: a closed line continues around, an open one
    /// continues as its mirror image through the end, so that smoothing does not move the end.
    fn beyond(&self, reach: usize) -> [Vec<Position>; 2] {
        let stretch = |next: usize| Self { next, ..self.clone() }.take(reach).collect::<Vec<_>>();
        if self.is_closed {
            return [stretch(self.count - reach), stretch(0)];
        }
        let mirrored = |stretch: Vec<Position>, end: Position| {
            stretch
                .into_iter()
                .rev()
                .map(|at| Position::new(2.0 * end.x - at.x, 2.0 * end.y - at.y))
                .collect()
        };
        let [first, last] = [self.points[0], self.points[self.points.len() - 1]];
        [mirrored(stretch(1), first), mirrored(stretch(self.count - 1 - reach), last)]
    }
}

impl Iterator for Samples<'_> {
    type Item = Position;

    fn next(&mut self) -> Option<Position> {
        if self.next == self.count {
            return None;
        }
        let along = self.next as f64 * self.step;
        self.next += 1;
        let mut length = length_of(segment(self.points, self.segment));
        while along > self.walked + length && self.segment + 1 < segments(self.points, self.is_closed) {
            self.walked += length;
            self.segment += 1;
            length = length_of(segment(self.points, self.segment));
        }
        let [start, end] = segment(self.points, self.segment);
        let part = if length > 0.0 { (along - self.walked) / length } else { 0.0 };
        Some(start.towards(end, part.min(1.0)))
    }
}

/// The weighted means of all windows of a line, as long as the weights.
fn blend(line: impl Iterator<Item = Position>, weights: &[f64]) -> impl Iterator<Item = Position> {
    let mut window = VecDeque::with_capacity(weights.len());
    line.filter_map(move |point| {
        window.push_back(point);
        if window.len() < weights.len() {
            return None;
        }
        let add = |sum: Position, (at, weight): (&Position, &f64)| {
            Position::new(sum.x + at.x * weight, sum.y + at.y * weight)
        };
        let mean = window.iter().zip(weights).fold(Position::new(0.0, 0.0), add);
        window.pop_front();
        Some(mean)
    })
}

/// A Gaussian that reaches `reach` to both sides. deviation: in samples.
fn weights(deviation: f64, reach: usize) -> Vec<f64> {
    let weight = |index: usize| (-0.5 * ((index as f64 - reach as f64) / deviation).powi(2)).exp();
    let weights: Vec<f64> = (0..=2 * reach).map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

fn segments(points: &[Position], is_closed: bool) -> usize {
    points.len() - usize::from(!is_closed)
}

fn segment(points: &[Position], index: usize) -> [Position; 2] {
    [points[index], points[(index + 1) % points.len()]]
}

fn length_of([start, end]: [Position; 2]) -> f64 {
    start.distance(end)
}
