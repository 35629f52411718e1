//! Where a ring keeps payloads: chunks of memory that are filled one after the other, given back
//! in the same order, and used again.
//!
//! A chunk is an eighth of what the store holds, within limits: a few packets of sound do not
//! cost what a GOP of video does. In steady state nothing is allocated. What has not been
//! needed for two periods (see [`Chunks::end_period`]) is given back to the system.

use std::collections::VecDeque;
use std::fmt;

/// Bytes of the smallest chunk.
const SMALLEST: usize = 4 << 10;
/// Bytes of the largest chunk. The first and the last chunk in use are half empty on average, so
/// this is also about the memory that a ring of video wastes.
const LARGEST: usize = 32 << 10;

/// Where a payload is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    chunk: u64,
    offset: usize,
    len: usize,
}

/// A point to which [`Chunks::rewind`] can return.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    chunk: u64,
    offset: usize,
}

/// The largest value in this period and in the one before.
#[derive(Debug, Default)]
pub(super) struct Peak {
    current: usize,
    previous: usize,
}

impl Peak {
    pub fn note(&mut self, value: usize) {
        self.current = self.current.max(value);
    }

    /// Begins a period; returns the largest value of the two before.
    pub fn end_period(&mut self) -> usize {
        let peak = self.current.max(self.previous);
        self.previous = std::mem::take(&mut self.current);
        peak
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Chunks {
    /// In use; each is filled up to its length. Numbered from `first`.
    used: VecDeque<Vec<u8>>,
    first: u64,
    free: Vec<Vec<u8>>,
    /// Capacity of the chunks in `used`, and in both.
    used_bytes: usize,
    held_bytes: usize,
    peak: Peak,
}

impl Chunks {
    /// Stores the concatenation of `parts`.
    pub fn append(&mut self, parts: &[&[u8]]) -> Place {
        let len = parts.iter().map(|part| part.len()).sum();
        let room = self.used.back().map(|last| last.capacity() - last.len());
        if room.is_none_or(|room| room < len) {
            let chunk = self.chunk_for(len);
            self.used_bytes += chunk.capacity();
            self.peak.note(self.used_bytes);
            self.used.push_back(chunk);
        }
        let position = self.position();
        if let Some(last) = self.used.back_mut() {
            for part in parts {
                last.extend_from_slice(part);
            }
        }
        Place {
            chunk: position.chunk,
            offset: position.offset,
            len,
        }
    }

    /// A payload that has not been released.
    pub fn get(&self, place: &Place) -> Option<&[u8]> {
        let index = usize::try_from(place.chunk.checked_sub(self.first)?).ok()?;
        self.used
            .get(index)?
            .get(place.offset..place.offset + place.len)
    }

    /// The end of what is stored.
    pub fn position(&self) -> Position {
        Position {
            chunk: self.first + (self.used.len() as u64).saturating_sub(1),
            offset: self.used.back().map_or(0, Vec::len),
        }
    }

    /// Removes what was appended since [`Chunks::position`] gave `position`. Nothing may have
    /// been released since.
    pub fn rewind(&mut self, position: Position) {
        while self.position().chunk > position.chunk {
            let last = self.used.pop_back();
            self.recycle(last);
        }
        if let Some(last) = self.used.back_mut() {
            last.truncate(position.offset);
        }
    }

    /// Gives back the chunks that are older than the one in which `place` is.
    pub fn release_before(&mut self, place: &Place) {
        while self.first < place.chunk && !self.used.is_empty() {
            let oldest = self.used.pop_front();
            self.first += 1;
            self.recycle(oldest);
        }
    }

    /// Gives memory back to the system that was not needed in this period and the one before.
    pub fn end_period(&mut self) {
        let peak = self.peak.end_period();
        self.peak.note(self.used_bytes);
        // Some in reserve: pictures are never quite the same size.
        let keep = peak + peak / 8;
        while self.held_bytes > keep
            && let Some(chunk) = self.free.pop()
        {
            self.held_bytes -= chunk.capacity();
        }
        let room = 2 * (self.used.len() + self.free.len()).max(16);
        self.free.shrink_to(room);
        self.used.shrink_to(room);
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.held_bytes
    }

    fn wanted_size(&self) -> usize {
        (self.held_bytes / 8)
            .next_power_of_two()
            .clamp(SMALLEST, LARGEST)
    }

    /// An empty chunk with room for `len` bytes.
    fn chunk_for(&mut self, len: usize) -> Vec<u8> {
        if let Some(chunk) = self.free.pop() {
            if chunk.capacity() >= len {
                return chunk;
            }
            self.held_bytes -= chunk.capacity();
        }
        let chunk = Vec::with_capacity(self.wanted_size().max(len));
        self.held_bytes += chunk.capacity();
        chunk
    }

    /// Keeps a chunk for later, unless the store has grown far beyond its size.
    fn recycle(&mut self, chunk: Option<Vec<u8>>) {
        let Some(mut chunk) = chunk else { return };
        self.used_bytes -= chunk.capacity();
        if chunk.capacity() * 2 < self.wanted_size() {
            self.held_bytes -= chunk.capacity();
        } else {
            chunk.clear();
            self.free.push(chunk);
        }
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("used_bytes", &self.used_bytes)
            .field("held_bytes", &self.held_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn chunks_are_used_again_and_given_back_after_a_burst() {
        let mut chunks = Chunks::default();
        // A sawtooth of 1 MB: everything but the newest packet goes at once.
        let sawtooth = |chunks: &mut Chunks, packets: usize| {
            for _ in 0..packets {
                append(chunks, 1200);
            }
            let last = append(chunks, 1200);
            chunks.release_before(&last);
        };
        for _ in 0..4 {
            sawtooth(&mut chunks, 800);
            chunks.end_period();
        }
        let held = chunks.memory();
        for _ in 0..20 {
            sawtooth(&mut chunks, 800);
            chunks.end_period();
            assert_eq!(chunks.memory(), held);
        }
        assert!(held < 1_200_000, "{held}");

        sawtooth(&mut chunks, 8000);
        assert!(chunks.memory() > 9_000_000);
        for _ in 0..3 {
            sawtooth(&mut chunks, 800);
            chunks.end_period();
        }
        assert!(chunks.memory() < 1_300_000, "{}", chunks.memory());
    }
}
