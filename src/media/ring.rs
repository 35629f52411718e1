//! The packets of one track, stored once for three uses: live sending, instant start and NACK.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::UnitCopy;
use super::chunks::{Chunks, Place, Position};
use super::pool::{self, Peak, Periods};

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

/// The last keyframe, moved to the end of the ring before it would have been dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Still {
    /// Number of its first packet.
    pub first: u64,
    /// The timestamp that it came with.
    pub timestamp: u32,
    /// When it arrived.
    pub arrival: Instant,
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

/// What the access units from one keyframe to the next were like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gop {
    /// From the arrival of the keyframe to that of the next.
    pub interval: Duration,
    /// Payload bytes of the keyframe.
    pub keyframe: u64,
    /// Payload bytes of what no other access unit needs.
    pub disposable: u64,
    /// Payload bytes of all.
    pub bytes: u64,
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

    fn count_to_gop(&mut self, unit: &Unit) {
        let bytes = unit.bytes as u64;
        if unit.keyframe {
            let begun = Gop {
                keyframe: bytes,
                ..Gop::default()
            };
            if let Some((mut gop, since)) = self.gop.replace((begun, unit.arrival)) {
                gop.interval = unit.arrival.saturating_duration_since(since);
                self.last_gop = Some(gop);
            }
        }
        if let Some((gop, _)) = &mut self.gop {
            gop.bytes += bytes;
            if unit.disposable {
                gop.disposable += bytes;
            }
        }
    }

    /// The last access units from one keyframe to the next; `None` before the second keyframe.
    pub fn last_gop(&self) -> Option<Gop> {
        self.last_gop
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

    /// What a viewer can be shown until the next keyframe, if [`Ring::latest_keyframe`] has nothing because
    /// the GOP has outgrown the ring: the keyframe that it began with. None of the other access units goes
    /// on from there.
    pub fn still(&self) -> Option<Still> {
        let wanted = self.limits.keep_gop && self.keyframes.is_empty();
        self.still
            .filter(|still| wanted && (self.start..self.end).contains(&still.first))
    }

    /// Whether the GOP has outgrown the ring.
    pub fn lost_keyframe(&self) -> bool {
        self.limits.keep_gop && self.newest_keyframe.is_some() && self.keyframes.is_empty()
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

    /// Whether an access unit, which is about to be dropped, is all that viewers can begin with.
    fn is_last_beginning(&self, unit: &Unit) -> bool {
        let last = match unit.still {
            true => self.keyframes.is_empty(),
            false => unit.keyframe && !unit.opening && self.keyframes.len() == 1,
        };
        last && self.limits.keep_gop && unit.bytes <= self.limits.bytes / 2
    }

    fn add_still(&mut self, copy: &UnitCopy, now: Instant) {
        let Some(newest) = self.units.back() else {
            return;
        };
        self.open(newest.timestamp, now, true);
        if let Some((unit, _)) = &mut self.open {
            unit.opening = true;
            unit.still = true;
        }
        for payload in copy.payloads() {
            self.push(&[payload]);
        }
        self.close(copy.marker());
        self.drop_surplus(now);
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

    /// How long a GOP lasts.
    fn gop_interval(&self, now: Instant) -> Duration {
        let known = self.gop.as_ref().zip(self.last_gop);
        let interval = known.map(|((_, since), last)| {
            let this = now.saturating_duration_since(*since);
            this.max(last.interval)
        });
        interval.map_or(self.limits.duration, |i| i.min(self.limits.duration))
    }

    /// Periodically returns memory that a burst needed and that has been idle since. What was needed within
    /// `longest` is held in reserve.
    fn give_back(&mut self, now: Instant, longest: Duration) {
        pool::tidy(now, longest);
        if !self.periods.is_over(now, longest) {
            return;
        }
        self.chunks.shrink();
        let peak = self.peak.end_period().max(FEW_PACKETS);
        self.peak.note(self.slots.len());
        if self.slots.capacity() > 4 * peak {
            self.slots.shrink_to(2 * peak);
            self.units.shrink_to(2 * peak);
            self.keyframes.shrink_to(2 * peak);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::pool::LARGEST;
    use crate::media::testing::noise;
    use fastrand::Rng;

    const LIMITS: RingLimits = RingLimits {
        packets: 10,
        history: Duration::from_secs(10),
        keep_gop: true,
        bytes: 1 << 20,
        duration: Duration::from_secs(10),
    };

    /// Commits an access unit of packets of these sizes.
    fn add(ring: &mut Ring, arrival: Instant, keyframe: bool, packets: &[usize]) {
        ring.begin(7, arrival, keyframe);
        for &len in packets {
            ring.push(&[&vec![1; len]]);
        }
        ring.commit(true);
    }

    #[test]
    fn packets_carry_what_their_access_unit_is() {
        let now = Instant::now();
        let mut ring = Ring::new(LIMITS);
        assert_eq!((ring.start(), ring.end(), ring.packet(0)), (0, 0, None));
        ring.begin(1234, now, true);
        ring.push(&[b"a", b"bc"]);
        ring.push(&[b"d"]);
        assert_eq!((ring.end(), ring.packet(0)), (0, None), "not committed yet");
        ring.commit(true);
        let packet = Packet {
            payload: b"abc",
            timestamp: 1234,
            marker: false,
            first: true,
            keyframe: true,
            opening: false,
            still: false,
            arrival: now,
        };
        assert_eq!(ring.packet(0), Some(packet));
        let packet = Packet {
            payload: b"d",
            marker: true,
            first: false,
            ..packet
        };
        assert_eq!(ring.packet(1), Some(packet));
        assert_eq!(ring.packet(2), None);
        assert_eq!(ring.packet(u64::MAX), None);
    }

    #[test]
    fn a_gop_that_outgrows_the_ring_leaves_its_keyframe_as_a_still() {
        let begun = Instant::now();
        let mut ring = Ring::new(RingLimits {
            bytes: 20_000,
            ..LIMITS
        });
        ring.begin(1, begun, true);
        ring.push(&[b"key"]);
        ring.push(&[b"frame"]);
        ring.commit(true);
        let mut time = 0;
        let mut stills = 0;
        let mut newest = None;
        // By age at first, then by bytes.
        for (pictures, bytes) in [(300, 10), (300, 999)] {
            for _ in 0..pictures {
                time += 100;
                add(
                    &mut ring,
                    begun + Duration::from_millis(time),
                    false,
                    &[bytes],
                );
                assert!(ring.cost <= 20_000);
                let Some(still) = ring.still() else {
                    // While it is kept as it is, and from the loss of one still to the next.
                    continue;
                };
                assert!(ring.lost_keyframe() && ring.latest_keyframe().is_none());
                assert_eq!((still.arrival, still.timestamp), (begun, 1));
                stills += u32::from(newest.replace(still.first) != Some(still.first));
                let packets = [still.first, still.first + 1].map(|n| ring.packet(n).unwrap());
                assert_eq!(
                    packets.map(|packet| packet.payload),
                    [&b"key"[..], b"frame"]
                );
                assert_eq!(packets.map(|packet| packet.marker), [false, true]);
                assert!(packets.iter().all(|p| p.still && p.opening && p.keyframe));
                assert!(
                    packets
                        .iter()
                        .all(|p| p.arrival > begun && p.timestamp == 7)
                );
            }
        }
        assert!((15..50).contains(&stills), "{stills}");
        assert!(ring.bytes_from(newest.unwrap()) <= 20_000);
        add(&mut ring, begun + Duration::from_millis(time), true, &[5]);
        assert_eq!((ring.still(), ring.lost_keyframe()), (None, false));
        assert!(ring.latest_keyframe().is_some());
    }

    #[test]
    fn a_keyframe_that_fills_the_ring_is_no_still() {
        let now = Instant::now();
        let mut ring = Ring::new(RingLimits {
            bytes: 10_000,
            ..LIMITS
        });
        add(&mut ring, now, true, &[5001]);
        for _ in 0..100 {
            add(&mut ring, now, false, &[1000]);
        }
        assert_eq!((ring.still(), ring.lost_keyframe()), (None, true));
    }

    #[test]
    fn what_is_not_committed_or_empty_leaves_no_trace() {
        let now = Instant::now();
        let mut ring = Ring::new(LIMITS);
        ring.push(&[b"before begin"]);
        ring.commit(true);
        ring.begin(1, now, true);
        ring.commit(true);
        assert_eq!((ring.end(), ring.latest_keyframe()), (0, None));

        add(&mut ring, now, true, &[100, 100]);
        for _ in 0..100 {
            ring.begin(2, now, true);
            for _ in 0..100 {
                ring.push(&[&[9; 1000]]);
            }
        }
        assert!(ring.memory() < 200_000, "{}", ring.memory());
        ring.begin(3, now, false);
        ring.push(&[b"kept"]);
        ring.commit(false);
        assert_eq!((ring.start(), ring.end()), (0, 3));
        assert_eq!(ring.latest_keyframe(), Some(0));
        let packet = ring.packet(2).unwrap();
        assert_eq!((packet.payload, packet.timestamp), (&b"kept"[..], 3));
        assert_eq!(ring.packet(1).unwrap().payload, [1; 100]);
    }

    #[test]
    fn the_last_gop_is_known_once_the_next_begins() {
        let start = Instant::now();
        let mut ring = Ring::new(RingLimits {
            packets: 100,
            ..LIMITS
        });
        for i in 0..16 {
            assert_eq!(ring.last_gop().is_some(), i > 5);
            let arrival = start + Duration::from_millis(100) * i;
            ring.begin(i, arrival, i % 5 == 0);
            ring.push(&[&[1; 10]]);
            if i % 5 == 0 {
                ring.push(&[&[1; 20]]);
            } else if i % 2 == 0 {
                ring.disposable();
            }
            ring.commit(true);
        }
        let gop = Gop {
            interval: Duration::from_millis(500),
            keyframe: 30,
            disposable: 20,
            bytes: 70,
        };
        assert_eq!(ring.last_gop(), Some(gop));
        let disposable = (0..ring.end()).filter(|&n| ring.is_disposable(n));
        assert_eq!(disposable.count(), 6);
    }

    #[test]
    fn tiny_pictures_cost_what_is_kept_of_them() {
        for keyframes in [false, true] {
            let now = Instant::now();
            let mut ring = Ring::new(LIMITS);
            let mut most = 0;
            for i in 0..100_000 {
                add(&mut ring, now, i == 0 || keyframes, &[3]);
                most = most.max(ring.memory());
            }
            assert!(most <= LIMITS.bytes, "{most}");
            // None of them comes any more.
            let second = |count| now + Duration::from_secs(count);
            let returned = (1..60).find(|&count| !ring.tidy(second(count)));
            assert!(returned.is_some_and(|count| count <= 14), "{returned:?}");
            assert!(ring.memory() < 40 << 10, "{}", ring.memory());
            assert_eq!(ring.packet(ring.end() - 1).unwrap().payload, [1; 3]);
        }
    }

    #[test]
    fn memory_of_a_long_gop_is_given_back_soon_after_it_became_short() {
        let start = Instant::now();
        let mut ring = Ring::new(LIMITS);
        let mut at = 0;
        let mut seconds = |ring: &mut Ring, count: u64, gop: u64| {
            for _ in 0..10 * count {
                at += 1;
                let arrival = start + Duration::from_millis(100 * at);
                add(ring, arrival, at.is_multiple_of(gop), &[1000; 10]);
            }
        };
        seconds(&mut ring, 23, 80);
        let large = ring.memory();
        seconds(&mut ring, 24, 10);
        assert!(ring.memory() < large / 3, "{} {large}", ring.memory());
        seconds(&mut ring, 6, 10);
        assert!(pool::held() < large / 3, "{} {large}", pool::held());
    }

    #[test]
    fn the_gop_and_the_history_before_it_are_kept() {
        let now = Instant::now();
        let mut ring = Ring::new(LIMITS);
        for i in 0..100 {
            add(&mut ring, now, i == 0, &[100, 100]);
        }
        assert_eq!((ring.start(), ring.latest_keyframe()), (0, Some(0)));
        add(&mut ring, now, true, &[100, 100]);
        // The history of ten: two packets of the keyframe and the eight before it.
        assert_eq!((ring.start(), ring.latest_keyframe()), (192, Some(200)));

        ring.set_limits(RingLimits {
            keep_gop: false,
            ..LIMITS
        });
        for _ in 0..20 {
            add(&mut ring, now, false, &[100, 100, 100]);
        }
        // Whole access units: twelve packets rather than nine.
        assert_eq!(ring.end() - ring.start(), 12);
        assert_eq!(ring.latest_keyframe(), None);
    }

    #[test]
    fn bytes_and_age_are_never_exceeded_but_by_the_newest() {
        let now = Instant::now();
        let mut ring = Ring::new(RingLimits {
            bytes: 10_000 + 10 * PACKET_COST + 5 * UNIT_COST,
            ..LIMITS
        });
        add(&mut ring, now, true, &[1000; 6]);
        for _ in 0..30 {
            add(&mut ring, now, false, &[1000; 2]);
            assert!(ring.end() - ring.start() <= 10);
        }
        assert_eq!((ring.start(), ring.latest_keyframe()), (56, None));
        add(&mut ring, now, false, &[1]);
        assert_eq!(ring.start(), 58, "one byte too many");
        add(&mut ring, now, true, &[1000; 25]);
        assert_eq!((ring.start(), ring.end()), (67, 92));
        assert_eq!(ring.latest_keyframe(), Some(67));

        let later = now + LIMITS.duration;
        add(&mut ring, later, true, &[1]);
        add(&mut ring, later + LIMITS.duration, false, &[1]);
        assert_eq!(ring.latest_keyframe(), Some(92));
        let much_later = later + LIMITS.duration + Duration::from_millis(1);
        add(&mut ring, much_later, false, &[1]);
        assert_eq!((ring.start(), ring.latest_keyframe()), (93, None));
    }

    /// What a ring must hold according to the documentation of [`RingLimits`].
    struct Model {
        units: VecDeque<(u32, Instant, bool, Vec<Vec<u8>>)>,
        start: u64,
        newest_keyframe: Option<u64>,
        /// What the newest keyframe is made of.
        keyframe: Vec<Vec<u8>>,
        /// Numbers of the first packets of keyframes that were moved to the end.
        stills: Vec<u64>,
    }

    impl Model {
        fn end(&self) -> u64 {
            self.start + self.units.iter().map(|u| u.3.len() as u64).sum::<u64>()
        }

        fn trim(&mut self, limits: &RingLimits) {
            let newest = self.units.back().unwrap().1;
            let (mut first, mut bytes, mut keep) = (self.end(), 0, 0);
            for (_, arrival, _, packets) in self.units.iter().rev() {
                let behind = (self.end() - first) as usize;
                first -= packets.len() as u64;
                bytes += packets.iter().map(Vec::len).sum::<usize>();
                bytes += packets.len() * PACKET_COST + UNIT_COST;
                let age = newest - *arrival;
                let history = behind < limits.packets && age <= limits.history;
                let gop = limits.keep_gop && self.newest_keyframe.is_some_and(|k| first >= k);
                let allowed = bytes <= limits.bytes && age <= limits.duration;
                if keep > 0 && !(allowed && (history || gop)) {
                    break;
                }
                keep += 1;
            }
            while self.units.len() > keep {
                self.start += self.units.pop_front().unwrap().3.len() as u64;
            }
        }

        fn check(&self, ring: &Ring, keep_gop: bool) {
            assert_eq!((ring.start(), ring.end()), (self.start, self.end()));
            let (mut number, mut keyframes) = (self.start, Vec::new());
            for (timestamp, arrival, keyframe, packets) in &self.units {
                let still = self.stills.contains(&number);
                if *keyframe && !still {
                    keyframes.push(number);
                }
                for (i, payload) in packets.iter().enumerate() {
                    let packet = Packet {
                        payload,
                        timestamp: *timestamp,
                        marker: i + 1 == packets.len(),
                        first: i == 0,
                        keyframe: *keyframe,
                        opening: still,
                        still,
                        arrival: *arrival,
                    };
                    assert_eq!(ring.packet(number), Some(packet));
                    let first = number - i as u64;
                    assert_eq!(ring.unit(number), Some(first..first + packets.len() as u64));
                    number += 1;
                }
            }
            assert_eq!((ring.packet(number), ring.unit(number)), (None, None));
            assert_eq!(ring.packet(self.start.wrapping_sub(1)), None);
            let newest = self
                .units
                .back()
                .is_some_and(|(_, _, keyframe, _)| *keyframe);
            assert_eq!(
                ring.still().map(|still| still.first),
                (self.stills.last().copied())
                    .filter(|&still| keep_gop && still >= self.start && keyframes.is_empty())
            );
            let start = keyframes.last().copied();
            assert_eq!(ring.latest_keyframe(), start.filter(|_| keep_gop || newest));
        }
    }

    #[test]
    fn a_ring_holds_what_the_words_say() {
        for seed in 0..30 {
            let mut random = Rng::with_seed(seed);
            let mut limits = LIMITS;
            let mut ring = Ring::new(limits);
            let mut model = Model {
                units: VecDeque::new(),
                start: 0,
                newest_keyframe: None,
                keyframe: Vec::new(),
                stills: Vec::new(),
            };
            let mut now = Instant::now();
            for round in 0..300 {
                if random.usize(..50) == 0 {
                    limits = RingLimits {
                        packets: random.usize(..60),
                        history: Duration::from_millis(random.usize(..2000) as u64),
                        keep_gop: random.usize(..3) > 0,
                        bytes: 1 << random.usize(..18),
                        duration: Duration::from_millis(random.usize(..3000) as u64),
                    };
                    ring.set_limits(limits);
                }
                now += Duration::from_millis(random.usize(..80) as u64);
                let keyframe = random.usize(..25) == 0;
                let packets: Vec<_> = (0..random.usize(..if keyframe { 40 } else { 6 }))
                    .map(|_| {
                        let len = random.usize(..1200);
                        noise(len, &mut random)
                    })
                    .collect();
                ring.begin(round, now, keyframe);
                if ring.end() > model.end() {
                    model.stills.push(model.end());
                    let timestamp = model.units.back().unwrap().0;
                    let still = model.keyframe.clone();
                    model.units.push_back((timestamp, now, true, still));
                    model.trim(&limits);
                }
                for payload in &packets {
                    let (a, b) = payload.split_at(random.usize(..payload.len() + 1));
                    ring.push(&[a, b]);
                }
                if random.usize(..10) == 0 {
                    continue; // never committed
                }
                ring.commit(true);
                if !packets.is_empty() {
                    if keyframe {
                        model.newest_keyframe = Some(model.end());
                        model.keyframe.clone_from(&packets);
                    }
                    model.units.push_back((round, now, keyframe, packets));
                    model.trim(&limits);
                }
                model.check(&ring, limits.keep_gop);
            }
        }
    }

    #[test]
    fn packets_of_an_old_gop_go_when_they_are_too_old_to_be_asked_for() {
        let mut now = Instant::now();
        let mut ring = Ring::new(RingLimits {
            packets: 1000,
            history: Duration::from_secs(1),
            ..LIMITS
        });
        let mut longest = 0;
        for picture in 0..500 {
            now += Duration::from_millis(40);
            add(&mut ring, now, picture % 100 == 0, &[100]);
            let kept = (ring.end() - ring.start()) as usize;
            let since_keyframe = picture % 100 + 1;
            assert_eq!(kept, since_keyframe.max(26).min(picture + 1), "{picture}");
            longest = longest.max(kept);
        }
        assert_eq!(longest, 100);
    }

    #[test]
    fn a_ring_holds_little_more_memory_than_payload() {
        let mut random = Rng::with_seed(9);
        let mut ring = Ring::new(RingLimits {
            packets: 512,
            ..LIMITS
        });
        let mut now = Instant::now();
        for picture in 0..5000 {
            now += Duration::from_millis(40);
            let keyframe = picture % 50 == 0;
            let packets = vec![1100 + random.usize(..92); if keyframe { 90 } else { 9 }];
            add(&mut ring, now, keyframe, &packets);
            let payload = ring.units.iter().map(|unit| unit.bytes).sum::<usize>();
            assert!(
                ring.chunks.memory() < payload * 11 / 10 + 2 * LARGEST,
                "{} for {payload} in picture {picture}",
                ring.chunks.memory()
            );
        }
    }
}
