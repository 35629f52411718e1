//! A stream of another worker, for the sessions of this one: how it comes here is in `feeds.rs`.

use std::time::Instant;

use super::feeds::{MirrorAddress, News};
use super::held_sound::Hold;
use super::stream::{KEYFRAME_REQUEST_INTERVAL, limits};
use crate::media::{MediaKind, StreamRate, Track};
use crate::session::Media;
use crate::state::StreamId;
use crate::tuning::Tuning;

/// A stream of another worker. It exists while a session of this worker wants it, and is neither
/// listed nor counted.
pub struct Mirror {
    /// Which one it is.
    pub address: MirrorAddress,
    /// The worker that owns the stream.
    pub owner: usize,
    /// Rows of the sessions that want it.
    pub audience: Vec<usize>,
    /// What may be shown in its place, best first, itself included; empty if nothing.
    pub variants: Vec<StreamId>,
    /// Whether the stream's host can be asked for keyframes.
    pushed: bool,
    keyframe_asked: Option<Instant>,
    video: Option<Track>,
    audio: Option<Track>,
    rate: StreamRate,
    /// The sound that waits for more.
    pub hold: Hold,
}

/// What news of a stream means to those who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// There is something of this kind to send.
    Send(MediaKind),
    /// A track begins, is another, or is gone, or the variants have changed: what they are shown may change.
    Other,
    /// Its state has changed.
    State,
    /// Nothing.
    Nothing,
}

impl Mirror {
    /// One that has no media yet.
    pub fn new(address: MirrorAddress, owner: usize, variants: Vec<StreamId>) -> Mirror {
        Mirror {
            address,
            owner,
            audience: Vec::new(),
            variants,
            pushed: false,
            keyframe_asked: None,
            video: None,
            audio: None,
            rate: StreamRate::default(),
            hold: Hold::default(),
        }
    }

