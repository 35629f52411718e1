//! Ids and states, and the current state of a stream or session, as reported to the host.

mod output;
mod quality;
mod sentence;
mod slot;
mod warning;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Status;
use crate::media::Codec;

pub use output::{OutputInfo, OutputState};
pub use quality::{Detail, Quality, QualityReason, Switches, VariantChoice, ViewerLimits};
pub use sentence::Names;
pub use slot::{MAX_SIDE, SlotChange, SlotInfo, SlotView};
pub use warning::{Warning, WarningKind};

/// Id of a stream. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

impl StreamId {
    /// That of a wall, which belongs to no stream: no stream has it.
    pub const NONE: StreamId = StreamId(0);
}

/// Id of a session (one viewer). Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Id of a sink. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SinkId(pub u64);

/// Id of an output. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputId(pub u64);

/// Identifies an unanswered offer. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub u64);

/// State of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum StreamState {
    /// Connecting to the camera, for the first time or again. Push stream: waiting for its first
    /// keyframe.
    Connecting = 1,
    /// Media arrives.
    Live = 2,
    /// The connection failed; another attempt follows, or `Idle` if the camera is on demand and
    /// nobody waits for it. A push stream: no video frame for some seconds; the next one makes it
    /// live again.
    Retrying = 3,
    /// Failed for good: a bug in the library stopped this stream. Remove and add it again.
    Failed = 4,
    /// Removed; the last event of a stream.
    Removed = 5,
    /// A camera on demand that is not connected because no viewer needs it. An offer connects it.
    Idle = 6,
}

impl StreamState {
    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            StreamState::Connecting => "connecting",
            StreamState::Live => "live",
            StreamState::Retrying => "retrying",
            StreamState::Failed => "failed",
            StreamState::Removed => "removed",
            StreamState::Idle => "idle",
        }
    }
}

/// State of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SessionState {
    /// Answered; waiting for the viewer's first authenticated ICE check.
    New = 1,
    /// ICE has connected; the DTLS handshake is running.
    Connecting = 2,
    /// Media flows.
    Connected = 3,
    /// Nothing was received from the viewer for some seconds; media still flows.
    Disconnected = 4,
    /// Failed, with a status. `Closed` follows.
    Failed = 5,
    /// Ended; the last event of a session.
    Closed = 6,
}

impl SessionState {
    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            SessionState::New => "new",
            SessionState::Connecting => "connecting",
            SessionState::Connected => "connected",
            SessionState::Disconnected => "disconnected",
            SessionState::Failed => "failed",
            SessionState::Closed => "closed",
        }
    }
}

/// Name, label and user data of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamIdentity {
    /// Name in offers and URLs.
    pub name: Arc<str>,
    /// Label for people: [`PullOptions::label`](crate::config::PullOptions::label).
    pub label: Option<Arc<str>>,
    /// Value of the host: [`PullOptions::user_data`](crate::config::PullOptions::user_data).
    pub user_data: usize,
}

/// The current state of a stream. Counters start when it is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Name, label and user data.
    pub identity: StreamIdentity,
    /// What its viewers may be shown, best first, itself included; empty if there is no choice. See
    /// [`Handle::set_variants`](crate::gateway::Handle::set_variants).
    pub variants: Vec<StreamId>,
    /// State.
    pub state: StreamState,
    /// Status of the last failure, which is why the stream is not live. `Ok` while it is live, and
    /// before the first failure.
    pub status: Status,
    /// Error message for `status`; empty if there is none.
    pub message: String,
    /// What is wrong with the media that arrives; `None` if nothing is, and while the stream is not
    /// live.
    pub warning: Option<Warning>,
    /// Video codec, once known.
    pub video_codec: Option<Codec>,
    /// Audio codec, if there is audio.
    pub audio_codec: Option<Codec>,
    /// Width of the video in pixels; 0 while unknown.
    pub width: u32,
    /// Height of the video in pixels; 0 while unknown.
    pub height: u32,
    /// Current number of viewers.
    pub sessions: u32,
    /// Number of times the camera was connected again after having been live, not counting those
    /// from idle.
    pub reconnects: u32,
    /// Bytes of media received.
    pub bytes: u64,
    /// RTP packets that the camera sent and that did not arrive.
    pub packets_lost: u64,
    /// Video frames received.
    pub frames: u64,
    /// Keyframes received.
    pub keyframes: u64,
    /// Video frames that were not sent to any viewer: those that browsers cannot show (B-frames), those
    /// with missing parts and what depends on them, and pushed ones for which the queue was full.
    pub frames_dropped: u64,
    /// Number of keyframe requests; see
    /// [`Events::keyframe_request`](crate::events::Events::keyframe_request). 0 for a camera.
    pub keyframe_requests: u64,
    /// What the camera gets wrong and is forgiven, with how often it was: names as in docs/quirks.md.
    pub quirks: Vec<(&'static str, u32)>,
    /// Video bit rate in bits per second, averaged over a few seconds; 0 while no video arrives.
    pub bitrate_bps: u64,
    /// Time since the last video frame; `None` before the first.
    pub since_last_media: Option<Duration>,
}

