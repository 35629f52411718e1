//! The way out through a transport that is up, as a leg uses it for the length of one call.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::pacer::{self, Pacer};
use crate::error;
use crate::media::StreamRate;
use crate::session::io::{Path, SendBuffer, Transmit, WouldBlock};
use crate::session::srtp::RtpSealer;

/// Keys, path, pacer and network. What every leg sends passes through here.
pub struct Egress<'a, T: Transmit> {
    pub(super) now: Instant,
    pub(super) path: Path,
    pub(super) sealer: &'a RtpSealer,
    pub(super) pacer: Option<&'a mut Pacer>,
    pub(super) round_trip: Option<Duration>,
    pub(super) buffer: &'a mut SendBuffer,
    pub(super) batch: usize,
    pub(super) transmit: &'a mut T,
}

impl<T: Transmit> Egress<'_, T> {
    pub fn now(&self) -> Instant {
        self.now
    }

    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Bytes that sealing adds to a packet.
    pub fn tag_len(&self) -> usize {
        self.sealer.tag_len()
    }

    /// Bytes that a run may have.
    pub fn room(&self) -> usize {
        self.buffer.len()
    }

    /// Packets that a run may have.
    pub fn run_limit(&self) -> usize {
        self.batch.min(self.transmit.max_segments()).max(1)
    }

    /// Whether large access units of a leg that loses this much are spread over time.
    pub fn paces(&self, loss_ppm: u32) -> bool {
        self.pacer.is_some() && !pacer::is_near(self.round_trip, loss_ppm)
    }

    /// When the next burst may leave.
    pub fn pacer_ready(&self) -> Instant {
        match &self.pacer {
            Some(pacer) => pacer.ready_at(self.now),
            None => self.now,
        }
    }

    /// Tells the pacer of `bytes` of a stream of this rate that were sent.
    pub fn account(&mut self, rate: StreamRate, bytes: usize) {
        if let Some(pacer) = &mut self.pacer {
            pacer.sent(self.now, rate, bytes);
        }
    }

    /// Seals a packet into this part of the buffer, which it fills. See [`RtpSealer::seal`].
    pub fn seal(
        &mut self,
        index: u64,
        header: &[u8],
        prefix: &[u8],
        payload: &[u8],
        into: Range<usize>,
    ) -> error::Result<()> {
        self.sealer
            .seal(index, header, prefix, payload, &mut self.buffer[into])
    }

    /// Sends the first `used` bytes of the buffer, cut into datagrams of `segment` bytes.
    pub fn transmit(&mut self, used: usize, segment: usize) -> Result<(), WouldBlock> {
        self.transmit
            .transmit(self.path, &self.buffer[..used], segment)
    }
}