    /// What viewers may be sent; `None` while there is nothing.
    pub fn media(&self) -> Option<Media<'_>> {
        if self.video.is_none() && self.audio.is_none() {
            return None;
        }
        Some(Media {
            video: self.video.as_ref(),
            audio: self.audio.as_ref(),
            rate: self.rate,
        })
    }

    /// Bytes of memory that its rings hold.
    pub fn memory(&self) -> usize {
        let tracks = [&self.video, &self.audio].into_iter().flatten();
        tracks.map(|track| track.ring().memory()).sum()
    }

    /// Whether figures are of the track of this kind, as [`Stream::leads`](super::stream::Stream::leads) says it.
    pub fn leads(&self, kind: MediaKind) -> bool {
        kind == MediaKind::Video || self.video.is_none()
    }

    fn track(&mut self, kind: MediaKind) -> &mut Option<Track> {
        match kind {
            MediaKind::Video => &mut self.video,
            MediaKind::Audio => &mut self.audio,
        }
    }

    /// Takes news of the stream.
    pub fn take(&mut self, news: News, tuning: &Tuning) -> Effect {
        match news {
            News::Begins(beginning) => {
                let kind = beginning.track.info.codec.kind();
                let limits = limits(kind, tuning);
                *self.track(kind) = Some(Track::mirror(beginning.track, limits));
                self.rate = beginning.rate;
                self.pushed = beginning.pushed;
                Effect::Other
            }
            News::Unit(unit) => {
                let unit = unit.unit();
                let Some(track) = self.track(unit.kind) else {
                    return Effect::Nothing;
                };
                track.follow(&unit.packets, &unit.clock);
                self.rate = unit.rate;
                if unit.begins {
                    Effect::Other
                } else {
                    Effect::Send(unit.kind)
                }
            }
            News::Ends(kind) => {
                *self.track(kind) = None;
                Effect::Other
            }
            News::Variants(variants) => {
                self.variants = variants;
                Effect::Other
            }
            News::State => Effect::State,
        }
    }

    /// Whether its host can be asked for keyframes.
    pub fn is_pushed(&self) -> bool {
        self.pushed
    }

    /// A keyframe is needed. True if the owner is to be told.
    pub fn request_keyframe(&mut self, now: Instant) -> bool {
        let too_soon = self
            .keyframe_asked
            .is_some_and(|at| now.saturating_duration_since(at) < KEYFRAME_REQUEST_INTERVAL);
        if !self.pushed || too_soon {
            return false;
        }
        self.keyframe_asked = Some(now);
        true
    }

    /// Applies changed knobs.
    pub fn tuning_changed(&mut self, tuning: &Tuning) {
        for track in [&mut self.video, &mut self.audio].into_iter().flatten() {
            let kind = track.info().codec.kind();
            track.ring_mut().set_limits(limits(kind, tuning));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::testing::{h265_sets, sets, unit};
    use crate::media::{AccessUnit, Codec, MediaKind, TrackInfo};
    use crate::state::{StreamId, StreamIdentity};
    use crate::worker::Command;
    use crate::worker::stream::{Arrived, Stream};
    use crate::worker::streams::StreamEntry;
    use crate::worker::thread::{CommandQueue, CommandSender, Peers, command_queue};

    const STREAM: StreamId = StreamId(1);
    const SEND: Effect = Effect::Send(MediaKind::Video);
    const ADDRESS: MirrorAddress = MirrorAddress {
        worker: 0,
        number: 7,
    };

    /// A stream, the way to the worker that mirrors it, and the mirror.
    struct World {
        entry: StreamEntry,
        peers: Peers,
        commands: (CommandSender, CommandQueue),
        mirror: Mirror,
        tuning: Tuning,
        now: Instant,
    }

    impl World {
        fn new() -> World {
            let commands = command_queue();
            let stream = Stream::new(StreamIdentity {
                name: "sub".into(),
                label: None,
                user_data: 0,
            });
            World {
                entry: StreamEntry::new(stream, None),
                peers: Peers::new(std::slice::from_ref(&commands.0)),
                commands,
                mirror: Mirror::new(ADDRESS, 1, Vec::new()),
                tuning: Tuning::default(),
                now: Instant::now(),
            }
        }

        fn live(&mut self, video: TrackInfo) {
            self.live_with(video, None);
        }

        fn live_with(&mut self, video: TrackInfo, audio: Option<TrackInfo>) {
            self.entry.stream.live(Some(video), audio, &self.tuning);
            self.entry.feed_live(STREAM, &self.peers);
        }

        fn begin(&mut self) {
            let media = self.entry.stream.media();
            self.entry
                .feeds
                .add(ADDRESS, STREAM, media, true, &self.peers);
        }

        /// An access unit with one slice of this size arrives.
        fn frame(&mut self, keyframe: bool, size: usize) {
            self.now += Duration::from_millis(40);
            let mut slice = vec![1; size];
            slice[0] = if keyframe { 0x65 } else { 0x41 };
            let picture = AccessUnit {
                data: &unit(&[slice]),
                timestamp: 0,
                arrival: self.now,
                captured: None,
            };
            let arrived = self
                .entry
                .stream
                .media_arrived(MediaKind::Video, &picture, 0);
            let begins = arrived == Arrived::Beginning;
            self.entry
                .feed_unit(STREAM, MediaKind::Video, begins, &self.peers);
        }

        /// The mirror's worker takes what has come, and does this.
        fn take(&mut self) -> Vec<Effect> {
            let mut effects = Vec::new();
            while let Ok(Command::Mirrored(parcel)) = self.commands.1.try_recv() {
                assert_eq!((parcel.stream, parcel.mirror), (STREAM, ADDRESS.number));
                effects.push(self.mirror.take(parcel.news, &self.tuning));
            }
            effects
        }

        /// Arrivals of the access units that the mirror has.
        fn mirrored(&self) -> Vec<Instant> {
            let Some(media) = self.mirror.media() else {
                return Vec::new();
            };
            let ring = media.video.unwrap().ring();
            let packets = (ring.start()..ring.end()).filter_map(|n| ring.packet(n));
            packets.filter(|p| p.first).map(|p| p.arrival).collect()
        }
    }

    #[test]
    fn it_begins_with_the_gop_and_follows() {
        let mut world = World::new();
        world.live(TrackInfo::video(sets()));
        world.frame(true, 5000);
        world.frame(true, 5000);
        let keyframe = world.now;
        world.frame(false, 300);
        assert_eq!(world.take(), [], "nobody mirrors it yet");
        world.begin();
        assert_eq!(world.take(), [Effect::Other]);
        world.frame(false, 300);
        assert_eq!(world.take(), [SEND]);
        let frame = Duration::from_millis(40);
        assert_eq!(
            world.mirrored(),
            [keyframe, keyframe + frame, keyframe + 2 * frame]
        );
        assert!(world.mirror.request_keyframe(world.now));
        assert!(!world.mirror.request_keyframe(world.now), "just asked");

        // Another connection of the same camera goes on, another codec is another beginning.
        world.live(TrackInfo::video(sets()));
        assert_eq!(world.take(), []);
        assert_eq!(world.mirrored().len(), 3);
        world.live(TrackInfo::video(h265_sets()));
        assert_eq!(world.take(), [Effect::Other]);
        let codec = world.mirror.media().unwrap().video.unwrap().info().codec;
        assert_eq!((codec, world.mirrored().len()), (Codec::H265, 0));

        world.entry.forget_media(STREAM, &world.peers);
        world.entry.forget_media(STREAM, &world.peers);
        assert_eq!(world.take(), [Effect::Other]);
        assert!(world.mirror.media().is_none());

        world.entry.feeds.remove(ADDRESS);
        world.live(TrackInfo::video(sets()));
        world.frame(true, 300);
        assert_eq!(world.take(), []);
    }

    #[test]
    fn one_that_does_not_keep_up_does_not_go_on_behind_an_opening() {
        let mut world = World::new();
        world.live(TrackInfo::video(sets()));
        world.begin();
        world.frame(true, 1000);
        for _ in 0..10 {
            world.frame(false, 1 << 20);
        }
        world.take();
        world.now += Duration::from_millis(40);
        let opening = AccessUnit {
            data: &unit(&[[0x65, 1, 2]]),
            timestamp: 0,
            arrival: world.now,
            captured: None,
        };
        world.entry.stream.opening(&opening);
        world
            .entry
            .feed_unit(STREAM, MediaKind::Video, false, &world.peers);
        world.frame(false, 1000);
        assert_eq!(
            world.take(),
            [],
            "its viewers would go on with what is missing"
        );
        world.frame(true, 1000);
        assert_eq!(world.take(), [SEND]);
    }

    #[test]
    fn it_has_the_sound_that_the_stream_has() {
        let mut world = World::new();
        let sound = || Some(TrackInfo::audio(Codec::Pcmu));
        world.live_with(TrackInfo::video(sets()), sound());
        world.begin();
        assert_eq!(world.take(), [Effect::Other; 2]);
        let unit = AccessUnit {
            data: &[7; 160],
            timestamp: 0,
            arrival: world.now,
            captured: None,
        };
        let audio = MediaKind::Audio;
        world.entry.stream.media_arrived(audio, &unit, 0);
        world.entry.feed_unit(STREAM, audio, false, &world.peers);
        assert_eq!(world.take(), [Effect::Send(audio)]);
        let ring = |world: &World| world.mirror.media().unwrap().audio.map(|a| a.ring().end());
        assert_eq!(ring(&world), Some(1));
        // The camera comes back without, and with it again; the video goes on.
        world.live(TrackInfo::video(sets()));
        assert_eq!(world.take(), [Effect::Other]);
        assert_eq!(ring(&world), None);
        world.live_with(TrackInfo::video(sets()), sound());
        assert_eq!(world.take(), [Effect::Other]);
        assert_eq!(ring(&world), Some(0));
    }

    #[test]
    fn one_that_begins_before_the_stream_has_media_waits_for_it() {
        let mut world = World::new();
        world.begin();
        assert_eq!(world.take(), []);
        world.live(TrackInfo::video(sets()));
        world.frame(true, 300);
        assert_eq!(world.take(), [Effect::Other; 2]);
        world.frame(false, 300);
        assert_eq!(world.take(), [SEND]);
        assert_eq!(world.mirrored().len(), 2);
    }

    #[test]
    fn one_that_does_not_keep_up_goes_on_at_a_keyframe() {
        let mut world = World::new();
        world.live(TrackInfo::video(sets()));
        world.begin();
        world.frame(true, 1000);
        for _ in 0..30 {
            world.frame(false, 1 << 20);
        }
        let taken = world.take().len();
        assert!((5..10).contains(&taken), "8 MiB, not {taken}");
        world.frame(false, 1000);
        assert_eq!(world.take(), [], "it refers to what is missing");
        world.frame(true, 1000);
        world.frame(false, 1000);
        assert_eq!(world.take(), [SEND; 2]);
        let frame = Duration::from_millis(40);
        assert_eq!(world.mirrored(), [world.now - frame, world.now]);
    }
}
