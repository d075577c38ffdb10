//! Synthetic vectors that are distributed like a face encoder's.
//!
//! A vector is the sum of what all faces have in common (length 1.21), of a part for the person and of a part for the
//! image. The latter two are normal, with a variance that decreases over the factors, so that distances spread as in
//! about 45 dimensions instead of 128; a random rotation then distributes the factors over all values. The lengths are
//! about 1.4, different people 0.8 to 1.2 apart and two images of a person 0.3 to 0.5.

/// Number of values in a vector.
pub(crate) const DIMENSIONS: usize = 128;

/// Sums of the variances over all dimensions.
const VARIANCE_OF_PEOPLE: f32 = 0.42;
const VARIANCE_OF_PICTURES: f32 = 0.08;
const LENGTH_IN_COMMON: f32 = 1.21;

/// A population; the same for the same seed.
pub(crate) struct Population {
    random: Random,
    common: [f32; DIMENSIONS],
    /// Standard deviation of each factor, as a fraction of the total.
    spread: [f32; DIMENSIONS],
    signs: [f32; DIMENSIONS],
}

impl Population {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut common = [(); DIMENSIONS].map(|()| random.normal());
        let length = common.iter().map(|value| value * value).sum::<f32>().sqrt();
        common = common.map(|value| value * LENGTH_IN_COMMON / length);
        let mut spread = [0.0_f32; DIMENSIONS];
        let mut factor = 0.0;
        for variance in &mut spread {
            *variance = 1.0 / (1.0 + factor / 24.0_f32).powi(2);
            factor += 1.0;
        }
        let whole: f32 = spread.iter().sum();
        let signs = [(); DIMENSIONS].map(|()| if random.next() & 1 == 0 { 1.0 } else { -1.0 });
        Self { random, common, spread: spread.map(|variance| (variance / whole).sqrt()), signs }
    }

    /// A new person.
    pub(crate) fn person(&mut self) -> [f32; DIMENSIONS] {
        self.deviation(VARIANCE_OF_PEOPLE)
    }

    /// Another image of the person.
    pub(crate) fn picture(&mut self, person: &[f32; DIMENSIONS]) -> [f32; DIMENSIONS] {
        let mut vector = self.deviation(VARIANCE_OF_PICTURES);
        for ((value, own), common) in vector.iter_mut().zip(person).zip(&self.common) {
            *value += own + common;
        }
        vector
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random.next() >> 32).map_or(0, |number| number % end)
    }

    fn deviation(&mut self, variance: f32) -> [f32; DIMENSIONS] {
        let scale = variance.sqrt();
        let mut values = self.spread.map(|spread| spread * scale);
        for (value, sign) in values.iter_mut().zip(&self.signs) {
            *value *= sign * self.random.normal();
        }
        rotate(&mut values);
        values
    }
}

/// The Walsh-Hadamard transform, which keeps lengths.
fn rotate(values: &mut [f32; DIMENSIONS]) {
    let mut half = 1;
    while half < DIMENSIONS {
        for pair in values.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (
                    (*a + *b) * std::f32::consts::FRAC_1_SQRT_2,
                    (*a - *b) * std::f32::consts::FRAC_1_SQRT_2,
                );
            }
        }
        half *= 2;
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Approximately standard normal: eight bytes have a sum of mean 1020 and variance 43,690.
    fn normal(&mut self) -> f32 {
        let sum: u16 = self.next().to_le_bytes().into_iter().map(u16::from).sum();
        (f32::from(sum) - 1020.0) / 209.02
    }
}
