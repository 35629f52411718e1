//! The packets of one track, stored once for three uses: live sending, instant start and NACK.

mod gop;
mod still;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::UnitCopy;
use super::chunks::{Chunks, Place, Position};
use super::pool::{self, Peak, Periods};
pub use gop::Gop;
pub use still::Still;

/// How much a ring keeps. Whole access units are dropped, the oldest first.
///
/// An access unit is kept while it belongs to the NACK history or to the GOP, unless `bytes` or
/// `duration` is exceeded. The newest access unit is always kept, however large it is: live viewers
/// have yet to get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Size of the NACK history: the newest packets.
    pub packets: usize,
    /// Maximum age of packets in the NACK history, counted like `duration`.
    pub history: Duration,
    /// Keep everything since the last keyframe, for late joiners.
    pub keep_gop: bool,
    /// Maximum number of bytes: payload, and what is kept to find it again, which is more than the payload
    /// of very small packets.
    pub bytes: usize,
    /// Maximum age, counted from the arrival of the newest access unit.
    pub duration: Duration,
}

/// A packet in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// RTP payload.
    pub payload: &'a [u8],
    /// RTP timestamp, without the viewer's offset.
    pub timestamp: u32,
    /// RTP marker bit: last packet of a video access unit.
    pub marker: bool,
    /// First packet of its access unit.
    pub first: bool,
    /// Its access unit is a keyframe.
    pub keyframe: bool,
    /// Its access unit is for viewers alone that begin with it: see [`Ring::opening`].
    pub opening: bool,
    /// The same, and what follows does not go on from it: see [`Ring::still`].
    pub still: bool,
    /// When its access unit arrived.
    pub arrival: Instant,
}

/// A packet as stored.
#[derive(Debug)]
struct Slot {
    place: Place,
    /// Number of its access unit. The numbers wrap.
    unit: u32,
}

/// An access unit as stored.
#[derive(Debug)]
struct Unit {
    /// Number of its first packet.
    first: u64,
    /// Number of the packet after its last.
    end: u64,
    bytes: usize,
    /// Payload bytes of all access units before it.
    before: u64,
    timestamp: u32,
    arrival: Instant,
    keyframe: bool,
    disposable: bool,
    opening: bool,
    still: bool,
    marker: bool,
}

/// Room for so many packets is not worth returning.
const FEW_PACKETS: usize = 64;
/// What a packet and an access unit cost besides payload. Queues may have twice the room that they need.
const PACKET_COST: usize = 2 * size_of::<Slot>();
const UNIT_COST: usize = 2 * (size_of::<Unit>() + size_of::<u64>());

impl Unit {
    /// The memory that it takes.
    fn cost(&self) -> usize {
        self.bytes + (self.end - self.first) as usize * PACKET_COST + UNIT_COST
    }
}

/// The packets of one track. Packets are numbered from 0, without gaps, for the ring's lifetime.
#[derive(Debug)]
pub struct Ring {
    limits: RingLimits,
    chunks: Chunks,
    /// From number `start`; those from `end` on belong to the access unit that is `open`.
    slots: VecDeque<Slot>,
    start: u64,
    end: u64,
    /// Committed access units, numbered from `first_unit`.
    units: VecDeque<Unit>,
    first_unit: u32,
    open: Option<(Unit, Position)>,
    /// Numbers of the first packets of the stored keyframes.
    keyframes: VecDeque<u64>,
    /// Number of the first packet of the newest keyframe, stored or not.
    newest_keyframe: Option<u64>,
    still: Option<Still>,
    /// What becomes the still before the next access unit.
    moving: Option<UnitCopy>,
    /// The access units since the newest keyframe, and when that arrived.
    gop: Option<(Gop, Instant)>,
    /// Those before it.
    last_gop: Option<Gop>,
    /// What the stored access units cost.
    cost: usize,
    /// Payload bytes of all access units, stored or not.
    total: u64,
    /// Peak number of slots in use.
    peak: Peak,
    periods: Periods,
}

impl Ring {
    /// An empty ring.
    pub fn new(limits: RingLimits) -> Self {
        Ring {
            limits,
            chunks: Chunks::default(),
            slots: VecDeque::new(),
            start: 0,
            end: 0,
            units: VecDeque::new(),
            first_unit: 0,
            open: None,
            keyframes: VecDeque::new(),
            newest_keyframe: None,
            still: None,
            moving: None,
            gop: None,
            last_gop: None,
            cost: 0,
            total: 0,
            peak: Peak::default(),
            periods: Periods::default(),
        }
    }

    /// Changes the limits; takes effect with the next access unit.
    pub fn set_limits(&mut self, limits: RingLimits) {
        self.limits = limits;
    }

