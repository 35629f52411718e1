//! One media section of a session: sends one track of one stream to one viewer.
//!
//! A leg stores no payload. It stores where it is in the ring of its track ([`Position`]), what
//! its packets look like ([`RtpStream`]), and how often it sent what again ([`Nack`]). The keys, the
//! path and the pacer are the transport's: a leg gets them as an [`Egress`] whenever it may send.

mod lag;
mod nack;
mod position;
mod pump;
mod restart;
mod rtp;
mod show;
mod timeline;

use std::time::{Duration, Instant};

use super::io::{Media, Tracks, Transmit};
use super::rtcp::SenderReport;
use super::transport::Egress;
use crate::error::Result;
use crate::media::{MediaKind, Ring, Track};
use crate::sdp::answer::{Negotiated, NegotiatedTrack};
use crate::state::{Detail, StreamId};
use lag::Lag;
use nack::Nack;
use position::Position;
pub use pump::{Burst, Turn};
use restart::RestartLimit;
use rtp::RtpStream;
use show::SentTrack;
pub use show::StandIn;
use timeline::Timeline;

/// A camera that has sent nothing for this long is silent. Some send one frame a second.
const SILENCE: Duration = Duration::from_millis(2500);

/// How late a picture may be shown, in units of 10 ms, to be shown with its sound: browsers keep sound for
/// as long as its packets come unevenly. Without sound, pictures are shown at once.
const MOST_DELAY: u8 = 20;

/// What one leg of a new session sends, and how.
pub struct LegConfig {
    /// The stream that it sends; `None`: none yet.
    pub source: Option<StreamId>,
    /// The name of its media section (`a=mid`), by which the viewer binds it to another stream. Empty in a
    /// session of a stream, which is not bound to another.
    pub mid: Box<str>,
    /// What offer and answer agreed on for its media section.
    pub track: NegotiatedTrack,
    /// Unpredictable bits, for the first sequence numbers and the timestamps.
    pub random: u64,
}

impl LegConfig {
    /// The legs of a session that shows one stream. `random` are unpredictable bits.
    pub fn of_stream(
        stream: StreamId,
        negotiated: Negotiated,
        random: [u64; 2],
    ) -> impl Iterator<Item = LegConfig> {
        let mut tracks = negotiated.tracks;
        tracks.sort_by_key(|track| track.kind() == MediaKind::Audio);
        let tracks = tracks.into_iter().zip(random);
        tracks.map(move |(track, random)| LegConfig {
            source: Some(stream),
            mid: Box::default(),
            track,
            random,
        })
    }

    /// The legs of a wall, which show nothing yet. `random` returns unpredictable bits.
    pub fn of_wall(
        negotiated: Negotiated,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Vec<LegConfig>> {
        let legs = negotiated.tracks.into_iter().map(|track| {
            Ok(LegConfig {
                source: None,
                mid: track.mid.clone(),
                track,
                random: random()?,
            })
        });
        legs.collect()
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)] // the order counts: see Session
pub struct Sent {
    /// Packets, retransmissions included.
    pub packets: u64,
    /// Payload bytes without retransmissions, for sender reports.
    pub payload_octets: u64,
    /// SRTP bytes, retransmissions included.
    pub bytes: u64,
    /// Retransmissions.
    pub retransmits: u64,
    /// Padding: packets and SRTP bytes, on top of the others.
    pub padding_packets: u64,
    pub padding_bytes: u64,
    /// Times the viewer fell behind the ring.
    pub overflows: u64,
    /// Times that the viewer was shown a keyframe that the stream had gone on from.
    pub stills: u64,
    /// Times that frames were left out up to a keyframe because the path does not carry them.
    pub skips: u64,
    /// How often frames were left out up to a keyframe because they were late here.
    pub sheds: u64,
    /// When that happened last.
    pub skipped_at: Option<Instant>,
}

#[repr(C)] // the order counts: see Session
pub struct Leg {
    /// What there is to know of the track that it sends.
    sent_track: SentTrack,
    /// [`StreamId::NONE`]: it sends nothing for now.
    stream: StreamId,
    /// When packets that the pacer or the socket kept back are due.
    due: Option<Instant>,
    /// Loss by the viewer's last report, in parts per million.
    loss_ppm: u32,
    /// It goes on when a picture of each other leg has left.
    yields: bool,
    /// It has gone on with another stream, or track, since somebody asked, or its stream has changed.
    changed: bool,
    rtp: RtpStream,
    content: Content,
    /// `None` if NACK was not negotiated.
    nack: Option<Nack>,
    position: Position,
    sent: Sent,
}

/// What the kinds of media need that the others do not.
enum Content {
    /// Begins, and resumes after a gap, at keyframes only. Large frames are paced.
    Video {
        restart: RestartLimit,
        /// The viewer needs a keyframe that the ring does not have.
        keyframe_wanted: bool,
        /// How it keeps up with the stream.
        lag: Lag,
        /// How much of the stream the viewer gets.
        detail: Detail,
        /// How much of it up to the next keyframe: what follows may need what was left out.
        so_far: Detail,
        /// What it was sent last is a still.
        still: bool,
        /// Bytes per second that it may use of what the path carries.
        granted: u32,
    },
    /// Begins anywhere, and is never paced.
    Audio {
        /// There is sound that the viewer can be sent, as of the last decision.
        there: bool,
    },
}

impl Leg {
    pub fn new(config: LegConfig) -> Leg {
        let LegConfig {
            source,
            mid: _,
            track,
            random,
        } = config;
        // The first sequence numbers have 15 bits, so that the rollover counter begins at 0 for
        // any receiver (RFC 3711 section 3.3.1).
        let first_index = random & 0x7fff;
        let first_rtx_index = (random >> 16) & 0x7fff;
        Leg {
            stream: source.unwrap_or(StreamId::NONE),
            sent_track: SentTrack::new(&track),
            content: match track.codec.kind() {
                MediaKind::Video => Content::Video {
                    restart: RestartLimit::default(),
                    keyframe_wanted: false,
                    lag: Lag::Joining,
                    detail: Detail::AllFrames,
                    so_far: Detail::AllFrames,
                    still: false,
                    granted: u32::MAX,
                },
                MediaKind::Audio => Content::Audio { there: true },
            },
            position: Position::new(first_index),
            rtp: RtpStream {
                ssrc: track.ssrc,
                payload_type: track.payload_type,
                playout_delay: track.playout_delay_id.map(|id| (id, 0)),
                transport_cc_id: track.transport_cc_id,
                timeline: Timeline::new((random >> 32) as u32),
            },
            due: None,
            yields: false,
            sent: Sent::default(),
            loss_ppm: 0,
            nack: Nack::new(track.retransmission, first_rtx_index),
            changed: false,
        }
    }

