//! Options that the host passes in.

use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, Result, Status};
use crate::events::Events;
use crate::media::Codec;
use crate::state::ViewerLimits;
use crate::tuning::Key;

/// Options of a gateway.
#[derive(Default)]
pub struct Config {
    /// Local address of the UDP socket that carries all sessions. Port 0 lets the operating system
    /// choose. `None`: all IPv6 and IPv4 addresses, any port.
    pub udp_bind: Option<SocketAddr>,
    /// Instead of `udp_bind`: a UDP socket that is bound, of the process before this one or of a service manager. Whoever
    /// keeps a duplicate of it keeps the port, and what waits in it; only one gateway may read it at a time.
    pub udp_socket: Option<UdpSocket>,
    /// Also listen on TCP, on the address and port of `udp_bind`, for viewers whose network passes no UDP (ICE-TCP,
    /// RFC 6544). They find the port in the answer, and use it only where UDP does not work.
    pub ice_tcp: bool,
    /// Be a TURN server (RFC 8656) for the gateway's own viewers: on the TCP port of `ice_tcp`, and on HTTP listeners
    /// with [`HttpOptions::media`], by TLS if they have that. It relays to this gateway and to nothing else. Answers
    /// name it in a `Link` header, with credentials for one session and a day.
    pub turn: bool,
    /// Instead of `ice_tcp`: a TCP socket that listens.
    pub tcp_listener: Option<TcpListener>,
    /// Addresses to advertise in addition to those of the interfaces: the public ones of a 1:1 NAT.
    pub public_addresses: Vec<IpAddr>,
    /// Which network interfaces viewers are told the addresses of; at most 64 rules. A name (`eth0`), or the beginning of
    /// one with a `*` (`wl*`): only such interfaces, besides loopback. With a `!` in front: not these (`!tun0`).
    /// Without names: all interfaces but bridges of containers and virtual machines, and those too where there is
    /// nothing else. Where `udp_bind` is an address, that one is told, whatever the rules say.
    pub interfaces: Vec<String>,
    /// STUN servers that tell the gateway its public address, where a NAT gives it one: `host`, `host:port` or
    /// `[address]:port`; the default port is 3478; at most 8. They are asked from the media socket every 15 s, which
    /// keeps the NAT's mapping and notices when it changes, and answers have what they say (RFC 8445 section 5.1.1.1).
    pub stun_servers: Vec<String>,
    /// TURN servers that relay for the gateway itself, as the last resort for one behind a NAT that lets no viewer in:
    /// `turn:host:port`, over UDP; `turn:host:port?transport=tcp`; `turns:host:port`, over TLS (RFC 7065; the default ports
    /// are 3478 and 5349); each with a username and a credential; at most 8. The gateway keeps an allocation at the
    /// first that gives one, answers offers with its address as well, and lets in viewers from the addresses of their
    /// candidates and of their requests. Viewers do not get these credentials.
    pub turn_servers: Vec<IceServer>,
    /// STUN and TURN servers for viewers, sent in `Link` headers (RFC 9725 section 4.6). The gateway itself
    /// uses none of these.
    pub ice_servers: Vec<IceServer>,
    /// Knobs that differ from their defaults.
    pub tuning: Vec<(Key, i64)>,
    /// Bearer tokens (RFC 6750) that allow everything over HTTP: viewing, `/api`, `/metrics`. At
    /// most 64, each of the characters `A-Z a-z 0-9 - . _ ~ + /` with `=` at the end.
    /// [`Handle::set_bearer_tokens`](crate::Handle::set_bearer_tokens) replaces them later. Without
    /// tokens and [`Events::authorizes`], anyone who reaches the port may do everything.
    pub bearer_tokens: Vec<String>,
    /// Origins whose web pages may use WHEP, besides pages of the host name and port that a request is
    /// to: `https://nvr.example:8443`, without a path; at most 64. `*`: all.
    pub allowed_origins: Vec<String>,
    /// Receives events, on a thread of the gateway. `None`: events are discarded.
    pub events: Option<Box<dyn Events>>,
}

