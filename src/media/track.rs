//! One track of a stream: its codec, its timeline, its packets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::packetizer::{Av1Unit, H264, H265, MAX_PAYLOAD, NalUnit, SMALL_PAYLOAD, VideoUnit};
use super::{
    AccessUnit, Codec, MediaClock, MediaKind, Ring, RingLimits, TrackCopy, TrackInfo, UnitCopy,
};

/// What became of an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// It is a keyframe: a viewer can start with it. Every access unit of audio is one.
    pub keyframe: bool,
    /// The number of packets it became; 0 if it held nothing to send.
    pub packets: usize,
    /// It held new parameter sets: [`Track::info`] has them.
    pub new_parameter_sets: bool,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One track of a stream.
#[derive(Debug)]
pub struct Track {
    id: u64,
    info: TrackInfo,
    ring: Ring,
    clock: MediaClock,
    /// After a reconnection: frames before the first keyframe refer to frames that viewers never
    /// got, and would show them a damaged picture.
    awaits_keyframe: bool,
    /// Largest payload of video in bytes.
    limit: usize,
}

impl Track {
    /// A track whose viewers see timestamps that begin at `first_timestamp`.
    pub fn new(info: TrackInfo, limits: RingLimits, first_timestamp: u32) -> Self {
        Track {
            id: next_id(),
            ring: Ring::new(limits),
            clock: MediaClock::new(info.codec.clock_rate(), first_timestamp),
            info,
            awaits_keyframe: false,
            limit: MAX_PAYLOAD,
        }
    }

    /// Codec and parameter sets; the latter are those that the source sent last.
    pub fn info(&self) -> &TrackInfo {
        &self.info
    }