    /// The stream that it sends.
    pub fn stream(&self) -> Option<StreamId> {
        Some(self.stream).filter(|&stream| stream != StreamId::NONE)
    }

    /// The media of the stream that it sends.
    pub fn media<'t>(&self, tracks: &'t dyn Tracks) -> Option<Media<'t>> {
        tracks.media(self.stream()?)
    }

    /// The track that it sends.
    pub fn track<'t>(&self, tracks: &'t dyn Tracks) -> Option<&'t Track> {
        self.media(tracks)?.track(self.kind())
    }

    pub fn kind(&self) -> MediaKind {
        match self.content {
            Content::Video { .. } => MediaKind::Video,
            Content::Audio { .. } => MediaKind::Audio,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.rtp.ssrc
    }

    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    pub fn loss_ppm(&self) -> u32 {
        self.loss_ppm
    }

    /// Takes the loss that a receiver report names, in 1/256.
    pub fn note_loss(&mut self, fraction: u8) {
        self.loss_ppm = u32::from(fraction) * 1_000_000 / 256;
    }

    /// When the leg is to be pumped again although no new access unit has come.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it goes on only when a picture of each other leg has left.
    pub fn yields(&self) -> bool {
        self.yields
    }

    /// It is not to be pumped before that.
    pub fn wait_until(&mut self, at: Instant) {
        self.due = Some(at);
    }

    /// Whether a picture has left in part.
    pub fn is_amid_picture(&self, tracks: &dyn Tracks) -> bool {
        let track = self.track(tracks).filter(|track| self.sends(track));
        let unit = track.and_then(|track| {
            let cursor = self.position.cursor()?;
            Some((cursor, track.ring().unit(cursor)?))
        });
        unit.is_some_and(|(cursor, unit)| cursor > unit.start)
    }

    /// From now on the viewer is sent sound, with which the picture has to keep step, or is not.
    pub fn keep_step(&mut self, with_sound: bool) {
        let Some((_, most)) = &mut self.rtp.playout_delay else {
            return;
        };
        let before = std::mem::replace(most, if with_sound { MOST_DELAY } else { 0 });
        if before != *most && self.nack.as_ref().is_some_and(Nack::repeats_in_place) {
            self.position.forget_sent();
        }
    }

    /// From now on it may use so many bits per second of what the path carries.
    pub fn grant(&mut self, bits: u64) {
        if let Content::Video { granted, .. } = &mut self.content {
            *granted = u32::try_from(bits / 8).unwrap_or(u32::MAX);
        }
    }

    /// Reads what [`Leg::pump`] will.
    pub fn touch(&self) {
        let place = (self.position.cursor(), self.position.begins(), self.due);
        let packets = (self.rtp.ssrc, self.rtp.timeline, self.rtp.transport_cc_id);
        let sent = (self.sent.packets, self.sent.overflows, self.loss_ppm);
        std::hint::black_box((place, packets, sent, self.gets_less(), self.nack.is_some()));
        self.sent_track.touch();
    }

    /// Whether it has gone on with another stream, or track, since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// There is something new to say of it.
    pub fn note_changed(&mut self) {
        self.changed = true;
    }

    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Whether there is sound that the viewer can be sent, as of the last decision.
    pub fn has_sound(&self) -> bool {
        matches!(self.content, Content::Audio { there: true })
    }

    /// Notes whether there is. True if that is new.
    pub fn note_sound(&mut self, now_there: bool) -> bool {
        match &mut self.content {
            Content::Audio { there } => std::mem::replace(there, now_there) != now_there,
            Content::Video { .. } => false,
        }
    }

    /// Whether it has sent anything.
    pub fn has_sent(&self) -> bool {
        self.sent.packets > 0
    }

    /// Nothing can be sent: what waits is due when there is more.
    pub fn rest(&mut self) {
        self.due = None;
    }

    /// Keys are there: what a viewer that has just connected may ask for is limited from now on.
    pub fn begin(&mut self, now: Instant) {
        if let Content::Video { restart, .. } = &mut self.content {
            restart.began(now);
        }
    }

    /// Sends what is new in the ring, and notes when to go on with what cannot leave yet: never, if the
    /// stream has no media any more.
    pub fn pump<T: Transmit>(
        &mut self,
        media: Option<Media<'_>>,
        turn: &mut Turn,
        egress: &mut Egress<'_, T>,
    ) {
        self.yields = false;
        let Some(media) = media else {
            self.due = None;
            return;
        };
        if egress.is_unheard() {
            self.due = None;
            // Sound that was not heard is not made up for.
            if let Content::Audio { .. } = self.content
                && let Some(track) = media.audio
                && self.position.cursor().is_some()
            {
                self.position.seek(track.ring().end());
            }
            return;
        }
        self.due = media
            .track(self.kind())
            .filter(|track| self.is_ready(track, egress.now()))
            .and_then(|track| match self.content {
                Content::Video { .. } => {
                    let pace = egress.pace(self.loss_ppm, media.rate);
                    let pace = pace.map(|pace| (pace, media.rate));
                    self.send_new(track.ring(), pace, turn, egress)
                }
                Content::Audio { .. } => self.send_new(track.ring(), None, turn, egress),
            });
    }

    /// The transport-wide sequence number of the next packet; `None` if that was not negotiated, or the
    /// transport wants none.
    fn next_number<T: Transmit>(&self, egress: &mut Egress<'_, T>) -> Option<u16> {
        self.rtp.transport_cc_id.and_then(|_| egress.next_number())
    }

    /// When the oldest packet that waits to be sent arrived; `None` if none waits.
    fn waiting_since(&self, ring: &Ring) -> Option<Instant> {
        let cursor = self.position.cursor()?.max(ring.start());
        ring.packet(cursor).map(|packet| packet.arrival)
    }

    /// The viewer cannot decode, and asked for a keyframe: everything from the ring's newest one is
    /// to be sent again. True if the leg is due for that.
    pub fn keyframe_requested(&mut self, now: Instant, track: &Track) -> bool {
        let Content::Video {
            restart,
            keyframe_wanted,
            lag,
            detail,
            still,
            ..
        } = &mut self.content
        else {
            return false;
        };
        // It is not to get more than the next keyframe, if that.
        if *detail >= Detail::Keyframes && *lag == Lag::Parked {
            return false;
        }
        let ring = track.ring();
        if is_silent(ring, now) {
            return false;
        }
        if restart.allow(now)
            && let Some(keyframe) = ring
                .latest_keyframe()
                .or_else(|| ring.still().filter(|_| *still).map(|still| still.first))
        {
            self.position.seek(keyframe);
            *lag = Lag::Joining;
            (self.due, self.yields) = (Some(now), false);
            return true;
        }
        *keyframe_wanted = true;
        false
    }

    /// Whether the viewer needs a keyframe that the ring does not have. Each need is reported once.
    pub fn take_keyframe_request(&mut self) -> bool {
        match &mut self.content {
            Content::Video {
                keyframe_wanted, ..
            } => std::mem::take(keyframe_wanted),
            Content::Audio { .. } => false,
        }
    }

    /// What a sender report at `now` says of the leg; `None` before it has sent anything.
    pub fn report(&mut self, track: &Track, now: Instant) -> Option<SenderReport> {
        if self.sent.packets == 0 || !self.sent_track.is(track) {
            return None;
        }
        let timestamp = self.note_time(track, now)?;
        Some(SenderReport {
            ssrc: self.rtp.ssrc,
            rtp_timestamp: timestamp,
            packets: self.sent.packets as u32,
            octets: self.sent.payload_octets as u32,
        })
    }
}

/// Whether the camera has sent nothing for a while. Browsers then ask for a keyframe, and would
/// show the last seconds over and over if they got one.
pub fn is_silent(ring: &Ring, now: Instant) -> bool {
    let newest = ring.end().checked_sub(1).and_then(|n| ring.packet(n));
    newest.is_none_or(|packet| now.saturating_duration_since(packet.arrival) > SILENCE)
}