/// A STUN or TURN server. For viewers, its credential is sent to everyone who may watch.
#[derive(Clone, Default)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:`, host, port, transport (RFC 7064, RFC 7065), e.g.
    /// `turn:turn.example.com:3478?transport=udp`.
    pub url: String,
    /// Required for TURN.
    pub username: Option<String>,
    /// The password for `username`.
    pub credential: Option<String>,
    /// For `turns` in [`Config::turn_servers`], and an error in others there: trust certificates of these authorities only,
    /// in PEM. `None`: those that the system trusts.
    pub tls_ca: Option<String>,
    /// The same: trust this certificate only, by its SHA-256 in hexadecimal, with or without colons.
    pub tls_fingerprint: Option<String>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// How the camera sends RTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP; UDP if the camera refuses that or sends nothing; multicast if it refuses both; and back. What
    /// works is remembered.
    #[default]
    Auto,
    /// Interleaved in the RTSP connection (RFC 2326 section 10.12): no packet loss, passes NAT.
    Tcp,
    /// UDP, for cameras on the same network that do not support TCP. Packets wait for up to 100 ms for
    /// one that is missing.
    Udp,
    /// UDP to a multicast group, which many may receive. The network has to pass it on.
    Multicast,
    /// TCP, in two HTTP connections, for firewalls that let nothing else pass. The default port is 80.
    Http,
}

/// Options of a camera that the gateway connects to.
#[derive(Clone, Default)]
pub struct PullOptions {
    /// `rtsp://[user:password@]host[:port]/path`, or `rtsps://`. The default ports are 554 and 322.
    pub url: String,
    /// User name for Basic or Digest authentication. `None`: from `url`.
    pub username: Option<String>,
    /// Password for Basic or Digest authentication. `None`: from `url`.
    pub password: Option<String>,
    /// How the camera sends RTP.
    pub transport: Transport,
    /// Do not use the camera's audio.
    pub no_audio: bool,
    /// Time limit for a connection attempt, from TCP to the response to PLAY: 500 ms to 5 min.
    /// `None`: 10 s.
    pub connect_timeout: Option<Duration>,
    /// A camera that sends no video for this long is reconnected: 500 ms to 5 min. `None`: 8 s.
    pub idle_timeout: Option<Duration>,
    /// Delay before the first attempt after a failure: 100 ms to 1 h. Each further delay is twice
    /// as long, up to `retry_max`, and varies randomly by up to 20 %. `None`: 1 s, or `retry_max`
    /// if that is shorter.
    pub retry_min: Option<Duration>,
    /// Longest delay between attempts: `retry_min` to 1 h. `None`: 30 s, or `retry_min` if that is
    /// longer.
    pub retry_max: Option<Duration>,
    /// Receive the camera's track of ONVIF metadata, for sinks. A camera without one plays all the same.
    pub metadata: bool,
    /// Connect only while the camera is needed: an offer starts the connection and waits for it.
    /// `false`: connect at once and stay connected.
    pub on_demand: bool,
    /// With `on_demand`: how long the camera stays connected after no session needs it any more, 100
    /// ms to 1 h. `None`: 10 s.
    pub linger: Option<Duration>,
    /// For `rtsps`: trust certificates of these authorities only, in PEM. `None`: those that the
    /// system trusts.
    pub tls_ca: Option<String>,
    /// For `rtsps`: trust this certificate only, whatever else it says: its SHA-256 in hexadecimal.
    pub tls_fingerprint: Option<String>,
    /// For `rtsps`: trust any certificate. Encrypted, but anybody may be the camera.
    pub tls_unverified: bool,
    /// Label of the stream, for people: at most 128 bytes without control characters. It is
    /// returned in events, in [`StreamInfo`](crate::state::StreamInfo) and in the JSON document.
    pub label: Option<String>,
    /// A value of the host's choice, returned in events and in
    /// [`StreamInfo`](crate::state::StreamInfo).
    pub user_data: usize,
}

