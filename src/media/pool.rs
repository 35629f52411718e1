//! Memory for payloads, shared by the rings of a thread.
//!
//! A ring needs most memory just before a keyframe, and cameras send their keyframes at different
//! times. What one ring returns the next one takes, so a worker holds what its rings need together,
//! not the sum of their peaks. In steady state nothing is allocated. Memory that has not been
//! needed for two periods is returned to the system; all of it when the last ring is gone.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::packetizer::MAX_PAYLOAD;

/// Bytes of the largest chunk that is shared: whole packets of a large frame, so that no room is left behind them. The
/// first and the last chunk of a ring are half empty on average, so this is also about the memory that a video ring
/// wastes.
pub(super) const LARGEST: usize = 7 * MAX_PAYLOAD;
/// Each size is twice the one before.
const SIZES: usize = 2;
/// Bytes of the smallest chunk.
pub(super) const SMALLEST: usize = LARGEST >> (SIZES - 1);
/// Memory that is no longer needed is held in reserve for at least this long.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// An empty chunk with room for `len` bytes: of the size next to `wanted` bytes, if that suffices.
pub(super) fn take(wanted: usize, len: usize) -> Vec<u8> {
    let size = wanted.div_ceil(SMALLEST).next_power_of_two() * SMALLEST;
    let size = size.clamp(SMALLEST, LARGEST);
    if len > size {
        return Vec::with_capacity(len);
    }
    let taken = POOL.try_with(|pool| pool.borrow_mut().take(size));
    taken.unwrap_or_else(|_| Vec::with_capacity(size))
}

/// Returns a chunk to the pool.
pub(super) fn give(chunk: Vec<u8>) {
    // The pool is gone when the thread ends: then the chunk is simply freed.
    let _ = POOL.try_with(|pool| pool.borrow_mut().give(chunk));
}

/// Ends the period if it is over. `longest` is the longest time between two peaks of a ring; a
/// period is no shorter.
pub(super) fn tidy(now: Instant, longest: Duration) {
    let _ = POOL.try_with(|pool| pool.borrow_mut().tidy(now, longest));
}

/// Whether chunks are held that no ring uses.
pub(super) fn has_reserve() -> bool {
    let held = POOL.try_with(|pool| {
        let pool = pool.borrow();
        pool.shelves.iter().any(|shelf| !shelf.free.is_empty())
    });
    held.unwrap_or(false)
}

/// The largest value in this period and in the previous one.
#[derive(Debug, Default)]
pub(super) struct Peak {
    current: usize,
    previous: usize,
}

impl Peak {
    pub fn note(&mut self, value: usize) {
        self.current = self.current.max(value);
    }

    /// Starts a period; returns the largest value of the previous two.
    pub fn end_period(&mut self) -> usize {
        let peak = self.current.max(self.previous);
        self.previous = std::mem::take(&mut self.current);
        peak
    }
}

/// Consecutive periods.
#[derive(Debug, Default)]
pub(super) struct Periods {
    since: Option<Instant>,
    /// The longest that was asked for since.
    longest: Duration,
}

impl Periods {
    /// Whether a period is over, for all who asked since it began. If so, the next one starts.
    pub fn is_over(&mut self, now: Instant, longest: Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        self.longest = self.longest.max(longest);
        let over = now.saturating_duration_since(since) >= self.longest.max(SHORTEST_PERIOD);
        if over {
            (self.since, self.longest) = (Some(now), Duration::ZERO);
        }
        over
    }
}

#[derive(Default)]
struct Pool {
    shelves: [Shelf; SIZES],
    periods: Periods,
}

/// The chunks of one size.
#[derive(Default)]
struct Shelf {
    free: Vec<Vec<u8>>,
    /// Chunks held by rings.
    used: usize,
    peak: Peak,
}

impl Pool {
    fn shelf(&mut self, size: usize) -> Option<&mut Shelf> {
        let index = (size / SMALLEST).checked_ilog2()? as usize;
        self.shelves.get_mut(index)
    }

