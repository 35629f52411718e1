//! RTP of one track, pulled or pushed: from packets to access units of video and frames of audio.

mod capture;
mod depacketizer;
mod format;
mod order;
mod packet;

pub use capture::{CaptureClock, SenderTime};
pub use format::{Encoding, Format, Section, Unusable, parameter_sets};
pub use packet::{Packet, is_rtcp};

use std::time::{Duration, Instant};

use depacketizer::Depacketizer;
use order::Sequencer;

/// How packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were sent, without gaps other than the sender's own: over TCP.
    InOrder,
    /// In any order, over UDP. Packets wait for a missing one, at most this many for so long.
    Reorder { packets: usize, wait: Duration },
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

/// What was received so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that cannot be RTP, or are of another payload type.
    pub ignored: u64,
}

/// One track's RTP and RTCP.
#[derive(Debug)]
pub struct Reception {
    format: Format,
    sequencer: Sequencer,
    depacketizer: Depacketizer,
    counters: Counters,
}

impl Reception {
    pub fn new(format: &Format, order: Order) -> Self {
        Reception {
            format: format.clone(),
            sequencer: Sequencer::new(order),
            depacketizer: Depacketizer::new(format),
            counters: Counters::default(),
        }
    }

    /// Takes one RTP packet. `out` receives each complete unit and returns an empty buffer for the
    /// next: nothing is allocated in steady state.
    pub fn rtp(&mut self, packet: &[u8], now: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if is_rtcp(packet) {
            return self.rtcp(packet, now);
        }
        if Packet::parse(packet).is_none() {
            self.counters.ignored += 1;
            return;
        }
        self.counters.packets += 1;
        self.sequencer
            .push(packet, now, &mut self.depacketizer, out);
    }

    /// Takes one compound RTCP packet.
    pub fn rtcp(&mut self, _packet: &[u8], _now: Instant) {}

    /// When [`Reception::handle_timeout`] is to be called, unless a packet comes first.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// Gives up what was waited for.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        self.sequencer.release(now, &mut self.depacketizer, out);
    }

    /// A compound RTCP packet that is due: a receiver report.
    pub fn poll_report(&mut self, _now: Instant) -> Option<&[u8]> {
        None
    }

    /// How the packets are read.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// What was received so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
