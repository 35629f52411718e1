//! The owner's side of mirrors: hands a stream's media to other workers.
//!
//! A worker whose sessions want a stream of another asks its owner for it once, however many they
//! are. The owner then sends what is in its ring since the latest keyframe, and from then on each
//! access unit. It copies the packets once, for all mirrors; a mirror copies them into a ring of its
//! own, so that no two workers share memory that changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::command::Command;
use super::thread::Peers;
use crate::media::{Codec, MediaClock, MediaKind, StreamRate, TrackCopy, UnitCopy};
use crate::session::Media;
use crate::state::StreamId;

/// Bytes that may be on their way to a mirror, in addition to what it begins with. If its worker does
/// not keep up, it continues at a keyframe.
const MAX_IN_FLIGHT: usize = 8 << 20;

const KINDS: [MediaKind; 2] = [MediaKind::Video, MediaKind::Audio];

/// A mirror of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MirrorAddress {
    /// The worker that it is on.
    pub worker: usize,
    /// Its number, which no other mirror has or had.
    pub number: u64,
}

/// News of a stream for a mirror of it.
pub struct Parcel {
    /// The stream.
    pub stream: StreamId,
    /// The number of the mirror.
    pub mirror: u64,
    /// The news.
    pub news: News,
}

/// What happened to a stream that is mirrored.
pub enum News {
    /// It has a track, or one of another codec.
    Begins(Box<Beginning>),
    /// It has a new access unit.
    Unit(InFlight),
    /// It has no track of this kind any more.
    Ends(MediaKind),
    /// Its variants are these now, best first, itself included.
    Variants(Vec<StreamId>),
    /// Its state has changed, or it was removed: the registry has that.
    State,
}

/// What a track of a mirror begins with.
pub struct Beginning {
    /// The track so far.
    pub track: TrackCopy,
    /// How fast the video comes in.
    pub rate: StreamRate,
    /// Whether its host can be asked for keyframes.
    pub pushed: bool,
}

/// An access unit, and what is known of its track as of then.
pub struct MirroredUnit {
    /// Of which track it is.
    pub kind: MediaKind,
    /// Its packets.
    pub packets: UnitCopy,
    /// It is the first that viewers can begin with since the camera was connected.
    pub begins: bool,
    /// The timeline.
    pub clock: MediaClock,
    /// How fast the video comes in.
    pub rate: StreamRate,
}

/// An access unit on its way to a mirror.
pub struct InFlight {
    unit: Arc<MirroredUnit>,
    bytes: Arc<AtomicUsize>,
}

