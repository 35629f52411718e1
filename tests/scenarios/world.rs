//! The little world of a scenario: a camera's clip, a session, a network, a viewer, one clock.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtsp_webrtc_gateway::internals::media::h264::ParameterSets;
use rtsp_webrtc_gateway::internals::media::{
    self, AccessUnit, Codec, MediaKind, RateMeter, RingLimits, Track, TrackInfo,
};
use rtsp_webrtc_gateway::internals::sdp::IceCredentials;
use rtsp_webrtc_gateway::internals::sdp::answer::{
    self, Allowed, Candidates, LocalTransport, Retransmission,
};
use rtsp_webrtc_gateway::internals::sdp::offer::Offer;
use rtsp_webrtc_gateway::internals::session::data::{ChannelEvent, DataConfig, PORT};
use rtsp_webrtc_gateway::internals::session::dtls::Certificate;
use rtsp_webrtc_gateway::internals::session::{
    Io, LegConfig, Media, Path, PathMemory, Remote, SendBuffer, Session, SessionEvent, Tracks,
    TransactionKey, Transmit, TransportConfig, WallClock, Way, WouldBlock,
};
use rtsp_webrtc_gateway::state::{Quality, SessionState, SlotView, StreamId};
use rtsp_webrtc_gateway::tuning::{EstimateLimits, SrtpPolicy};
use testkit::clip::Clip;
use testkit::net::{Link, Network};
use testkit::viewer::{Receiver, Viewer, ViewerConfig};

use camera::{Camera, Frames, info, picture};
use pipe::Pipe;
use relayed::TurnEnds;

// Also where a benchmark includes this file.
#[path = "camera.rs"]
pub mod camera;
#[path = "pipe.rs"]
pub mod pipe;
#[path = "relayed.rs"]
pub mod relayed;

/// Where the gateway is.
pub const GATEWAY: &str = "192.0.2.1:5000";
/// Where the viewer is.
pub const VIEWER: &str = "198.51.100.7:6000";

/// The longest datagram that passes wherever IPv6 may be: 1,280 bytes with the headers of IPv6 and UDP.
const LONGEST: usize = 1280 - 40 - 8;

/// The stream that the session's video leg sends.
pub const STREAM: StreamId = StreamId(1);

/// The first timestamp of the video, and the session's random bits.
const FIRST_TIMESTAMP: u32 = 0xffff_0000;
const RANDOM: [u64; 2] = [0x1234_5678_9abc_fff0, 0x0fed_cba9_8765_7ff8];

/// What may differ from world to world.
pub struct Setup {
    pub viewer: ViewerConfig,
    pub policy: SrtpPolicy,
    pub nack: bool,
    pub rtcp_interval: Duration,
    pub pacing: Option<u64>,
    pub congestion: bool,
    /// DTLS within the checks of ICE is allowed, where the viewer offers it.
    pub dtls_in_stun: bool,
    pub paths: Arc<PathMemory>,
    pub clip: Clip,
    /// Access units of another codec, instead of the clip's pictures: 25 a second, over and over.
    pub video: Option<(Codec, Vec<Vec<u8>>)>,
    /// Sound: 50 access units a second, over and over.
    pub audio: (Codec, Vec<Vec<u8>>),
    /// The camera has no sound at first; see [`World::switch_sound`].
    pub silent: bool,
    /// The stream that the session's audio leg sends.
    pub audio_stream: StreamId,
    /// Instead of a session of a stream one of the wall: the streams that its video slots are bound to, and
    /// those of its audio slots. Slots are called v0, v1..., a0, a1...
    pub slots: Option<(Slots, Slots)>,
    /// Bytes of a keyframe and of another picture, instead of the clip's.
    pub sizes: Option<(usize, usize)>,
    /// With `sizes`: pictures from keyframe to keyframe.
    pub gop: usize,
    /// With `sizes`: whether other pictures are smaller or larger by up to a fifth.
    pub uneven: bool,
    /// How long ago the picture and the sound were captured when they arrive, if the source says.
    pub capture_ages: Option<(Duration, Duration)>,
    /// The frames of the stream's own camera, instead of the clip's.
    pub frames: Option<Frames>,
    /// What the stream's variants are, best first; itself included, or it is the best.
    pub variants: Vec<StreamId>,
    /// The cameras of those that are other streams.
    pub cameras: Vec<Camera>,
    /// A data channel was negotiated.
    pub data: bool,
    pub seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            viewer: ViewerConfig::chromium(),
            policy: SrtpPolicy::PreferGcm,
            nack: true,
            rtcp_interval: Duration::from_secs(1),
            pacing: Some(250),
            congestion: true,
            dtls_in_stun: true,
            paths: Arc::default(),
            clip: Clip::Baseline360p,
            video: None,
            audio: (Codec::Pcmu, vec![vec![0xff; 160]]),
            silent: false,
            audio_stream: STREAM,
            slots: None,
            sizes: None,
            gop: 50,
            uneven: false,
            capture_ages: None,
            frames: None,
            variants: Vec::new(),
            cameras: Vec::new(),
            data: false,
            seed: 1,
        }
    }
}