impl fmt::Debug for PullOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullOptions")
            .field("transport", &self.transport)
            .field("no_audio", &self.no_audio)
            .field("metadata", &self.metadata)
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("retry_min", &self.retry_min)
            .field("retry_max", &self.retry_max)
            .field("on_demand", &self.on_demand)
            .field("linger", &self.linger)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// Options of a stream whose media the host pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushOptions {
    /// Video codec. `None`: sound alone, which there must be then.
    pub video: Option<Codec>,
    /// Audio codec. `None`: no audio, or AAC.
    pub audio: Option<Codec>,
    /// Audio is AAC-LC or HE-AAC: its AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1). Viewers get it
    /// as Opus, with the cargo feature `transcode-audio`; without it, sinks alone get it.
    pub aac: Option<Vec<u8>>,
    /// Audio sample rate in Hz. `None`: the rate of the codec in WebRTC, or of AAC the one that `aac` says.
    /// No other rate is accepted.
    pub audio_sample_rate: Option<u32>,
    /// Number of audio channels: 1, or 2 with Opus. `None`: the default of the codec.
    pub audio_channels: Option<u32>,
    /// Number of frames of each track that may be queued for the worker: 1 to 1024. When the queue
    /// is full, pushes fail with `QueueFull`.
    pub queue_frames: u32,
    /// Parameter sets of the video, for frames that come without them: an `avcC`, `hvcC` or `av1C`
    /// record, as containers and system encoders have it, or the parameter sets with start codes.
    pub codec_config: Option<Vec<u8>>,
    /// H.264 and H.265: NAL units of a frame have lengths in front of them in place of start codes, of
    /// 4 bytes unless `codec_config` says otherwise.
    pub length_prefixed: bool,
    /// Without a frame of video, or of audio where there is no video, for this long the stream counts as
    /// stalled: at least 500 ms. `Duration::MAX`: never. `None`: 8 s.
    pub idle_timeout: Option<Duration>,
    /// As [`PullOptions::label`].
    pub label: Option<String>,
    /// As [`PullOptions::user_data`].
    pub user_data: usize,
}

impl Default for PushOptions {
    fn default() -> Self {
        PushOptions {
            video: Some(Codec::H264),
            audio: None,
            aac: None,
            audio_sample_rate: None,
            audio_channels: None,
            queue_frames: 64,
            codec_config: None,
            length_prefixed: false,
            idle_timeout: None,
            label: None,
            user_data: 0,
        }
    }
}

/// One access unit of video or one frame of audio that the host pushes.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The data. H.264 and H.265: an Annex B byte stream with start codes of 3 or 4 bytes, or with
    /// lengths in their place ([`PushOptions::length_prefixed`]). AV1: a
    /// temporal unit in the low-overhead bitstream format. Audio: one Opus packet, one access unit of
    /// AAC without ADTS header, or G.711 or G.722 samples.
    pub data: FrameData<'a>,
    /// Presentation time in microseconds, on a timeline of the host's choice. Frames of a track are
    /// pushed in decoding order.
    pub pts_us: i64,
    /// Capture time in microseconds since 1970-01-01 UTC, if known. Sender reports pass it on, and
    /// viewers use it to synchronize audio and video: set it on both tracks or on neither.
    pub capture_unix_us: Option<i64>,
    /// The timeline restarts: `pts_us` is unrelated to that of the previous frame. Video resumes at
    /// the next keyframe.
    pub discontinuity: bool,
}

/// The data of a [`Frame`].
#[derive(Clone, Debug)]
pub enum FrameData<'a> {
    /// Copied before the push returns.
    Copied(&'a [u8]),
    /// Kept until it is packetized, then dropped on any thread. [`Bytes::from_owner`] wraps any kind of
    /// memory.
    Shared(Bytes),
}

impl FrameData<'_> {
    /// The bytes of the frame.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            FrameData::Copied(data) => data,
            FrameData::Shared(data) => data,
        }
    }
}

/// Options of a sink: what the host gets of the media of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkOptions {
    /// Get the video.
    pub video: bool,
    /// Get the audio, as the camera encodes it.
    pub audio: bool,
    /// Get the metadata, if the camera was added with [`PullOptions::metadata`].
    pub metadata: bool,
    /// Begin with the last keyframe and all that followed, as it is kept for viewers. `false`: video
    /// begins with the next keyframe.
    pub from_cache: bool,
    /// H.264 and H.265 with lengths of 4 bytes in front of the NAL units, as in MP4. `false`: an Annex B
    /// byte stream.
    pub length_prefixed: bool,
    /// Frames that are queued until the host reads them: 16 to 65,536.
    pub queue_frames: u32,
    /// Bytes that are queued until the host reads them, in addition to one frame of any size: 64 KiB to
    /// 1 GiB.
    pub queue_bytes: u64,
}

