//! Packets in their order.
//!
//! In order, a packet passes through at the price of a comparison. Over UDP packets wait for a missing
//! one, in a buffer that is bounded in packets and in time. What cameras do to their sequence numbers
//! is taken as it comes: they restart, get a new SSRC with each keyframe, or stand still.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Delivery, Packet};

/// Packets ahead of the expected one, at most, that are of the same sequence (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3000;
/// Packets behind the expected one, at most, that are late (RFC 3550 appendix A.1).
const MAX_LATE: u16 = 100;
/// A new SSRC is the same sender if its timestamp is within this of the last, in ticks: 10 s of video.
const SAME_SENDER: u32 = 900_000;
/// Numbers are taken to mean nothing after so many gaps with no packet between two, which no loss
/// makes, and after an eighth as many numbers that cannot be.
const MAX_ODD: u8 = 64;
const IMPOSSIBLE: u8 = 8;
/// Consecutive numbers after which they are believed again.
const BELIEVED: u8 = 64;
/// Packets that may arrive behind one that was sent after them, at the start.
const MAX_OPENING: u16 = 16;
/// Buffers kept for packets that wait.
const MAX_SPARE: usize = 32;

/// What was missing in front of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Packets that never came.
    pub lost: u32,
    /// The packet begins a new sequence, other than the first.
    pub restarts: bool,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Sequencer {
    delivery: Delivery,
    /// The first packet waits for those that it may have overtaken.
    patient: bool,
    current: Option<Current>,
    /// Packets behind the expected one; that one is at index 0 and always missing. Empty while packets
    /// come in order.
    held: VecDeque<Option<Held>>,
    /// How many of them are there, and since when they wait.
    waiting: usize,
    since: Option<Instant>,
    /// A packet that fits nowhere: a new sequence begins with it if the next one follows it.
    suspect: Option<Held>,
    spare: Vec<Vec<u8>>,
    /// Packets whose numbers were not those that were due.
    pub renumbered: u32,
}

#[derive(Debug)]
struct Current {
    ssrc: u32,
    /// Sequence number of the next packet.
    next: u16,
    /// Of the last packet.
    timestamp: u32,
    /// What tells the last packet from one that repeats its number.
    print: Print,
    /// Of consecutive packets: how odd their numbers are.
    odd: u8,
    /// Consecutive numbers in order, while they mean nothing.
    in_order: u8,
    /// The numbers mean nothing.
    unnumbered: bool,
    /// The first packets wait for those that they may have overtaken. None of these counts as lost.
    opening: bool,
}

/// Two packets that agree in this are one that came twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    timestamp: u32,
    len: usize,
    head: u64,
    tail: u64,
}

impl Print {
    fn of(packet: &Packet<'_>) -> Self {
        let payload = packet.payload;
        let head = payload.first_chunk().copied().unwrap_or_default();
        let tail = payload.last_chunk().copied().unwrap_or_default();
        Print {
            timestamp: packet.timestamp,
            len: payload.len(),
            head: u64::from_ne_bytes(head),
            tail: u64::from_ne_bytes(tail),
        }
    }
}

#[derive(Debug)]
struct Held {
    packet: Vec<u8>,
    arrival: Instant,
}

/// Where a packet belongs.
enum Place {
    Next,
    /// This many packets are missing before it.
    Ahead(u16),
    /// The sender counts anew, or not at all, and goes on all the same.
    Renumbered,
    /// It was given up, or is there already.
    Late,
    Elsewhere,
}

impl Current {
    /// A sequence that begins with a packet.
    fn from(packet: &Packet<'_>, odd: u8) -> Self {
        Current {
            ssrc: packet.ssrc,
            next: packet.sequence.wrapping_add(1),
            timestamp: packet.timestamp,
            print: Print::of(packet),
            odd,
            in_order: 0,
            unnumbered: odd >= MAX_ODD,
            opening: false,
        }
    }

