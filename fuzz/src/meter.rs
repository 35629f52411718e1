//! Counts what an execution allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What an execution may use: a part that is always there, and one for each byte of its input.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes that are allocated at a time.
    pub bytes: usize,
    pub bytes_per_byte: usize,
    /// Allocations in all.
    pub allocations: usize,
    pub allocations_per_byte: usize,
}

/// Counts of this thread.
struct Meter;

#[derive(Clone, Copy)]
struct Counts {
    live: isize,
    peak: isize,
    allocations: usize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const {
        Cell::new(Counts { live: 0, peak: 0, allocations: 0 })
    };
}

#[global_allocator]
static METER: Meter = Meter;

fn note(more: isize, allocations: usize) {
    // A thread that ends has none.
    let _ = COUNTS.try_with(|counts| {
        let mut now = counts.get();
        now.live += more;
        now.peak = now.peak.max(now.live);
        now.allocations += allocations;
        counts.set(now);
    });
}

#[allow(unsafe_code)] // there is no other way to count
// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize, 1);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize, 1);
        // SAFETY: as for this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(-(layout.size() as isize), 0);
        // SAFETY: as for this function.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as isize - layout.size() as isize, 1);
        // SAFETY: as for this function.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Runs something within bounds, for an input of `len` bytes.
///
/// # Panics
/// If it allocates more.
pub fn bounded(bounds: &Bounds, len: usize, work: impl FnOnce()) {
    let before = COUNTS.get();
    COUNTS.set(Counts {
        peak: before.live,
        allocations: 0,
        ..before
    });
    work();
    let after = COUNTS.get();
    let (bytes, most) = (
        after.peak - before.live,
        bounds.bytes + bounds.bytes_per_byte * len,
    );
    assert!(
        bytes <= most as isize,
        "{bytes} bytes are allocated for an input of {len}, which may have {most}"
    );
    let most = bounds.allocations + bounds.allocations_per_byte * len;
    assert!(
        after.allocations <= most,
        "{} allocations for an input of {len}, which may have {most}",
        after.allocations
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIGHT: Bounds = Bounds {
        bytes: 100,
        bytes_per_byte: 10,
        allocations: 2,
        allocations_per_byte: 0,
    };

    fn holds(len: usize, work: fn()) -> bool {
        std::panic::catch_unwind(|| bounded(&TIGHT, len, work)).is_ok()
    }

    #[test]
    fn what_is_beyond_the_bounds_is_noticed() {
        let large = || drop(std::hint::black_box(vec![0_u8; 150]));
        assert!(holds(5, large));
        assert!(!holds(4, large));
        let many = || (0..3).for_each(|_| drop(std::hint::black_box(vec![0_u8; 8])));
        assert!(!holds(0, many));
    }
}
