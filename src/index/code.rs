//! Vectors in four bits a value, and how wrong that can be.
//!
//! A block's vectors lie around their mean, so it is the difference from it that is coded: `step * level`, the levels
//! being the odd numbers from -15 to 15. The length of what the code leaves out is kept as its error. By the triangle
//! inequality a vector is then at most its error nearer to anything than its code is: a vector whose code is too far
//! away even so need not be looked at, and no other is passed over.

use zeroize::Zeroize;

use vision::Metric;

use super::distance::{ROUNDING, length, normalisation};

/// Codes that lie side by side and are compared with a query at once.
pub(super) const LANES: usize = 32;

/// The codes of a block's vectors. Everything is padded to whole groups of [`LANES`].
pub(super) struct Codes {
    /// The mean of the normalised vectors.
    centre: Box<[f32]>,
    /// For each group: for each two dimensions, `i` and `i + half`: for each vector a byte, with the levels of `i` in
    /// its low four bits and of `i + half` in its high ones. Level `l` is written as `(l + 15) / 2`.
    pub(super) levels: Box<[[u8; LANES]]>,
    /// For each group, what belongs to its levels.
    pub(super) scales: Box<[Scales]>,
}

/// What the levels of a group's vectors mean.
#[derive(Clone, Default)]
pub(super) struct Scales {
    /// The size of a level. At least 0.
    pub(super) steps: [f32; LANES],
    /// The sum of the squared levels. A whole number.
    pub(super) squares: [f32; LANES],
    /// How far the vector may be from its code. At least 0, may be infinite.
    pub(super) errors: [f32; LANES],
}

impl Codes {
    /// Codes `vectors`, all of `dimensions` finite values.
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
        // The outermost level, 15, then stands for 14 to 16 steps.
        let step = rounded_up(offsets().fold(0.0, |most, offset| offset.abs().max(most)) / 16.0);
        let inverse = if step > 0.0 { f64::from(step).recip() } else { 0.0 };
        let (mut squares, mut error) = (0.0, 0.0);
        for (index, offset) in offsets().enumerate() {
            // Truncated, which for what is not negative is the floor.
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

    /// A query as it is compared with these codes.
    pub(super) fn query(&self, metric: Metric, vector: &[f32]) -> QueryCode {
        QueryCode::new(&self.centre, normalisation(metric, vector), vector)
    }
}

impl Drop for Codes {
    // What is removed leaves nothing behind, not even in memory that is free.
    fn drop(&mut self) {
        self.centre.zeroize();
        self.levels.zeroize();
    }
}

/// A query in eight bits a value, around the same centre as the codes it is compared with.
pub(super) struct QueryCode {
    /// For each two dimensions, `i` and `i + half`, their levels: -127 to 127.
    pub(super) levels: Vec<[i16; 2]>,
    /// The sum of the levels.
    pub(super) sum: f64,
    /// The size of a level.
    pub(super) step: f64,
    /// The squared length of the code.
    pub(super) square: f64,
    /// How far the query may be from its code.
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
            // Truncated, which half a level above what is not negative rounds it.
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

/// How far a normalised vector is from the centre in each dimension.
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
    #[expect(clippy::cast_possible_truncation, reason = "it need not be exact, only always the same")]
    let rounded = mean.into_iter().map(|value| value as f32).collect();
    rounded
}

/// The least f32 that is not below `number`, which is not negative.
fn rounded_up(number: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is given back")]
    let near = number as f32;
    if f64::from(near) < number { near.next_up() } else { near }
}

/// The whole part of a number from 0 to 255.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "in range, and cut off on purpose"
)]
fn whole(number: f64) -> u8 {
    number as u8
}