/// What slots are bound to.
pub type Slots = Vec<Option<StreamId>>;

/// A camera's clip, a session, a network, a viewer.
pub struct World {
    pub now: Instant,
    pub start: Instant,
    /// Wall clock at the start.
    pub wall: SystemTime,
    pub network: Network,
    /// Where the gateway is now; see [`World::move_gateway`].
    pub gateway: SocketAddr,
    pub session: Session,
    pub viewer: Viewer,
    pub video: Track,
    pub audio: Track,
    pub events: Vec<SessionEvent>,
    /// What happened to the data channel, as far as it was asked for.
    pub channel: Vec<ChannelEvent>,
    /// While false nobody asks for messages.
    pub reads: bool,
    /// What the session said that it shows, and when.
    pub qualities: Vec<(Instant, Quality)>,
    /// Other streams.
    pub cameras: Vec<Camera>,
    /// The streams whose media the session asked for.
    pub wanted: Vec<StreamId>,
    pub variants: Vec<StreamId>,
    frames: Option<Frames>,
    /// While false the camera is silent.
    pub camera_on: bool,
    /// While true the camera has no sound.
    silent: bool,
    /// While true the gateway's socket takes nothing.
    pub socket_full: bool,
    /// The viewer is reached over this connection, and not over UDP.
    pub pipe: Option<Pipe>,
    /// The viewer is reached by this relay over UDP, and in no other way.
    pub relay: Option<TurnEnds>,
    /// The worker has more to do than time.
    pub late: bool,
    /// The variants of other streams: lists that begin with the stream.
    pub variants_of: Vec<Vec<StreamId>>,
    /// Streams that were removed.
    pub removed: Vec<StreamId>,
    /// The slots that changed, and when.
    pub slot_changes: Vec<(Instant, usize)>,
    /// Packets per run at most.
    pub batch: usize,
    /// The longest run that went to the socket, in packets.
    pub longest_run: usize,
    sealed: Sealed,
    /// The stream of the audio leg, if it is not that of the video leg.
    other_stream: Option<StreamId>,
    rate: RateMeter,
    clip: Clip,
    units: Vec<Vec<u8>>,
    sounds: Vec<Vec<u8>>,
    sizes: Option<(usize, usize)>,
    gop: usize,
    uneven: bool,
    capture_ages: Option<(Duration, Duration)>,
    frame: usize,
    sound: usize,
    next_frame: Instant,
    sample: i64,
    next_sound: Instant,
    buffer: Box<SendBuffer>,
}

/// All streams of a world: those that are no camera's have the same media.
pub struct Streams<'a> {
    pub own: Media<'a>,
    pub variants: &'a [StreamId],
    pub cameras: &'a [Camera],
    pub late: bool,
    pub removed: &'a [StreamId],
    pub variants_of: &'a [Vec<StreamId>],
}