    /// Starts an access unit. Its packets are invisible until [`Ring::commit`]. A previous access
    /// unit that was not committed is discarded.
    pub fn begin(&mut self, timestamp: u32, arrival: Instant, keyframe: bool) {
        if let Some(copy) = self.moving.take().filter(|_| !keyframe) {
            self.add_still(&copy, arrival);
        }
        self.open(timestamp, arrival, keyframe);
    }

    fn open(&mut self, timestamp: u32, arrival: Instant, keyframe: bool) {
        if let Some((_, position)) = self.open.take() {
            self.slots.truncate((self.end - self.start) as usize);
            self.chunks.rewind(position);
        }
        let unit = Unit {
            first: self.end,
            end: self.end,
            bytes: 0,
            before: self.total,
            timestamp,
            arrival,
            keyframe,
            disposable: false,
            opening: false,
            still: false,
            marker: false,
        };
        self.open = Some((unit, self.chunks.position()));
    }

    /// Nobody needs the open access unit to decode another, except for others of which this is said.
    pub fn disposable(&mut self) {
        if let Some((unit, _)) = &mut self.open {
            unit.disposable = true;
        }
    }

    /// The open access unit is a keyframe that only those viewers get who begin with it; for the others
    /// the stream goes on behind it.
    pub fn opening(&mut self) {
        if let Some((unit, _)) = &mut self.open {
            unit.opening = true;
        }
    }

    /// Adds a packet, whose payload is the concatenation of `parts`, to the open access unit. Does
    /// nothing if none is open.
    pub fn push(&mut self, parts: &[&[u8]]) {
        if let Some((unit, _)) = &mut self.open {
            unit.end += 1;
            unit.bytes += parts.iter().map(|part| part.len()).sum::<usize>();
            self.slots.push_back(Slot {
                place: self.chunks.append(parts),
                unit: self.first_unit.wrapping_add(self.units.len() as u32),
            });
        }
    }

    /// Ends the access unit; its last packet carries the marker bit if `marker` is set. Then drops
    /// what the limits no longer allow. An access unit without packets leaves no trace.
    pub fn commit(&mut self, marker: bool) {
        if let Some(now) = self.close(marker) {
            self.drop_surplus(now);
            self.give_back(now, self.gop_interval(now));
        }
    }

    /// Ends the access unit; returns when it arrived, unless it is empty.
    fn close(&mut self, marker: bool) -> Option<Instant> {
        let (mut unit, _) = self.open.take()?;
        if unit.first == unit.end {
            return None;
        }
        unit.marker = marker;
        let arrival = unit.arrival;
        if unit.still {
            if let Some(still) = &mut self.still {
                still.first = unit.first;
            }
        } else {
            if unit.keyframe {
                self.keyframes.push_back(unit.first);
                self.newest_keyframe = Some(unit.first);
            }
            self.count_to_gop(&unit);
            self.total += unit.bytes as u64;
        }
        self.end = unit.end;
        self.cost += unit.cost();
        self.units.push_back(unit);
        self.peak.note(self.slots.len());
        Some(arrival)
    }

    fn drop_surplus(&mut self, now: Instant) {
        while self.has_surplus(now) {
            self.drop_oldest();
        }
        if let Some(slot) = self.slots.front() {
            self.chunks.release_before(&slot.place);
        }
    }

    /// Nothing has come for a while: drops what is too old by now, and returns memory. True if there will
    /// be more to return.
    pub fn tidy(&mut self, now: Instant) -> bool {
        let Some(newest) = self.units.back() else {
            return false;
        };
        let arrival = newest.arrival;
        if now.saturating_duration_since(arrival) > self.limits.duration {
            self.drop_surplus(now);
            // No access unit follows that would bring it back.
            if let Some(copy) = self.moving.take() {
                self.add_still(&copy, arrival);
            }
        }
        self.give_back(now, Duration::ZERO);
        self.units.len() > 1 || self.slots.capacity() > 4 * FEW_PACKETS || pool::has_reserve()
    }

    /// Drops everything. The numbers go on.
    pub fn clear(&mut self) {
        let Ring {
            limits,
            end,
            first_unit,
            total,
            ..
        } = *self;
        *self = Ring {
            start: end,
            end,
            first_unit,
            total,
            ..Ring::new(limits)
        };
    }

    /// Payload bytes and packets stored, and the time in which they arrived; `None` if that is too short
    /// to tell a rate.
    pub fn stored(&self) -> Option<(u64, u64, Duration)> {
        let (oldest, newest) = (self.units.front()?, self.units.back()?);
        let time = newest.arrival.saturating_duration_since(oldest.arrival);
        let packets = newest.first - oldest.first;
        let bytes = newest.before - oldest.before;
        (time >= Duration::from_millis(400)).then_some((bytes, packets, time))
    }

