//! Vectors quantized to four bits per value, with bounds on the error.
//!
//! The vectors of a block lie around their mean, so the difference from the mean is quantized: `step * level`, where
//! the levels are the odd numbers from -15 to 15. The length of the remainder is stored as the error. By the triangle
//! inequality, a vector is closer to any point than its code by at most its error. A vector whose code is too far away
//! even after subtracting the error can be skipped, and no other vector is skipped.

use zeroize::Zeroize;

use vision::Metric;

use super::distance::{ROUNDING, length, normalisation};

/// Number of codes that are stored interleaved and compared with a query together.
pub(super) const LANES: usize = 32;

/// The codes of a block's vectors, padded to whole groups of [`LANES`].
pub(super) struct Codes {
    /// The mean of the normalised vectors.
    centre: Box<[f32]>,
    /// For each group, and in it for each two dimensions `i` and `i + half`: one byte per vector, with the level of `i`
    /// in the low four bits and the level of `i + half` in the high four bits. Level `l` is stored as `(l + 15) / 2`.
    pub(super) levels: Box<[[u8; LANES]]>,
    /// For each group, the scales of its levels.
    pub(super) scales: Box<[Scales]>,
}

/// The scales of the vectors in a group.
#[derive(Clone, Default)]
pub(super) struct Scales {
    /// Size of a level. Not negative.
    pub(super) steps: [f32; LANES],
    /// Sum of the squared levels. An integer.
    pub(super) squares: [f32; LANES],
    /// Maximum distance of the vector from its code. Not negative, may be infinite.
    pub(super) errors: [f32; LANES],
}

impl Codes {
    /// Quantizes `vectors`, which must all have `dimensions` finite values.
    pub(super) fn new<'a>(
        metric: Metric,
        dimensions: usize,
        vectors: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
    ) -> Self {
        let groups = vectors.len().div_ceil(LANES);
        let half = dimensions.div_ceil(2);
        let mut codes = Self {
            centre: mean(metric, dimensions, vectors.clone()),
            levels: vec![[0; LANES]; groups * half].into_boxed_slice(),
            scales: vec![Scales::default(); groups].into_boxed_slice(),
        };
        for (place, vector) in vectors.enumerate() {
            codes.write(metric, half, place, vector);
        }
        codes
    }

    fn write(&mut self, metric: Metric, half: usize, place: usize, vector: &[f32]) {
        let (group, lane) = (place / LANES, place % LANES);
        let factor = normalisation(metric, vector);
        let offsets = || offsets(&self.centre, factor, vector);
        // So that the outermost level, 15, represents 14 to 16 steps.
        let step = rounded_up(offsets().fold(0.0, |most, offset| offset.abs().max(most)) / 16.0);
        let inverse = if step > 0.0 { f64::from(step).recip() } else { 0.0 };
        let (mut squares, mut error) = (0.0, 0.0);
        for (index, offset) in offsets().enumerate() {
            // Truncation, which is the floor of non-negative numbers.
            let written = whole((offset * inverse).midpoint(16.0).clamp(0.0, 15.0));
            let level = 2.0 * f64::from(written) - 15.0;
            squares += level * level;
            error += (offset - f64::from(step) * level).powi(2);
            let (row, shift) = if index < half { (index, 0) } else { (index - half, 4) };
            self.levels[group * half + row][lane] |= written << shift;
        }
        let rounding = ROUNDING * (factor * length(vector) + length(&self.centre));
        let scales = &mut self.scales[group];
        scales.steps[lane] = step;
        scales.squares[lane] = rounded_up(squares);
        scales.errors[lane] = rounded_up(error.sqrt() + rounding);
    }

    /// Quantizes a query for comparison with these codes.
    pub(super) fn query(&self, metric: Metric, vector: &[f32]) -> QueryCode {
        QueryCode::new(&self.centre, normalisation(metric, vector), vector)
    }
}

impl Drop for Codes {
    // Zeroes the memory, so that removed vectors do not remain in freed memory.
    fn drop(&mut self) {
        self.centre.zeroize();
        self.levels.zeroize();
    }
}

/// A query quantized to eight bits per value, around the same centre as the codes it is compared with.
pub(super) struct QueryCode {
    /// For each two dimensions `i` and `i + half`, their levels from -127 to 127.
    pub(super) levels: Vec<[i16; 2]>,
    /// Sum of the levels.
    pub(super) sum: f64,
    /// Size of a level.
    pub(super) step: f64,
    /// Squared length of the code.
    pub(super) square: f64,
    /// Maximum distance of the query from its code.
    pub(super) error: f64,
}

impl QueryCode {
    fn new(centre: &[f32], factor: f64, vector: &[f32]) -> Self {
        let offsets = || offsets(centre, factor, vector);
        let step = offsets().fold(0.0, |most, offset| offset.abs().max(most)) / 127.0;
        let inverse = if step > 0.0 { step.recip() } else { 0.0 };
        let half = vector.len().div_ceil(2);
        let mut code = Self { levels: vec![[0; 2]; half], sum: 0.0, step, square: 0.0, error: 0.0 };
        for (index, offset) in offsets().enumerate() {
            // Truncation of a non-negative number plus one half, which rounds it.
            let level = i16::from(whole((offset * inverse + 127.5).clamp(0.0, 254.0))) - 127;
            code.levels[index % half][index / half] = level;
            let level = f64::from(level);
            code.sum += level;
            code.square += level * level;
            code.error += (offset - step * level).powi(2);
        }
        code.square *= step * step;
        code.error = code.error.sqrt() + ROUNDING * (factor * length(vector) + length(centre));
        code
    }
}

/// The offset of a normalised vector from the centre in each dimension.
fn offsets(centre: &[f32], factor: f64, vector: &[f32]) -> impl Iterator<Item = f64> {
    vector.iter().zip(centre).map(move |(&value, &centre)| factor * f64::from(value) - f64::from(centre))
}

fn mean<'a>(
    metric: Metric,
    dimensions: usize,
    vectors: impl ExactSizeIterator<Item = &'a [f32]>,
) -> Box<[f32]> {
    let mut mean = vec![0.0; dimensions];
    #[expect(clippy::cast_precision_loss, reason = "blocks are small")]
    let count = vectors.len() as f64;
    for vector in vectors {
        let factor = normalisation(metric, vector) / count;
        for (mean, &value) in mean.iter_mut().zip(vector) {
            *mean += factor * f64::from(value);
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "it must only be deterministic")]
    let rounded = mean.into_iter().map(|value| value as f32).collect();
    rounded
}

/// The smallest f32 that is not less than `number`, which must not be negative.
fn rounded_up(number: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "the lost precision is compensated")]
    let near = number as f32;
    if f64::from(near) < number { near.next_up() } else { near }
}

/// The integer part of a number from 0 to 255.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "in range, and truncated on purpose"
)]
fn whole(number: f64) -> u8 {
    number as u8
}