impl Tracks for Streams<'_> {
    fn media(&self, stream: StreamId) -> Option<Media<'_>> {
        if self.removed.contains(&stream) {
            return None;
        }
        match self.cameras.iter().find(|camera| camera.stream == stream) {
            Some(camera) => camera.media(),
            None => Some(self.own),
        }
    }

    fn is_late(&self) -> bool {
        self.late
    }

    fn variants(&self, stream: StreamId) -> &[StreamId] {
        let mut others = self.variants_of.iter();
        let of_stream = others.find(|list| list[0] == stream);
        of_stream.map_or(self.variants, |list| list)
    }
}

pub struct Wire<'a> {
    now: Instant,
    gateway: SocketAddr,
    network: &'a mut Network,
    full: bool,
    pipe: Option<&'a mut Pipe>,
    relay: Option<&'a mut TurnEnds>,
    longest_run: &'a mut usize,
    sealed: &'a mut Sealed,
}

/// What every SRTP packet was, by SSRC and sequence number. With AES-GCM, two different packets of one
/// index give the plaintext of both away.
#[derive(Default)]
struct Sealed {
    count: u64,
    packets: HashMap<(u32, u16), (u64, u64)>,
}

impl Sealed {
    /// Fails the test if another packet with the index of this one was sealed before.
    fn check(&mut self, datagram: &[u8]) {
        if !matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second)) {
            return;
        }
        let number = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
        let ssrc = u32::from(number(8)) << 16 | u32::from(number(10));
        let mut hasher = DefaultHasher::new();
        datagram.hash(&mut hasher);
        self.count += 1;
        let packet = (self.count, hasher.finish());
        // The sequence number of another index comes back after 65536 packets.
        if let Some((at, before)) = self.packets.insert((ssrc, number(2)), packet)
            && self.count - at < 30_000
        {
            assert_eq!(before, packet.1, "two packets with one index");
        }
    }
}

impl Transmit for Wire<'_> {
    fn transmit(&mut self, path: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        if self.full {
            return Err(WouldBlock);
        }
        let now = self.now;
        let packets = contents.len().div_ceil(segment);
        *self.longest_run = packets.max(*self.longest_run);
        if path.remote.connection().is_some()
            && let Some(pipe) = self.pipe_of(path)
        {
            pipe.send(now, path.local, contents, segment)?;
        }
        for datagram in contents.chunks(segment) {
            assert!(
                datagram.len() <= LONGEST,
                "a datagram of {} bytes",
                datagram.len()
            );
            self.sealed.check(datagram);
            // The system refuses to send from an address that the host does not have.
            let possible = path.local.is_none_or(|ip| ip == self.gateway.ip());
            if let Remote::Udp(to) = path.remote
                && possible
            {
                self.network.send(self.now, self.gateway, to, datagram);
            }
        }
        if let Way::Relay(_) = path.remote.way()
            && let Some(ends) = &mut self.relay
        {
            for message in ends.for_viewer(now, path.local, contents, segment) {
                let to = path.remote.address();
                self.network.send(now, self.gateway, to, message);
            }
        }
        Ok(())
    }

    fn max_segments(&self) -> usize {
        64
    }

    fn control(&mut self, path: Path, datagram: &[u8]) {
        let now = self.now;
        match path.remote.connection() {
            Some(_) => {
                if let Some(pipe) = self.pipe_of(path) {
                    pipe.control(now, path.local, datagram, datagram.len());
                }
            }
            None => {
                let _ = self.transmit(path, datagram, datagram.len());
            }
        }
    }
}

impl Wire<'_> {
    /// The connection that a path leads over, unless it has ended.
    fn pipe_of(&mut self, path: Path) -> Option<&mut Pipe> {
        let pipe = self.pipe.as_deref_mut();
        pipe.filter(|pipe| pipe.remote == path.remote)
    }
}