impl InFlight {
    /// The access unit.
    pub fn unit(&self) -> &MirroredUnit {
        &self.unit
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let bytes = self.unit.packets.memory();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// All mirrors of a stream.
#[derive(Default)]
pub struct Feeds {
    feeds: Vec<Feed>,
}

struct Feed {
    to: MirrorAddress,
    /// The codecs that its video and its audio began with; `None` while it has none.
    codecs: [Option<Codec>; 2],
    in_flight: Arc<AtomicUsize>,
    /// An access unit was left out: those up to the next keyframe cannot be decoded.
    awaits_keyframe: bool,
}

impl Feed {
    fn send(&self, stream: StreamId, news: News, peers: &Peers) {
        let parcel = Parcel {
            stream,
            mirror: self.to.number,
            news,
        };
        peers.command(self.to.worker, Command::Mirrored(Box::new(parcel)));
    }

    fn codec(&mut self, kind: MediaKind) -> &mut Option<Codec> {
        let [video, audio] = &mut self.codecs;
        match kind {
            MediaKind::Video => video,
            MediaKind::Audio => audio,
        }
    }

    /// Begins with the tracks that it does not have as they are, and ends with those that are gone.
    fn follow(&mut self, stream: StreamId, media: Media<'_>, pushed: bool, peers: &Peers) {
        for kind in KINDS {
            let track = media.track(kind);
            let codec = track.map(|track| track.info().codec);
            let before = std::mem::replace(self.codec(kind), codec);
            if before == codec {
                continue;
            }
            if kind == MediaKind::Video {
                self.awaits_keyframe = false;
            }
            let news = match track {
                None => News::Ends(kind),
                Some(track) => News::Begins(Box::new(Beginning {
                    track: track.copy(),
                    rate: media.rate,
                    pushed,
                })),
            };
            self.send(stream, news, peers);
        }
    }

    /// Whether an access unit is to be sent, which then counts as on its way.
    fn takes(&mut self, kind: MediaKind, unit: &UnitCopy) -> bool {
        if self.codec(kind).is_none() {
            return false;
        }
        let bytes = unit.memory();
        let before = self.in_flight.load(Ordering::Relaxed);
        let full = before > 0 && before + bytes > MAX_IN_FLIGHT;
        let left_out = match kind {
            MediaKind::Audio => full,
            MediaKind::Video => {
                self.awaits_keyframe |= full;
                // Behind an opening those who are further go on: it is for those who begin.
                self.awaits_keyframe &= full || !unit.is_keyframe() || unit.is_opening();
                self.awaits_keyframe
            }
        };
        if left_out {
            return false;
        }
        self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        true
    }
}

impl Feeds {
    /// Whether nobody mirrors the stream.
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }

    /// A mirror begins. `media`: what the stream has.
    pub fn add(
        &mut self,
        to: MirrorAddress,
        stream: StreamId,
        media: Option<Media<'_>>,
        pushed: bool,
        peers: &Peers,
    ) {
        let mut feed = Feed {
            to,
            codecs: [None, None],
            in_flight: Arc::default(),
            awaits_keyframe: false,
        };
        if let Some(media) = media {
            feed.follow(stream, media, pushed, peers);
        }
        self.feeds.push(feed);
    }

    /// A mirror ends.
    pub fn remove(&mut self, to: MirrorAddress) {
        self.feeds.retain(|feed| feed.to != to);
    }

    /// The stream is live. Mirrors that have no tracks of these codecs begin; the others go on: new
    /// parameter sets come with the next keyframe.
    pub fn live(&mut self, stream: StreamId, media: Media<'_>, pushed: bool, peers: &Peers) {
        for feed in &mut self.feeds {
            feed.follow(stream, media, pushed, peers);
        }
    }

    /// The stream has a new access unit of this kind.
    pub fn unit(
        &mut self,
        stream: StreamId,
        kind: MediaKind,
        media: Media<'_>,
        begins: bool,
        peers: &Peers,
    ) {
        let Some(track) = media.track(kind).filter(|_| !self.feeds.is_empty()) else {
            return;
        };
        let ring = track.ring();
        let newest = ring.end().checked_sub(1);
        let Some(packets) = newest.and_then(|number| ring.copy_unit(number)) else {
            return;
        };
        let unit = Arc::new(MirroredUnit {
            kind,
            packets,
            begins,
            clock: track.clock().clone(),
            rate: media.rate,
        });
        for feed in &mut self.feeds {
            if feed.takes(kind, &unit.packets) {
                let unit = InFlight {
                    unit: Arc::clone(&unit),
                    bytes: Arc::clone(&feed.in_flight),
                };
                feed.send(stream, News::Unit(unit), peers);
            }
        }
    }

    /// The stream has no media any more.
    pub fn ended(&mut self, stream: StreamId, peers: &Peers) {
        for feed in &mut self.feeds {
            for kind in KINDS {
                if feed.codec(kind).take().is_some() {
                    feed.send(stream, News::Ends(kind), peers);
                }
            }
        }
    }

    /// The stream has these variants now.
    pub fn variants(&self, stream: StreamId, variants: &[StreamId], peers: &Peers) {
        for feed in &self.feeds {
            feed.send(stream, News::Variants(variants.to_vec()), peers);
        }
    }

    /// The state of the stream has changed.
    pub fn state(&self, stream: StreamId, peers: &Peers) {
        for feed in &self.feeds {
            feed.send(stream, News::State, peers);
        }
    }
}
