//! Access units out of a ring: what is kept for viewers is what a recording can begin with.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::convert::{Form, converted};
use super::frame::Clocks;
use super::{Queue, SinkFormat, SinkFrame};
use crate::media::{Codec, ParameterSets, Ring, Track};
use crate::source::rtp::{Delivery, Format, Reception, Unit};

/// The access unit that a ring took in last.
#[derive(Clone, Copy, Debug)]
pub struct Newest {
    /// On the source's timeline.
    pub timestamp: i64,
    pub arrival: Instant,
    pub captured: Option<Instant>,
}

/// An access unit from a ring.
pub(super) struct Replayed {
    /// In the form of `media`.
    pub data: Vec<u8>,
    pub arrival: Instant,
    pub keyframe: bool,
    /// How much earlier than the newest access unit, in ticks.
    pub ago: i32,
    /// Behind its packets.
    pub end: u64,
}

/// A sink that gets what a track keeps, before it gets what comes.
pub(super) struct Replay {
    pub queue: Arc<Queue>,
    /// The track, and the packet that it goes on with.
    pub track: u64,
    pub next: u64,
}

/// The access units of these packets, each made when it is asked for: a ring may hold very many tiny ones,
/// and a queue takes few.
pub(super) fn units(
    ring: &Ring,
    codec: Codec,
    packets: Range<u64>,
) -> impl Iterator<Item = Replayed> {
    let newest = newest_timestamp(ring);
    let format = Format::pushed(codec);
    let mut packet = Vec::new();
    let mut next = packets.start;
    // What viewers begin with in a stream without keyframes is gray, and only for them.
    let mut opening = false;
    std::iter::from_fn(move || {
        while next < packets.end {
            let unit = ring.unit(next)?;
            next = unit.end;
            let first = ring.packet(unit.start);
            if first.is_some_and(|packet| packet.opening && !packet.still) {
                opening = true;
                continue;
            }
            // One of its own for each access unit: none waits for the packet after it.
            let mut reception = Reception::new(&format, Delivery::InOrder);
            let mut data = Vec::new();
            let mut meta = None;
            let mut out = |mut unit: Unit| {
                data.append(&mut unit.data);
                unit.data
            };
            for (sequence, number) in (0_u64..).zip(unit) {
                let Some(stored) = ring.packet(number) else {
                    break;
                };
                packet.clear();
                write_header(
                    &mut packet,
                    sequence as u16,
                    stored.timestamp,
                    stored.marker,
                );
                packet.extend_from_slice(stored.payload);
                reception.rtp(&packet, stored.arrival, &mut out);
                meta = Some(stored);
            }
            let Some(stored) = meta else {
                continue;
            };
            if let Some(due) = reception.next_deadline() {
                reception.handle_timeout(due, &mut out);
            }
            return Some(Replayed {
                data,
                arrival: stored.arrival,
                keyframe: stored.keyframe || std::mem::take(&mut opening),
                ago: newest?.wrapping_sub(stored.timestamp) as i32,
                end: next,
            });
        }
        None
    })
}

fn newest_timestamp(ring: &Ring) -> Option<u32> {
    let newest = ring.packet(ring.end().checked_sub(1)?)?;
    Some(newest.timestamp)
}

/// An RTP header (RFC 3550 section 5.1).
fn write_header(packet: &mut Vec<u8>, sequence: u16, timestamp: u32, marker: bool) {
    const VERSION: u8 = 0x80;
    const PAYLOAD_TYPE: u8 = 96;
    packet.extend([VERSION, PAYLOAD_TYPE | u8::from(marker) << 7]);
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([0; 4]);
}

/// The last keyframe that a track keeps.
pub fn keyframe(track: &Track, newest: &Newest) -> Option<SinkFrame> {
    let ring = track.ring();
    let info = track.info();
    let still = ring.still();
    let first = ring.latest_keyframe();
    let mut packets = ring.unit(first.or(still.map(|still| still.first))?)?;
    let packet = ring.packet(packets.start)?;
    if packet.opening && !packet.still {
        packets = ring.unit(packets.end)?;
    }
    let mut unit = units(ring, info.codec, packets).next()?;
    if let Some(still) = still {
        unit.arrival = still.arrival;
        unit.ago = newest_timestamp(ring)?.wrapping_sub(still.timestamp) as i32;
    }
    let found = ParameterSets::find(info.codec, &unit.data);
    let sets = found.as_ref().or(info.parameter_sets.as_ref());
    let clocks = Clocks::read();
    let ticks = i64::from(unit.ago);
    let captured = before(newest.captured, ticks, info.codec.clock_rate());
    Some(SinkFrame {
        format: SinkFormat::video(info.codec, sets, Form::AnnexB).into(),
        data: converted(
            info.codec,
            &unit.data,
            sets.filter(|_| found.is_none()),
            Form::AnnexB,
        ),
        pts_us: 0,
        capture_unix_us: captured.map(|moment| clocks.unix_us(moment)),
        arrival_unix_us: clocks.unix_us(unit.arrival),
        arrival: unit.arrival,
        keyframe: true,
        damaged: false,
        cached: true,
        discontinuity: false,
        format_changed: true,
        packets_lost: 0,
        frames_dropped: 0,
    })
}

/// So many ticks before a moment.
pub(super) fn before(moment: Option<Instant>, ticks: i64, rate: u32) -> Option<Instant> {
    let time = std::time::Duration::from_micros(
        u64::try_from(ticks).ok()? * 1_000_000 / u64::from(rate.max(1)),
    );
    moment?.checked_sub(time)
}
