//! What large pictures and drawings cost: a photo of 12 megapixels from its bytes to its faces and to the copy with the
//! faces drawn in, and the outlines of a map of a megapixel. Every ratio is of two numbers measured in turns in the same
//! run. Needs the set-up of `make prepare`. Run by `cargo bench -p vision --bench pictures`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table and stops where it cannot go on"
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

/// The median time of each step. The steps take turns, so that whatever slows the machine slows them all; the first turn
/// does not count.
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
