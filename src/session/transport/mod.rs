//! One connection to a viewer: ICE, DTLS, keys, RTCP in and out, liveness and the pacer. It knows
//! nothing of media: [legs](super::leg) send through its [`Egress`].

mod backlog;
mod channel;
mod egress;
mod liveness;
mod memory;
mod neighbors;
mod opening;
pub mod pacer;
mod phase;
mod reports;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;

pub use egress::Egress;
pub use liveness::FIRST_CHECK;
pub use memory::PathMemory;

use super::data::DataConfig;
use super::dtls::{Certificate, DtlsEvent};
use super::estimate::{Limits, TransportFeedback};
use super::ice::{CONSENT, Check, IceAgent, TransactionKey};
use super::io::{Io, Path, Remote, Transmit};
use super::rtcp::{self, SenderReport};
use super::srtp::KeyingMaterial;
use super::wall_clock::WallClock;
use super::{SessionEvent, earliest};
use crate::error::Error;
use crate::sdp::{Fingerprint, IceCredentials};
use crate::state::{SessionState, SrtpProfile};
use crate::tuning::SrtpPolicy;
use backlog::Backlog;
use liveness::{LATE, Silence};
use opening::Opening;
use pacer::Pacer;
use phase::{Phase, Waiting};
use reports::Reports;

/// What the transport of a new session is made of.
pub struct TransportConfig {
    /// What the transaction IDs of our checks are made of.
    pub transactions: TransactionKey,
    /// Our ICE credentials.
    pub local_ice: IceCredentials,
    /// The viewer's ICE credentials.
    pub remote_ice: IceCredentials,
    /// The gateway's certificate.
    pub certificate: Arc<Certificate>,
    /// Fingerprints of the viewer's certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// Which SRTP profiles are accepted.
    pub srtp_policy: SrtpPolicy,
    /// The data channel, if one was negotiated.
    pub data: Option<DataConfig>,
    /// The name of all that we send in RTCP (RFC 7022), as in the answer.
    pub cname: String,
    /// Time between sender reports.
    pub rtcp_interval: Duration,
    /// Pace in percent of the stream's rate; `None`: no pacing.
    pub pacing_percent: Option<u64>,
    /// Bounds of the estimate of what the path carries; `None`: it is not measured.
    pub congestion: Option<Limits>,
    /// Whether transport-wide feedback was negotiated.
    pub transport_cc: bool,
    /// What is known of the paths to viewers.
    pub paths: Arc<PathMemory>,
    /// Translates time into wall clock.
    pub clock: WallClock,
}

/// The memory of paths, which all workers share, is told of a path this often.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);

/// After a move, what was lost longer ago is not sent again: a keyframe is sooner there.
const REPEATED: Duration = Duration::from_secs(1);

pub struct Transport {
    phase: Phase,
    /// Round trip: by the DTLS handshake at first, then by the last receiver report.
    round_trip: Option<Duration>,
    pacer: Option<Pacer>,
    /// Of the connection that media goes over, if it is one.
    backlog: Option<Box<Backlog>>,
    congestion: Option<Limits>,
    transport_cc: bool,
    paths: Arc<PathMemory>,
    /// When they were told of this one last.
    noted: Option<Instant>,
    ice: IceAgent,
    /// The time to the first answer to a check of ours.
    answer_time: Option<Duration>,
    /// Until then no silence counts: see [`liveness::LATE`]. A worker that is always late has no such excuse.
    patient: Option<Instant>,
    reports: Reports,
    events: VecDeque<SessionEvent>,
    created: Instant,
    /// Datagrams that were not authentic, or not understood.
    rejected: u64,
}

/// What a transport has for the legs.
#[must_use]
pub enum Received {
    Nothing,
    /// The transport has just come up.
    Up,
    /// The path is proven, now that it is up: media may flow.
    Proven,
    /// The viewer is somewhere else, and that is proven: what left since then went to where it was.
    Moved(Instant),
    /// More may be sent.
    Room,
    /// A decrypted RTCP compound packet.
    Rtcp(BytesMut),
}