impl Default for SinkOptions {
    /// Video and audio, from the next keyframe, in a queue of 2,048 frames and 16 MiB.
    fn default() -> Self {
        SinkOptions {
            video: true,
            audio: true,
            metadata: false,
            from_cache: false,
            length_prefixed: false,
            queue_frames: 2048,
            queue_bytes: 16 << 20,
        }
    }
}

impl SinkOptions {
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |message| Err(Error::new(Status::InvalidArgument, message));
        if !(self.video || self.audio || self.metadata) {
            return invalid("a sink without any track: set at least one".to_owned());
        }
        if !(16..=65_536).contains(&self.queue_frames) {
            return invalid(format!(
                "queue_frames must be 16 to 65536, not {}",
                self.queue_frames
            ));
        }
        if !(64 << 10..=1 << 30).contains(&self.queue_bytes) {
            return invalid(format!(
                "queue_bytes must be 65536 to 1073741824, not {}",
                self.queue_bytes
            ));
        }
        Ok(())
    }
}

/// Options of an output: a stream that is sent to a media server by WHIP (RFC 9725).
#[derive(Clone)]
pub struct OutputOptions {
    /// The WHIP endpoint: `http://` or `https://`. A user and a password in it are sent by Basic authentication.
    pub url: String,
    /// Sent as `Authorization: Bearer`, to the origin of `url` alone.
    pub bearer_token: Option<String>,
    /// For `https`: trust certificates of these authorities only, in PEM. `None`: those that the system trusts.
    pub tls_ca: Option<String>,
    /// For `https`: trust this certificate only, whatever else it says: its SHA-256 in hexadecimal.
    pub tls_fingerprint: Option<String>,
    /// For `https`: trust any certificate. Encrypted, but anybody may be the server.
    pub tls_unverified: bool,
    /// Send the video.
    pub video: bool,
    /// Send the audio.
    pub audio: bool,
    /// Bits per second, as [`ViewerLimits::max_bitrate`]: chooses among the variants of the stream.
    pub max_bitrate: Option<u64>,
    /// As [`PullOptions::label`].
    pub label: Option<String>,
    /// As [`PullOptions::user_data`].
    pub user_data: usize,
}

impl Default for OutputOptions {
    /// Video and audio, to nowhere yet.
    fn default() -> Self {
        OutputOptions {
            url: String::new(),
            bearer_token: None,
            tls_ca: None,
            tls_fingerprint: None,
            tls_unverified: false,
            video: true,
            audio: true,
            max_bitrate: None,
            label: None,
            user_data: 0,
        }
    }
}

impl fmt::Debug for OutputOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputOptions")
            .field("video", &self.video)
            .field("audio", &self.audio)
            .field("max_bitrate", &self.max_bitrate)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// Longest [`WhepOffer::label`] and [`WhepOffer::peer`], in bytes.
pub(crate) const MAX_LABEL: usize = 128;

/// Checks a label of a stream or a session.
pub(crate) fn checked_label(label: Option<&str>) -> Result<Option<Arc<str>>> {
    let Some(label) = label.filter(|label| !label.is_empty()) else {
        return Ok(None);
    };
    if label.len() > MAX_LABEL || label.contains(char::is_control) {
        return Err(Error::new(
            Status::InvalidArgument,
            format!("a label must have at most {MAX_LABEL} bytes and no control characters"),
        ));
    }
    Ok(Some(label.into()))
}

/// What the slots of a new wall show at first. A stream that there is not, or that a slot cannot show, leaves
/// its slot empty: the header `Refused-Slots` of the response says why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallSlots<'a> {
    /// Names of streams for the video sections of the offer, in its order; `None` for a slot that shows
    /// nothing yet. May have fewer than the offer has sections, but no more.
    pub video: &'a [Option<&'a str>],
    /// Name of the stream for the first audio section.
    pub sound: Option<&'a str>,
}

/// Default of [`WhepOffer::timeout`].
pub(crate) const DEFAULT_OFFER_TIMEOUT: Duration = Duration::from_secs(5);

