//! A sans-I/O WebRTC viewer for scenarios over the in-memory network and for load tests: SDP offer, ICE
//! checks, DTLS, decryption, NACK. It is built from the sub-crates of `rtc` and shares no code with the
//! gateway.

mod channel;
mod crypto;
mod depacketize;
mod packet;
mod receive;
mod sped;
mod stun;
mod tap;
mod tcp;
mod transport_cc;
pub mod turn;
mod udp;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rtc::stun::attributes::AttrType;

pub use channel::Channels;
pub use depacketize::{AccessUnit, Format};
pub use packet::Packet;
pub use receive::{Receiver, nack};
pub use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
pub use sped::{ARRIVED, DATAGRAM};
pub use stun::{answer, check, check_with};
pub use tap::Tap;
pub use tcp::{TcpViewer, framed};
pub use transport_cc::TransportFeedback;
pub use udp::UdpViewer;

use crypto::{Dtls, Srtp};
use sped::Sped;

/// Time between ICE checks until the first response, as in browsers.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Time between ICE checks afterwards.
const KEEPALIVE: Duration = Duration::from_millis(2500);
/// Time between receiver reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The kind of browser that the viewer imitates.
#[derive(Clone, Debug)]
pub struct ViewerConfig {
    /// SRTP profiles in order of preference.
    pub profiles: Vec<SrtpProtectionProfile>,
    /// Offer and send NACK for video.
    pub nack: bool,
    /// Offer RTX for video.
    pub rtx: bool,
    /// Offer and send NACK for audio, which browsers do once a page adds it to their offer.
    pub audio_nack: bool,
    /// Offer RTX for audio.
    pub audio_rtx: bool,
    /// Offer the playout-delay header extension.
    pub playout_delay: bool,
    /// Offer transport-wide feedback, and send it if the answer contains the extension.
    pub transport_cc: bool,
    /// Time between two messages of transport-wide feedback. Chromium sends one every 62 ms.
    pub feedback_interval: Duration,
    /// Offer Opus, G.722, PCMU and PCMA.
    pub audio: bool,
    /// Offer DTLS within the checks of ICE, with a ClientHello that is longer by so many bytes. Chromium's is so long that it
    /// comes in two datagrams.
    pub dtls_in_stun: Option<usize>,
}

impl ViewerConfig {
    /// Like Chromium: SHA-1 first in the list of SRTP profiles.
    pub fn chromium() -> Self {
        ViewerConfig {
            profiles: vec![
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            ],
            nack: true,
            rtx: true,
            audio_nack: false,
            audio_rtx: false,
            playout_delay: true,
            transport_cc: true,
            feedback_interval: transport_cc::INTERVAL,
            audio: true,
            dtls_in_stun: None,
        }
    }

    /// An old browser: no AES-GCM, no RTX.
    pub fn without_gcm() -> Self {
        ViewerConfig {
            profiles: vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80],
            rtx: false,
            ..ViewerConfig::chromium()
        }
    }
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The viewer's address.
    pub from: SocketAddr,
    /// The gateway's address.
    pub to: SocketAddr,
    /// Its contents.
    pub bytes: Vec<u8>,
}

pub struct Viewer {
    config: ViewerConfig,
    address: SocketAddr,
    ufrag: String,
    pwd: String,
    dtls: Dtls,
    remote: Option<Remote>,
    srtp: Option<Srtp>,
    /// Until media comes, if it was negotiated.
    sped: Option<Sped>,
    /// See [`Viewer::connect_channels`].
    pub channels: Option<Channels>,
    next_check: Option<Instant>,
    next_report: Option<Instant>,
    /// ID of the transport-wide extension in the answer, and the feedback for it.
    transport: Option<(u8, TransportFeedback)>,
    next_feedback: Option<Instant>,
    /// Messages of transport-wide feedback that were sent.
    pub feedback_sent: u64,
    answered_checks: u64,
    /// While false, no checks are sent.
    pub sends_checks: bool,
    /// While false, the gateway's checks are not answered.
    pub answers_checks: bool,
    /// Checks of the gateway.
    pub checks_received: u64,
    restarts: u32,
    restarting: Option<(String, String)>,
    transaction: u64,
    out: VecDeque<Outgoing>,
    pub video: Receiver,
    pub audio: Receiver,
    /// Further tracks: those of a wall behind the first of each kind, and see [`Viewer::add_track`].
    pub others: Vec<Receiver>,
    /// Sender reports received: SSRC, NTP time (32.32), RTP timestamp.
    pub sender_reports: Vec<(Instant, u32, u64, u32)>,
    /// SSRCs that sent a BYE.
    pub byes: Vec<u32>,
    /// SRTP packets that did not authenticate.
    pub undecryptable: u64,
}

