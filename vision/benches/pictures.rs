//! The cost of large images and drawings: a photo of 12 megapixels from its bytes to its faces and to the annotated
//! copy, and the outlines of a one-megapixel map. Every ratio is of two numbers measured alternately in the same run.
//! Needs the setup of `make prepare`. Run by `cargo bench -p vision --bench pictures`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table and fails by panicking"
)]

#[path = "pictures/contours.rs"]
mod contours;
#[path = "../tests/vision/mazes.rs"]
mod mazes;
#[path = "../tests/vision/memory.rs"]
mod memory;
#[path = "pictures/photo.rs"]
mod photo;

use std::hint::black_box;
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

fn main() {
    println!("one thread; medians in milliseconds\n");
    photo::bench();
    contours::bench();
}

/// The median time of each step. The steps alternate, so that a slowdown of the machine affects them all; the first
/// round does not count.
fn medians<const STEPS: usize>(turns: usize, mut step: impl FnMut(usize) -> Duration) -> [Duration; STEPS] {
    let mut times: [Vec<Duration>; STEPS] = std::array::from_fn(|_| Vec::new());
    for turn in 0..=turns {
        for (index, times) in times.iter_mut().enumerate() {
            let time = step(index);
            times.extend((turn > 0).then_some(time));
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn row(name: &str, time: Duration, unit: Duration) {
    println!("{name:<40} {:>8.2}  x{:.2}", time.as_secs_f64() * 1e3, time.as_secs_f64() / unit.as_secs_f64());
}