/// A WHEP offer.
#[derive(Clone, Copy, Debug, Default)]
pub struct WhepOffer<'a> {
    /// Name of the stream to watch. Not used for a wall.
    pub stream: &'a str,
    /// The offer is that of a wall: each of its video and audio sections is a slot, which may show any
    /// stream and others later. `timeout` and `limits` are not used: slots begin when their cameras do.
    pub wall: Option<WallSlots<'a>>,
    /// Body of the POST: the browser's SDP.
    pub sdp: &'a [u8],
    /// What precedes the session key in the `Location` header (RFC 9110 section 10.2.2): an absolute
    /// path such as `/cam1/whep/`, a URL, or a reference relative to the URL of the request, such as
    /// `whep/`. Characters that a URL cannot contain must be percent-encoded; two slashes at the
    /// beginning are refused, because they name another host. `None`: the response has no `Location`.
    pub location_prefix: Option<&'a str>,
    /// How long to wait for a camera that is still connecting. Zero: not at all; a camera on demand
    /// is still connected, for the next attempt of the viewer. `None`: 5 s.
    pub timeout: Option<Duration>,
    /// The viewer, for people: free text, e.g. its address. Control characters are removed, and the text
    /// is cut off after 128 bytes.
    pub peer: Option<&'a str>,
    /// STUN and TURN servers for this viewer. `None`: [`Config::ice_servers`].
    pub ice_servers: Option<&'a [IceServer]>,
    /// Label of the session, for people: at most 128 bytes without control characters. It is returned in
    /// events, in [`SessionInfo`](crate::state::SessionInfo) and in the JSON document.
    pub label: Option<&'a str>,
    /// A value of the host's choice, returned in events and in
    /// [`SessionInfo`](crate::state::SessionInfo).
    pub user_data: usize,
    /// What the viewer asks for. [`Handle::set_session_limits`](crate::Handle::set_session_limits)
    /// changes it later.
    pub limits: ViewerLimits,
}

/// Options of an HTTP listener.
#[derive(Clone)]
pub struct HttpOptions {
    /// Address to listen on. Port 0 lets the operating system choose.
    pub address: SocketAddr,
    /// Instead of `address`: a TCP socket that listens, of the process before this one or of a service manager.
    pub listener: Option<Arc<TcpListener>>,
    /// HTTPS with this certificate. `None`: HTTP.
    pub tls: Option<TlsIdentity>,
    /// Maximum number of connections. At the limit, the connection that has been idle for longest is
    /// closed, or that whose request has been incomplete for longest; if all are being answered,
    /// further ones get 503. A browser opens up to 6.
    pub max_connections: usize,
    /// How many of them one address (of IPv6: one /64 network) may have; beyond that, it loses its own.
    /// `None`: half. Behind a reverse proxy, which has a single address: all.
    pub max_connections_per_peer: Option<usize>,
    /// Names by which viewers reach the listener, without a port; at most 64. A listener on a loopback
    /// address, or with such names, answers requests to them, to `localhost` and to IP addresses, and
    /// others with 421: a page of another site could otherwise let its own name resolve to this machine
    /// (DNS rebinding), as it can with a listener elsewhere that has none.
    pub host_names: Vec<String>,
    /// Take media on this port, too, for viewers whose network passes nothing else: over TCP as with
    /// [`Config::ice_tcp`], and by TURN with [`Config::turn`]. Viewers have to reach the listener itself: a reverse
    /// proxy passes HTTP alone.
    pub media: bool,
}

impl Default for HttpOptions {
    /// `127.0.0.1:8889` without TLS, 512 connections, of which an address may have half.
    fn default() -> Self {
        HttpOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 8889)),
            listener: None,
            tls: None,
            max_connections: 512,
            max_connections_per_peer: None,
            host_names: Vec::new(),
            media: false,
        }
    }
}

/// Certificate and private key of a listener: the contents of PEM files.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate chain, the server's certificate first.
    pub certificates: Vec<u8>,
    /// Its private key: PKCS#8, PKCS#1 (RSA) or SEC1 (EC), not encrypted.
    pub private_key: Vec<u8>,
}
