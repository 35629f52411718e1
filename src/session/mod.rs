//! One viewer: SDP answer, ICE, DTLS, SRTP, RTCP and sending. Sans-I/O: datagrams, media and time
//! come in as arguments, datagrams and events go out.

pub mod dtls;
mod feedback;
pub mod ice;
mod pacer;
mod restart;
pub mod rtcp;
mod sender;
pub mod srtp;
mod transmit;
mod wall_clock;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use sender::{SendBuffer, SendStats};
pub use transmit::{Path, Transmit, WouldBlock};
pub use wall_clock::WallClock;

use crate::error::{Error, Status};
use crate::media::{StreamRate, Track};
use crate::sdp::answer::Negotiated;
use crate::sdp::{Fingerprint, IceCredentials};
use crate::state::{SessionState, SrtpProfile};
use crate::tuning::SrtpPolicy;
use dtls::{Certificate, DtlsEvent, DtlsServer};
use feedback::Reports;
use ice::{IceAgent, StunOutcome};
use pacer::Pacer;
use restart::RestartLimit;
use sender::{SendContext, TrackSender};
use srtp::{KeyingMaterial, RtpSealer, Srtcp};

/// How long a viewer may take from the answer to its first ICE check.
const FIRST_CHECK: Duration = Duration::from_secs(20);
/// Without a sign of life for this long a session counts as disconnected. Browsers check their
/// path every 2.5 s at least.
const QUIET: Duration = Duration::from_secs(8);
/// Without a sign of life for this long consent is gone (RFC 7675 section 5.1) and nothing may be
/// sent any more.
const CONSENT: Duration = Duration::from_secs(30);
/// What the worker tells a session at its birth.
pub struct SessionConfig {
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
    /// What offer and camera have in common.
    pub negotiated: Negotiated,
    /// Time between sender reports.
    pub rtcp_interval: Duration,
    /// Pace in percent of the stream's rate; `None`: no pacing.
    pub pacing_percent: Option<u64>,
    /// How long sound may wait for more sound, so that it leaves in one run.
    pub audio_hold: Duration,
    /// Tells wall clock from `Instant`.
    pub clock: WallClock,
    /// Unpredictable bits, for sequence numbers and timestamps.
    pub random: [u64; 2],
}

/// The media that a session sends.
#[derive(Clone, Copy)]
pub struct Media<'a> {
    /// The picture.
    pub video: &'a Track,
    /// The sound.
    pub audio: Option<&'a Track>,
    /// How fast the picture comes in.
    pub rate: StreamRate,
}

/// What a session needs from its worker while it works.
pub struct Io<'a, T: Transmit> {
    /// Time.
    pub now: Instant,
    /// Scratch space to seal into.
    pub buffer: &'a mut SendBuffer,
    /// Packets per run at most.
    pub batch: usize,
    /// The network.
    pub transmit: &'a mut T,
}

/// A change of state, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEvent {
    /// The new state.
    pub state: SessionState,
    /// Why, if it is a failure.
    pub error: Option<Error>,
}

/// What a session counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionStats {
    /// Packets asked for again.
    pub nacks: u64,
    /// Picture loss indications and full intra requests.
    pub plis: u64,
    /// Round trip: by the DTLS handshake at first, then by the last receiver report.
    pub round_trip: Option<Duration>,
    /// Loss by the last receiver report of the video, in parts per million.
    pub loss_ppm: u32,
    /// Datagrams that were not authentic, or not understood.
    pub rejected: u64,
}

/// One viewer.
pub struct Session {
    state: SessionState,
    events: VecDeque<SessionEvent>,
    created: Instant,
    ice: IceAgent,
    /// Our address, per address of the viewer.
    locals: Vec<(SocketAddr, Option<IpAddr>)>,
    stun_response: Vec<u8>,
    dtls: Option<DtlsServer>,
    /// When the first flight of the handshake was sent, until it is answered.
    first_flight: Option<Instant>,
    certificate: Arc<Certificate>,
    fingerprints: Vec<Fingerprint>,
    policy: SrtpPolicy,
    crypto: Option<Crypto>,
    video: TrackSender,
    audio: Option<TrackSender>,
    nack: bool,
    pacer: Option<Pacer>,
    audio_hold: Duration,
    /// When packets that the pacer or the socket held back are due.
    send_at: Option<Instant>,
    reports: Reports,
    restart: RestartLimit,
    /// The viewer asked for a keyframe, and the ring's was not sent.
    keyframe_wanted: bool,
    last_heard: Option<Instant>,
    stats: SessionStats,
}

