//! RTP of one track, pulled or pushed: from packets to access units of video and frames of audio.
//!
//! ```text
//!  packet --> order --> timeline --> pictures, av1, audio --> unit
//!       \--> report (receiver reports)     sender reports --> capture
//! ```
//!
//! In order, a packet is copied once, into the unit, and nothing is allocated.

mod audio;
mod av1;
mod capture;
mod format;
mod nal_kind;
mod nal_payload;
mod order;
mod packet;
mod pictures;
mod report;
mod spare;
#[cfg(test)]
mod tests;
mod timeline;
mod unit;

pub use capture::{CaptureClock, SenderTime};
pub use format::{Encoding, Format, Section, Unusable, parameter_sets};
pub use packet::{Packet, is_rtcp};
pub use spare::give as recycle;

use std::time::{Duration, Instant};

use self::audio::{Aac, Frames, Joined, MAX_DOCUMENT, MAX_FRAME};
use self::av1::TemporalUnits;
use self::capture::TrackClock;
use self::nal_kind::NalCodec;
use self::order::{Before, Sequencer};
use self::pictures::Pictures;
use self::report::Reports;
use self::timeline::Timeline;
use self::unit::Piece;
use super::{Quirk, Quirks, audio as sound};
use crate::media::Codec;

/// How packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As they were sent, without gaps other than the sender's own: over TCP.
    InOrder,
    /// In any order, over UDP. Packets wait for a missing one, at most this many for so long.
    Reorder {
        /// So many.
        packets: usize,
        /// So long.
        wait: Duration,
    },
}

/// An access unit of video or a frame of audio, assembled.
#[derive(Debug, PartialEq, Eq)]
pub struct Unit {
    /// In the form of `media`; audio that browsers do not play, in the form of its RTP payload.
    pub data: Vec<u8>,
    /// On a timeline that does not wrap around, in units of the clock rate.
    pub timestamp: i64,
    /// When its last packet arrived.
    pub arrival: Instant,
    /// When it was sampled by the sender's clock, once a sender report has said so.
    /// [`CaptureClock::captured`] makes an instant of it.
    pub sampled: Option<SenderTime>,
    /// Packets missing before it or in it.
    pub lost: u32,
    /// Parts of it are missing. What is there is whole NAL units, OBUs or frames.
    pub damaged: bool,
    /// A new RTP sequence starts with it, other than the first.
    pub restarts: bool,
}

/// One track's RTP and RTCP.
#[derive(Debug)]
pub struct Reception {
    format: Format,
    /// The payload type that is read, once a packet came.
    payload_type: Option<u8>,
    delivery: Delivery,
    sequencer: Sequencer,
    assembly: Assembly,
    /// Packets of a payload type that is not the format's.
    other_types: u32,
    reports: Reports,
}

/// What packets in their order become.
#[derive(Debug)]
struct Assembly {
    assembler: Assembler,
    /// Of the last packet: SSRC, and timestamp on a timeline that does not wrap around.
    last: Option<(u32, i64)>,
    clock: TrackClock,
    /// What was missing in front of a packet of mere padding.
    before: Before,
    /// A sender report that came before the first packet.
    early: Option<(u32, SenderTime, u32)>,
    /// Units whose timestamps were not believed.
    implausible: u32,
    timeline: Timeline,
}

#[derive(Debug)]
enum Assembler {
    Pictures(Pictures),
    TemporalUnits(TemporalUnits),
    Frames(Frames),
    Joined(Joined),
    Aac(Aac),
}

impl Reception {
    /// Reception of a track in this format.
    pub fn new(format: &Format, delivery: Delivery) -> Self {
        Reception {
            payload_type: None,
            sequencer: Sequencer::new(delivery, !format.pushed),
            assembly: Assembly::new(format),
            delivery,
            other_types: 0,
            reports: Reports::new(format.clock_rate),
            format: format.clone(),
        }
    }

    /// Takes one RTP packet. `out` receives each complete unit and returns an empty buffer for the
    /// next, or has passed that of the unit to [`recycle`]: nothing is allocated in steady state.
    pub fn rtp(&mut self, data: &[u8], now: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if is_rtcp(data) {
            return self.rtcp(data, now);
        }
        let packet = Packet::parse(data).filter(|packet| self.fits(packet.payload_type));
        let Some(packet) = packet else {
            return;
        };
        if self
            .format
            .payload_type
            .is_some_and(|own| own != packet.payload_type)
        {
            self.other_types = self.other_types.saturating_add(1);
        }
        self.reports.received(&packet, now);
        let Reception {
            sequencer,
            assembly,
            format,
            ..
        } = self;
        sequencer.push(&packet, data, now, &mut |packet, before, arrival| {
            assembly.push(format, packet, before, arrival, out);
        });
    }

    /// A payload type other than the format's will do until the format's comes.
    fn fits(&mut self, payload_type: u8) -> bool {
        let own = self.format.payload_type;
        if self.payload_type != Some(payload_type) {
            if let (Some(_), Some(own)) = (self.payload_type, own) {
                if own != payload_type {
                    return false;
                }
                // What came before was of something else.
                *self = Reception::new(&self.format, self.delivery);
            }
            self.payload_type = Some(payload_type);
        }
        true
    }

    /// Takes one compound RTCP packet.
    pub fn rtcp(&mut self, data: &[u8], now: Instant) {
        let Reception {
            assembly, reports, ..
        } = self;
        report::read(data, |said| {
            reports.sender_report(said.ssrc, said.time, now);
            assembly.sender_report(said.ssrc, said.time, said.timestamp);
        });
    }

