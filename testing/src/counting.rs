//! An allocator that counts, for tests of how much memory something takes. A test binary installs it:
//!
//! ```
//! # use strata_testing::counting::{Counting, peak_of};
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let (len, peak) = peak_of(|| vec![0u8; 1000].len());
//! assert!(len == 1000 && peak >= 1000);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most it ever had.
    static BYTES: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
    /// Bytes that this thread has ever allocated.
    static EVER: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting bytes for each thread.
#[derive(Debug)]
pub struct Counting;

// SAFETY: hands every request on to the system's allocator; counting allocates nothing, as the thread-local has a constant
// initial value and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn count(change: isize) {
    BYTES.with(|bytes| {
        let (now, peak) = bytes.get();
        bytes.set((now + change, peak.max(now + change)));
    });
    EVER.set(EVER.get() + change.max(0) as usize);
}

/// What `work` gives, and the most bytes that it had allocated at a time, in this thread. 0 without the allocator.
pub fn peak_of<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = BYTES.get().0;
    BYTES.set((before, before));
    let result = work();
    (result, (BYTES.get().1 - before).max(0) as usize)
}

/// What `work` gives, and how many bytes it allocated in all, in this thread: a measure of work that is the
/// same each time. 0 without the allocator.
pub fn allocated_by<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = EVER.get();
    let result = work();
    (result, EVER.get() - before)
}