/// The keys of a connected session.
struct Crypto {
    profile: SrtpProfile,
    sealer: RtpSealer,
    srtcp: Srtcp,
}

impl Session {
    /// A session that has been answered and waits for the viewer's first check.
    pub fn new(now: Instant, config: SessionConfig) -> Session {
        let nack = config.negotiated.video.nack;
        let cname = config.negotiated.cname();
        let [video_random, audio_random] = config.random;
        Session {
            state: SessionState::New,
            events: VecDeque::from([SessionEvent {
                state: SessionState::New,
                error: None,
            }]),
            created: now,
            ice: IceAgent::new(config.local_ice, config.remote_ice),
            locals: Vec::new(),
            stun_response: Vec::new(),
            dtls: None,
            first_flight: None,
            certificate: config.certificate,
            fingerprints: config.fingerprints,
            policy: config.srtp_policy,
            crypto: None,
            video: TrackSender::new(config.negotiated.video, true, video_random),
            audio: config
                .negotiated
                .audio
                .map(|track| TrackSender::new(track, false, audio_random)),
            nack,
            pacer: config.pacing_percent.map(Pacer::new),
            audio_hold: config.audio_hold,
            send_at: None,
            reports: Reports {
                clock: config.clock,
                cname,
                interval: config.rtcp_interval,
                next: None,
            },
            restart: RestartLimit::default(),
            keyframe_wanted: false,
            last_heard: None,
            stats: SessionStats::default(),
        }
    }

    /// State now.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// When it was created.
    pub fn created(&self) -> Instant {
        self.created
    }

