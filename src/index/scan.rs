//! Compares a query with the codes of a block. Searches spend most of their time here, so the code is written to be
//! vectorised and is compiled once for each processor generation.

use pulp::{Simd, WithSimd};

use super::code::{Codes, LANES, QueryCode};
use super::distance::ROUNDING;

/// Number of rows whose products fit in an i16 sum: 8 * 2 * 15 * 127 = 30,480.
const ROWS: usize = 8;

/// A vector that may be near the query.
#[derive(Clone, Copy)]
pub(super) struct Near {
    /// Lower bound of its distance.
    pub(super) bound: f64,
    /// Position in the block; may be in the padding.
    pub(super) place: usize,
}

/// Writes to `near` the vectors that may be within `straight_line` of the query. All others are farther away.
pub(super) fn scan(codes: &Codes, query: &QueryCode, straight_line: f64, near: &mut Vec<Near>) {
    near.clear();
    pulp::Arch::new().dispatch(Scan { codes, query, straight_line, near });
}

struct Scan<'a> {
    codes: &'a Codes,
    query: &'a QueryCode,
    straight_line: f64,
    near: &'a mut Vec<Near>,
}

impl WithSimd for Scan<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "so that it is compiled for the current processor")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { codes, query, straight_line, near } = self;
        let groups = codes.levels.chunks_exact(query.levels.len()).zip(&codes.scales);
        for (group, (rows, scales)) in groups.enumerate() {
            let products = products(rows, &query.levels);
            let (mut squared, mut beyond) = ([0.0; LANES], [false; LANES]);
            for lane in 0..LANES {
                let step = f64::from(scales.steps[lane]);
                // Product with the actual levels, which are stored as (level + 15) / 2.
                let product = 2.0 * f64::from(products[lane]) - 15.0 * query.sum;
                let lengths = step * step * f64::from(scales.squares[lane]) + query.square;
                squared[lane] = lengths * (1.0 - ROUNDING) - 2.0 * step * query.step * product;
                let limit = straight_line + query.error + f64::from(scales.errors[lane]);
                beyond[lane] = squared[lane] > limit * limit;
            }
            if beyond != [true; LANES] {
                near.extend((0..LANES).filter(|&lane| !beyond[lane]).map(|lane| Near {
                    bound: squared[lane].max(0.0).sqrt() - query.error - f64::from(scales.errors[lane]),
                    place: group * LANES + lane,
                }));
            }
        }
    }
}

/// For each code of a group, the sum over the dimensions of its stored level times the query's level.
#[expect(clippy::inline_always, reason = "inlined into the function above")]
#[inline(always)]
fn products(rows: &[[u8; LANES]], query: &[[i16; 2]]) -> [i32; LANES] {
    let (rows, last_rows) = rows.as_chunks::<ROWS>();
    let (query, last_query) = query.as_chunks::<ROWS>();
    let mut sums = [0; LANES];
    for (rows, query) in rows.iter().zip(query) {
        add_products(rows, query, &mut sums);
    }
    add_products(last_rows, last_query, &mut sums);
    sums
}

/// Adds the products of at most [`ROWS`] rows.
#[expect(clippy::inline_always, reason = "inlined into the function above")]
#[inline(always)]
fn add_products(rows: &[[u8; LANES]], query: &[[i16; 2]], sums: &mut [i32; LANES]) {
    let mut products = [0_i16; LANES];
    for (row, &[low, high]) in rows.iter().zip(query) {
        for (product, &levels) in products.iter_mut().zip(row) {
            let levels = i16::from(levels);
            *product += (levels & 15) * low + (levels >> 4) * high;
        }
    }
    for (sum, product) in sums.iter_mut().zip(products) {
        *sum += i32::from(product);
    }
}
