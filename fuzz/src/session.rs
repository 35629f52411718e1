//! One viewer's session: ICE checks, the DTLS handshake, and RTCP behind its tag. Keys and passwords are
//! right unless the script says otherwise.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rtsp_webrtc_gateway::internals::media::{
    AccessUnit, Codec, RingLimits, StreamRate, Track, TrackInfo,
};
use rtsp_webrtc_gateway::internals::sdp::IceCredentials;
use rtsp_webrtc_gateway::internals::sdp::answer::{
    Allowed, Candidates, LocalTransport, Negotiated, answer, negotiate,
};
use rtsp_webrtc_gateway::internals::sdp::offer::Offer;
use rtsp_webrtc_gateway::internals::session::data::DataConfig;
use rtsp_webrtc_gateway::internals::session::dtls::Certificate;
use rtsp_webrtc_gateway::internals::session::{
    ConnectionId, Io, LegConfig, Media, Path, PathMemory, Remote, SendBuffer, Session, Tracks,
    TransactionKey, Transmit, TransportConfig, WallClock, WouldBlock,
};
use rtsp_webrtc_gateway::state::{SessionState, StreamId};
use rtsp_webrtc_gateway::tuning::{EstimateLimits, SrtpPolicy};

use testkit::viewer::answer as answer_check;

use crate::stage::videos;

pub const STREAM: StreamId = StreamId(1);
pub const PWD: &str = "passwordOfTheGateway00000";
/// That of testkit's viewer at port 6000.
const VIEWER_PWD: &str = "passwordOfTheViewer006000";
const UFRAG: &str = "gateway0";
pub const LIMITS: RingLimits = RingLimits {
    packets: 256,
    history: Duration::from_secs(1),
    keep_gop: true,
    bytes: 256 << 10,
    duration: Duration::from_secs(5),
};

/// A session, its stream, and what it sent.
pub struct World {
    pub now: Instant,
    pub session: Session,
    pub answer: String,
    pub video: Track,
    audio: Track,
    pub sent: Sent,
    pub states: Vec<SessionState>,
    frames: u32,
    buffer: Box<SendBuffer>,
}

/// Datagrams that left, and where to.
#[derive(Default)]
pub struct Sent {
    pub datagrams: Vec<(Remote, Vec<u8>)>,
    pub bytes: usize,
    /// Addresses that an authentic check came from.
    pub known: HashSet<Remote>,
    /// Addresses that a check of the session was answered from.
    pub proven: HashSet<Remote>,
    /// Bytes from and to those that were not, or not yet.
    exchanged: HashMap<Remote, (usize, usize)>,
    /// What SRTP packets of each index were.
    sealed: HashMap<(u32, u16), u64>,
}

impl Transmit for &mut Sent {
    fn transmit(&mut self, path: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        assert!(segment > 0 && !contents.is_empty());
        assert!(
            self.known.contains(&path.remote),
            "{} has not checked",
            path.remote
        );
        for datagram in contents.chunks(segment) {
            assert!(
                datagram.len() <= 1500,
                "a datagram of {} bytes",
                datagram.len()
            );
            self.bytes += datagram.len();
            if !self.proven.contains(&path.remote) && matches!(path.remote, Remote::Udp(_)) {
                let (received, sent) = self.exchanged.entry(path.remote).or_default();
                *sent += datagram.len();
                // A check of ours, which it takes to prove anything, may come in addition.
                assert!(
                    *sent <= 3 * *received + 1500,
                    "{} got {sent} bytes for {received}, and has proven nothing",
                    path.remote
                );
            }
            self.seal(datagram);
            self.datagrams.push((path.remote, datagram.to_vec()));
        }
        Ok(())
    }

    fn max_segments(&self) -> usize {
        16
    }
}

