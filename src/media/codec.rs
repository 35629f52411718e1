//! The codecs that pass through, and what is known of a track before its first access unit.

use super::h264::ParameterSets;

/// Picture or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Picture.
    Video,
    /// Sound.
    Audio,
}

/// A codec that the gateway passes from camera to viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264 = 1,
    /// G.711 µ-law, 8 kHz (RFC 3551).
    Pcmu = 65,
    /// G.711 A-law, 8 kHz (RFC 3551).
    Pcma = 66,
}

impl Codec {
    /// Picture or sound.
    pub const fn kind(self) -> MediaKind {
        match self {
            Codec::H264 => MediaKind::Video,
            Codec::Pcmu | Codec::Pcma => MediaKind::Audio,
        }
    }

    /// RTP clock rate in Hz.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::H264 => 90_000,
            Codec::Pcmu | Codec::Pcma => 8_000,
        }
    }

    /// Name in an `a=rtpmap` line.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Codec::H264 => "H264",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }
}

/// What is known of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// Its codec.
    pub codec: Codec,
    /// SPS and PPS; always there for H.264, never for other codecs.
    pub parameter_sets: Option<ParameterSets>,
}