    fn place(&self, packet: &Packet<'_>, delivery: Delivery) -> Place {
        let ahead = packet.sequence.wrapping_sub(self.next);
        let step = packet.timestamp.wrapping_sub(self.timestamp) as i32;
        let near = step.unsigned_abs() <= SAME_SENDER;
        match ahead {
            _ if packet.ssrc != self.ssrc && (!near || ahead > MAX_LATE) => Place::Elsewhere,
            0 => Place::Next,
            1..=MAX_DROPOUT => Place::Ahead(ahead),
            // The number of the last one.
            u16::MAX if self.print != Print::of(packet) => Place::Renumbered,
            _ if delivery == Delivery::InOrder && near && step > 0 => Place::Renumbered,
            _ if ahead >= MAX_LATE.wrapping_neg() && near => Place::Late,
            _ => Place::Elsewhere,
        }
    }
}

impl Sequencer {
    pub fn new(delivery: Delivery, patient: bool) -> Self {
        Sequencer {
            delivery,
            patient: patient && delivery != Delivery::InOrder,
            current: None,
            held: VecDeque::new(),
            waiting: 0,
            since: None,
            suspect: None,
            spare: Vec::new(),
            renumbered: 0,
        }
    }

    /// Takes a packet, `data` in its entirety. `deliver` gets what is next, with its arrival.
    pub fn push(
        &mut self,
        packet: &Packet<'_>,
        data: &[u8],
        now: Instant,
        deliver: &mut impl FnMut(&Packet<'_>, Before, Instant),
    ) {
        let Some(current) = &mut self.current else {
            if self.patient {
                self.open(packet, data, now);
            } else {
                self.begin(packet, now, deliver);
            }
            return;
        };
        let place = match current.place(packet, self.delivery) {
            _ if current.unnumbered => {
                self.renumbered = self.renumbered.saturating_add(1);
                current.in_order = match packet.sequence.wrapping_sub(current.next) {
                    0 => current.in_order + 1,
                    _ => 0,
                };
                current.unnumbered = current.in_order < BELIEVED;
                Place::Next
            }
            place => place,
        };
        if let Place::Next = place {
            current.odd = 0;
            self.next(packet, 0, now, deliver);
            return self.drain(deliver);
        }
        if self.delivery == Delivery::InOrder {
            let oddity = match place {
                Place::Ahead(_) => 1,
                _ => IMPOSSIBLE,
            };
            current.odd = current.odd.saturating_add(oddity);
            current.unnumbered = current.odd >= MAX_ODD;
        }
        match place {
            Place::Ahead(missing) if self.delivery == Delivery::InOrder => {
                self.next(packet, missing, now, deliver);
            }
            Place::Ahead(missing) => {
                self.hold(missing, data, now);
                self.release(now, deliver);
            }
            Place::Renumbered => {
                self.renumbered = self.renumbered.saturating_add(1);
                self.next(packet, 0, now, deliver);
            }
            Place::Elsewhere if self.delivery == Delivery::InOrder => {
                self.begin(packet, now, deliver);
            }
            Place::Elsewhere => self.suspect(packet, data, now, deliver),
            Place::Next | Place::Late => {}
        }
    }

    /// When packets that wait are given up.
    pub fn deadline(&self) -> Option<Instant> {
        match self.delivery {
            Delivery::Reorder { wait, .. } if self.waiting > 0 => Some(self.since? + wait),
            _ => None,
        }
    }

    /// Packets that wait, or are suspect.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.held.iter().flatten().count() + usize::from(self.suspect.is_some())
    }