impl Sent {
    /// No index is used for two different packets: with AES-GCM that would give both away.
    fn seal(&mut self, datagram: &[u8]) {
        let &[128..=191, second, high, low, _, _, _, _, a, b, c, d, ..] = datagram else {
            return;
        };
        if (192..=223).contains(&second) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        datagram.hash(&mut hasher);
        let index = (
            u32::from_be_bytes([a, b, c, d]),
            u16::from_be_bytes([high, low]),
        );
        if let Some(before) = self.sealed.insert(index, hasher.finish()) {
            assert_eq!(before, hasher.finish(), "two packets with one index");
        }
    }
}

struct Stream<'a>(&'a Track, &'a Track);

impl Tracks for Stream<'_> {
    fn media(&self, _: StreamId) -> Option<Media<'_>> {
        Some(Media {
            video: Some(self.0),
            audio: Some(self.1),
            rate: StreamRate::default(),
        })
    }
}

/// The path from the address with this last byte; above 8 over TCP.
pub fn path(last: u8) -> Path {
    let address = SocketAddr::from(([198, 51, 100, last], 6000));
    let remote = match last {
        ..=8 => Remote::Udp(address),
        _ => Remote::Tcp(address, ConnectionId(last.into())),
    };
    Path {
        remote,
        local: Some(IpAddr::from([192, 0, 2, 1])),
    }
}

fn certificate() -> Arc<Certificate> {
    static CERTIFICATE: OnceLock<Arc<Certificate>> = OnceLock::new();
    Arc::clone(CERTIFICATE.get_or_init(|| {
        let made = Certificate::generate();
        Arc::new(made.unwrap_or_else(|error| unreachable!("{error}")))
    }))
}

fn ice() -> IceCredentials {
    IceCredentials {
        ufrag: UFRAG.to_owned(),
        pwd: PWD.to_owned(),
    }
}

/// An offer, and what became of it: the same in all executions.
struct Agreement {
    offer: Offer,
    video: TrackInfo,
    audio: TrackInfo,
    negotiated: Negotiated,
    answer: String,
}

impl Agreement {
    fn new(offer: &str) -> Agreement {
        let [video, ..] = videos();
        let audio = TrackInfo::audio(Codec::Pcmu);
        let offer = Offer::parse(offer.as_bytes()).unwrap_or_else(|error| unreachable!("{error}"));
        let mut numbers = 1..;
        let mut random = || Ok(numbers.next().unwrap_or_default());
        let allowed = Allowed {
            nack: true,
            transport_cc: true,
            dtls_in_stun: true,
        };
        let negotiated = negotiate(&offer, &[Some(&video)], Some(&audio), allowed, &mut random);
        let negotiated = negotiated.unwrap_or_else(|error| unreachable!("{error}"));
        let answer = answer(
            &offer,
            &negotiated,
            &LocalTransport {
                ice: &ice(),
                fingerprint: certificate().fingerprint(),
                candidates: Candidates {
                    hosts: &[SocketAddr::from(([192, 0, 2, 1], 5000))],
                    ..Candidates::default()
                },
            },
        );
        Agreement {
            offer,
            video,
            audio,
            negotiated,
            answer,
        }
    }

    fn of(offer: &'static str) -> Arc<Agreement> {
        static MADE: OnceLock<Mutex<HashMap<&str, Arc<Agreement>>>> = OnceLock::new();
        let made = MADE.get_or_init(Mutex::default).lock();
        let mut made = made.unwrap_or_else(PoisonError::into_inner);
        let agreement = made.entry(offer);
        Arc::clone(agreement.or_insert_with(|| Arc::new(Agreement::new(offer))))
    }
}

impl World {
    /// A session that was answered to this offer.
    pub fn new(offer: &'static str) -> World {
        World::with_channel(offer, None)
    }

