//! Where a ring keeps payloads: chunks of memory that are filled one after the other and returned
//! in the same order to a [pool] that the rings of a worker share.
//!
//! A chunk is a quarter of what the ring holds, or a few packets, within limits: a few audio packets do not
//! take as much memory as a GOP of video.

use std::collections::VecDeque;
use std::fmt;

use super::pool::{self, Peak};

/// A chunk has room for at least this many payloads like its first one, unless they are very large.
const PAYLOADS: usize = 12;

/// Where a payload is. Chunks are numbered, and the numbers wrap. Each packet in a ring has one of
/// these, so it is kept small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    chunk: u32,
    offset: u32,
    len: u32,
}

/// A point to which [`Chunks::rewind`] can return.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    chunk: u32,
    offset: usize,
}

/// The chunks of one ring.
#[derive(Default)]
pub(super) struct Chunks {
    /// Each is filled up to its length. The first one has the number `first`.
    used: VecDeque<Vec<u8>>,
    first: u32,
    /// Total capacity of the chunks.
    bytes: usize,
    /// Peak number of chunks.
    peak: Peak,
}

impl Chunks {
    /// Stores the concatenation of `parts`, which must be less than 4 GiB.
    pub fn append(&mut self, parts: &[&[u8]]) -> Place {
        let len = parts.iter().map(|part| part.len()).sum();
        let room = self.used.back().map(|last| last.capacity() - last.len());
        if room.is_none_or(|room| room < len) {
            let chunk = pool::take((self.bytes / 4).max(PAYLOADS * len), len);
            self.bytes += chunk.capacity();
            self.used.push_back(chunk);
            self.peak.note(self.used.len());
        }
        let position = self.position();
        if let Some(last) = self.used.back_mut() {
            for part in parts {
                last.extend_from_slice(part);
            }
        }
        Place {
            chunk: position.chunk,
            offset: position.offset as u32,
            len: len as u32,
        }
    }

    /// A payload that has not been released.
    pub fn get(&self, place: &Place) -> Option<&[u8]> {
        let chunk = self.used.get(self.index(place.chunk))?;
        let (offset, len) = (place.offset as usize, place.len as usize);
        chunk.get(offset..offset + len)
    }

    fn index(&self, chunk: u32) -> usize {
        chunk.wrapping_sub(self.first) as usize
    }

    /// The end of what is stored.
    pub fn position(&self) -> Position {
        let last = self.used.len().saturating_sub(1) as u32;
        Position {
            chunk: self.first.wrapping_add(last),
            offset: self.used.back().map_or(0, Vec::len),
        }
    }

    /// Removes what was appended since [`Chunks::position`] gave `position`. Nothing may have
    /// been released since.
    pub fn rewind(&mut self, position: Position) {
        let keep = self.index(position.chunk) + 1;
        while self.used.len() > keep {
            let last = self.used.pop_back();
            self.give(last);
        }
        if let Some(last) = self.used.back_mut() {
            last.truncate(position.offset);
        }
    }

    /// Returns the chunks that are older than the one that contains `place`.
    pub fn release_before(&mut self, place: &Place) {
        let older = self.index(place.chunk);
        if older >= self.used.len() {
            return;
        }
        for _ in 0..older {
            let oldest = self.used.pop_front();
            self.first = self.first.wrapping_add(1);
            self.give(oldest);
        }
    }

    /// A period is over: shrinks the list of chunks if it has become much larger than needed. What is needed now says
    /// little: just after a keyframe it is least.
    pub fn end_period(&mut self) {
        let peak = self.peak.end_period();
        self.peak.note(self.used.len());
        self.used.shrink_to(2 * peak.max(16));
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.bytes
    }

