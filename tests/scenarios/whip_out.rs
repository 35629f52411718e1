//! A stream goes to a media server: our session has made the offer, and the server is one of our own kind, ICE-lite and DTLS
//! passive, which checks us in return as full agents do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::internals::sdp::answer::{
    Allowed, Candidates, LocalTransport, negotiate_ingest, offer_to_ingest,
};
use rtsp_webrtc_gateway::internals::sdp::offer::{IngestAnswer, Offer};
use rtsp_webrtc_gateway::internals::sdp::{IceCredentials, answer};
use rtsp_webrtc_gateway::internals::session::{
    ConnectionId, Ingest, Io, LegConfig, Media, Path, Remote, SendBuffer, Session, Tracks,
    TransactionKey, Transmit, TransportConfig, WallClock, WouldBlock,
};
use rtsp_webrtc_gateway::state::{SessionState, StreamId};
use rtsp_webrtc_gateway::tuning::{EstimateLimits, SrtpPolicy};
use testkit::net::{Link, Network};
use testkit::viewer::ARRIVED;

use super::world::camera::{Camera, Frames};
use super::world::{GATEWAY, STREAM, address, beginning, certificate, wall};

const SERVER: &str = "203.0.113.9:8189";
/// Where we are after our address has changed.
const MOVED: &str = "198.51.100.77:40001";
/// A candidate that nobody answers at.
const NOWHERE: &str = "10.9.9.9:8189";

const OUTPUT: usize = 0;
const INGEST: usize = 1;

/// What the output has to itself.
const SOCKET: ConnectionId = ConnectionId(7);

/// Where datagrams come from, as this side knows it.
fn remote(side: usize, address: SocketAddr) -> Remote {
    match side {
        OUTPUT => Remote::Own(address, SOCKET),
        _ => Remote::Udp(address),
    }
}

struct Wire<'a> {
    side: usize,
    now: Instant,
    from: SocketAddr,
    network: &'a mut Network,
}

impl Transmit for Wire<'_> {
    fn transmit(&mut self, path: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        let ((Remote::Own(to, SOCKET), OUTPUT) | (Remote::Udp(to), INGEST)) =
            (path.remote, self.side)
        else {
            panic!("{path:?}");
        };
        for datagram in contents.chunks(segment) {
            self.network.send(self.now, self.from, to, datagram);
        }
        Ok(())
    }

    fn max_segments(&self) -> usize {
        64
    }

    fn control(&mut self, path: Path, datagram: &[u8]) {
        let _ = self.transmit(path, datagram, datagram.len());
    }
}

struct One<'a>(Option<&'a Camera>);

impl Tracks for One<'_> {
    fn media(&self, stream: StreamId) -> Option<Media<'_>> {
        self.0.filter(|_| stream == STREAM)?.media()
    }
}

struct Both {
    now: Instant,
    network: Network,
    sessions: [Session; 2],
    /// Each change of state, and the status of a failure.
    states: [Vec<(SessionState, Option<Status>)>; 2],
    camera: Camera,
    /// SRTP packets that have come to the server.
    media: usize,
    /// Checks that have left for nowhere.
    vain: usize,
    /// Messages of ICE to the server, and those of them that said something of DTLS.
    checks: usize,
    carrying: usize,
    /// Where we are, as others see it.
    at: SocketAddr,
    buffer: Box<SendBuffer>,
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.to_owned(),
        pwd: format!("passwordOf{name}000000000000"),
    }
}