impl Transport {
    pub fn new(now: Instant, config: TransportConfig) -> Self {
        let phase = Phase::Waiting(Box::new(Waiting {
            certificate: config.certificate,
            fingerprints: config.fingerprints,
            policy: config.srtp_policy,
            data: config.data,
        }));
        let mut transport = Transport {
            phase: Phase::Over,
            round_trip: None,
            pacer: config.pacing_percent.map(Pacer::new),
            backlog: None,
            congestion: config.congestion,
            transport_cc: config.transport_cc,
            paths: config.paths,
            noted: None,
            ice: IceAgent::new(config.local_ice, config.remote_ice, config.transactions),
            answer_time: None,
            patient: None,
            reports: Reports {
                clock: config.clock,
                cname: config.cname,
                interval: config.rtcp_interval,
            },
            events: VecDeque::new(),
            created: now,
            rejected: 0,
        };
        transport.enter(phase);
        transport
    }

    pub fn state(&self) -> SessionState {
        self.phase.state()
    }

    pub fn created(&self) -> Instant {
        self.created
    }

    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        match &self.phase {
            Phase::Up(up) => Some(up.control.profile),
            _ => None,
        }
    }

    pub fn remote(&self) -> Option<Remote> {
        self.ice.selected().map(|path| path.remote)
    }

    pub fn ice(&self) -> &IceAgent {
        &self.ice
    }

    pub fn restart_ice(&mut self, local: IceCredentials, remote: IceCredentials) {
        self.ice.restart(local, remote);
    }

    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What the path carries, in bits per second; `None` until it is measured.
    pub fn estimate(&self) -> Option<u64> {
        match &self.backlog {
            Some(backlog) => backlog.estimate(),
            None => self.pacer.as_ref()?.estimate(),
        }
    }

    /// Whether the estimate is measured: the viewer sends transport-wide feedback, or a connection says how much
    /// it takes.
    pub fn has_feedback(&self) -> bool {
        self.transport_cc || self.backlog.is_some()
    }

    /// Whether the path carries so much that only samples of it are measured, and nothing was lost of late.
    pub fn is_resting(&self) -> bool {
        let pacer = self.pacer.as_ref().filter(|_| self.backlog.is_none());
        pacer.is_some_and(Pacer::is_resting)
    }

    /// Whether large packets vanish on the way to the viewer.
    pub fn drops_large(&self) -> bool {
        let pacer = self.pacer.as_ref().filter(|_| self.backlog.is_none());
        pacer.is_some_and(Pacer::drops_large)
    }

    /// Sets the rate in bits per second that would be used if the path carried it: the path is probed
    /// for it while the estimate is below. What the stream that is shown needs is wanted anyway.
    pub fn want(&mut self, rate: u64) {
        if let Some(pacer) = &mut self.pacer {
            pacer.want(rate);
        }
    }

    /// Sets the bytes per second of all streams that are sent, if there are several.
    pub fn set_streams(&mut self, bytes_per_second: u64) {
        if let Some(pacer) = &mut self.pacer {
            pacer.set_streams(bytes_per_second);
        }
    }

    /// The wall clock at this time.
    pub fn wall(&self, at: Instant) -> SystemTime {
        self.reports.clock.wall(at)
    }

    /// Something that the viewer said was not taken.
    pub fn reject(&mut self) {
        self.rejected += 1;
    }

    /// Counts on from another one, in whose place this is.
    pub fn goes_on_from(&mut self, other: &Transport) {
        self.rejected += other.rejected;
    }

    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// The way out for the legs; `None` unless media may flow: there are keys, and the path is proven. Where
    /// congestion is heeded, it does not flow to a viewer that is not heard.
    pub fn egress<'a, T: Transmit>(&'a mut self, io: &'a mut Io<'_, T>) -> Option<Egress<'a, T>> {
        let Phase::Up(up) = &self.phase else {
            return None;
        };
        if up.quiet && self.congestion.is_some() {
            return None;
        }
        let over_udp = self.backlog.is_none();
        let paces = |pacer: &&mut Pacer| over_udp && !pacer.is_calm(io.now);
        Some(Egress {
            now: io.now,
            path: self.ice.proven(io.now)?,
            ice: &mut self.ice,
            sealer: &up.sealer,
            pacer: self.pacer.as_mut().filter(paces),
            backlog: self.backlog.as_deref_mut(),
            round_trip: self.round_trip,
            buffer: io.buffer,
            batch: io.batch,
            transmit: &mut io.transmit,
        })
    }

    /// Reads what [`Transport::egress`] and sending will.
    pub fn touch(&self) {
        let calm = self.pacer.as_ref().map(|pacer| pacer.is_calm(self.created));
        let (known, backlog) = (self.ice.proven(self.created), self.backlog.is_some());
        let report = self.report_is_due(self.created);
        std::hint::black_box((calm, known, backlog, report, self.round_trip));
    }

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
            Some(128..=191) if self.ice.received(path.remote, datagram.len()) => {
                return self.handle_srtcp(path, datagram, io.now);
            }
            Some(128..=191) if self.ice.may_be_rebound(path.remote) => {
                let received = self.handle_srtcp(path, datagram, io.now);
                if let Received::Rtcp(_) = received
                    && let Some(check) = self.ice.rebound(io.now, path, datagram.len())
                {
                    self.send(path, &check, io);
                }
                return received;
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
            Some(check) => self.handle_answer(path, &check, io.now),
            None => self.handle_check(path, datagram, io),
        };
        self.follow_path(now);
        match (before, self.ice.proven(now)) {
            (None, Some(_)) => {
                self.pump_channel(io);
                Received::Proven
            }
            (Some(before), Some(path)) if before.remote != path.remote => {
                Received::Moved(lost_since)
            }
            _ => received,
        }
    }

    /// What left since then is lost if the viewer is no longer where media goes: it may have gone right
    /// after we heard it there last, which takes half a round trip, as does what is on its way there.
    fn lost_since(&self, now: Instant) -> Instant {
        let heard = match &self.phase {
            Phase::Up(up) => up.heard,
            _ => now,
        };
        let lost = heard.checked_sub(self.round_trip.unwrap_or_default());
        lost.max(now.checked_sub(REPEATED)).unwrap_or(now)
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
        if let Some(check) = &handled.check {
            self.send(path, check, io);
        }
        self.send(path, &handled.response, io);
        self.heard(path, io.now);
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Waiting(waiting) => {
                let handshaking = waiting.checked(io.now);
                self.enter(Phase::Handshaking(Box::new(handshaking)));
            }
            other => self.phase = other,
        }
        Received::Nothing
    }

    /// A check of ours was answered.
    fn handle_answer(&mut self, path: Path, check: &Check, now: Instant) -> Received {
        self.heard(path, now);
        if self.answer_time.is_none() {
            self.answer_time = Some(now.saturating_duration_since(check.at));
            self.measure(path, now);
        }
        let pacer = self.pacer.as_mut();
        let more = pacer.is_some_and(|pacer| pacer.answered(now, check.number));
        if more {
            Received::Room
        } else {
            Received::Nothing
        }
    }

    /// Sends one datagram that is not worth a second attempt: the peer asks again, or the next report says
    /// the same. Little goes to an address that is not proven: false if it did not leave for that reason.
    fn send<T: Transmit>(&mut self, path: Path, datagram: &[u8], io: &mut Io<'_, T>) -> bool {
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
        if let Phase::Handshaking(handshaking) = &mut self.phase {
            // Browsers answer our first flight at once.
            if let Some(sent) = handshaking.first_flight.take() {
                self.round_trip = Some(io.now.saturating_duration_since(sent));
            }
        }
        if let Some(dtls) = self.phase.dtls() {
            dtls.handle(io.now, datagram);
        }
        self.drive_dtls(path, io)
    }

    /// Sends what DTLS has to send, and does what its events ask for.
    fn drive_dtls<T: Transmit>(&mut self, path: Path, io: &mut Io<'_, T>) -> Received {
        let mut received = Received::Nothing;
        while let Some(datagram) = self.phase.dtls().and_then(|dtls| dtls.poll_transmit()) {
            let left = self.send(path, &datagram, io);
            if let Phase::Handshaking(handshaking) = &mut self.phase
                && left
                && self.round_trip.is_none()
            {
                handshaking.first_flight = Some(io.now);
            }
        }
        while let Some(event) = self.phase.dtls().and_then(|dtls| dtls.poll_event()) {
            match event {
                DtlsEvent::Connected(keys) => received = self.keyed(&keys, path, io.now),
                DtlsEvent::Data(packet) => self.handle_packet(path, &packet, io.now),
                DtlsEvent::Closed => self.enter(Phase::Over),
                DtlsEvent::Failed(error) => self.fail(error),
            }
        }
        self.pump_channel(io);
        received
    }

    /// DTLS has led to these keys.
    pub fn keyed(&mut self, keys: &KeyingMaterial, path: Path, now: Instant) -> Received {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Handshaking(handshaking) => match handshaking.done(now, keys) {
                Ok(up) => {
                    self.enter(Phase::Up(up));
                    self.measure(path, now);
                    return Received::Up;
                }
                Err(error) => self.fail(error),
            },
            other => self.phase = other,
        }
        Received::Nothing
    }

    /// Media may flow as soon as there are keys and an answer to a check of ours: measures the path from then
    /// on.
    fn measure(&mut self, path: Path, now: Instant) {
        if let Phase::Up(_) = self.phase
            && let Some(time) = self.answer_time
            && let Some(pacer) = &mut self.pacer
            && let Some(limits) = self.congestion
        {
            let address = path.remote.address().ip();
            let remembered = self.paths.recall(now, address);
            let opening = Opening::new(now, time, remembered);
            let neighbor = self.paths.join(now, address);
            pacer.measure(now, limits, self.transport_cc, opening, neighbor);
        }
    }

    /// Perhaps media goes over a connection from now on, or no longer: what was measured says nothing any more.
    fn follow_path(&mut self, now: Instant) {
        let Some(path) = self.ice.selected() else {
            return;
        };
        match (path.remote.connection(), &self.backlog) {
            (None, Some(_)) => {
                self.backlog = None;
                self.measure(path, now);
            }
            (Some(_), None) => self.backlog = Some(Box::default()),
            _ => {}
        }
    }

    /// A connection has ended. Media goes another way if there is one that is proven.
    pub fn lost(&mut self, remote: Remote, now: Instant) -> Received {
        let was = self.ice.selected();
        self.ice.lost(now, remote);
        self.follow_path(now);
        match self.ice.proven(now) {
            Some(path) if Some(path) != was => Received::Proven,
            _ => Received::Nothing,
        }
    }

    /// The host's addresses have changed, and these are gone. If media left from one of them, it goes another way if one
    /// is proven; until one is, the session counts as disconnected.
    pub fn host_changed(&mut self, gone: &[IpAddr], now: Instant) -> Received {
        let lost_since = self.lost_since(now);
        if !self.ice.host_changed(now, gone) {
            return Received::Nothing;
        }
        self.follow_path(now);
        match self.ice.gone() {
            None => Received::Moved(lost_since),
            Some(gone) => {
                self.quiet(Some(liveness::address_gone(gone)));
                Received::Nothing
            }
        }
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

    /// A report block named one of our sender reports.
    pub fn note_report(&mut self, now: Instant, last_sr: u32, delay: u32) {
        let round_trip = self.reports.round_trip(now, last_sr, delay);
        self.round_trip = round_trip.or(self.round_trip);
        if self.noted.is_none_or(|at| now >= at + NOTE_INTERVAL) {
            let measured = self.estimate().filter(|_| self.transport_cc);
            if let (Some(rate), Some(Remote::Udp(address))) = (measured, self.remote()) {
                self.paths.note(now, address.ip(), rate);
                self.noted = Some(now);
            }
        }
    }

    /// The viewer lost this much video since its last report, in 1/256.
    pub fn note_loss(&mut self, now: Instant, fraction: u8) {
        if let Some(pacer) = &mut self.pacer {
            pacer.report(now, fraction, self.round_trip);
        }
    }

    /// The viewer asks for lost packets.
    pub fn note_nack(&mut self, now: Instant) {
        if let Some(pacer) = &mut self.pacer {
            pacer.loss_seen(now);
        }
    }

    /// Transport-wide feedback has come.
    pub fn note_arrivals(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        if let Some(pacer) = &mut self.pacer {
            pacer.arrivals(now, feedback);
        }
    }

    /// Does what is due.
    pub fn handle_timeout<T: Transmit>(&mut self, io: &mut Io<'_, T>) -> Received {
        let now = io.now;
        if self.next_deadline().is_some_and(|at| now > at + LATE)
            && self.patient.is_none_or(|last| now > last + CONSENT)
        {
            self.patient = Some(now + LATE);
        }
        while let Some((path, check)) = self.take_due_check(now) {
            self.send(path, &check, io);
        }
        if self.patient.is_some_and(|until| now < until) {
            return Received::Nothing;
        }
        if let Some(dtls) = self.phase.dtls()
            && dtls.next_deadline().is_some_and(|at| at <= now)
        {
            dtls.handle_timeout(now);
        }
        if let Some(channel) = self.channel()
            && channel.next_deadline().is_some_and(|at| at <= now)
        {
            channel.handle_timeout(now);
        }
        let received = match self.ice.selected() {
            Some(path) => self.drive_dtls(path, io),
            None => Received::Nothing,
        };
        let silence = self
            .phase
            .silence(self.created, self.ice.consent_ends(), now);
        match silence {
            Silence::Short => {}
            Silence::Quiet => self.quiet(None),
            Silence::Lost(error) => {
                self.fail(self.ice.gone().map_or(error, liveness::not_reached_again))
            }
        }
        received
    }

    fn take_due_check(&mut self, now: Instant) -> Option<(Path, Vec<u8>)> {
        match self.phase {
            Phase::Handshaking(_) | Phase::Up(_) => self.ice.take_due(now),
            Phase::Waiting(_) | Phase::Over => None,
        }
    }

    /// When [`Transport::handle_timeout`] is due, or reports are overdue; `None` once it is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        let consent_ends = self.ice.consent_ends();
        let silence = self.phase.silence_deadline(self.created, consent_ends);
        let (own, judged) = match &self.phase {
            Phase::Handshaking(handshaking) => {
                (self.ice.next_due(), handshaking.dtls.next_deadline())
            }
            Phase::Up(up) => (
                earliest(Some(self.reports.overdue(up)), self.ice.next_due()),
                up.control
                    .data
                    .as_ref()
                    .and_then(|data| data.next_deadline()),
            ),
            Phase::Waiting(_) => (None, None),
            Phase::Over => return None,
        };
        let judged = earliest(judged, silence);
        let judged = judged.map(|at| self.patient.map_or(at, |until| at.max(until)));
        earliest(own, judged)
    }

    /// Whether reports are to go along with the media that is being sent.
    pub fn report_is_due(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Up(up) if up.report_at <= now)
    }

    /// Whether reports are to go although no media is sent.
    pub fn report_is_overdue(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Up(up) if self.reports.overdue(up) <= now)
    }

    /// Sends sender reports; the next are due an interval later.
    pub fn send_reports<T: Transmit>(
        &mut self,
        reports: impl Iterator<Item = SenderReport>,
        io: &mut Io<'_, T>,
    ) {
        if let Phase::Up(up) = &mut self.phase {
            up.report_at = io.now + self.reports.interval;
        }
        let reports: Vec<SenderReport> = reports.collect();
        for some in reports.chunks(rtcp::MAX_REPORTS) {
            let compound = self.reports.compound(io.now, some);
            self.send_rtcp(&compound, io);
        }
    }

    fn send_rtcp<T: Transmit>(&mut self, compound: &[u8], io: &mut Io<'_, T>) {
        if let Phase::Up(up) = &mut self.phase
            && let Some(path) = self.ice.proven(io.now)
            && let Ok(sealed) = up.control.srtcp.protect(compound)
        {
            io.transmit.control(path, &sealed);
        }
    }

    /// Ends the connection from our side: BYE for these SSRCs, then close_notify.
    pub fn close<T: Transmit>(&mut self, ssrcs: &[u32], io: &mut Io<'_, T>) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        for ssrcs in ssrcs.chunks(rtcp::MAX_BYE) {
            self.send_rtcp(&rtcp::bye(ssrcs), io);
        }
        if let Some(path) = self.ice.selected()
            && let Some(dtls) = self.phase.dtls()
        {
            dtls.close(io.now);
            while let Some(datagram) = self.phase.dtls().and_then(|dtls| dtls.poll_transmit()) {
                self.send(path, &datagram, io);
            }
        }
        self.enter(Phase::Over);
    }

    /// Gives up because of `error`.
    pub fn fail(&mut self, error: Error) {
        if !matches!(self.phase, Phase::Over) {
            self.events.push_back(SessionEvent {
                state: SessionState::Failed,
                error: Some(error),
            });
            self.enter(Phase::Over);
        }
    }

    /// The viewer was heard; only where media goes does that count.
    fn heard(&mut self, path: Path, now: Instant) {
        let selected = self.ice.selected();
        if selected.is_some_and(|selected| selected.remote == path.remote) && self.phase.heard(now)
        {
            self.note_state();
        }
    }

    /// The session counts as disconnected, because of `error` if that is known.
    fn quiet(&mut self, error: Option<Error>) {
        if let Phase::Up(up) = &mut self.phase
            && !up.quiet
        {
            up.quiet = true;
            let state = self.state();
            self.events.push_back(SessionEvent { state, error });
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.note_state();
    }

    fn note_state(&mut self) {
        self.events.push_back(SessionEvent {
            state: self.state(),
            error: None,
        });
    }
}