struct Remote {
    address: SocketAddr,
    ufrag: String,
    pwd: String,
}

impl Viewer {
    /// A viewer that has a connection instead of an address.
    pub fn over_tcp(config: ViewerConfig) -> Viewer {
        // The port is part of the viewer's credentials.
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        Viewer::new(SocketAddr::from(([127, 0, 0, 1], port)), config)
    }

    /// A viewer at `address`.
    pub fn new(address: SocketAddr, config: ViewerConfig) -> Viewer {
        let port = address.port();
        Viewer {
            dtls: Dtls::new(&config.profiles, config.dtls_in_stun.unwrap_or_default()),
            config,
            address,
            ufrag: format!("viewer{port}"),
            pwd: format!("passwordOfTheViewer{port:06}"),
            remote: None,
            srtp: None,
            sped: None,
            channels: None,
            next_check: None,
            next_report: None,
            transport: None,
            next_feedback: None,
            feedback_sent: 0,
            answered_checks: 0,
            sends_checks: true,
            answers_checks: true,
            checks_received: 0,
            restarts: 0,
            restarting: None,
            transaction: 0,
            out: VecDeque::new(),
            video: Receiver::default(),
            audio: Receiver::default(),
            others: Vec::new(),
            sender_reports: Vec::new(),
            byes: Vec::new(),
            undecryptable: 0,
        }
    }

    pub fn offer(&self) -> String {
        self.offer_of(1, usize::from(self.config.audio))
    }