/// Peer, label and user data of a session, from the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewerIdentity {
    /// The viewer's address or name: [`WhepOffer::peer`](crate::config::WhepOffer::peer).
    pub peer: Option<Arc<str>>,
    /// Label of the session: [`WhepOffer::label`](crate::config::WhepOffer::label).
    pub label: Option<Arc<str>>,
    /// Value of the host: [`WhepOffer::user_data`](crate::config::WhepOffer::user_data).
    pub user_data: usize,
}

/// The current state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The stream that the viewer watches; [`StreamId::NONE`] for a wall.
    pub stream: StreamId,
    /// Peer, label and user data.
    pub viewer: ViewerIdentity,
    /// State.
    pub state: SessionState,
    /// SRTP profile negotiated by DTLS; `None` before.
    pub srtp_profile: Option<SrtpProfile>,
    /// Destination of the media; `None` before ICE has nominated.
    pub remote: Option<SocketAddr>,
    /// What carries it there; `None` before.
    pub protocol: Option<Protocol>,
    /// SRTP bytes sent on all tracks, including retransmissions.
    pub bytes_sent: u64,
    /// SRTP packets sent on all tracks, including retransmissions.
    pub packets_sent: u64,
    /// Packets that the viewer requested by NACK.
    pub nacks: u64,
    /// Packets retransmitted.
    pub retransmits: u64,
    /// Packets and bytes of padding, by which the gateway finds out whether the connection carries
    /// more; they count in `packets_sent` and `bytes_sent`.
    pub padding_packets: u64,
    /// See `padding_packets`.
    pub padding_bytes: u64,
    /// Picture loss indications and full intra requests received.
    pub plis: u64,
    /// Datagrams rejected because they were not authentic or not valid.
    pub rejected: u64,
    /// Number of times the viewer fell behind and continued at a keyframe.
    pub overflows: u64,
    /// Times the viewer was shown the last keyframe as a still picture, until the next came.
    pub stills: u64,
    /// Times frames were left out up to a keyframe because the viewer's connection does not carry
    /// them in time.
    pub skips: u64,
    /// How often frames were left out up to a keyframe because the worker was late with them.
    pub sheds: u64,
    /// What the viewer is shown, and what its connection carries.
    pub quality: Quality,
    /// Why that is less than the best variant with all frames, in a sentence; `None` if it is not.
    pub held_back: Option<String>,
    /// Of a wall: its slots, in the order of its media sections.
    pub slots: Vec<SlotInfo>,
    /// How often it was shown something else.
    pub switches: Switches,
    /// Round-trip time, measured by the DTLS handshake at first, later by receiver reports.
    pub round_trip: Option<Duration>,
    /// Packet loss in the last receiver report, in parts per million.
    pub loss_ppm: u32,
    /// Time since the session was created.
    pub age: Duration,
}

/// What carries a session's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP (RFC 6544): packets are late, not lost.
    Tcp,
    /// TURN over UDP (RFC 8656), which the gateway answers itself.
    TurnUdp,
    /// TURN over TCP.
    TurnTcp,
    /// TURN over TLS.
    TurnTls,
    /// UDP, through a TURN server that the gateway has an allocation at.
    TurnServer,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 6] = [
        Protocol::Udp,
        Protocol::Tcp,
        Protocol::TurnUdp,
        Protocol::TurnTcp,
        Protocol::TurnTls,
        Protocol::TurnServer,
    ];

    /// The IANA number.
    pub const fn iana(self) -> u8 {
        match self {
            Protocol::Udp | Protocol::TurnUdp | Protocol::TurnServer => 17,
            Protocol::Tcp | Protocol::TurnTcp | Protocol::TurnTls => 6,
        }
    }

    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
            Protocol::TurnUdp => "turn-udp",
            Protocol::TurnTcp => "turn-tcp",
            Protocol::TurnTls => "turn-tls",
            Protocol::TurnServer => "turn-server",
        }
    }

    /// In a sentence for people, behind an address.
    pub const fn words(self) -> &'static str {
        match self {
            Protocol::Udp => "over UDP",
            Protocol::Tcp => "over TCP",
            Protocol::TurnUdp => "by relay over UDP",
            Protocol::TurnTcp => "by relay over TCP",
            Protocol::TurnTls => "by relay over TLS",
            Protocol::TurnServer => "through the gateway's TURN server",
        }
    }
}

/// A DTLS-SRTP protection profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764 section 4.1.2).
    Aes128CmSha1_80,
    /// SRTP_AEAD_AES_128_GCM (RFC 7714 section 14.2).
    AeadAes128Gcm,
}

impl SrtpProfile {
    /// The IANA number.
    pub const fn iana(self) -> u16 {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 0x0001,
            SrtpProfile::AeadAes128Gcm => 0x0007,
        }
    }

    /// The name in the IANA registry, without `SRTP_`.
    pub const fn name(self) -> &'static str {
        match self {
            SrtpProfile::Aes128CmSha1_80 => "AES128_CM_HMAC_SHA1_80",
            SrtpProfile::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }
}

/// A sink at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkInfo {
    /// Its stream.
    pub stream: StreamId,
    /// Frames that were put into its queue so far.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were dropped because its queue was full.
    pub frames_dropped: u64,
    /// How often its queue was full.
    pub overflows: u64,
    /// Frames in its queue.
    pub queued_frames: u32,
    /// Bytes in its queue.
    pub queued_bytes: u64,
}
