//! One connection to a viewer: ICE, DTLS, keys, RTCP in and out, liveness and the pacer. It knows
//! nothing of media: [legs](super::leg) send through its [`Egress`].

mod backlog;
mod channel;
mod congestion;
mod datagrams;
mod egress;
mod embedded;
mod liveness;
mod memory;
mod neighbors;
mod opening;
pub mod pacer;
mod path;
mod phase;
mod repeats;
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
use super::dtls::Certificate;
use super::embedding::Embedding;
use super::estimate::Limits;
use super::ice::{CONSENT, IceAgent, TransactionKey, Unsealed};
use super::io::{Io, Path, Remote, Transmit};
use super::rtcp;
use super::wall_clock::WallClock;
use super::{SessionEvent, earliest};
use crate::error::Error;
use crate::sdp::{Fingerprint, IceCredentials};
use crate::state::{SessionState, SrtpProfile};
use crate::tuning::SrtpPolicy;
use backlog::Backlog;
use liveness::{LATE, Silence};
use pacer::Pacer;
use phase::{Phase, Waiting};
use repeats::Repeats;
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
    /// The other side is not a viewer, but has answered an offer of ours.
    pub ingest: Option<Ingest>,
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
    /// Whether DTLS within the checks of ICE was negotiated.
    pub dtls_in_stun: bool,
    /// What is known of the paths to viewers.
    pub paths: Arc<PathMemory>,
    /// Translates time into wall clock.
    pub clock: WallClock,
}

/// The side of a media server that takes a stream of ours (WHIP, RFC 9725).
#[derive(Clone, Debug)]
pub struct Ingest {
    /// Where it may be reached, and the priority of each.
    pub candidates: Vec<(Remote, u32)>,
    /// It waits for our ClientHello (`a=setup:passive`).
    pub dtls_passive: bool,
}

#[repr(C)] // the order counts: see Session
pub struct Transport {
    pacer: Option<Pacer>,
    /// Round trip: by the DTLS handshake at first, then by the last receiver report.
    round_trip: Option<Duration>,
    /// Of the connection that media goes over, if it is one.
    backlog: Option<Box<Backlog>>,
    phase: Phase,
    ice: IceAgent,
    congestion: Option<Limits>,
    transport_cc: bool,
    paths: Arc<PathMemory>,
    /// When they were told of this one last.
    noted: Option<Instant>,
    /// The address of the viewer whose neighbors are heeded, once the path is measured.
    joined: Option<IpAddr>,
    /// What of DTLS goes along in messages of ICE, while the viewer does the same.
    embedding: Option<Box<Embedding>>,
    /// Something of a DTLS flight was too much for an address that is not proven.
    withheld: bool,
    /// The time to the first answer to a check of ours.
    answer_time: Option<Duration>,
    /// Until then no silence counts: see [`liveness::LATE`]. A worker that is always late has no such excuse.
    patient: Option<Instant>,
    /// `None` until the viewer asks for a lost packet. Most never do.
    repeats: Option<Box<Repeats>>,
    reports: Reports,
    /// The sender report that the viewer's reports name.
    reported: u32,
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
            peer: match config.ingest {
                Some(_) => "the ingest",
                None => "the viewer",
            },
            dtls_client: config.ingest.as_ref().is_some_and(|it| it.dtls_passive),
            data: config.data,
        }));
        let (local, remote, key) = (config.local_ice, config.remote_ice, config.transactions);
        let ice = match &config.ingest {
            Some(it) => IceAgent::controlling(now, local, remote, key, &it.candidates),
            None => IceAgent::new(local, remote, key),
        };
        let mut transport = Transport {
            phase: Phase::Over,
            round_trip: None,
            reported: 0,
            pacer: config.pacing_percent.map(Pacer::new),
            backlog: None,
            congestion: config.congestion,
            transport_cc: config.transport_cc,
            paths: config.paths,
            noted: None,
            joined: None,
            ice,
            embedding: config.dtls_in_stun.then(Box::default),
            withheld: false,
            answer_time: None,
            patient: None,
            repeats: None,
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
            repeats: &mut self.repeats,
            buffer: io.buffer,
            batch: io.batch,
            transmit: &mut io.transmit,
        })
    }

    /// Reads what [`Transport::egress`] and sending will.
    pub fn touch(&self, now: Instant) {
        let calm = self.pacer.as_ref().map(|pacer| pacer.is_calm(now));
        let (known, backlog) = (self.ice.proven(now), self.backlog.is_some());
        let report = self.report_is_due(now);
        std::hint::black_box((calm, known, backlog, report, self.round_trip));
    }

    /// Does what is due.
    pub fn handle_timeout<T: Transmit>(&mut self, io: &mut Io<'_, T>) -> Received {
        let now = io.now;
        if self.next_deadline().is_some_and(|at| now > at + LATE)
            && self.patient.is_none_or(|last| now > last + CONSENT)
        {
            self.patient = Some(now + LATE);
        }
        while let Some((path, mut check)) = self.take_due_check(now) {
            if let Some(embedding) = &mut self.embedding {
                embedding.add_to(&mut check, false);
            }
            self.seal_and_send(path, check, io);
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
            Silence::Lost(_) if self.ice.is_controlling() => {
                let error = match self.phase {
                    Phase::Waiting(_) => liveness::ingest_not_reached(),
                    _ => liveness::ingest_gone(),
                };
                self.fail(error);
            }
            Silence::Lost(error) => {
                self.fail(self.ice.gone().map_or(error, liveness::not_reached_again))
            }
        }
        received
    }

    fn take_due_check(&mut self, now: Instant) -> Option<(Path, Unsealed)> {
        match self.phase {
            Phase::Waiting(_) | Phase::Handshaking(_) | Phase::Up(_) => self.ice.take_due(now),
            Phase::Over => None,
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
            Phase::Waiting(_) => (self.ice.next_due(), None),
            Phase::Over => return None,
        };
        let judged = earliest(judged, silence);
        let judged = judged.map(|at| self.patient.map_or(at, |until| at.max(until)));
        earliest(own, judged)
    }

    /// Ends the connection from our side: BYE for these SSRCs, then close_notify.
    pub fn close<T: Transmit>(&mut self, ssrcs: &[u32], io: &mut Io<'_, T>) {
        if !matches!(self.phase, Phase::Over) {
            self.take_leave(ssrcs, io);
            self.enter(Phase::Over);
        }
    }

    /// The same, because of `error`.
    pub fn give_up<T: Transmit>(&mut self, error: Error, ssrcs: &[u32], io: &mut Io<'_, T>) {
        if !matches!(self.phase, Phase::Over) {
            self.take_leave(ssrcs, io);
            self.fail(error);
        }
    }

    fn take_leave<T: Transmit>(&mut self, ssrcs: &[u32], io: &mut Io<'_, T>) {
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
    }

    /// Is over because of `error`. The other side is told nothing: it is not there, or not to be trusted.
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
