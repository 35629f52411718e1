//! What comes from the viewer, and what is answered at once.

use std::time::{Duration, Instant};

use super::phase::Phase;
use super::{Received, Transport};
use crate::session::dtls::{DtlsEvent, is_of_handshake};
use crate::session::ice::{Carried, Check, Handled};
use crate::session::io::{Io, Path, Transmit};
use crate::session::srtp::KeyingMaterial;

/// A flight that is repeated later than this was lost, and is not about to be answered.
const LONG_SINCE: Duration = Duration::from_millis(500);

impl Transport {
    /// Handles a datagram that arrived on `path`.
    pub fn handle_datagram<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) -> Received {
        if matches!(self.phase, Phase::Over) {
            return Received::Nothing;
        }
        // RFC 7983 section 7: the first byte tells the protocol.
        match datagram.first() {
            Some(0..=3) => return self.handle_stun(path, datagram, io),
            Some(20..=63) if self.ice.received(path.remote, datagram.len()) => {
                return self.handle_dtls(path, datagram, io);
            }
            // Nothing but RTCP is expected: all media flows the other way.
            Some(128..=191) if self.ice.may_be_rebound(path.remote) => {
                let received = self.handle_srtcp(path, datagram, io.now);
                if let Received::Rtcp(_) = received
                    && let Some(check) = self.ice.rebound(io.now, path, datagram.len())
                {
                    self.send(path, &check, io);
                }
                return received;
            }
            Some(128..=191) if self.ice.received(path.remote, datagram.len()) => {
                return self.handle_srtcp(path, datagram, io.now);
            }
            _ => self.rejected += 1,
        }
        Received::Nothing
    }

    fn handle_stun<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) -> Received {
        let now = io.now;
        let before = self.ice.proven(now);
        let lost_since = self.lost_since(now);
        let received = match self.ice.answered(io.now, path, datagram) {
            Some((check, carried)) => self.handle_answer(path, &check, carried, io),
            None => self.handle_check(path, datagram, io),
        };
        self.follow_path(now);
        let (path, news) = match (before, self.ice.proven(now)) {
            (None, Some(path)) => (path, Received::Proven),
            (Some(before), Some(path)) if before.remote != path.remote => {
                (path, Received::Moved(lost_since))
            }
            _ => return received,
        };
        self.send_withheld(path, io);
        self.pump_channel(io);
        match received {
            // Nothing was sent before.
            Received::Up => Received::Up,
            _ => news,
        }
    }

    fn handle_check<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) -> Received {
        let Some(handled) = self.ice.handle(io.now, path, datagram) else {
            self.rejected += 1;
            return Received::Nothing;
        };
        self.heard(path, io.now);
        if !self.ice.is_controlling() {
            self.begin_handshake(io.now);
        }
        let Handled {
            check,
            response,
            carried,
        } = handled;
        if let Some(carried) = carried {
            self.take_carried(carried, io.now);
            if self.embedding.is_some() {
                return self.send_embedded(path, check, response, io);
            }
        }
        for message in check.into_iter().chain([response]) {
            self.seal_and_send(path, message, io);
        }
        Received::Nothing
    }

    /// There is a path, for the first time perhaps.
    pub(super) fn begin_handshake(&mut self, now: Instant) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Waiting(waiting) => {
                let handshaking = waiting.begin(now);
                self.enter(Phase::Handshaking(Box::new(handshaking)));
            }
            other => self.phase = other,
        }
    }

    /// A check of ours was answered.
    fn handle_answer<T: Transmit>(
        &mut self,
        path: Path,
        check: &Check,
        carried: Carried,
        io: &mut Io<'_, T>,
    ) -> Received {
        let now = io.now;
        self.heard(path, now);
        if let Phase::Waiting(_) = self.phase
            && self.ice.is_controlling()
            && self.ice.selected().is_some()
        {
            self.begin_handshake(now);
            return self.drive_dtls(path, io);
        }
        if self.answer_time.is_none() {
            self.answer_time = Some(now.saturating_duration_since(check.at));
            self.measure(now);
        }
        let pacer = self.pacer.as_mut();
        let more = pacer.is_some_and(|pacer| pacer.answered(now, check.number));
        self.take_carried(carried, now);
        match self.drive_dtls(path, io) {
            Received::Nothing if more => Received::Room,
            received => received,
        }
    }

    /// Sends one datagram that is not worth a second attempt: the peer asks again, or the next report says
    /// the same. Little goes to an address that is not proven: false if it did not leave for that reason.
    pub(super) fn send<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) -> bool {
        let may = self.ice.may_send(io.now, path.remote, datagram.len());
        if may {
            io.transmit.control(path, datagram);
        }
        may
    }

    fn handle_dtls<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) -> Received {
        if let Some(embedding) = &mut self.embedding
            && is_of_handshake(datagram)
        {
            embedding.came(datagram);
        }
        self.pass_to_dtls(datagram, io.now);
        self.drive_dtls(path, io)
    }

    pub(super) fn pass_to_dtls(&mut self, datagram: &[u8], now: Instant) {
        let dtls = self.phase.dtls();
        let progress = dtls.is_some_and(|dtls| dtls.handle(now, datagram));
        // Browsers answer our first flight at once. What they repeat before is no answer.
        if let Phase::Handshaking(handshaking) = &mut self.phase
            && progress
            && let Some(sent) = handshaking.first_flight.take()
        {
            let took = now.saturating_duration_since(sent);
            // On a long path what is repeated long since may be answered all the same. An answer to a check has its check.
            self.round_trip = Some(took.max(self.answer_time.unwrap_or_default()));
        }
    }

    /// The path is proven, so what was too much for it before may leave: the other side would repeat its flight only
    /// after a while, OpenSSL after a second.
    fn send_withheld<T: Transmit>(&mut self, path: Path, io: &mut Io<'_, T>) {
        if !std::mem::take(&mut self.withheld) {
            return;
        }
        let dtls = self.phase.dtls();
        let datagrams = dtls.into_iter().flat_map(|dtls| {
            dtls.send_again(io.now);
            std::iter::from_fn(|| dtls.poll_transmit())
        });
        for datagram in datagrams.collect::<Vec<_>>() {
            let left = self.send(path, &datagram, io);
            self.note_flight(left, io.now);
        }
    }

    /// A datagram of a DTLS flight has left, whose answer shows the round trip. What is repeated may be answered already,
    /// unless it is long since.
    pub(super) fn note_flight(&mut self, left: bool, now: Instant) {
        if let Phase::Handshaking(handshaking) = &mut self.phase
            && left
            && self.round_trip.is_none()
        {
            let at = handshaking.first_flight.get_or_insert(now);
            if now > *at + LONG_SINCE {
                *at = now;
            }
        }
    }

    /// Whether anything of a flight has left whose answer is awaited.
    pub(super) fn is_flight_noted(&self) -> bool {
        matches!(&self.phase, Phase::Handshaking(it) if it.first_flight.is_some())
    }

    /// Sends what DTLS has to send, and does what its events ask for.
    pub(super) fn drive_dtls<T: Transmit>(&mut self, path: Path, io: &mut Io<'_, T>) -> Received {
        for datagram in self.take_flight() {
            self.send_of_flight(path, &datagram, io);
        }
        self.take_dtls_events(path, io)
    }

    /// Sends a datagram of a flight by itself.
    pub(super) fn send_of_flight<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) {
        let left = self.send(path, datagram, io);
        self.withheld |= !left;
        self.note_flight(left, io.now);
    }

    /// Does what the events of DTLS ask for.
    pub(super) fn take_dtls_events<T: Transmit>(
        &mut self,
        path: Path,
        io: &mut Io<'_, T>,
    ) -> Received {
        let mut received = Received::Nothing;
        while let Some(event) = self.phase.dtls().and_then(|dtls| dtls.poll_event()) {
            match event {
                DtlsEvent::Connected(keys) => received = self.keyed(&keys, io.now),
                DtlsEvent::Data(packet) => self.handle_packet(path, &packet, io.now),
                DtlsEvent::Closed => self.enter(Phase::Over),
                DtlsEvent::Failed(error) => self.fail(error),
            }
        }
        self.pump_channel(io);
        received
    }

    /// DTLS has led to these keys.
    pub fn keyed(&mut self, keys: &KeyingMaterial, now: Instant) -> Received {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Handshaking(handshaking) => match handshaking.done(now, keys) {
                Ok(up) => {
                    self.enter(Phase::Up(up));
                    if let Some(embedding) = &mut self.embedding {
                        embedding.done();
                    }
                    self.measure(now);
                    return Received::Up;
                }
                Err(error) => self.fail(error),
            },
            other => self.phase = other,
        }
        Received::Nothing
    }

    fn handle_srtcp(&mut self, path: Path, datagram: &[u8], now: Instant) -> Received {
        let Phase::Up(up) = &mut self.phase else {
            return Received::Nothing;
        };
        match up.control.srtcp.unprotect(datagram) {
            Ok(compound) => {
                self.heard(path, now);
                Received::Rtcp(compound)
            }
            Err(_) => {
                self.rejected += 1;
                Received::Nothing
            }
        }
    }
}