    /// The offer of a wall: with so many video sections, then so many audio sections. Their names are their
    /// places.
    pub fn offer_of(&self, videos: usize, audios: usize) -> String {
        let mut sdp = String::from("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
        let mids: Vec<String> = (0..videos + audios).map(|mid| mid.to_string()).collect();
        sdp += &format!("a=group:BUNDLE {}\r\n", mids.join(" "));
        if self.config.dtls_in_stun.is_some() {
            sdp += &format!("a=ice-options:trickle {}\r\n", sped::NAME);
        }
        for (i, mid) in mids.iter().enumerate() {
            sdp += &match i < videos {
                true => self.video_section(mid),
                false => self.audio_section(mid),
            };
        }
        sdp
    }

    fn video_section(&self, mid: &str) -> String {
        let rtx = if self.config.rtx { " 97 99 101" } else { "" };
        let mut sdp = format!("m=video 9 UDP/TLS/RTP/SAVPF 96 98 100{rtx}\r\n");
        sdp += &self.transport_lines(mid);
        if self.config.playout_delay {
            sdp += "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n";
        }
        for (payload_type, name, fmtp) in [
            (
                96,
                "H264",
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            ),
            (
                98,
                "H265",
                "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST",
            ),
            (100, "AV1", "level-idx=5;profile=0;tier=0"),
        ] {
            sdp += &format!("a=rtpmap:{payload_type} {name}/90000\r\n");
            sdp += &format!("a=fmtp:{payload_type} {fmtp}\r\n");
            sdp += &format!("a=rtcp-fb:{payload_type} nack pli\r\n");
            sdp += &format!("a=rtcp-fb:{payload_type} ccm fir\r\n");
            if self.config.transport_cc {
                sdp += &format!("a=rtcp-fb:{payload_type} transport-cc\r\n");
            }
            if self.config.nack {
                sdp += &format!("a=rtcp-fb:{payload_type} nack\r\n");
            }
            if self.config.rtx {
                let rtx = payload_type + 1;
                sdp += &format!("a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={payload_type}\r\n");
            }
        }
        sdp
    }

    fn audio_section(&self, mid: &str) -> String {
        let rtx = if self.config.audio_rtx {
            " 112 113"
        } else {
            ""
        };
        let mut sdp = format!("m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8{rtx}\r\n");
        sdp += &self.transport_lines(mid);
        sdp += "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n";
        if self.config.transport_cc {
            sdp += "a=rtcp-fb:111 transport-cc\r\n";
        }
        sdp += "a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n";
        if self.config.audio_nack {
            sdp += "a=rtcp-fb:111 nack\r\na=rtcp-fb:0 nack\r\n";
        }
        if self.config.audio_rtx {
            sdp += "a=rtpmap:112 rtx/48000/2\r\na=fmtp:112 apt=111\r\n";
            sdp += "a=rtpmap:113 rtx/8000\r\na=fmtp:113 apt=0\r\n";
        }
        sdp
    }

    fn transport_lines(&self, mid: &str) -> String {
        let extension = match self.config.transport_cc {
            true => format!("a=extmap:3 {}\r\n", transport_cc::URI),
            false => String::new(),
        };
        format!(
            "c=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=mid:{mid}\r\na=recvonly\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n\
             {extension}",
            self.ufrag,
            self.pwd,
            self.dtls.fingerprint()
        )
    }

    /// Takes the gateway's answer; checks go to `gateway`, or to the answer's first candidate.
    pub fn accept(&mut self, now: Instant, answer: &str, gateway: Option<SocketAddr>) {
        let value = |name: &str| {
            let prefix = format!("a={name}:");
            answer
                .lines()
                .find_map(|line| line.strip_prefix(&prefix))
                .unwrap_or_else(|| panic!("no a={name} in the answer:\n{answer}"))
        };
        let address = gateway.unwrap_or_else(|| {
            let fields: Vec<&str> = value("candidate").split(' ').collect();
            format!("{}:{}", fields[4], fields[5]).parse().unwrap()
        });
        self.remote = Some(Remote {
            address,
            ufrag: value("ice-ufrag").to_owned(),
            pwd: value("ice-pwd").to_owned(),
        });
        let mut videos = Receiver::sections(answer, "video");
        if let Some(section) = videos.next() {
            self.video.read_section(section);
        }
        let mut audios = Receiver::sections(answer, "audio");
        if let Some(section) = audios.next() {
            self.audio.read_section(section);
        }
        for section in videos.chain(audios) {
            let mut track = Receiver::default();
            track.read_section(section);
            self.others.push(track);
        }
        self.transport = transport_cc::id_in(answer)
            .filter(|_| self.config.transport_cc)
            .map(|id| (id, TransportFeedback::new(now)));
        let mut options = answer.lines().filter(|it| it.starts_with("a=ice-options:"));
        if options.any(|options| options.contains(sped::NAME)) {
            assert!(self.config.dtls_in_stun.is_some(), "it was not offered");
            self.sped = Some(Sped::default());
            self.dtls.start(now);
            self.drive_dtls();
        }
        self.next_check = Some(now);
        self.timeout(now);
    }

    /// Receives another track, with the payload types of the video or of the audio.
    pub fn add_track(&mut self, video: bool, ssrc: u32, rtx_ssrc: Option<u32>) {
        let like = if video { &self.video } else { &self.audio };
        let track = like.another(ssrc, rtx_ssrc);
        self.others.push(track);
    }

    /// Starts an ICE restart: makes new credentials and returns the body of the PATCH. Checks continue
    /// with the old ones until [`Viewer::restarted`].
    pub fn restart(&mut self) -> String {
        let generation = self.restarts + 1;
        let port = self.address.port();
        let (ufrag, pwd) = (
            format!("viewer{port}r{generation}"),
            format!("passwordOfTheViewer{port:06}r{generation}"),
        );
        let fragment = format!(
            "a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
             a=candidate:1 1 udp 2122260223 {} {port} typ host\r\na=end-of-candidates\r\n",
            self.address.ip()
        );
        self.restarting = Some((ufrag, pwd));
        fragment
    }

    /// Takes the gateway's credentials from the answer to the restart, and checks with them.
    pub fn restarted(&mut self, now: Instant, answer: &str) {
        let value = |name: &str| {
            let prefix = format!("a={name}:");
            let value = answer.lines().find_map(|line| line.strip_prefix(&prefix));
            value.expect("ICE credentials in the answer").to_owned()
        };
        (self.ufrag, self.pwd) = self.restarting.take().expect("a restart that was begun");
        self.restarts += 1;
        if let Some(remote) = &mut self.remote {
            remote.ufrag = value("ice-ufrag");
            remote.pwd = value("ice-pwd");
        }
        self.next_check = Some(now);
        self.timeout(now);
    }

    /// Moves to another address, like a phone that leaves its Wi-Fi.
    pub fn roam(&mut self, now: Instant, address: SocketAddr) {
        self.address = address;
        self.next_check = Some(now);
        self.timeout(now);
    }

    /// A NAT on the way gives it another address, of which it knows nothing.
    pub fn rebind(&mut self, address: SocketAddr) {
        self.address = address;
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// ICE checks that were answered.
    pub fn answered_checks(&self) -> u64 {
        self.answered_checks
    }

    /// Whether DTLS is done.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// Whether the gateway closed the DTLS association.
    pub fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    /// What it seals its DTLS records with.
    pub fn tap(&self) -> &Tap {
        self.dtls.tap()
    }

    /// The SRTP profile in use.
    pub fn profile(&self) -> Option<SrtpProtectionProfile> {
        self.srtp.as_ref().map(Srtp::profile)
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.out.pop_front()
    }

    /// Handles a datagram that came from this address. An authentic check shows that the gateway can be reached there:
    /// what is sent from then on goes there. Browsers take a few seconds for it.
    pub fn handle_from(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if self.answers_checks
            && let Some(remote) = &mut self.remote
            && from != remote.address
            && answer(bytes, &self.pwd, from).is_some()
        {
            remote.address = from;
        }
        self.handle(now, bytes);
    }

    /// Handles a datagram from the gateway.
    pub fn handle(&mut self, now: Instant, bytes: &[u8]) {
        match bytes.first() {
            Some(0..=3) => {
                let Some(remote) = &self.remote else { return };
                let from = remote.address;
                if stun::is_check(bytes, &self.pwd) {
                    self.checks_received += 1;
                    if self.answers_checks {
                        self.take_carried(now, bytes);
                        let carried = self.carried();
                        let response = stun::answer_with(bytes, &self.pwd, from, &carried);
                        self.send(response.expect("an answer to a check"));
                    }
                } else if stun::is_success(bytes, &remote.pwd) {
                    self.take_carried(now, bytes);
                    self.answered_checks += 1;
                    if self.answered_checks == 1 {
                        self.next_check = Some(now + KEEPALIVE);
                        match &self.sped {
                            Some(sped) => sped.pending().into_iter().for_each(|it| self.send(it)),
                            None => self.dtls.start(now),
                        }
                        self.drive_dtls();
                    }
                }
            }
            Some(20..=63) => {
                if let Some(sped) = self.sped.as_mut().filter(|_| bytes[0] == 22) {
                    sped.came(bytes);
                }
                self.handle_dtls(now, bytes);
                for packet in self.dtls.take_data() {
                    if let Some(channels) = &mut self.channels {
                        channels.handle(now, &packet);
                    }
                }
                self.drive_channels(now);
            }
            Some(128..=191) => self.handle_srtp(now, bytes),
            _ => panic!("unexpected datagram from the gateway: {bytes:?}"),
        }
    }

    fn handle_dtls(&mut self, now: Instant, bytes: &[u8]) {
        self.dtls.handle(now, bytes);
        self.drive_dtls();
        if self.srtp.is_none()
            && let Some(srtp) = self.dtls.srtp()
        {
            self.srtp = Some(srtp);
            self.next_report = Some(now + REPORT_INTERVAL);
            self.next_feedback = Some(now + self.config.feedback_interval);
        }
    }

    /// Takes what an authentic message of ICE carries of DTLS.
    fn take_carried(&mut self, now: Instant, message: &[u8]) {
        if let Some(datagram) = self.sped.as_mut().and_then(|sped| sped.take(message)) {
            self.handle_dtls(now, &datagram);
        }
    }

    /// What the next message of ICE carries of DTLS.
    fn carried(&mut self) -> Vec<(AttrType, Vec<u8>)> {
        self.sped.as_mut().map(Sped::attributes).unwrap_or_default()
    }

    fn handle_srtp(&mut self, now: Instant, bytes: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        // The gateway has done its part of the handshake.
        self.sped = None;
        if matches!(bytes.get(1), Some(192..=223)) {
            match srtp.open_rtcp(bytes) {
                Some(compound) => self.handle_rtcp(now, &compound),
                None => self.undecryptable += 1,
            }
            return;
        }
        let Some(packet) = srtp.open_rtp(bytes) else {
            self.undecryptable += 1;
            return;
        };
        if let Some((id, feedback)) = &mut self.transport {
            feedback.packet(now, &packet, *id);
        }
        if self.video.owns(&packet) {
            self.video.receive(now, &packet);
        } else if self.audio.owns(&packet) {
            self.audio.receive(now, &packet);
        } else {
            let mut others = self.others.iter_mut();
            let track = others.find(|track| track.owns(&packet));
            let track = track.expect("a packet of an SSRC that is in the answer");
            track.receive(now, &packet);
        }
        self.send_nacks(now);
    }

    fn handle_rtcp(&mut self, now: Instant, compound: &[u8]) {
        use rtc::rtcp::{goodbye::Goodbye, sender_report::SenderReport};
        let packets =
            rtc::rtcp::packet::unmarshal(&mut &compound[..]).expect("RTCP of the gateway");
        for packet in packets {
            if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
                self.sender_reports
                    .push((now, report.ssrc, report.ntp_time, report.rtp_time));
            }
            if let Some(bye) = packet.as_any().downcast_ref::<Goodbye>() {
                self.byes.extend(&bye.sources);
            }
        }
    }

    /// Wall-clock time of an RTP timestamp, by the stream's last sender report. Browsers synchronize
    /// video and audio by it (RFC 3550 section 6.4.1).
    pub fn wall_clock_at(&self, ssrc: u32, timestamp: u32, clock_rate: u32) -> Option<SystemTime> {
        /// From 1900 to 1970.
        const EPOCH: f64 = 2_208_988_800.0;
        let mut reports = self.sender_reports.iter().rev();
        let &(_, _, ntp, reported) = reports.find(|&&(_, of, _, _)| of == ssrc)?;
        let behind = f64::from(reported.wrapping_sub(timestamp) as i32) / f64::from(clock_rate);
        let unix = ntp as f64 / 2f64.powi(32) - EPOCH - behind;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(unix))
    }