    /// When [`Reception::handle_timeout`] is to be called, unless a packet comes first.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.sequencer.deadline(), self.assembly.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Gives up what was waited for.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let Reception {
            sequencer,
            assembly,
            format,
            ..
        } = self;
        sequencer.release(now, &mut |packet, before, arrival| {
            assembly.push(format, packet, before, arrival, out);
        });
        assembly.handle_timeout(now, out);
    }

    /// The receiver report that is due: a compound RTCP packet.
    pub fn poll_report(&mut self, now: Instant) -> Option<&[u8]> {
        self.reports.poll(now)
    }

    /// What was forgiven since the last call.
    pub fn take_quirks(&mut self) -> Quirks {
        let mut quirks = Quirks::default();
        let mut note = |quirk, count: &mut u32| quirks.note(quirk, std::mem::take(count));
        note(Quirk::SequenceNumbers, &mut self.sequencer.renumbered);
        note(Quirk::PayloadType, &mut self.other_types);
        note(Quirk::Timestamps, &mut self.assembly.implausible);
        if let Assembler::Pictures(pictures) = &mut self.assembly.assembler {
            note(Quirk::Markers, &mut pictures.wrong_markers);
            note(Quirk::StartCodes, &mut pictures.start_codes);
        }
        quirks
    }
}

impl Assembly {
    fn new(format: &Format) -> Self {
        Assembly {
            assembler: Assembler::new(format),
            last: None,
            before: Before::default(),
            early: None,
            implausible: 0,
            clock: TrackClock::new(format.clock_rate),
            timeline: Timeline::new(format.clock_rate),
        }
    }

    /// Takes the next packet.
    fn push(
        &mut self,
        format: &Format,
        packet: &Packet<'_>,
        before: Before,
        arrival: Instant,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        let before = Before {
            lost: before.lost.saturating_add(self.before.lost),
            restarts: before.restarts || self.before.restarts,
        };
        self.before = Before::default();
        if packet.payload.is_empty() {
            // Padding: neither its timestamp nor its marker means anything.
            self.before = before;
            return;
        }
        let timestamp = match self.last {
            Some((_, last)) if !before.restarts => {
                let step = packet.timestamp.wrapping_sub(last as u32) as i32;
                last.wrapping_add(step.into())
            }
            _ => {
                self.clock.restart();
                packet.timestamp.into()
            }
        };
        self.last = Some((packet.ssrc, timestamp));
        if let Some((ssrc, time, timestamp)) = self.early.take() {
            self.sender_report(ssrc, time, timestamp);
        }
        let piece = Piece {
            payload: packet.payload,
            timestamp,
            marker: packet.marker,
            arrival,
            before,
        };
        let Assembly {
            assembler,
            clock,
            timeline,
            implausible,
            ..
        } = self;
        let mut out = |unit| out(dated(unit, clock, timeline, implausible));
        match assembler {
            Assembler::Pictures(pictures) => {
                nal_payload::push(pictures, format, &piece, &mut out);
            }
            Assembler::TemporalUnits(units) => units.push(&piece, &mut out),
            Assembler::Frames(frames) => frames.push(&piece, &mut out),
            Assembler::Joined(joined) => joined.push(&piece, &mut out),
            Assembler::Aac(aac) => aac.push(&piece, &mut out),
        }
    }

    fn sender_report(&mut self, ssrc: u32, time: SenderTime, timestamp: u32) {
        match self.last {
            Some((own, present)) if own == ssrc => self.clock.report(time, timestamp, present),
            Some(_) => {}
            None => self.early = Some((ssrc, time, timestamp)),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.assembler {
            Assembler::Pictures(pictures) => pictures.deadline(),
            _ => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let Assembly {
            assembler,
            clock,
            timeline,
            implausible,
            ..
        } = self;
        if let Assembler::Pictures(pictures) = assembler {
            pictures.handle_timeout(now, &mut |unit| {
                out(dated(unit, clock, timeline, implausible))
            });
        }
    }
}

/// Makes the timestamp plausible, and adds when it was sampled if the camera's can be believed.
fn dated(unit: Unit, clock: &TrackClock, timeline: &mut Timeline, implausible: &mut u32) -> Unit {
    let placed = timeline.place(unit.timestamp, unit.arrival);
    *implausible = implausible.saturating_add(u32::from(!placed.believed));
    let sampled = placed
        .believed
        .then(|| clock.sampled(unit.timestamp))
        .flatten();
    Unit {
        timestamp: placed.timestamp,
        sampled,
        ..unit
    }
}

impl Assembler {
    fn new(format: &Format) -> Self {
        match &format.encoding {
            Encoding::Video(Codec::H265) => {
                Assembler::Pictures(Pictures::new(format, NalCodec::H265))
            }
            Encoding::Video(Codec::Av1) => Assembler::TemporalUnits(TemporalUnits::default()),
            Encoding::Video(_) => Assembler::Pictures(Pictures::new(format, NalCodec::H264)),
            Encoding::Audio(sound::Encoding::Aac(
                aac @ sound::Aac::Generic {
                    size_length,
                    index_length,
                    index_delta_length,
                    ..
                },
            )) => {
                let ticks = aac.unit_ticks(format.clock_rate);
                Assembler::Aac(Aac::new(
                    *size_length,
                    [*index_length, *index_delta_length],
                    ticks,
                ))
            }
            Encoding::Audio(sound::Encoding::Aac(sound::Aac::Latm { .. })) => {
                Assembler::Joined(Joined::new(MAX_FRAME))
            }
            Encoding::Metadata => Assembler::Joined(Joined::new(MAX_DOCUMENT)),
            Encoding::Audio(_) => Assembler::Frames(Frames::default()),
        }
    }
}