impl Both {
    /// Both have each other's SDP. `more`: candidates that the server names besides, with a higher priority.
    fn new(seed: u64, more: &[&str]) -> Both {
        let now = beginning();
        let frames = Frames {
            codec: Codec::H264,
            sizes: (9000, 2000),
            gop: 25,
            first: 0,
            disposable: false,
            small: false,
        };
        let camera = Camera::new(now, STREAM, frames);
        let certificates = [(); 2].map(|()| Arc::new(certificate()));
        let ice = ["output", "ingest"].map(credentials);
        let allowed = Allowed {
            nack: true,
            transport_cc: true,
            dtls_in_stun: true,
        };
        let hosts = [address(GATEWAY), address(SERVER)].map(|at| [at]);
        let local = |side: usize| LocalTransport {
            ice: &ice[side],
            fingerprint: certificates[side].fingerprint(),
            candidates: Candidates {
                hosts: &hosts[side],
                ..Candidates::default()
            },
        };
        let mut numbers = seed * 1000 + 1..;
        let mut random = || Ok(numbers.next().unwrap());
        let videos = [camera.info()];
        let (offer, countered) =
            offer_to_ingest(&videos, None, allowed, &mut random, &local(OUTPUT)).unwrap();

        // The server takes the offer as if it were to send, which says the same of formats and transport.
        let read = Offer::parse(offer.replace("a=sendonly", "a=recvonly").as_bytes()).unwrap();
        let taken = answer::negotiate(&read, &videos, None, allowed, &mut random).unwrap();
        let sdp = answer::answer(&read, &taken, &local(INGEST));
        let mut sdp = sdp.replace("a=sendonly", "a=recvonly");
        // It would take DTLS within checks, which was not offered.
        sdp = sdp.replacen("a=ice-lite", "a=ice-lite\r\na=ice-options:googspedv1", 1);
        for (i, at) in more.iter().enumerate() {
            let at = address(at);
            let line = format!(
                "a=candidate:9 1 udp {} {} {} typ host\r\na=end-of-candidates",
                u32::MAX - i as u32,
                at.ip(),
                at.port()
            );
            sdp = sdp.replacen("a=end-of-candidates", &line, 1);
        }

        let answered = IngestAnswer::parse(sdp.as_bytes(), 24, |_| true).unwrap();
        assert!(answered.dtls_passive);
        let negotiated = negotiate_ingest(
            &answered.takes,
            &countered,
            &videos,
            None,
            allowed,
            &mut random,
        );
        let negotiated = negotiated.unwrap();
        let transport = |side: usize| TransportConfig {
            transactions: TransactionKey {
                place: [side as u8; 4],
                secret: [seed as u8; 16],
            },
            local_ice: ice[side].clone(),
            remote_ice: ice[1 - side].clone(),
            certificate: Arc::clone(&certificates[side]),
            fingerprints: [&answered.takes, &read][side].fingerprints.clone(),
            srtp_policy: SrtpPolicy::PreferGcm,
            ingest: (side == OUTPUT).then(|| Ingest {
                candidates: answered
                    .candidates
                    .iter()
                    .map(|&(at, priority)| (remote(OUTPUT, at), priority))
                    .collect(),
                dtls_passive: answered.dtls_passive,
            }),
            data: None,
            cname: negotiated.cname(),
            rtcp_interval: Duration::from_secs(1),
            pacing_percent: Some(250),
            congestion: Some(EstimateLimits::default()),
            transport_cc: negotiated.transport_cc(),
            dtls_in_stun: !negotiated.dtls_in_stun.is_empty(),
            paths: Arc::default(),
            clock: WallClock::new(now, wall()),
        };
        let legs = LegConfig::of_stream(STREAM, negotiated.clone(), [seed, seed + 1]);
        let output = Session::new(now, transport(OUTPUT), legs);
        let ingest = Session::new(now, transport(INGEST), []);
        let mut network = Network::new(seed);
        network.set_default_link(Link {
            delay: Duration::from_millis(10),
            ..Link::default()
        });
        Both {
            now,
            network,
            sessions: [output, ingest],
            states: Default::default(),
            camera,
            media: 0,
            vain: 0,
            checks: 0,
            carrying: 0,
            at: address(GATEWAY),
            buffer: Box::new([0; _]),
        }
    }

    fn with(&mut self, side: usize, work: impl FnOnce(&mut Session, &mut Io<'_, Wire<'_>>)) {
        let tracks = One((side == OUTPUT).then_some(&self.camera));
        let mut io = Io {
            now: self.now,
            tracks: &tracks,
            buffer: &mut self.buffer,
            batch: 32,
            transmit: Wire {
                side,
                now: self.now,
                from: [self.at, address(SERVER)][side],
                network: &mut self.network,
            },
        };
        work(&mut self.sessions[side], &mut io);
        while let Some(event) = self.sessions[side].poll_event() {
            let status = event.error.map(|error| error.status());
            self.states[side].push((event.state, status));
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            if self.camera.play(self.now) {
                self.with(OUTPUT, |session, io| {
                    session.send(STREAM, None, io);
                });
            }
            for side in [OUTPUT, INGEST] {
                let due = self.sessions[side].next_deadline();
                if due.is_some_and(|at| at <= self.now) {
                    self.with(side, |session, io| session.handle_timeout(io));
                }
            }
            while let Some(datagram) = self.network.receive(self.now) {
                let side = match datagram.to {
                    to if to == self.at => OUTPUT,
                    to if to == address(SERVER) => INGEST,
                    _ => {
                        self.vain += 1;
                        continue;
                    }
                };
                let is_media = matches!(&datagram.bytes[..], [128..=191, second, ..] if !(192..=223).contains(second));
                if side == INGEST && is_media {
                    self.media += 1;
                    continue;
                }
                if side == INGEST && datagram.bytes[0] < 4 {
                    self.checks += 1;
                    let arrived = ARRIVED.0.to_be_bytes();
                    let mut pairs = datagram.bytes.chunks_exact(4);
                    self.carrying += usize::from(pairs.any(|it| it.starts_with(&arrived)));
                }
                let path = Path {
                    remote: remote(side, datagram.from),
                    local: None,
                };
                self.with(side, |session, io| {
                    session.handle_datagram(path, &datagram.bytes, io);
                });
            }
            let deadlines = self.sessions.iter().filter_map(Session::next_deadline);
            let next = deadlines
                .chain(self.network.next_arrival())
                .chain(self.camera.next());
            let next = next.min().unwrap_or(end);
            if self.now >= end {
                return;
            }
            let step = self.now + Duration::from_micros(500);
            self.now = next.max(step).min(end);
        }
    }