    /// The same, with a data channel.
    pub fn with_channel(offer: &'static str, data: Option<DataConfig>) -> World {
        let now = crate::beginning();
        let agreement = Agreement::of(offer);
        let (offer, negotiated) = (&agreement.offer, agreement.negotiated.clone());
        let transport = TransportConfig {
            transactions: TransactionKey {
                place: [0; 4],
                secret: [5; 16],
            },
            local_ice: ice(),
            remote_ice: offer.ice.clone(),
            certificate: certificate(),
            fingerprints: offer.fingerprints.clone(),
            srtp_policy: SrtpPolicy::PreferGcm,
            ingest: None,
            data,
            cname: negotiated.cname(),
            rtcp_interval: Duration::from_secs(1),
            pacing_percent: Some(250),
            congestion: Some(EstimateLimits::default()),
            transport_cc: negotiated.transport_cc(),
            dtls_in_stun: !negotiated.dtls_in_stun.is_empty(),
            paths: Arc::<PathMemory>::default(),
            clock: WallClock::new(
                now,
                SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            ),
        };
        let legs = LegConfig::of_stream(STREAM, negotiated, [7, 9]);
        World {
            now,
            session: Session::new(now, transport, legs),
            answer: agreement.answer.clone(),
            video: Track::new(agreement.video.clone(), LIMITS, 0),
            audio: Track::new(agreement.audio.clone(), LIMITS, 77),
            sent: Sent::default(),
            states: Vec::new(),
            frames: 0,
            buffer: Box::new([0; _]),
        }
    }

    /// Calls the session, and returns how many bytes it sent.
    pub fn with(&mut self, work: impl FnOnce(&mut Session, &mut Io<'_, &mut Sent>)) -> usize {
        let before = self.sent.bytes;
        let tracks = Stream(&self.video, &self.audio);
        let mut io = Io {
            now: self.now,
            tracks: &tracks,
            buffer: &mut self.buffer,
            batch: 16,
            transmit: &mut self.sent,
        };
        work(&mut self.session, &mut io);
        while let Some(event) = self.session.poll_event() {
            self.states.push(event.state);
            let ends = self
                .states
                .iter()
                .filter(|&&state| state == SessionState::Closed);
            assert!(
                ends.count() <= 1 && self.states.len() <= 1000,
                "{:?}",
                self.states
            );
        }
        while self.session.poll_keyframe_request().is_some() {}
        let _ = (
            self.session.poll_quality(),
            self.session.poll_streams_changed(),
        );
        self.sent.bytes - before
    }

    /// A datagram arrives from the address with this last byte.
    pub fn arrives(&mut self, from: u8, datagram: &[u8]) -> usize {
        let (received, _) = self.sent.exchanged.entry(path(from).remote).or_default();
        *received += datagram.len();
        self.with(|session, io| session.handle_datagram(path(from), datagram, io))
    }

    /// The viewer answers the checks of the session that it got last, at all its addresses.
    pub fn prove(&mut self) {
        let checks: Vec<(Remote, Vec<u8>)> = self
            .sent
            .datagrams
            .iter()
            .rev()
            .take(16)
            .filter(|(_, datagram)| datagram.starts_with(&[0, 1]))
            .cloned()
            .collect();
        for (address, check) in checks {
            let Some(answer) = answer_check(&check, VIEWER_PWD, path(0).remote.address()) else {
                continue;
            };
            self.sent.proven.insert(address);
            let IpAddr::V4(ip) = address.address().ip() else {
                continue;
            };
            self.arrives(ip.octets()[3], &answer);
        }
    }

    /// The stream has a frame of so many bytes.
    pub fn frame(&mut self, keyframe: bool, len: usize) -> usize {
        let nal = [if keyframe { 0x65 } else { 0x41 }];
        let mut unit = (len.max(2) as u32).to_be_bytes().to_vec();
        unit.extend(nal);
        unit.resize(4 + len.max(2), 0x9a);
        self.frames += 1;
        self.video.push(&AccessUnit {
            data: &unit,
            timestamp: i64::from(self.frames) * 3600,
            arrival: self.now,
            captured: None,
        });
        self.with(|session, io| {
            let _ = session.send(STREAM, None, io);
        })
    }

    /// Time passes.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(at) = self.session.next_deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.with(|session, io| session.handle_timeout(io));
            turns += 1;
            assert!(turns <= 20_000, "deadlines without end");
        }
        self.now = end;
    }
}
