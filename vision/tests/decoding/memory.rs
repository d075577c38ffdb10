//! Counts the allocations of all threads, since decoders have threads of their own.

#![expect(unsafe_code, reason = "the allocator's trait is unsafe; every call is passed on unchanged")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The system's allocator with a counter.
pub(crate) struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MAX_FIELD_COST: AtomicUsize = AtomicUsize::new(0);
static MEASURED: Mutex<()> = Mutex::new(());

/// A test that runs alone, since the allocations of others would be counted for it.
pub(crate) struct Alone(#[expect(dead_code, reason = "a guard")] MutexGuard<'static, ()>);

/// Waits until no other test runs.
pub(crate) fn alone() -> Alone {
    Alone(MEASURED.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Alone {
    /// The peak number of bytes held during some work, not counting those held before. Growth in place is counted as if
    /// the data were copied.
    #[expect(clippy::unused_self, reason = "only a test that runs alone may measure")]
    pub(crate) fn peak_of<T>(&self, work: impl FnOnce() -> T) -> usize {
        let before = HELD.load(Ordering::SeqCst);
        MAX_FIELD_COST.store(before, Ordering::SeqCst);
        std::hint::black_box(work());
        MAX_FIELD_COST.load(Ordering::SeqCst) - before
    }
}

// SAFETY: the system's allocator does the work; counting allocates nothing and touches no memory of its caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::SeqCst) + layout.size();
        MAX_FIELD_COST.fetch_max(held, Ordering::SeqCst);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