    fn is(&self, side: usize, state: SessionState) -> bool {
        self.sessions[side].state() == state
    }

    fn losing(&mut self, loss: f64) {
        let link = Link {
            delay: Duration::from_millis(10),
            loss,
            ..Link::default()
        };
        for (from, to) in [(GATEWAY, SERVER), (SERVER, GATEWAY)] {
            self.network.set_link(address(from), address(to), link);
        }
    }
}

#[test]
fn a_server_that_is_lite_and_passive_gets_the_stream() {
    let mut both = Both::new(1, &[]);
    both.run(Duration::from_millis(150));
    assert!(both.is(OUTPUT, SessionState::Connected) && both.is(INGEST, SessionState::Connected));
    assert_eq!(
        both.sessions[OUTPUT].srtp_profile(),
        both.sessions[INGEST].srtp_profile()
    );
    both.run(Duration::from_secs(60));
    assert!(both.is(OUTPUT, SessionState::Connected));
    // 25 pictures a second, of two packets at least.
    assert!(both.media > 2900, "{}", both.media);
    let states: Vec<_> = both.states[OUTPUT].iter().map(|known| known.0).collect();
    let expected = [
        SessionState::New,
        SessionState::Connecting,
        SessionState::Connected,
    ];
    assert_eq!(states, expected);
    assert!(both.checks > 5 && both.carrying == 0, "{}", both.carrying);
    // What it sends in RTCP is authentic to the server.
    assert_eq!(both.sessions[INGEST].figures().rejected, 0);
}

#[test]
fn candidates_that_nobody_answers_at_cost_little() {
    let mut both = Both::new(2, &[NOWHERE, "10.9.9.10:1", "10.9.9.11:1"]);
    both.run(Duration::from_millis(700));
    assert!(
        both.is(OUTPUT, SessionState::Connected),
        "{:?}",
        both.states
    );
    both.run(Duration::from_secs(30));
    assert!(both.vain <= 8, "{}", both.vain);
}

#[test]
fn losses_on_the_way_are_made_up_for() {
    for seed in 10..40 {
        let mut both = Both::new(seed, &[]);
        both.losing(0.1);
        both.run(Duration::from_secs(9));
        let up =
            both.is(OUTPUT, SessionState::Connected) && both.is(INGEST, SessionState::Connected);
        assert!(up, "{seed}: {:?}", both.states);
    }
}

#[test]
fn a_server_follows_our_address() {
    let mut both = Both::new(6, &[]);
    both.run(Duration::from_secs(3));
    assert!(both.is(INGEST, SessionState::Connected));
    // A NAT of ours gives out another address: nobody tells us.
    both.at = address(MOVED);
    both.run(Duration::from_secs(8));
    // What it has to say, it says there.
    assert_eq!(both.sessions[INGEST].remote(), Some(address(MOVED)));
    both.run(Duration::from_secs(60));
    assert!(both.is(OUTPUT, SessionState::Connected) && both.is(INGEST, SessionState::Connected));
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let mut both = Both::new(3, &[]);
    both.losing(1.0);
    both.run(Duration::from_secs(25));
    let last = &both.states[OUTPUT][both.states[OUTPUT].len() - 2..];
    let failed = (SessionState::Failed, Some(Status::Ice));
    assert_eq!(last, [failed, (SessionState::Closed, None)]);
    assert_eq!(both.media, 0);
}

#[test]
fn a_server_that_falls_silent_gets_nothing_after_half_a_minute() {
    let mut both = Both::new(4, &[]);
    both.run(Duration::from_secs(2));
    both.network.set_link(
        address(SERVER),
        address(GATEWAY),
        Link {
            loss: 1.0,
            ..Link::default()
        },
    );
    both.run(Duration::from_secs(10));
    assert!(both.is(OUTPUT, SessionState::Disconnected));
    both.run(Duration::from_secs(25));
    assert!(both.is(OUTPUT, SessionState::Closed));
    let media = both.media;
    both.run(Duration::from_secs(5));
    assert_eq!(both.media, media);
}

#[test]
fn a_server_that_ends_the_session_is_heard() {
    let mut both = Both::new(5, &[]);
    both.run(Duration::from_secs(2));
    both.with(INGEST, |session, io| session.close(io));
    both.run(Duration::from_secs(1));
    assert!(both.is(OUTPUT, SessionState::Closed));
    assert!(both.states[OUTPUT].iter().all(|state| state.1.is_none()));
}
