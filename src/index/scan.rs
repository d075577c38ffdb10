//! Compares a query with the codes of a block. This is where a search spends its time, so it is written for the
//! compiler to vectorise and compiled once for each generation of processors.

use pulp::{Simd, WithSimd};

use super::code::{Codes, LANES, QueryCode};
use super::distance::ROUNDING;

/// Rows whose products an i16 can add up: 8 * 2 * 15 * 127 = 30,480.
const ROWS: usize = 8;

/// A vector that may be near the query.
#[derive(Clone, Copy)]
pub(super) struct Near {
    /// It is not nearer than this.
    pub(super) bound: f64,
    /// Where it is in the block. May be in the padding.
    pub(super) place: usize,
}

/// Writes into `near` the vectors that may be within `straight_line` of the query. Those left out are not.
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

    #[expect(clippy::inline_always, reason = "or it is not compiled for the processor at hand")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { codes, query, straight_line, near } = self;
        let groups = codes.levels.chunks_exact(query.levels.len()).zip(&codes.scales);
        for (group, (rows, scales)) in groups.enumerate() {
            let products = products(rows, &query.levels);
            let (mut squared, mut beyond) = ([0.0; LANES], [false; LANES]);
            for lane in 0..LANES {
                let step = f64::from(scales.steps[lane]);
                // Of the levels themselves, which are written as (level + 15) / 2.
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

/// For each code of a group, the sum over the dimensions of its written level times the query's.
#[expect(clippy::inline_always, reason = "part of the above")]
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

/// At most [`ROWS`] rows.
#[expect(clippy::inline_always, reason = "part of the above")]
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