    /// Its packets.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Its packets, to change the ring's limits.
    pub fn ring_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }

    /// Nothing has come for a while: see [`Ring::tidy`].
    pub fn tidy(&mut self, now: Instant) -> bool {
        self.ring.tidy(now)
    }

    /// Drops what is stored, which is not to be shown any more. Viewers who are behind go on with the next
    /// keyframe.
    pub fn forget(&mut self) {
        self.ring.clear();
    }

    /// A number that no other track has, its mirrors included: packet numbers mean something in one track
    /// only.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its timeline.
    pub fn clock(&self) -> &MediaClock {
        &self.clock
    }

    /// The source reconnected, perhaps with other parameter sets; the codec is the same. For viewers
    /// packet numbers and timestamps continue without a step back, and stored packets stay. Video
    /// continues with the next keyframe.
    pub fn reconnected(&mut self, info: TrackInfo) {
        self.changed(info);
        self.clock.discontinuity();
        self.awaits_keyframe = self.info.codec.kind() == MediaKind::Video;
    }

    /// Within a connection: the source has other parameter sets from the next access unit on.
    pub fn changed(&mut self, info: TrackInfo) {
        if info.parameter_sets.is_some() {
            self.info.parameter_sets = info.parameter_sets;
        }
    }

    /// What another thread needs to mirror the track from now on.
    pub fn copy(&self) -> TrackCopy {
        let mut next = self.ring.latest_keyframe();
        let units = std::iter::from_fn(|| {
            let unit = self.ring.copy_unit(next?)?;
            next = self.ring.unit(next?).map(|unit| unit.end);
            Some(unit)
        });
        TrackCopy {
            units: units.collect(),
            info: self.info.clone(),
            clock: self.clock.clone(),
        }
    }

    /// A mirror of the track that `copy` is of.
    pub fn mirror(copy: TrackCopy, limits: RingLimits) -> Track {
        let mut ring = Ring::new(limits);
        for unit in &copy.units {
            ring.add_copy(unit);
        }
        Track {
            id: next_id(),
            info: copy.info,
            ring,
            clock: copy.clock,
            awaits_keyframe: false,
            limit: MAX_PAYLOAD,
        }
    }

    /// Takes in the next access unit of the track that this one mirrors, and its timeline as of then.
    pub fn follow(&mut self, unit: &UnitCopy, clock: &MediaClock) {
        self.ring.add_copy(unit);
        self.clock.clone_from(clock);
    }

    /// From the next access unit on, payloads of video have at most [`SMALL_PAYLOAD`] bytes; or [`MAX_PAYLOAD`] again.
    pub fn use_small_payloads(&mut self, small: bool) {
        self.limit = if small { SMALL_PAYLOAD } else { MAX_PAYLOAD };
    }

    /// Packetizes a keyframe that is no frame of the source's: viewers begin with it, and go on with the
    /// next access unit. Those who are further do not get it, unless the source began anew.
    pub fn push_opening(&mut self, unit: &AccessUnit<'_>) {
        let opening = !self.awaits_keyframe;
        match self.info.codec {
            Codec::H264 => self.push_video::<NalUnit<'_, H264>>(unit, opening),
            // The others have none.
            _ => (false, false),
        };
    }

    /// Packetizes an access unit into the ring, with the parameter sets in front of a keyframe.
    pub fn push(&mut self, unit: &AccessUnit<'_>) -> Accepted {
        let before = self.ring.end();
        let (keyframe, new_parameter_sets) = match self.info.codec {
            Codec::H264 => self.push_video::<NalUnit<'_, H264>>(unit, false),
            Codec::H265 => self.push_video::<NalUnit<'_, H265>>(unit, false),
            Codec::Av1 => self.push_video::<Av1Unit<'_>>(unit, false),
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => (self.push_sound(unit), false),
        };
        Accepted {
            keyframe,
            packets: (self.ring.end() - before) as usize,
            new_parameter_sets,
        }
    }

    fn push_video<'a, U: VideoUnit<'a>>(
        &mut self,
        unit: &AccessUnit<'a>,
        opening: bool,
    ) -> (bool, bool) {
        let picture = U::new(unit.data, self.limit);
        let contents = picture.contents();
        if contents.broken {
            log::debug!("an access unit ends in something malformed: that part is dropped");
        }
        let sets = self.info.parameter_sets.as_mut();
        let new = sets
            .filter(|_| contents.sets)
            .is_some_and(|sets| sets.remember(unit.data));
        self.awaits_keyframe &= !contents.keyframe;
        if !contents.picture || self.awaits_keyframe {
            return (false, new);
        }
        let timestamp = self.clock.map(unit.timestamp, unit.arrival, unit.moment());
        self.ring.begin(timestamp, unit.arrival, contents.keyframe);
        if contents.disposable {
            self.ring.disposable();
        }
        if opening {
            self.ring.opening();
        }
        picture.packetize(self.info.parameter_sets.as_ref(), &mut self.ring);
        self.ring.commit(true);
        (contents.keyframe, new)
    }

    /// One payload as it is. An Opus packet cannot be split (RFC 7587 section 4.2); of the others the source makes pieces
    /// that fit.
    fn push_sound(&mut self, unit: &AccessUnit<'_>) -> bool {
        if unit.data.is_empty() {
            return false;
        }
        if unit.data.len() > MAX_PAYLOAD {
            log::debug!(
                "{} bytes of sound are dropped: at most {MAX_PAYLOAD} fit a datagram",
                unit.data.len()
            );
            return false;
        }
        let timestamp = self.clock.map(unit.timestamp, unit.arrival, unit.moment());
        self.ring.begin(timestamp, unit.arrival, true);
        self.ring.push(&[unit.data]);
        self.ring.commit(false);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use bytes::Bytes;
    use retina::codec::{CodecItem, Depacketizer, FrameFormat, ParametersRef};
    use retina::codec::{VideoFrame, VideoParametersCodec};
    use retina::rtp::PacketMeta;
    use retina::testutil::DepacketizeBuf;

    use super::*;
    use crate::media::testing::{
        OTHER_PPS, OTHER_SPS, av1_sequence, h265_nal, h265_sets, nal, obu, other_av1_sequence,
        other_h265_sets, sets, unit,
    };
    use crate::media::{ParameterSets, h264, h265};
    use fastrand::Rng;

    const LIMITS: RingLimits = RingLimits {
        packets: 512,
        history: Duration::from_secs(1),
        keep_gop: true,
        bytes: 8 << 20,
        duration: Duration::from_secs(10),
    };

    fn info(codec: Codec) -> TrackInfo {
        TrackInfo {
            codec,
            parameter_sets: match codec {
                Codec::H264 => Some(sets().into()),
                Codec::H265 => Some(h265_sets().into()),
                Codec::Av1 => Some(av1_sequence().into()),
                _ => None,
            },
        }
    }

    fn other_sets() -> ParameterSets {
        let sets = h264::ParameterSets {
            sps: Bytes::from_static(OTHER_SPS).into(),
            pps: Bytes::from_static(OTHER_PPS).into(),
        };
        sets.into()
    }

    fn push(track: &mut Track, data: &[u8], timestamp: i64, arrival: Instant) -> Accepted {
        track.push(&AccessUnit {
            data,
            timestamp,
            arrival,
            captured: None,
        })
    }

    /// Retina as a viewer: an RTP reader that is independent of this crate.
    struct Viewer {
        depacketizer: Depacketizer,
        buffer: DepacketizeBuf,
        next: u64,
    }

    impl Viewer {
        fn new(encoding: &str) -> Self {
            let mut depacketizer =
                Depacketizer::new("video", encoding, 90_000, None, None).expect("known");
            depacketizer.set_frame_format(FrameFormat::MP4);
            Viewer {
                depacketizer,
                buffer: DepacketizeBuf::new(4 << 20),
                next: 0,
            }
        }

        /// Reads all packets that are new in the track.
        fn frames(&mut self, track: &Track) -> Vec<VideoFrame> {
            let mut frames = Vec::new();
            for number in self.next..track.ring().end() {
                let packet = track.ring().packet(number).unwrap();
                let meta = PacketMeta {
                    ctx: retina::PacketContext::dummy(),
                    stream_id: 0,
                    timestamp: retina::Timestamp::new(
                        packet.timestamp.into(),
                        NonZeroU32::new(90_000).unwrap(),
                        0,
                    )
                    .unwrap(),
                    sequence_number: number as u16,
                    ssrc: 1,
                    mark: packet.marker,
                    loss: 0,
                };
                self.buffer
                    .push(&mut self.depacketizer, meta, packet.payload)
                    .unwrap();
                while let Some(item) = self.depacketizer.pull() {
                    match item.unwrap() {
                        CodecItem::VideoFrame(frame) => frames.push(frame),
                        other => panic!("{other:?}"),
                    }
                }
            }
            self.next = track.ring().end();
            frames
        }

        fn sets(&self) -> ParameterSets {
            match self.depacketizer.parameters() {
                Some(ParametersRef::Video(video)) => match video.codec_params() {
                    VideoParametersCodec::H264 { sps, pps } => {
                        ParameterSets::H264(h264::ParameterSets {
                            sps: sps.clone().into(),
                            pps: pps.clone().into(),
                        })
                    }
                    VideoParametersCodec::H265 { vps, sps, pps } => {
                        ParameterSets::H265(h265::ParameterSets {
                            vps: vps.clone().into(),
                            sps: sps.clone().into(),
                            pps: pps.clone().into(),
                        })
                    }
                    other => panic!("{other:?}"),
                },
                _ => panic!("no parameter sets"),
            }
        }
    }

    /// Sends frames with an SEI, slices and parameter sets at random. `slice` and `sei` make NAL units
    /// of a given length, `choices` are the parameter sets that a camera may have.
    fn a_foreign_reader_gets_every_picture_back(
        encoding: &str,
        choices: &[ParameterSets],
        delimiter: &[u8],
        slice: impl Fn(bool, usize, &mut Rng) -> Vec<u8>,
        sei: impl Fn(usize, &mut Rng) -> Vec<u8>,
    ) {
        let mut random = Rng::with_seed(1);
        let mut current = choices[0].clone();
        let info = TrackInfo::video(current.clone());
        let mut track = Track::new(info, LIMITS, u32::MAX - 100_000);
        let mut viewer = Viewer::new(encoding);
        let start = Instant::now();
        for i in 0..600 {
            let keyframe = i == 0 || random.usize(..20) == 0;
            let mut nals = Vec::new();
            if random.usize(..3) == 0 {
                let most = [60, 60, 3000][random.usize(..3)];
                let len = 3 + random.usize(..most);
                nals.push(sei(len, &mut random));
            }
            for _ in 0..1 + random.usize(..5) {
                let most = [60, 1300, 30_000][random.usize(..3)];
                let len = 3 + random.usize(..most);
                nals.push(slice(keyframe, len, &mut random));
            }
            let mut sent = nals.clone();
            let mut new_parameter_sets = false;
            if keyframe && random.usize(..3) == 0 {
                let before =
                    std::mem::replace(&mut current, choices[random.usize(..choices.len())].clone());
                new_parameter_sets = before != current;
                let sets = current.in_order().map(<[u8]>::to_vec);
                sent.splice(0..0, sets.into_iter().filter(|set| !set.is_empty()));
            }
            sent.insert(0, delimiter.to_vec());

            let at = 40 * i as u64;
            let arrival = start + Duration::from_millis(at);
            let accepted = push(&mut track, &unit(&sent), 5 + 90 * at as i64, arrival);
            assert_eq!(accepted.keyframe, keyframe);
            assert_eq!(accepted.new_parameter_sets, new_parameter_sets);
            assert_eq!(track.info().parameter_sets.as_ref(), Some(&current));

            let [frame] = &viewer.frames(&track)[..] else {
                panic!("one access unit is one picture");
            };
            assert_eq!(frame.data(), unit(&nals));
            assert_eq!(frame.is_random_access_point(), keyframe);
            let expected = (u32::MAX - 100_000).wrapping_add(90 * at as u32);
            assert_eq!(frame.timestamp().timestamp(), i64::from(expected));
            assert_eq!(viewer.sets(), current);
        }
    }

    #[test]
    fn a_foreign_reader_gets_every_picture_of_h264_back() {
        a_foreign_reader_gets_every_picture_back(
            "h264",
            &[sets().into(), other_sets()],
            &[0x09, 0xf0],
            |keyframe, len, random| nal(if keyframe { 0x65 } else { 0x41 }, len, random),
            |len, random| nal(0x06, len, random),
        );
    }

    #[test]
    fn a_foreign_reader_gets_every_picture_of_h265_back() {
        a_foreign_reader_gets_every_picture_back(
            "h265",
            &[h265_sets().into(), other_h265_sets().into()],
            &[0x46, 0x01, 0x50],
            |keyframe, len, random| h265_nal(if keyframe { 19 } else { 1 }, len, random),
            |len, random| h265_nal(39, len, random),
        );
    }

    #[test]
    fn a_reconnect_brings_new_sets_and_no_step_back() {
        let mut random = Rng::with_seed(2);
        let idr = unit(&[nal(0x65, 3000, &mut random)]);
        let mut track = Track::new(info(Codec::H264), LIMITS, 1000);
        let mut viewer = Viewer::new("h264");
        let start = Instant::now();
        push(&mut track, &idr, 1 << 40, start);
        assert_eq!(viewer.frames(&track).len(), 1);
        track.reconnected(TrackInfo::video(other_sets()));
        push(&mut track, &idr, 3, start + Duration::from_secs(4));
        let frames = viewer.frames(&track);
        assert_eq!(frames[0].timestamp().timestamp(), 1000 + 4 * 90_000);
        assert_eq!(viewer.sets(), other_sets());

        track.changed(info(Codec::H264));
        push(&mut track, &idr, 3603, start + Duration::from_secs(5));
        let frames = viewer.frames(&track);
        assert_eq!(frames[0].timestamp().timestamp(), 1000 + 4 * 90_000 + 3600);
        assert_eq!(viewer.sets(), sets().into());
    }

    #[test]
    fn after_a_reconnect_video_goes_on_with_a_keyframe() {
        let mut random = Rng::with_seed(3);
        let idr = unit(&[nal(0x65, 3000, &mut random)]);
        let slice = unit(&[nal(0x41, 300, &mut random)]);
        let start = Instant::now();
        let mut track = Track::new(info(Codec::H264), LIMITS, 0);
        push(&mut track, &idr, 0, start);
        track.reconnected(info(Codec::H264));
        assert_eq!(push(&mut track, &slice, 10, start).packets, 0);
        assert!(push(&mut track, &idr, 3610, start).keyframe);
        assert_eq!(push(&mut track, &slice, 7210, start).packets, 1);
    }

    #[test]
    fn no_picture_is_no_access_unit_but_its_sets_are_remembered() {
        let now = Instant::now();
        let mut track = Track::new(info(Codec::H264), LIMITS, 0);
        for (data, new_parameter_sets) in [
            (&[][..], false),
            (&[0, 0, 0], false),
            (&unit(&[OTHER_SPS, OTHER_PPS, &[0x06, 1, 2]]), true),
            (&unit(&[OTHER_SPS, OTHER_PPS, &[0x06, 1, 2]]), false),
            (&unit(&[[0x09, 0xf0], [0x0c, 0xff]]), false),
        ] {
            let accepted = Accepted {
                keyframe: false,
                packets: 0,
                new_parameter_sets,
            };
            assert_eq!(push(&mut track, data, i64::MIN, now), accepted);
        }
        assert_eq!(track.ring().end(), 0);
        assert_eq!(track.clock().rtp_at(now), None, "the clock has not begun");
        assert_eq!(track.info().parameter_sets, Some(other_sets()));
    }

    #[test]
    fn a_track_of_av1_remembers_the_sequence_header() {
        let start = Instant::now();
        let mut track = Track::new(info(Codec::Av1), LIMITS, 0);
        let key = obu(6, None, &[0x10, 1, 2, 3]);
        let other = other_av1_sequence();
        let with_sequence = [obu(1, None, &other.payload), key.clone()].concat();
        for (data, keyframe, new_parameter_sets) in [
            (&key, true, false),
            (&obu(6, None, &[0x30, 1, 2, 3]), false, false),
            (&with_sequence, true, true),
            (&key, true, false),
        ] {
            let accepted = Accepted {
                keyframe,
                packets: 1,
                new_parameter_sets,
            };
            assert_eq!(push(&mut track, data, 0, start), accepted);
        }
        let payload = |number| track.ring().packet(number).unwrap().payload;
        assert_eq!(payload(3), payload(2));
        assert_eq!(
            payload(3)[..3],
            [0x28, 12, 0x08],
            "two OBUs, the first has 12 bytes"
        );
        assert_eq!(track.info(), &TrackInfo::video(other));
    }

    #[test]
    fn parameter_sets_are_found_once_all_are_there() {
        let find = ParameterSets::find;
        for (codec, sets) in [
            (Codec::H264, ParameterSets::from(sets())),
            (Codec::H265, h265_sets().into()),
        ] {
            let all = sets.in_order();
            let all: Vec<_> = all.into_iter().filter(|set| !set.is_empty()).collect();
            assert_eq!(find(codec, &unit(&all)).as_ref(), Some(&sets));
            for missing in 0..all.len() {
                let mut some = all.clone();
                some.remove(missing);
                assert_eq!(find(codec, &unit(&some)), None);
            }
            assert_eq!(find(Codec::Opus, &unit(&all)), None);
        }
        let sequence = av1_sequence();
        let data = [obu(2, None, &[]), obu(1, None, &sequence.payload)].concat();
        assert_eq!(find(Codec::Av1, &data), Some(sequence.into()));
        assert_eq!(find(Codec::Av1, &obu(2, None, &[])), None);
    }

    #[test]
    fn what_stands_before_a_bad_length_is_sent() {
        let mut data = unit(&[[0x65, 1, 2, 3]]);
        data.extend([0xff; 7]);
        let mut track = Track::new(info(Codec::H264), LIMITS, 0);
        let accepted = push(&mut track, &data, 0, Instant::now());
        assert_eq!((accepted.keyframe, accepted.packets), (true, 1));
    }

    #[test]
    fn sound_passes_as_it_is() {
        let now = Instant::now();
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
            let mut track = Track::new(info(codec), LIMITS, u32::MAX - 80);
            assert_eq!(push(&mut track, &[], 0, now).packets, 0);
            assert_eq!(push(&mut track, &[0x55; 160], 7, now).packets, 1);
            assert_eq!(push(&mut track, &[1; MAX_PAYLOAD], 167, now).packets, 1);
            let long = push(&mut track, &[1; MAX_PAYLOAD + 1], 1367, now);
            assert_eq!(long.packets, 0);
            assert_eq!(track.ring().packet(0).unwrap().payload, [0x55; 160]);
            let packet = track.ring().packet(1).unwrap();
            let length = packet.payload.len();
            assert_eq!((packet.timestamp, length), (79, MAX_PAYLOAD));
            assert!(packet.first && !packet.marker);
        }
    }

    #[test]
    fn an_opus_packet_is_a_payload_or_too_large() {
        let now = Instant::now();
        let mut track = Track::new(info(Codec::Opus), LIMITS, 5);
        assert_eq!(push(&mut track, &[], 0, now).packets, 0);
        assert_eq!(push(&mut track, &[0x78; 200], 0, now).packets, 1);
        assert_eq!(
            push(&mut track, &[0x78; MAX_PAYLOAD + 1], 960, now).packets,
            0
        );
        assert_eq!(push(&mut track, &[0x78; MAX_PAYLOAD], 1920, now).packets, 1);
        let packet = track.ring().packet(1).unwrap();
        assert_eq!((packet.timestamp, packet.marker), (5 + 1920, false));
        assert_eq!(packet.payload, [0x78; MAX_PAYLOAD]);
    }

    #[test]
    fn frames_that_no_other_needs_are_told_apart() {
        let now = Instant::now();
        // Frame OBUs that are shown: KEY_FRAME, INTER_FRAME.
        let (key, inter) = ([0x10, 0, 0, 0], [0x30, 0, 0, 0]);
        let slices = |header: &[u8], other: &[u8]| {
            let slice = |header: &[u8]| [header, &[0xff; 40]].concat();
            unit(&[slice(header), slice(other)])
        };
        for (codec, frame, expected) in [
            (Codec::H264, slices(&[0x65], &[0x65]), false),
            (Codec::H264, slices(&[0x41], &[0x41]), false),
            (Codec::H264, slices(&[0x01], &[0x01]), true),
            (Codec::H264, slices(&[0x01], &[0x21]), false),
            // TRAIL_R and TRAIL_N of the lowest layer, TRAIL_R of an upper one, RASL_N, CRA.
            (Codec::H265, slices(&[2, 1], &[2, 1]), false),
            (Codec::H265, slices(&[0, 1], &[0, 1]), true),
            (Codec::H265, slices(&[2, 2], &[2, 2]), true),
            (Codec::H265, slices(&[16, 1], &[16, 1]), true),
            (Codec::H265, slices(&[42, 1], &[42, 1]), false),
            (Codec::Av1, obu(6, Some(0), &key), false),
            (Codec::Av1, obu(6, Some(0), &inter), false),
            (Codec::Av1, obu(6, None, &inter), false),
            (Codec::Av1, obu(6, Some(1 << 5), &inter), true),
        ] {
            let mut track = Track::new(info(codec), LIMITS, 0);
            assert!(push(&mut track, &frame, 0, now).packets > 0);
            assert_eq!(track.ring().is_disposable(0), expected, "{frame:x?}");
        }
    }
}
