//! What a host is told: ids, states, and how a stream or a session is at one moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Status;
use crate::media::Codec;

/// Names a stream. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// Names a session (one viewer). Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Names an offer that has yet to be answered. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub u64);

/// State of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum StreamState {
    /// Connecting to the camera for the first time, or again. A push stream: its first keyframe
    /// has not come.
    Connecting = 1,
    /// Media arrives.
    Live = 2,
    /// The connection failed; another attempt follows, or `Idle` if the camera is on demand and
    /// nobody waits for it. A push stream: no picture came for some seconds; the next one makes it
    /// live again.
    Retrying = 3,
    /// Failed for good: a bug in the library stopped this stream. Remove and add it again.
    Failed = 4,
    /// Removed; the last event of a stream.
    Removed = 5,
    /// Not connected, because nobody watches: a camera on demand. An offer connects it.
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
    /// ICE reached us, DTLS runs.
    Connecting = 2,
    /// Media flows.
    Connected = 3,
    /// No sign of the viewer for some seconds; media still flows.
    Disconnected = 4,
    /// Gave up; the status says why. `Closed` follows.
    Failed = 5,
    /// Gone; the last event of a session.
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

/// What the host calls a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamIdentity {
    /// Its name in offers and URLs.
    pub name: Arc<str>,
    /// Its label, for people: [`PullOptions::label`](crate::config::PullOptions::label).
    pub label: Option<Arc<str>>,
    /// Anything of the host's: [`PullOptions::user_data`](crate::config::PullOptions::user_data).
    pub user_data: usize,
}

/// A stream at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// What the host calls it.
    pub identity: StreamIdentity,
    /// State now.
    pub state: StreamState,
    /// Why the camera is not live: the last failure. `Ok` while it is live, and before the first.
    pub status: Status,
    /// The sentence to `status`; empty if none.
    pub message: String,
    /// The video track's codec, once known.
    pub video_codec: Option<Codec>,
    /// The audio track's codec, if there is one.
    pub audio_codec: Option<Codec>,
    /// Picture size in pixels, 0 while unknown.
    pub width: u32,
    /// Picture size in pixels, 0 while unknown.
    pub height: u32,
    /// Viewers now.
    pub sessions: u32,
    /// Times the camera was connected again after it had been live; not when it was idle between.
    pub reconnects: u32,
    /// Media bytes received from the camera.
    pub bytes: u64,
    /// RTP packets that the camera sent and we did not get.
    pub packets_lost: u64,
    /// Pictures received.
    pub frames: u64,
    /// Of these, keyframes.
    pub keyframes: u64,
    /// Pictures pushed that no viewer gets: the queue was full, or the keyframe was missing that
    /// they build on. 0 for a camera.
    pub frames_dropped: u64,
    /// Times the host was asked for a keyframe; see
    /// [`Events::keyframe_request`](crate::events::Events::keyframe_request). 0 for a camera.
    pub keyframe_requests: u64,
    /// Bits of picture per second, averaged over some seconds; 0 while none comes.
    pub bitrate_bps: u64,
    /// Time since the last picture, `None` before the first.
    pub since_last_media: Option<Duration>,
}

/// Who a session is for, as the host says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewerIdentity {
    /// Where the viewer comes from: [`WhepOffer::peer`](crate::config::WhepOffer::peer).
    pub peer: Option<Arc<str>>,
    /// Label of the session: [`WhepOffer::label`](crate::config::WhepOffer::label).
    pub label: Option<Arc<str>>,
    /// Anything of the host's: [`WhepOffer::user_data`](crate::config::WhepOffer::user_data).
    pub user_data: usize,
}

/// A session at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The stream it watches.
    pub stream: StreamId,
    /// Who it is for.
    pub viewer: ViewerIdentity,
    /// State now.
    pub state: SessionState,
    /// What DTLS chose; `None` before.
    pub srtp_profile: Option<SrtpProfile>,
    /// Where media goes; `None` before ICE.
    pub remote: Option<SocketAddr>,
    /// SRTP bytes sent, all tracks, retransmissions included.
    pub bytes_sent: u64,
    /// SRTP packets sent, all tracks, retransmissions included.
    pub packets_sent: u64,
    /// Packets the viewer asked for again.
    pub nacks: u64,
    /// Of these, sent again.
    pub retransmits: u64,
    /// Picture loss indications and full intra requests received.
    pub plis: u64,
    /// Datagrams that were not authentic, or not understood.
    pub rejected: u64,
    /// Times the viewer fell behind and resumed at a keyframe.
    pub overflows: u64,
    /// Round trip: by the DTLS handshake at first, then by the last receiver report.
    pub round_trip: Option<Duration>,
    /// Loss by the last receiver report, in parts per million.
    pub loss_ppm: u32,
    /// Age of the session.
    pub age: Duration,
}

/// A DTLS-SRTP protection profile that this library speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764 section 4.1.2).
    Aes128CmSha1_80,
    /// SRTP_AEAD_AES_128_GCM (RFC 7714 section 14.2).
    AeadAes128Gcm,
}

impl SrtpProfile {
    /// Its IANA number.
    pub const fn iana(self) -> u16 {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 0x0001,
            SrtpProfile::AeadAes128Gcm => 0x0007,
        }
    }

    /// Its name in the IANA registry, without `SRTP_`.
    pub const fn name(self) -> &'static str {
        match self {
            SrtpProfile::Aes128CmSha1_80 => "AES128_CM_HMAC_SHA1_80",
            SrtpProfile::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }
}
