//! The sound of a camera: which encodings there are, what viewers get of each, and how it becomes that.

#[cfg(feature = "transcode-audio")]
mod aac;
#[cfg_attr(not(feature = "transcode-audio"), allow(dead_code))]
mod bits;
mod config;
mod encoding;
#[cfg(feature = "transcode-audio")]
mod g726;
#[cfg(feature = "transcode-audio")]
mod latm;
#[cfg(feature = "transcode-audio")]
mod pcm;
#[cfg(feature = "transcode-audio")]
mod resample;
#[cfg(feature = "transcode-audio")]
mod transcoder;

use std::time::Duration;

pub use bits::Bits;
pub use config::Config;
pub use encoding::{Aac, Encoding, G726Packing};

use super::Sink;
use crate::media::{AccessUnit, Codec, MAX_PAYLOAD, MediaKind, TrackInfo};
#[cfg(feature = "transcode-audio")]
use crate::state::{Warning, WarningKind};
#[cfg(feature = "transcode-audio")]
use transcoder::Transcoder;

/// Units in a row that cannot be decoded, after which that is said.
#[cfg(feature = "transcode-audio")]
const BAD_UNITS: u32 = 25;

/// One audio track, from the units that were received to what viewers get. What has to be encoded for
/// them is, once for all of them, while one of them hears it.
pub struct Audio {
    codec: Codec,
    work: Work,
}

enum Work {
    Pass,
    #[cfg(feature = "transcode-audio")]
    Transcode {
        transcoder: Box<Transcoder>,
        name: &'static str,
        heard: bool,
        bad: u32,
    },
}

impl Audio {
    /// `clock_rate`: of the timestamps. `None` if this build cannot make anything of it that browsers play.
    pub fn new(encoding: &Encoding, clock_rate: u32) -> Option<Audio> {
        let (codec, work) = match encoding {
            Encoding::Pass(codec) => (*codec, Work::Pass),
            #[cfg(feature = "transcode-audio")]
            _ => {
                let work = Work::Transcode {
                    transcoder: Box::new(Transcoder::new(encoding, clock_rate).ok()?),
                    name: encoding.name(),
                    heard: false,
                    bad: 0,
                };
                (Codec::Opus, work)
            }
            #[cfg(not(feature = "transcode-audio"))]
            _ => return None,
        };
        let _ = clock_rate;
        Some(Audio { codec, work })
    }

    /// What viewers get.
    pub fn info(&self) -> TrackInfo {
        TrackInfo::audio(self.codec)
    }

    /// Passes on what viewers get of a unit. `lost`: packets missing before it.
    pub fn push(&mut self, unit: &AccessUnit<'_>, lost: u32, sink: &mut impl Sink) {
        match &mut self.work {
            Work::Pass => {
                let length = duration(self.codec, unit.data);
                let captured = unit.captured.or_else(|| unit.arrival.checked_sub(length));
                let whole = AccessUnit { captured, ..*unit };
                match self.codec {
                    Codec::Opus => sink.media(MediaKind::Audio, &whole, lost),
                    codec => push_samples(codec, &whole, lost, sink),
                }
            }
            #[cfg(feature = "transcode-audio")]
            Work::Transcode {
                transcoder,
                name,
                heard,
                bad,
            } => {
                if !sink.is_heard() {
                    if std::mem::take(heard) {
                        transcoder.reset();
                    }
                    return;
                }
                *heard = true;
                let mut lost = lost;
                let done = transcoder.push(unit, &mut |packet, more| {
                    let lost = std::mem::take(&mut lost);
                    match more {
                        true => sink.media_and_more(MediaKind::Audio, packet, lost),
                        false => sink.media(MediaKind::Audio, packet, lost),
                    }
                });
                match done {
                    Ok(()) if *bad >= BAD_UNITS => {
                        *bad = 0;
                        sink.warn(MediaKind::Audio, None);
                    }
                    Ok(()) => *bad = 0,
                    Err(_) => {
                        *bad = bad.saturating_add(1);
                        if *bad == BAD_UNITS {
                            sink.warn(MediaKind::Audio, Some(undecodable(name)));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(feature = "transcode-audio")]
fn undecodable(name: &str) -> Warning {
    Warning {
        kind: WarningKind::Audio,
        message: format!(
            "its sound is {name} that cannot be decoded: set the camera to AAC-LC, G.711 or Opus"
        ),
    }
}

/// Which of a camera's audio tracks to take: the one with the widest band, and of those the one that
/// passes as it is. All of them must be of use.
pub fn best<'a>(tracks: impl IntoIterator<Item = &'a Encoding>) -> Option<usize> {
    let tracks = tracks.into_iter().enumerate();
    // Of equal ones the first: the order is the camera's.
    let rank = |encoding: &Encoding| (encoding.rate(), matches!(encoding, Encoding::Pass(_)));
    tracks
        .min_by_key(|(_, encoding)| std::cmp::Reverse(rank(encoding)))
        .map(|(index, _)| index)
}

/// Passes on G.711 or G.722, of which each byte is one clock tick (RFC 3551 sections 4.5.2 and 4.5.14), in pieces that fit
/// a packet.
fn push_samples(codec: Codec, whole: &AccessUnit<'_>, mut lost: u32, sink: &mut impl Sink) {
    let mut unit = *whole;
    while unit.data.len() > MAX_PAYLOAD {
        let (first, rest) = unit.data.split_at(MAX_PAYLOAD);
        let piece = AccessUnit {
            data: first,
            ..unit
        };
        sink.media_and_more(MediaKind::Audio, &piece, std::mem::take(&mut lost));
        unit.data = rest;
        unit.timestamp = unit.timestamp.wrapping_add(first.len() as i64);
        unit.captured = unit
            .captured
            .and_then(|captured| captured.checked_add(duration(codec, first)));
    }
    sink.media(MediaKind::Audio, &unit, lost);
}

/// How long what a packet carries lasts.
fn duration(codec: Codec, data: &[u8]) -> Duration {
    match codec {
        Codec::Opus => opus_duration(data),
        // One octet for each tick.
        _ => Duration::from_micros(data.len() as u64 * 1_000_000 / u64::from(codec.clock_rate())),
    }
}

/// RFC 6716 section 3.
fn opus_duration(packet: &[u8]) -> Duration {
    let Some(&first) = packet.first() else {
        return Duration::ZERO;
    };
    let frame = match first >> 3 {
        mode @ 0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(mode % 4)],
        mode @ 12..16 => [10_000, 20_000][usize::from(mode % 2)],
        mode => [2_500, 5_000, 10_000, 20_000][usize::from(mode % 4)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| count & 63),
    };
    // At most 120 ms.
    Duration::from_micros(frame * u64::from(frames)).min(Duration::from_millis(120))
}