    fn drive_dtls(&mut self) {
        let Some(remote) = &self.remote else { return };
        let flight: Vec<_> = std::iter::from_fn(|| self.dtls.poll_transmit()).collect();
        if let Some(sped) = &mut self.sped
            && flight.first().is_some_and(|first| first[0] == 22)
        {
            sped.flight(&flight);
            if self.answered_checks == 0 {
                return;
            }
        }
        for bytes in flight {
            self.out.push_back(Outgoing {
                from: self.address,
                to: remote.address,
                bytes,
            });
        }
    }

    /// Begins an association for data channels, once connected.
    pub fn connect_channels(&mut self, now: Instant) {
        self.channels = Some(Channels::connect(now));
        self.drive_channels(now);
    }

    /// Sends what the data channels have to send: after each call of one.
    pub fn drive_channels(&mut self, now: Instant) {
        while let Some(packet) = self.channels.as_mut().and_then(Channels::poll_packet) {
            self.send_packet(now, &packet);
        }
    }

    /// Sends an SCTP packet.
    pub fn send_packet(&mut self, now: Instant, packet: &[u8]) {
        self.dtls.send_data(now, packet);
        self.drive_dtls();
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if let Some(remote) = &self.remote {
            self.out.push_back(Outgoing {
                from: self.address,
                to: remote.address,
                bytes,
            });
        }
    }

