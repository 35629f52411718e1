//! The codecs that pass through, and what is known about a track before its first access unit.

use super::ParameterSets;

/// Video or audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Video.
    Video,
    /// Audio.
    Audio,
}

/// A codec that the gateway passes from source to viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264 = 1,
    /// H.265 (RFC 7798).
    H265 = 2,
    /// AV1 (RTP Payload Format For AV1, version 1.0).
    Av1 = 3,
    /// Opus (RFC 7587).
    Opus = 64,
    /// G.711 µ-law, 8 kHz (RFC 3551).
    Pcmu = 65,
    /// G.711 A-law, 8 kHz (RFC 3551).
    Pcma = 66,
    /// G.722 at 64 kbit/s (RFC 3551): 16 kHz, though its RTP clock counts 8 kHz.
    G722 = 67,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 7] = [
        Codec::H264,
        Codec::H265,
        Codec::Av1,
        Codec::Opus,
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
    ];

    /// Video or audio.
    pub const fn kind(self) -> MediaKind {
        match self {
            Codec::H264 | Codec::H265 | Codec::Av1 => MediaKind::Video,
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => MediaKind::Audio,
        }
    }

    /// RTP clock rate in Hz. That of G.722 is half its sampling rate: a mistake in RFC 1890 that is
    /// kept for compatibility (RFC 3551 section 4.5.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::H264 | Codec::H265 | Codec::Av1 => 90_000,
            Codec::Opus => 48_000,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
        }
    }

    /// Channels in an `a=rtpmap` line. Always 2 for Opus, even for mono (RFC 7587 section 7).
    pub const fn channels(self) -> u8 {
        match self {
            Codec::Opus => 2,
            _ => 1,
        }
    }

    /// Encoding name in an `a=rtpmap` line, as registered with IANA.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Codec::H264 => "H264",
            Codec::H265 => "H265",
            Codec::Av1 => "AV1",
            Codec::Opus => "opus",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
        }
    }
}

/// What is known about a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// Its codec.
    pub codec: Codec,
    /// The parameter sets of its codec; always present for video, never for audio.
    pub parameter_sets: Option<ParameterSets>,
}

impl TrackInfo {
    /// A video track.
    pub fn video(sets: impl Into<ParameterSets>) -> Self {
        let sets = sets.into();
        TrackInfo {
            codec: sets.codec(),
            parameter_sets: Some(sets),
        }
    }

    /// An audio track.
    pub const fn audio(codec: Codec) -> Self {
        TrackInfo {
            codec,
            parameter_sets: None,
        }
    }
}