    /// What DTLS chose; `None` before.
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.crypto.as_ref().map(|crypto| crypto.profile)
    }

    /// Where media goes; `None` before ICE.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.ice.selected()
    }

    /// The viewer's addresses: where its datagrams may come from.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.ice.addresses()
    }

    /// The ICE credentials of both sides, ours first: those of the last restart, if there was one.
    pub fn ice_credentials(&self) -> (&IceCredentials, &IceCredentials) {
        (self.ice.local(), self.ice.remote())
    }

    /// Restarts ICE (RFC 8839 section 4.4.1.1.1). DTLS and media go on; the old credentials stay
    /// valid until the viewer nominates with the new ones.
    pub fn restart_ice(&mut self, local: IceCredentials, remote: IceCredentials) {
        self.ice.restart(local, remote);
    }

    /// Counters.
    pub fn stats(&self) -> SessionStats {
        self.stats
    }

    /// What was sent, all tracks together.
    pub fn sent(&self) -> SendStats {
        let mut sum = self.video.stats;
        if let Some(audio) = &self.audio {
            sum.packets += audio.stats.packets;
            sum.bytes += audio.stats.bytes;
            sum.payload_octets += audio.stats.payload_octets;
            sum.overflows += audio.stats.overflows;
        }
        sum
    }

    /// Whether the viewer needs a keyframe that the ring cannot give: it asked for one, or waits
    /// to start or to go on. What it asked for is told once.
    pub fn needs_keyframe(&mut self, media: Media<'_>) -> bool {
        let asked = std::mem::take(&mut self.keyframe_wanted);
        let receives = matches!(
            self.state,
            SessionState::Connected | SessionState::Disconnected
        );
        asked || receives && self.video.waits_for_keyframe(media.video.ring())
    }

    /// The next change of state.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        self.state == SessionState::Closed
    }

    /// Handles a datagram that came from `remote` to our address `local`.
    pub fn handle_datagram<T: Transmit>(
        &mut self,
        remote: SocketAddr,
        local: Option<IpAddr>,
        datagram: &[u8],
        media: Media<'_>,
        io: &mut Io<'_, T>,
    ) {
        if self.is_closed() {
            return;
        }
        // RFC 7983 section 7: the first byte tells the protocol.
        match datagram.first() {
            Some(0..=3) => self.handle_stun(remote, local, datagram, io),
            Some(20..=63) if self.ice.knows(remote) => {
                if let Some(dtls) = &mut self.dtls {
                    // Browsers answer our first flight at once.
                    if let Some(sent) = self.first_flight.take() {
                        self.stats.round_trip = Some(io.now.saturating_duration_since(sent));
                    }
                    dtls.handle(io.now, datagram);
                    self.drive_dtls(remote, media, io);
                }
            }
            // Nothing but RTCP is expected: all media flows the other way.
            Some(128..=191) if self.ice.knows(remote) => self.handle_srtcp(datagram, media, io),
            _ => self.stats.rejected += 1,
        }
    }

    fn handle_stun<T: Transmit>(
        &mut self,
        remote: SocketAddr,
        local: Option<IpAddr>,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) {
        match self
            .ice
            .handle(io.now, remote, datagram, &mut self.stun_response)
        {
            StunOutcome::Dropped => self.stats.rejected += 1,
            StunOutcome::Answered => {
                self.last_heard = Some(io.now);
                self.remember_local(remote, local);
                let size = self.stun_response.len();
                let path = self.path_to(remote);
                let _ = io.transmit.transmit(path, &self.stun_response, size);
                match self.state {
                    SessionState::New => {
                        self.dtls = Some(DtlsServer::new(
                            io.now,
                            Arc::clone(&self.certificate),
                            std::mem::take(&mut self.fingerprints),
                            self.policy,
                        ));
                        self.change(SessionState::Connecting, None);
                    }
                    SessionState::Disconnected => self.change(SessionState::Connected, None),
                    _ => {}
                }
            }
        }
    }

    fn remember_local(&mut self, remote: SocketAddr, local: Option<IpAddr>) {
        let ice = &self.ice;
        self.locals
            .retain(|(address, _)| *address != remote && ice.knows(*address));
        self.locals.push((remote, local));
    }

    fn path_to(&self, remote: SocketAddr) -> Path {
        let local = self
            .locals
            .iter()
            .find(|(address, _)| *address == remote)
            .and_then(|(_, local)| *local);
        Path { remote, local }
    }

    fn drive_dtls<T: Transmit>(
        &mut self,
        remote: SocketAddr,
        media: Media<'_>,
        io: &mut Io<'_, T>,
    ) {
        let path = self.path_to(remote);
        let Some(dtls) = &mut self.dtls else { return };
        while let Some(datagram) = dtls.poll_transmit() {
            let _ = io.transmit.transmit(path, &datagram, datagram.len());
            if self.stats.round_trip.is_none() {
                self.first_flight = Some(io.now);
            }
        }
        while let Some(event) = self.dtls.as_mut().and_then(DtlsServer::poll_event) {
            match event {
                DtlsEvent::Connected(keys) => match Crypto::new(&keys) {
                    Ok(crypto) => {
                        self.crypto = Some(crypto);
                        self.change(SessionState::Connected, None);
                        self.restart.began(io.now);
                        self.reports.next = Some(io.now);
                        self.send(media, io);
                    }
                    Err(error) => self.fail(error),
                },
                DtlsEvent::Closed => self.finish(),
                DtlsEvent::Failed(error) => self.fail(error),
            }
        }
    }

    fn media_path(&self) -> Option<Path> {
        self.ice.selected().map(|remote| self.path_to(remote))
    }

    /// Sends what is due of all tracks: after an access unit arrived, or when the pacer says so.
    pub fn send<T: Transmit>(&mut self, media: Media<'_>, io: &mut Io<'_, T>) {
        let Some(path) = self.media_path() else {
            return;
        };
        let Some(crypto) = &mut self.crypto else {
            return;
        };
        if !matches!(
            self.state,
            SessionState::Connected | SessionState::Disconnected
        ) {
            return;
        }
        let mut context = send_context(path, crypto, io);
        let near = pacer::is_near(self.stats.round_trip, self.stats.loss_ppm);
        let pacer = self.pacer.as_mut().filter(|_| !near);
        let pacer = pacer.map(|pacer| (pacer, media.rate));
        let video = self.video.pump(media.video.ring(), pacer, &mut context);
        let audio = match (&mut self.audio, media.audio) {
            (Some(audio), Some(track)) => {
                // Held back for a while, several leave in one run.
                let ready = audio
                    .waiting_since(track.ring())
                    .map(|at| at + self.audio_hold);
                match ready {
                    Some(ready) if ready > context.now => Some(ready),
                    _ => audio.pump(track.ring(), None, &mut context),
                }
            }
            _ => None,
        };
        self.send_at = earliest(video, audio);
        // Along with media, so that no thread has to wake up for a report alone.
        if self.reports.next.is_some_and(|at| at <= io.now) {
            self.send_reports(media, io);
        }
    }

    /// Does what is due.
    pub fn handle_timeout<T: Transmit>(&mut self, media: Media<'_>, io: &mut Io<'_, T>) {
        let now = io.now;
        if let Some(dtls) = &mut self.dtls {
            if dtls.next_deadline().is_some_and(|at| at <= now) {
                dtls.handle_timeout(now);
            }
            if let Some(remote) = self.ice.selected() {
                self.drive_dtls(remote, media, io);
            }
        }
        self.check_liveness(now);
        if self.send_at.is_some_and(|at| at <= now) {
            self.send(media, io);
        }
        if self.reports.overdue().is_some_and(|at| at <= now) {
            self.send_reports(media, io);
        }
    }

    fn check_liveness(&mut self, now: Instant) {
        match self.state {
            SessionState::New if now >= self.created + FIRST_CHECK => {
                self.fail(Error::new(
                    Status::Ice,
                    format!(
                        "no ICE check came from the viewer within {} s: \
                         check that its network can reach a candidate of the answer over UDP",
                        FIRST_CHECK.as_secs()
                    ),
                ));
            }
            SessionState::Connecting | SessionState::Connected | SessionState::Disconnected => {
                let quiet = now.saturating_duration_since(self.last_heard.unwrap_or(self.created));
                if quiet >= CONSENT {
                    self.fail(Error::new(
                        Status::Ice,
                        format!(
                            "nothing was heard from the viewer for {} s",
                            CONSENT.as_secs()
                        ),
                    ));
                } else if quiet >= QUIET && self.state == SessionState::Connected {
                    self.change(SessionState::Disconnected, None);
                }
            }
            _ => {}
        }
    }

    /// When [`Session::handle_timeout`] is due for what [`Session::send`] held back. It moves no
    /// other deadline closer.
    pub fn send_deadline(&self) -> Option<Instant> {
        self.send_at
    }

    /// When [`Session::handle_timeout`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let liveness = match self.state {
            SessionState::New => Some(self.created + FIRST_CHECK),
            SessionState::Connected => self.last_heard.map(|at| at + QUIET),
            SessionState::Connecting | SessionState::Disconnected => {
                self.last_heard.map(|at| at + CONSENT)
            }
            SessionState::Failed | SessionState::Closed => return None,
        };
        let dtls = self.dtls.as_ref().and_then(DtlsServer::next_deadline);
        earliest(
            earliest(liveness, dtls),
            earliest(self.send_at, self.reports.overdue()),
        )
    }

    /// Ends the session from our side: BYE, close_notify.
    pub fn close<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        if self.is_closed() {
            return;
        }
        if let Some(path) = self.media_path() {
            if let Some(crypto) = &mut self.crypto {
                let mut ssrcs = vec![self.video.ssrc()];
                ssrcs.extend(self.audio.as_ref().map(TrackSender::ssrc));
                if let Ok(sealed) = crypto.srtcp.protect(&rtcp::bye(&ssrcs)) {
                    let _ = io.transmit.transmit(path, &sealed, sealed.len());
                }
            }
            if let Some(dtls) = &mut self.dtls {
                dtls.close(io.now);
                while let Some(datagram) = dtls.poll_transmit() {
                    let _ = io.transmit.transmit(path, &datagram, datagram.len());
                }
            }
        }
        self.finish();
    }

    /// Gives up on the session because of `error`.
    pub fn fail(&mut self, error: Error) {
        if !self.is_closed() {
            self.change(SessionState::Failed, Some(error));
            self.finish();
        }
    }

    fn finish(&mut self) {
        if !self.is_closed() {
            self.change(SessionState::Closed, None);
        }
    }

    fn change(&mut self, state: SessionState, error: Option<Error>) {
        self.state = state;
        self.events.push_back(SessionEvent { state, error });
    }
}

impl Crypto {
    fn new(keys: &KeyingMaterial) -> Result<Crypto, Error> {
        Ok(Crypto {
            profile: keys.profile,
            sealer: RtpSealer::new(keys)?,
            srtcp: Srtcp::new(keys)?,
        })
    }
}

fn send_context<'a, T: Transmit>(
    path: Path,
    crypto: &'a mut Crypto,
    io: &'a mut Io<'_, T>,
) -> SendContext<'a, T> {
    SendContext {
        now: io.now,
        path,
        sealer: &mut crypto.sealer,
        buffer: io.buffer,
        batch: io.batch,
        transmit: io.transmit,
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