    fn take(&mut self, size: usize) -> Vec<u8> {
        let Some(shelf) = self.shelf(size) else {
            return Vec::with_capacity(size);
        };
        shelf.used += 1;
        shelf.peak.note(shelf.used);
        let free = shelf.free.pop();
        free.unwrap_or_else(|| Vec::with_capacity(size))
    }

    fn give(&mut self, mut chunk: Vec<u8>) {
        let size = chunk.capacity();
        let multiple = size / SMALLEST;
        if multiple.is_power_of_two()
            && size.is_multiple_of(SMALLEST)
            && let Some(shelf) = self.shelf(size)
        {
            shelf.used = shelf.used.saturating_sub(1);
            chunk.clear();
            shelf.free.push(chunk);
        }
        // No ring receives media any more, so nobody would tidy up.
        if self.shelves.iter().all(|shelf| shelf.used == 0) {
            *self = Pool::default();
        }
    }

    fn tidy(&mut self, now: Instant, longest: Duration) {
        if !self.periods.is_over(now, longest) {
            return;
        }
        for shelf in &mut self.shelves {
            let peak = shelf.peak.end_period();
            shelf.peak.note(shelf.used);
            // Some in reserve: frames are never quite the same size.
            let most = peak + peak / 8;
            shelf.free.truncate(most.saturating_sub(shelf.used));
            shelf.free.shrink_to(2 * most);
        }
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        let sizes = (0..).map(|index| SMALLEST << index);
        let shelves = self.shelves.iter().zip(sizes);
        shelves
            .map(|(s, size)| (s.used + s.free.len()) * size)
            .sum()
    }
}

/// Bytes held by the rings of this thread, and bytes in reserve.
#[cfg(test)]
pub(super) fn held() -> usize {
    POOL.with_borrow(Pool::held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_used_again_and_given_back_after_a_burst() {
        let mut pool = Pool::default();
        let mut now = Instant::now();
        let of_another_ring = pool.take(SMALLEST);
        let mut period = |pool: &mut Pool, chunks: usize| {
            let taken: Vec<_> = (0..chunks).map(|_| pool.take(LARGEST)).collect();
            for chunk in taken {
                assert!(chunk.is_empty() && chunk.capacity() >= LARGEST);
                pool.give(chunk);
            }
            now += Duration::from_secs(10);
            pool.tidy(now, Duration::from_secs(10));
            pool.held() - SMALLEST
        };
        for _ in 0..20 {
            assert_eq!(period(&mut pool, 100), 100 * LARGEST);
        }
        period(&mut pool, 1000);
        assert!(period(&mut pool, 100) >= 1000 * LARGEST, "for one period");
        assert!(period(&mut pool, 100) < 113 * LARGEST);
        assert!(period(&mut pool, 0) < 113 * LARGEST);
        assert_eq!(period(&mut pool, 0), 0);
        period(&mut pool, 100);
        pool.give(of_another_ring);
        assert_eq!(pool.held(), 0, "nobody is left");
    }

    #[test]
    fn sizes_are_kept_apart_and_others_not_at_all() {
        let mut pool = Pool::default();
        let small = pool.take(SMALLEST);
        let large = pool.take(LARGEST);
        assert_eq!(pool.held(), SMALLEST + LARGEST);
        let _of_another_ring = pool.take(SMALLEST);
        for chunk in [small, large, Vec::new(), vec![0; 2 * LARGEST], vec![0; 100]] {
            pool.give(chunk);
        }
        assert_eq!(pool.held(), 2 * SMALLEST + LARGEST);
        assert_eq!(pool.take(LARGEST).capacity(), LARGEST);
        assert_eq!(pool.take(SMALLEST).capacity(), SMALLEST);
        assert_eq!(pool.held(), 2 * SMALLEST + LARGEST);
        assert_eq!(take(SMALLEST, 100_000).capacity(), 100_000);
    }
}