    /// Asks for what is missing of the tracks that may be asked for.
    fn send_nacks(&mut self, now: Instant) {
        let tracks = [
            (&mut self.video, self.config.nack),
            (&mut self.audio, self.config.audio_nack),
        ];
        let asks = self.config.nack;
        let others = self.others.iter_mut().map(|track| (track, asks));
        let nacks = tracks.into_iter().chain(others).map(|(track, asks)| {
            let missing = if asks {
                track.take_nacks(now)
            } else {
                Vec::new()
            };
            (!missing.is_empty()).then(|| nack(track.ssrc(), &missing))
        });
        let nacks: Vec<_> = nacks.flatten().collect();
        for nack in nacks {
            self.send_rtcp(&nack);
        }
    }

    /// Counts an SRTP packet without decrypting it, for receiver reports and transport-wide feedback; sends no NACKs.
    pub fn note(&mut self, now: Instant, bytes: &[u8]) {
        if let Some((id, feedback)) = &mut self.transport {
            feedback.packet(now, bytes, *id);
        }
        if bytes.get(8..12) == Some(&self.video.ssrc().to_be_bytes()) {
            self.video.note(bytes);
        }
    }

    /// Decrypts an SRTP packet without counting it. Once per packet: a second time it counts as replayed.
    pub fn open(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.srtp
            .as_mut()?
            .open_rtp(bytes)
            .map(|packet| packet.to_vec())
    }