/// The legs of a wall, each like the one of its kind among `legs`.
fn wall_legs(legs: &[LegConfig], slots: &(Slots, Slots), viewer: &mut Viewer) -> Vec<LegConfig> {
    let videos = slots.0.iter().map(|stream| (MediaKind::Video, *stream));
    let audios = slots.1.iter().map(|stream| (MediaKind::Audio, *stream));
    let mut numbers = HashMap::new();
    let mut made = Vec::new();
    for (i, (kind, source)) in videos.chain(audios).enumerate() {
        let like = legs.iter().find(|leg| leg.track.codec.kind() == kind);
        let mut track = like.unwrap().track.clone();
        track.section = i;
        track.ssrc = 10_000 + i as u32;
        let mut rtx_ssrc = None;
        if let Retransmission::Rtx { ssrc, .. } = &mut track.retransmission {
            *ssrc = 20_000 + i as u32;
            rtx_ssrc = Some(*ssrc);
        }
        viewer.add_track(kind == MediaKind::Video, track.ssrc, rtx_ssrc);
        let number = numbers.entry(kind).and_modify(|n| *n += 1).or_insert(0);
        let letter = if kind == MediaKind::Video { 'v' } else { 'a' };
        made.push(LegConfig {
            source,
            mid: format!("{letter}{number}").into(),
            track,
            random: RANDOM[0].wrapping_mul(i as u64 + 1),
        });
    }
    made
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The gateway's certificate.
pub fn certificate() -> Certificate {
    Certificate::of(testkit::certificate::certificate("gateway")).unwrap()
}

/// When all scenarios begin. What is made before a world, such as a camera, begins with it, not some microseconds before.
pub fn beginning() -> Instant {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    *BEGINNING.get_or_init(Instant::now)
}

/// Wall clock at the start of a scenario: what is rounded in it, such as the round trip of a report, is always the same.
pub fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub const LIMITS: RingLimits = RingLimits {
    packets: 512,
    history: Duration::from_secs(1),
    keep_gop: true,
    bytes: 8 << 20,
    duration: Duration::from_secs(15),
};

impl World {
    /// A world in which the offer has been answered.
    pub fn new(setup: Setup) -> World {
        World::at(beginning(), setup)
    }

    /// The same; `now` is its beginning.
    pub fn at(now: Instant, setup: Setup) -> World {
        let wall = wall();
        let [sps, pps] = setup.clip.parameter_sets();
        let video_info = match (&setup.frames, &setup.video) {
            (Some(frames), _) => info(frames.codec),
            (_, Some((codec, units))) => {
                TrackInfo::video(media::ParameterSets::find(*codec, &units[0]).unwrap())
            }
            _ => TrackInfo::video(ParameterSets {
                sps: sps.into(),
                pps: pps.into(),
            }),
        };
        let audio_info = TrackInfo::audio(setup.audio.0);
        let mut viewer = Viewer::new(address(VIEWER), setup.viewer);
        let offer = Offer::parse(viewer.offer().as_bytes()).unwrap();
        let mut videos = vec![Some(&video_info)];
        videos.extend(setup.cameras.iter().map(Camera::info));
        let mut numbers = 1..;
        let mut random = || Ok(numbers.next().unwrap());
        let audio = Some(&audio_info).filter(|_| !setup.silent);
        let allowed = Allowed {
            nack: setup.nack,
            transport_cc: setup.congestion && setup.pacing.is_some(),
            dtls_in_stun: setup.dtls_in_stun,
        };
        let negotiated = answer::negotiate(&offer, &videos, audio, allowed, &mut random).unwrap();
        let certificate = Arc::new(certificate());
        let local_ice = IceCredentials {
            ufrag: "gateway0".to_owned(),
            pwd: "passwordOfTheGateway00000".to_owned(),
        };
        let sdp = answer::answer(
            &offer,
            &negotiated,
            &LocalTransport {
                ice: &local_ice,
                fingerprint: certificate.fingerprint(),
                candidates: Candidates {
                    hosts: &[address(GATEWAY)],
                    ..Candidates::default()
                },
            },
        );
        let transport = TransportConfig {
            transactions: TransactionKey {
                place: [0; 4],
                secret: [setup.seed as u8; 16],
            },
            local_ice,
            remote_ice: offer.ice.clone(),
            certificate,
            fingerprints: offer.fingerprints.clone(),
            srtp_policy: setup.policy,
            ingest: None,
            data: setup.data.then_some(DataConfig {
                peer_port: PORT,
                peer_max_message: 256 << 10,
                random: RANDOM[0],
            }),
            cname: negotiated.cname(),
            rtcp_interval: setup.rtcp_interval,
            pacing_percent: setup.pacing,
            congestion: setup.congestion.then(EstimateLimits::default),
            transport_cc: negotiated.transport_cc(),
            dtls_in_stun: !negotiated.dtls_in_stun.is_empty(),
            paths: Arc::clone(&setup.paths),
            clock: WallClock::new(now, wall),
        };
        let mut legs: Vec<_> = LegConfig::of_stream(STREAM, negotiated, RANDOM).collect();
        for leg in &mut legs {
            if leg.track.codec.kind() == MediaKind::Audio {
                leg.source = Some(setup.audio_stream);
            }
        }
        viewer.accept(now, &sdp, None);
        if let Some(slots) = &setup.slots {
            legs = wall_legs(&legs, slots, &mut viewer);
        }
        let session = Session::new(now, transport, legs);
        World {
            now,
            start: now,
            wall,
            network: Network::new(setup.seed),
            gateway: address(GATEWAY),
            viewer,
            video: Track::new(video_info, LIMITS, FIRST_TIMESTAMP),
            audio: Track::new(audio_info, LIMITS, 77),
            events: Vec::new(),
            channel: Vec::new(),
            reads: true,
            qualities: Vec::new(),
            cameras: setup.cameras,
            wanted: session.streams(),
            session,
            variants: setup.variants,
            frames: setup.frames,
            camera_on: true,
            silent: setup.silent,
            socket_full: false,
            pipe: None,
            relay: None,
            late: false,
            variants_of: Vec::new(),
            removed: Vec::new(),
            slot_changes: Vec::new(),
            batch: 32,
            longest_run: 0,
            sealed: Sealed::default(),
            other_stream: (setup.audio_stream != STREAM).then_some(setup.audio_stream),
            rate: RateMeter::default(),
            clip: setup.clip,
            units: setup.video.map_or(Vec::new(), |(_, units)| units),
            sounds: setup.audio.1,
            sizes: setup.sizes,
            gop: setup.gop,
            uneven: setup.uneven,
            capture_ages: setup.capture_ages,
            frame: 0,
            sound: 0,
            next_frame: now,
            sample: 0,
            next_sound: now,
            buffer: Box::new([0; _]),
        }
    }

    /// The receiver of a slot.
    pub fn slot(&self, mid: &str) -> &Receiver {
        let place = self.session.slot(mid).unwrap();
        &self.viewer.others[place]
    }

    /// Shows a slot in another way.
    pub fn view(&mut self, mid: &str, view: SlotView) {
        let place = self.session.slot(mid).unwrap();
        self.with_session(|session, io| session.set_view(place, view, io));
    }

    /// Binds a slot.
    pub fn bind(&mut self, mid: &str, stream: impl Into<Option<StreamId>>) {
        let (place, stream) = (self.session.slot(mid).unwrap(), stream.into());
        self.with_session(|session, io| session.bind(place, stream, io).unwrap());
    }

    /// Lets the camera run for a while before the viewer comes, so that there is a backlog.
    pub fn camera_ran(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let cameras = self.cameras.iter().filter_map(Camera::next);
            self.now = cameras.fold(self.next_frame.min(self.next_sound), Instant::min);
            if self.next_frame.min(self.next_sound) <= self.now {
                self.play_camera();
            }
            for camera in &mut self.cameras {
                camera.play(self.now);
            }
        }
        self.viewer.timeout(self.now);
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// When the camera sent the video frame that the viewer gets with this timestamp. Not for a camera
    /// that was switched off meanwhile.
    pub fn frame_time(&self, timestamp: u32) -> Instant {
        let first = FIRST_TIMESTAMP.wrapping_add((RANDOM[0] >> 32) as u32);
        let ticks = u64::from(timestamp.wrapping_sub(first));
        self.start + Duration::from_micros(ticks * 100 / 9)
    }

    /// States that the session went through.
    pub fn states(&self) -> Vec<SessionState> {
        self.events.iter().map(|event| event.state).collect()
    }

    /// Hands a datagram to the session as if it came from `from`.
    pub fn inject(&mut self, from: SocketAddr, datagram: &[u8]) {
        let pipe = self.pipe.as_ref().map(|pipe| pipe.remote);
        let pipe = pipe.or(self.relay.as_ref().map(|ends| ends.remote));
        let by_pipe = self.pipe.as_mut().and_then(|pipe| pipe.turn.as_mut());
        let turn = by_pipe.or(self.relay.as_mut());
        let (local, datagram) = match turn {
            None => (None, datagram.to_vec()),
            Some(ends) => match ends.for_session(self.now, datagram) {
                Some((local, datagram)) => (Some(local), datagram),
                None => return,
            },
        };
        let path = Path {
            remote: pipe.unwrap_or(from.into()),
            local: local.or_else(|| pipe.is_none().then_some(self.gateway.ip())),
        };
        self.with_session(|session, io| session.handle_datagram(path, &datagram, io));
    }

    pub fn with_session(&mut self, work: impl FnOnce(&mut Session, &mut Io<'_, Wire<'_>>)) {
        let tracks = Streams {
            own: Media {
                video: Some(&self.video),
                audio: Some(&self.audio).filter(|_| !self.silent),
                rate: self.rate.rate(),
            },
            variants: &self.variants,
            cameras: &self.cameras,
            late: self.late,
            removed: &self.removed,
            variants_of: &self.variants_of,
        };
        let mut io = Io {
            now: self.now,
            tracks: &tracks,
            buffer: &mut self.buffer,
            batch: self.batch,
            transmit: Wire {
                now: self.now,
                gateway: self.gateway,
                network: &mut self.network,
                full: self.socket_full,
                pipe: self.pipe.as_mut(),
                relay: self.relay.as_mut(),
                longest_run: &mut self.longest_run,
                sealed: &mut self.sealed,
            },
        };
        work(&mut self.session, &mut io);
        while let Some(event) = self
            .reads
            .then(|| self.session.poll_message(&mut io))
            .flatten()
        {
            self.channel.push(event);
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
        if !self.viewer.others.is_empty() {
            while let Some(slot) = self.session.poll_slot_change() {
                self.slot_changes.push((self.now, slot));
            }
        } else if let Some(quality) = self.session.poll_quality() {
            self.qualities.push((self.now, quality));
        }
        if self.session.poll_streams_changed() {
            self.wanted = self.session.streams();
            for camera in &mut self.cameras {
                camera.demand(self.now, self.wanted.contains(&camera.stream));
            }
        }
    }

    /// The bits of the next picture.
    fn picture(&self) -> Vec<u8> {
        if let Some(frames) = &self.frames {
            return picture(frames, self.frame, STREAM);
        }
        if !self.units.is_empty() {
            return self.units[self.frame % self.units.len()].clone();
        }
        let mut data = Vec::new();
        let mut add = |nal: &[u8]| {
            data.extend((nal.len() as u32).to_be_bytes());
            data.extend_from_slice(nal);
        };
        match self.sizes {
            Some((keyframe, _)) if self.frame.is_multiple_of(self.gop) => {
                add(&vec![0x65; keyframe])
            }
            // From four fifths to six fifths.
            Some((_, other)) if self.uneven => {
                let fifths = self.frame * 7919 % 401 + 800;
                add(&vec![0x41; other * fifths / 1000]);
            }
            Some((_, other)) => add(&vec![0x41; other]),
            None => {
                let units = self.clip.access_units();
                for nal in &units[self.frame % units.len()].nals {
                    add(nal);
                }
            }
        }
        data
    }

    /// Takes the access units that are due into the rings.
    pub fn play_camera(&mut self) {
        if self.next_frame <= self.now {
            let data = self.picture();
            let rate = self.clip.frame_rate() as usize;
            let unit = AccessUnit {
                data: &data,
                timestamp: (self.frame * 90_000 / rate) as i64,
                arrival: self.now,
                captured: self.capture_ages.map(|(video, _)| self.now - video),
            };
            self.rate.arrived(self.now, data.len());
            self.video.use_small_payloads(self.session.drops_large());
            self.video.push(&unit);
            self.frame += 1;
            self.next_frame += Duration::from_secs(1) / rate as u32;
        }
        if self.next_sound <= self.now {
            let unit = AccessUnit {
                data: &self.sounds[self.sound % self.sounds.len()],
                timestamp: self.sample,
                arrival: self.now,
                captured: self.capture_ages.map(|(_, audio)| self.now - audio),
            };
            if !self.silent {
                self.audio.push(&unit);
            }
            self.sound += 1;
            self.sample += i64::from(self.audio.info().codec.clock_rate() / 50);
            self.next_sound += Duration::from_millis(20);
        }
    }

    /// Lets `time` pass in which nothing of the gateway runs: what the viewer sends meanwhile waits until
    /// the gateway has done what is due.
    pub fn stop(&mut self, time: Duration) {
        let until = self.now + time;
        let mut waiting = Vec::new();
        while self.now < until {
            self.viewer.timeout(self.now);
            while let Some(out) = self.viewer.poll_transmit() {
                self.network.send(self.now, out.from, out.to, out.bytes);
            }
            while let Some(datagram) = self.network.receive(self.now) {
                if datagram.to == self.gateway {
                    waiting.push(datagram);
                } else if datagram.to == self.viewer.address() {
                    self.viewer
                        .handle_from(self.now, datagram.from, &datagram.bytes);
                }
            }
            let next = [self.network.next_arrival(), self.viewer.next_deadline()];
            let next = next.into_iter().flatten().min().unwrap_or(until);
            self.now = next.clamp(self.now, until);
        }
        self.switch_camera(self.camera_on);
        self.with_session(|session, io| session.handle_timeout(io));
        for datagram in waiting {
            self.inject(datagram.from, &datagram.bytes);
        }
    }

    /// Lets time go on until `time` has passed.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        self.run_until(until, |_| false);
    }

    /// Lets time go on until `done`; fails the test after `limit`.
    pub fn run_till(&mut self, limit: Duration, done: impl Fn(&World) -> bool) {
        let until = self.now + limit;
        assert!(
            self.run_until(until, &done),
            "not done after {limit:?}; states {:?}",
            self.states()
        );
    }

    fn run_until(&mut self, until: Instant, done: impl Fn(&World) -> bool) -> bool {
        while !done(self) {
            self.deliver();
            let camera = self.camera_on.then(|| self.next_frame.min(self.next_sound));
            let cameras = self.cameras.iter().filter_map(Camera::next).min();
            let next = [
                camera,
                cameras,
                self.network.next_arrival(),
                self.pipe.as_ref().and_then(Pipe::next),
                self.session.next_deadline(),
                self.viewer.next_deadline(),
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(until);
            if next > until {
                self.now = until;
                return done(self);
            }
            self.now = self.now.max(next);
            if self.camera_on && camera.is_some_and(|at| at <= self.now) {
                self.play_camera();
                for stream in [Some(STREAM), self.other_stream].into_iter().flatten() {
                    self.with_session(|session, io| {
                        session.send(stream, None, io);
                    });
                }
            }
            let mut played = Vec::new();
            for camera in &mut self.cameras {
                // Only what the session asks for is given to it.
                if camera.play(self.now) && self.wanted.contains(&camera.stream) {
                    played.push(camera.stream);
                }
            }
            for stream in played {
                self.with_session(|session, io| {
                    session.send(stream, None, io);
                });
            }
            if self
                .session
                .next_deadline()
                .is_some_and(|at| at <= self.now)
            {
                self.with_session(|session, io| session.handle_timeout(io));
            }
            self.viewer.timeout(self.now);
        }
        true
    }

    fn deliver(&mut self) {
        loop {
            while let Some(out) = self.viewer.poll_transmit() {
                self.network.send(self.now, out.from, out.to, out.bytes);
            }
            if let Some(pipe) = &mut self.pipe {
                if pipe.has_room(self.now) {
                    self.with_session(|session, io| session.handle_room(io));
                    continue;
                }
                if let Some(bytes) = pipe.receive(self.now) {
                    self.viewer.handle(self.now, &bytes);
                    continue;
                }
            }
            let Some(datagram) = self.network.receive(self.now) else {
                return;
            };
            if datagram.to == self.gateway {
                self.inject(datagram.from, &datagram.bytes);
            } else if datagram.to == self.viewer.address() {
                let bytes = match &mut self.relay {
                    None => datagram.bytes,
                    Some(ends) => ends.arrived(&datagram.bytes),
                };
                self.viewer.handle_from(self.now, datagram.from, &bytes);
            }
        }
    }

    /// From now on the gateway's host has this address, and no other.
    pub fn move_gateway(&mut self, to: SocketAddr) {
        let gone = std::mem::replace(&mut self.gateway, to).ip();
        self.with_session(|session, io| session.handle_addresses(&[gone], io));
    }

    /// From now on nothing gets from one address to the other.
    pub fn cut(&mut self, from: &str, to: &str) {
        let dead = Link {
            loss: 1.0,
            ..Link::default()
        };
        self.network.set_link(address(from), address(to), dead);
    }

    /// From now on everything gets from one address to the other.
    pub fn mend(&mut self, from: &str, to: &str) {
        let link = Link::default();
        self.network.set_link(address(from), address(to), link);
    }

    /// Switches the camera's microphone on or off.
    pub fn switch_sound(&mut self, on: bool) {
        self.silent = !on;
    }

    /// Lets the camera be silent, or go on.
    pub fn switch_camera(&mut self, on: bool) {
        self.camera_on = on;
        if on {
            self.next_frame = self.now;
            self.next_sound = self.now;
        }
    }

    /// One in which a viewer behind links with this delay has watched for a while.
    pub fn playing(delay: Duration) -> World {
        let mut world = World::new(Setup::default());
        world.network.set_default_link(Link {
            delay,
            ..Link::default()
        });
        world.connect();
        world.run(Duration::from_secs(3));
        world
    }

    /// Runs until the viewer is connected.
    pub fn connect(&mut self) {
        self.run_till(Duration::from_secs(5), |world| {
            world.viewer.is_connected() && world.session.state() == SessionState::Connected
        });
    }

    /// Fails unless the viewer got every picture of the clip whole and in order since its first.
    pub fn assert_undamaged(&self, at_least: usize) {
        let units = self.viewer.video.access_units();
        assert!(units.len() >= at_least, "{} pictures", units.len());
        assert!(units[0].is_keyframe());
        assert_eq!(self.viewer.video.lost(), 0);
        let clip = self.clip.access_units();
        let first = clip
            .iter()
            .position(|unit| unit.nals.last().unwrap() == units[0].nals.last().unwrap())
            .expect("a picture of the clip");
        for (i, unit) in units.iter().enumerate() {
            let expected = &clip[(first + i) % clip.len()].nals;
            assert!(unit.nals == *expected, "picture {i} is damaged");
        }
    }
}