    /// Gives up what was waited for too long.
    pub fn release(
        &mut self,
        now: Instant,
        deliver: &mut impl FnMut(&Packet<'_>, Before, Instant),
    ) {
        let Delivery::Reorder { packets, .. } = self.delivery else {
            return;
        };
        while self.waiting > packets || self.deadline().is_some_and(|at| at <= now) {
            self.skip(deliver);
        }
    }

    /// Delivers the expected packet, or one that `missing` others are given up for.
    fn next(
        &mut self,
        packet: &Packet<'_>,
        missing: u16,
        arrival: Instant,
        deliver: &mut impl FnMut(&Packet<'_>, Before, Instant),
    ) {
        let Some(current) = &mut self.current else {
            return;
        };
        current.ssrc = packet.ssrc;
        current.next = packet.sequence.wrapping_add(1);
        current.timestamp = packet.timestamp;
        current.print = Print::of(packet);
        current.opening = false;
        let lost = u32::from(missing);
        let restarts = false;
        deliver(packet, Before { lost, restarts }, arrival);
    }

    /// Begins the first sequence with packets that may be on their way.
    fn open(&mut self, packet: &Packet<'_>, data: &[u8], now: Instant) {
        self.current = Some(Current {
            next: packet.sequence.wrapping_sub(MAX_OPENING),
            opening: true,
            ..Current::from(packet, 0)
        });
        self.hold(MAX_OPENING, data, now);
    }

    /// Begins a sequence.
    fn begin(
        &mut self,
        packet: &Packet<'_>,
        arrival: Instant,
        deliver: &mut impl FnMut(&Packet<'_>, Before, Instant),
    ) {
        // Sequences of one packet each are none.
        let odd = self.current.as_ref().map_or(0, |current| current.odd);
        let previous = self.current.replace(Current::from(packet, odd));
        self.held.clear();
        self.waiting = 0;
        self.suspect = None;
        let before = Before {
            lost: 0,
            restarts: previous.is_some(),
        };
        deliver(packet, before, arrival);
    }

    /// Two packets in a row that fit nowhere but together begin a new sequence.
    fn suspect(
        &mut self,
        packet: &Packet<'_>,
        data: &[u8],
        now: Instant,
        deliver: &mut impl FnMut(&Packet<'_>, Before, Instant),
    ) {
        if let Some(held) = self.suspect.take()
            && let Some(first) = Packet::parse(&held.packet)
            && first.ssrc == packet.ssrc
            && first.sequence.wrapping_add(1) == packet.sequence
        {
            self.begin(&first, held.arrival, deliver);
            self.next(packet, 0, now, deliver);
        } else {
            let packet = self.copy(data);
            let arrival = now;
            self.suspect = Some(Held { packet, arrival });
        }
    }

    fn copy(&mut self, data: &[u8]) -> Vec<u8> {
        let mut packet = self.spare.pop().unwrap_or_default();
        packet.extend_from_slice(data);
        packet
    }

    fn hold(&mut self, ahead: u16, data: &[u8], arrival: Instant) {
        let at = usize::from(ahead);
        if self.held.len() <= at {
            self.held.resize_with(at + 1, || None);
        }
        if self.held.get(at).is_some_and(Option::is_some) {
            return;
        }
        let packet = self.copy(data);
        if let Some(slot) = self.held.get_mut(at) {
            *slot = Some(Held { packet, arrival });
            if self.waiting == 0 {
                self.since = Some(arrival);
            }
            self.waiting += 1;
        }
    }

    /// After the expected packet: those that waited for it.
    fn drain(&mut self, deliver: &mut impl FnMut(&Packet<'_>, Before, Instant)) {
        self.held.pop_front();
        while let Some(Some(_)) = self.held.front() {
            self.front(0, deliver);
        }
        self.wait_on();
    }

    /// Gives up the expected packet and those behind it up to one that is there.
    fn skip(&mut self, deliver: &mut impl FnMut(&Packet<'_>, Before, Instant)) {
        let mut missing = 0;
        while let Some(None) = self.held.front() {
            self.held.pop_front();
            missing += 1;
        }
        if self.current.as_ref().is_some_and(|current| current.opening) {
            missing = 0;
        }
        self.front(missing, deliver);
        while let Some(Some(_)) = self.held.front() {
            self.front(0, deliver);
        }
        self.wait_on();
    }

    fn front(&mut self, missing: u16, deliver: &mut impl FnMut(&Packet<'_>, Before, Instant)) {
        let Some(mut held) = self.held.pop_front().flatten() else {
            self.waiting = 0;
            return;
        };
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(packet) = Packet::parse(&held.packet) {
            self.next(&packet, missing, held.arrival, deliver);
        }
        if self.spare.len() < MAX_SPARE {
            held.packet.clear();
            self.spare.push(held.packet);
        }
    }

    /// What still waits, waits for another packet from now on.
    fn wait_on(&mut self) {
        if let Some(first) = self.held.iter().flatten().next() {
            self.since = Some(first.arrival);
        }
    }
}