    /// Number of the oldest stored packet.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Number that the next packet will get.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The packet with this number; `None` if it was dropped or is not there yet.
    pub fn packet(&self, number: u64) -> Option<Packet<'_>> {
        let (slot, unit) = self.find(number)?;
        Some(Packet {
            payload: self.chunks.get(&slot.place)?,
            timestamp: unit.timestamp,
            marker: unit.marker && number + 1 == unit.end,
            first: number == unit.first,
            keyframe: unit.keyframe,
            opening: unit.opening,
            still: unit.still,
            arrival: unit.arrival,
        })
    }

    /// The packet numbers of the access unit that this packet belongs to.
    pub fn unit(&self, number: u64) -> Option<Range<u64>> {
        let (_, unit) = self.find(number)?;
        Some(unit.first..unit.end)
    }

    /// Whether the access unit that this packet belongs to can be left out: see [`Ring::disposable`].
    pub fn is_disposable(&self, number: u64) -> bool {
        self.find(number).is_some_and(|(_, unit)| unit.disposable)
    }

    /// Payload bytes from the start of the access unit that this packet belongs to, to the end. A still
    /// does not count: it is for nobody who is waiting.
    pub fn bytes_from(&self, number: u64) -> u64 {
        let unit = self.find(number).map(|(_, unit)| unit.before);
        self.total - unit.unwrap_or(self.total)
    }

    fn find(&self, number: u64) -> Option<(&Slot, &Unit)> {
        let index = usize::try_from(number.checked_sub(self.start)?).ok()?;
        let slot = self.slots.get(index)?;
        let unit = slot.unit.wrapping_sub(self.first_unit) as usize;
        // The unit does not exist yet if the packet is not committed.
        Some((slot, self.units.get(unit)?))
    }

    /// Where a viewer starts: the first packet of the newest stored keyframe. Without `keep_gop` only
    /// while that is the newest access unit (or the one before, if it is an opening), even though the
    /// history may still hold it.
    pub fn latest_keyframe(&self) -> Option<u64> {
        let keyframe = *self.keyframes.back()?;
        let mut newest = self.units.iter().rev();
        let is_new = newest.next().is_some_and(|unit| unit.first == keyframe)
            || newest
                .next()
                .is_some_and(|unit| unit.opening && !unit.still);
        (self.limits.keep_gop || is_new).then_some(keyframe)
    }

    /// Bytes of memory held, free space included.
    pub fn memory(&self) -> usize {
        self.chunks.memory()
            + self.slots.capacity() * size_of::<Slot>()
            + self.units.capacity() * size_of::<Unit>()
            + self.keyframes.capacity() * size_of::<u64>()
    }

    /// Whether the limits require the oldest access unit to be dropped.
    fn has_surplus(&self, now: Instant) -> bool {
        let (Some(oldest), Some(second)) = (self.units.front(), self.units.get(1)) else {
            return false;
        };
        let age = now.saturating_duration_since(oldest.arrival);
        let exceeded = self.cost > self.limits.bytes || age > self.limits.duration;
        let in_history =
            self.end - second.first < self.limits.packets as u64 && age <= self.limits.history;
        let in_gop =
            self.limits.keep_gop && self.newest_keyframe.is_some_and(|key| key <= oldest.first);
        exceeded || !(in_history || in_gop)
    }

    fn drop_oldest(&mut self) {
        let oldest = self.units.front();
        if let Some(unit) = oldest.filter(|unit| self.is_last_beginning(unit)) {
            let still = Still {
                first: u64::MAX,
                timestamp: unit.timestamp,
                arrival: unit.arrival,
            };
            self.moving = self.copy_unit(unit.first);
            if !unit.still {
                self.still = Some(still);
            }
        }
        let Some(unit) = self.units.pop_front() else {
            return;
        };
        self.first_unit = self.first_unit.wrapping_add(1);
        self.slots.drain(..(unit.end - self.start) as usize);
        self.start = unit.end;
        self.cost -= unit.cost();
        if self.keyframes.front() == Some(&unit.first) {
            self.keyframes.pop_front();
        }
    }

    /// Periodically returns memory that a burst needed and that has been idle since. What was needed within
    /// `longest` is held in reserve.
    fn give_back(&mut self, now: Instant, longest: Duration) {
        pool::tidy(now, longest);
        if !self.periods.is_over(now, longest) {
            return;
        }
        self.chunks.end_period();
        let peak = self.peak.end_period().max(FEW_PACKETS);
        self.peak.note(self.slots.len());
        if self.slots.capacity() > 4 * peak {
            self.slots.shrink_to(2 * peak);
            self.units.shrink_to(2 * peak);
            self.keyframes.shrink_to(2 * peak);
        }
    }
}
