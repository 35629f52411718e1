//! The way out through a transport that is up, as a leg uses it for the length of one call.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::backlog::Backlog;
use super::pacer::{Pace, Pacer};
use super::repeats::Repeats;
use crate::error;
use crate::media::StreamRate;
use crate::session::estimate::Kind;
use crate::session::ice::IceAgent;
use crate::session::io::{Path, Remote, SendBuffer, Transmit, WouldBlock};
use crate::session::srtp::RtpSealer;

/// Time to the next attempt after the network took no more. A connection says when it does.
const BLOCKED_RETRY: Duration = Duration::from_millis(1);
/// The gateway may reach its TURN server over TCP, which takes nothing for longer than a socket of UDP does.
const BLOCKED_RETRY_SERVER: Duration = Duration::from_millis(5);
const BLOCKED_RETRY_TCP: Duration = Duration::from_millis(250);

/// Keys, path, pacer and network. What every leg sends passes through here.
pub struct Egress<'a, T: Transmit> {
    pub(super) now: Instant,
    pub(super) path: Path,
    pub(super) ice: &'a mut IceAgent,
    pub(super) sealer: &'a RtpSealer,
    /// `None` over TCP, which paces by itself, and while the path is so wide that nothing is paced.
    pub(super) pacer: Option<&'a mut Pacer>,
    /// Over TCP only.
    pub(super) backlog: Option<&'a mut Backlog>,
    pub(super) round_trip: Option<Duration>,
    pub(super) repeats: &'a mut Option<Box<Repeats>>,
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
        let most = match &self.backlog {
            Some(backlog) => backlog.run_limit(self.now),
            None => self.transmit.max_segments(),
        };
        self.batch.min(most).max(1)
    }

    /// The pace of a leg that loses this much, of a stream of this rate; `None` if it is not paced.
    pub fn pace(&mut self, loss_ppm: u32, rate: StreamRate) -> Option<Pace> {
        let (now, round_trip) = (self.now, self.round_trip);
        if let Some(backlog) = &self.backlog {
            return backlog.pace(now);
        }
        self.pacer.as_mut()?.pace(now, round_trip, loss_ppm, rate)
    }

    /// Whether the path is paced, so that there is something to be found out about it.
    pub fn is_paced(&self) -> bool {
        self.pacer.is_some()
    }

    /// See [`Pacer::is_unheard`].
    pub fn is_unheard(&self) -> bool {
        let pacer = self.pacer.as_ref();
        pacer.is_some_and(|pacer| pacer.is_unheard(self.now))
    }

    /// Whether a retransmission may leave now.
    pub fn may_repair(&self) -> bool {
        let pacer = self.pacer.as_ref();
        pacer.is_none_or(|pacer| pacer.may_repair(self.now))
    }

    /// Whether this packet may be sent again now. If so, it counts as sent.
    pub fn allow_repeat(&mut self, ssrc: u32, index: u64) -> bool {
        let round_trip = self.round_trip.unwrap_or_default();
        let begin = || Box::new(Repeats::new(self.now));
        let repeats = self.repeats.get_or_insert_with(begin);
        repeats.allow(self.now, ssrc, index, round_trip)
    }

    /// The transport-wide sequence number of the next packet, and of those behind it in the same run, which
    /// go on from there; `None` if they are to have none.
    pub fn next_number(&mut self) -> Option<u16> {
        // What arrives over TCP, and when, says nothing of the path.
        self.pacer.as_mut()?.next_number(self.now)
    }

    /// When the next burst may leave.
    pub fn pacer_ready(&self) -> Instant {
        match &self.pacer {
            Some(pacer) => pacer.ready_at(self.now),
            None => self.now,
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
    /// `numbered`: they have transport-wide sequence numbers, from [`Egress::next_number`] on.
    pub fn transmit(
        &mut self,
        used: usize,
        segment: usize,
        numbered: bool,
        kind: Kind,
    ) -> Result<(), WouldBlock> {
        let sent = self
            .transmit
            .transmit(self.path, &self.buffer[..used], segment);
        if let Some(backlog) = &mut self.backlog {
            match sent {
                Ok(()) => backlog.sent(used),
                Err(WouldBlock) => backlog.blocked(self.now),
            }
        }
        sent?;
        if let Some(pacer) = &mut self.pacer {
            pacer.sent(self.now, used, segment, numbered, kind);
        }
        Ok(())
    }

    /// See [`Pacer::measuring_burst`].
    pub fn measuring_burst(&mut self, waiting: usize) -> Option<(u64, Kind)> {
        let now = self.now;
        self.pacer.as_mut()?.measuring_burst(now, waiting)
    }

    /// See [`Pacer::probe_with_padding`].
    pub fn probe_with_padding(&mut self, less: bool) -> Option<usize> {
        let now = self.now;
        self.pacer.as_mut()?.probe_with_padding(now, less)
    }

    /// When to try again what [`Egress::transmit`] did not take.
    pub fn retry_at(&self) -> Instant {
        match self.backlog {
            Some(_) => self.now + BLOCKED_RETRY_TCP,
            None if matches!(self.path.remote, Remote::Server(..)) => {
                self.now + BLOCKED_RETRY_SERVER
            }
            None => self.now + BLOCKED_RETRY,
        }
    }

    /// No leg has anything left to send.
    pub fn caught_up(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.caught_up(self.now);
        }
    }

    /// Nothing more is sent for now.
    pub fn finish(&mut self) {
        if let Some(pacer) = &mut self.pacer
            && pacer.close_burst(self.now, self.ice.next_number())
            && let Some(check) = self.ice.check_selected(self.now)
        {
            self.transmit.control(self.path, &check);
        }
    }
}
