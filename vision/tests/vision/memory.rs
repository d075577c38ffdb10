//! Counts allocations, to measure the peak memory of some work. For tests and benchmarks.

#![expect(unsafe_code, reason = "the allocator's trait is unsafe; every call is passed on unchanged")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator with a counter per thread, so that concurrent tests do not affect each other.
pub(crate) struct Counting;

#[derive(Debug, Clone, Copy)]
struct Tally {
    /// Bytes. Negative if a thread frees what another has allocated.
    held: isize,
    most: isize,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { held: 0, most: 0 }) };
}

/// The peak number of bytes that this thread held during some work, not counting those held before. Growth in place
/// is counted as if the data were copied.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> usize {
    let Tally { held: before, .. } = TALLY.get();
    TALLY.set(Tally { held: before, most: before });
    std::hint::black_box(work());
    (TALLY.get().most - before).cast_unsigned()
}

fn count(bytes: isize) {
    // A thread may free memory after its counter is gone.
    let _ = TALLY.try_with(|tally| {
        let Tally { held, most } = tally.get();
        let held = held + bytes;
        tally.set(Tally { held, most: most.max(held) });
    });
}

// SAFETY: the system's allocator does the work; counting allocates nothing and touches no memory of its caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