    fn give(&mut self, chunk: Option<Vec<u8>>) {
        if let Some(chunk) = chunk {
            self.bytes -= chunk.capacity();
            pool::give(chunk);
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        for chunk in self.used.drain(..) {
            pool::give(chunk);
        }
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MAX_PAYLOAD;
    use crate::media::pool::{LARGEST, SMALLEST};

    /// Appends a payload of `len` bytes.
    fn append(chunks: &mut Chunks, len: usize) -> Place {
        chunks.append(&[&vec![7; len]])
    }

    #[test]
    fn parts_are_joined_and_found_again() {
        let mut chunks = Chunks::default();
        let a = chunks.append(&[b"ab", b"", b"c"]);
        let b = chunks.append(&[b"d"]);
        let large = append(&mut chunks, 3 * LARGEST);
        assert_eq!(chunks.get(&a), Some(&b"abc"[..]));
        assert_eq!(chunks.get(&b), Some(&b"d"[..]));
        assert_eq!(chunks.get(&large).unwrap().len(), 3 * LARGEST);
        chunks.release_before(&large);
        assert_eq!(chunks.get(&a), None);
        assert_eq!(chunks.get(&large).unwrap().len(), 3 * LARGEST);
    }

    #[test]
    fn rewinding_forgets_what_came_after() {
        let mut chunks = Chunks::default();
        let start = chunks.position();
        append(&mut chunks, 3 * SMALLEST);
        chunks.rewind(start);
        assert_eq!(chunks.position().offset, 0);

        let kept = chunks.append(&[b"kept"]);
        let position = chunks.position();
        for _ in 0..100 {
            append(&mut chunks, 1000);
        }
        let held = chunks.memory();
        chunks.rewind(position);
        let next = chunks.append(&[b"next"]);
        assert_eq!(chunks.get(&kept), Some(&b"kept"[..]));
        assert_eq!(chunks.get(&next), Some(&b"next"[..]));
        assert!(chunks.memory() <= held);
    }

    #[test]
    fn a_small_store_stays_small() {
        let mut chunks = Chunks::default();
        let mut places = VecDeque::new();
        for _ in 0..10_000 {
            places.push_back(append(&mut chunks, 160));
            if places.len() > 50 {
                places.pop_front();
                chunks.release_before(places.front().unwrap());
            }
        }
        assert!(chunks.memory() <= 4 * SMALLEST, "{}", chunks.memory());
    }

    #[test]
    fn full_packets_leave_no_room_behind_them() {
        let mut chunks = Chunks::default();
        for _ in 0..14 * 20 {
            append(&mut chunks, MAX_PAYLOAD);
        }
        assert_eq!(chunks.memory(), 14 * 20 * MAX_PAYLOAD);
    }

    #[test]
    fn numbers_wrap() {
        let mut chunks = Chunks::default();
        chunks.first = u32::MAX - 1;
        let places: Vec<_> = (0..6).map(|_| append(&mut chunks, LARGEST)).collect();
        let position = chunks.position();
        append(&mut chunks, LARGEST);
        chunks.rewind(position);
        for place in &places {
            assert_eq!(chunks.get(place).unwrap().len(), LARGEST);
        }
        chunks.release_before(&places[4]);
        assert!(chunks.get(&places[3]).is_none());
        chunks.release_before(&places[0]);
        assert!(chunks.get(&places[4]).is_some() && chunks.get(&places[5]).is_some());
        assert_eq!(chunks.memory(), 2 * LARGEST);
    }

    #[test]
    fn rings_of_a_thread_use_the_same_memory_in_turns() {
        let mut stores = [Chunks::default(), Chunks::default()];
        let mut held = 0;
        for turn in 0..20 {
            let [growing, shrinking] = &mut stores;
            for _ in 0..1000 {
                append(growing, 1200);
            }
            let last = append(shrinking, 1200);
            shrinking.release_before(&last);
            stores.swap(0, 1);
            if turn == 3 {
                held = pool::held();
            }
        }
        assert!(held < 2_900_000, "{held}");
        assert_eq!(pool::held(), held);
        let [one, other] = stores;
        drop(one);
        assert_eq!(pool::held(), held, "in reserve");
        drop(other);
        assert_eq!(pool::held(), 0);
    }
}