    /// Requests a keyframe (PLI).
    pub fn send_pli(&mut self) {
        self.send_pli_for(self.video.ssrc());
    }

    /// Requests a keyframe of the track with this SSRC.
    pub fn send_pli_for(&mut self, ssrc: u32) {
        self.send_rtcp(&receive::pli(ssrc));
    }

    /// Sends a compound RTCP packet.
    pub fn send_rtcp(&mut self, compound: &[u8]) {
        if let Some(srtp) = &mut self.srtp {
            let bytes = srtp.seal_rtcp(compound);
            self.send(bytes);
        }
    }

    /// Ends the session from the viewer's side: close_notify.
    pub fn close(&mut self, now: Instant) {
        self.dtls.close(now);
        self.drive_dtls();
    }

    /// When [`Viewer::timeout`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let others = self.others.iter().filter(|_| self.config.nack);
        [
            self.next_check.filter(|_| self.sends_checks),
            self.next_report,
            self.next_feedback.filter(|_| self.transport.is_some()),
            self.dtls_deadline(),
            self.video.next_nack().filter(|_| self.config.nack),
            self.audio.next_nack().filter(|_| self.config.audio_nack),
            self.channels.as_ref().and_then(Channels::next_deadline),
        ]
        .into_iter()
        .chain(others.map(Receiver::next_nack))
        .flatten()
        .min()
    }

    /// Until there is a path, checks repeat what goes along with them.
    fn dtls_deadline(&self) -> Option<Instant> {
        let due = self.dtls.next_deadline();
        due.filter(|_| self.sped.is_none() || self.answered_checks > 0)
    }

    /// Another check, for whichever way. There has been an answer.
    pub fn check(&mut self) -> Vec<u8> {
        self.transaction += 1;
        let remote = self.remote.as_ref().expect("an answer");
        let username = format!("{}:{}", remote.ufrag, self.ufrag);
        let pwd = remote.pwd.clone();
        let carried = self.carried();
        check_with(&username, &pwd, self.transaction, &carried)
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant) {
        if self
            .next_check
            .is_some_and(|at| at <= now && self.sends_checks)
        {
            let wait = if self.answered_checks == 0 {
                CHECK_INTERVAL
            } else {
                KEEPALIVE
            };
            self.next_check = Some(now + wait);
            let check = self.check();
            self.send(check);
        }
        if self.dtls_deadline().is_some_and(|at| at <= now) {
            self.dtls.timeout(now);
            self.drive_dtls();
        }
        if let Some(channels) = &mut self.channels {
            channels.timeout(now);
            self.drive_channels(now);
        }
        self.send_nacks(now);
        if self.next_feedback.is_some_and(|at| at <= now)
            && let Some((_, feedback)) = &mut self.transport
        {
            self.next_feedback = Some(now + self.config.feedback_interval);
            if let Some(message) = feedback.message(self.video.ssrc()) {
                self.feedback_sent += 1;
                self.send_rtcp(&message);
            }
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.next_report = Some(now + REPORT_INTERVAL);
            let last = self.sender_reports.last().map(|&(at, _, ntp, _)| (at, ntp));
            let report = self.video.report(now, last);
            self.send_rtcp(&report);
        }
    }
}
