//! The media clock of one session: when each video frame and audio packet is due, and sending them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::faults::{Camera, Fault};
use super::load::Pictures;
use super::payload::packetize;
use super::rtp::{Packets, RtpStream};
use super::sdp::VIDEO_PAYLOAD_TYPE;
use super::transport::Path;
use super::{Audio, Recording, Slot, audio};
use crate::clip::{AccessUnit, nal_type};

/// Fits a 1500-byte Ethernet frame with room for tunnels, as cameras do it.
const MAX_PAYLOAD: usize = 1400;
const VIDEO_CLOCK_RATE: u32 = 90_000;
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Slots that are later than this, because the client does not read, pass without being sent.
const TOO_LATE: Duration = Duration::from_secs(1);

/// The tracks of one session, playing or about to.
pub(super) struct Playback {
    camera: Arc<Camera>,
    tracks: Vec<Track>,
    started: Option<(Instant, SystemTime)>,
    /// Connections to the camera so far, this one included.
    connection: u64,
    /// Draws the packets that [`Fault::Lose`] drops.
    random: fastrand::Rng,
    packets: Packets,
}

/// One track of a session. Its time is counted in slots: one frame or one audio packet each.
pub(super) struct Track {
    pub index: usize,
    pub stream: RtpStream,
    /// Of slot 0.
    pub timestamp: u32,
    media: Media,
    path: Path,
    slot: u64,
    next_report: u64,
}

/// What a track plays.
pub(super) enum Media {
    Video {
        units: &'static [AccessUnit],
        frame_rate: u32,
        in_band: bool,
        /// Counts frames sent. A stall takes slots, but no frames, so that the decoder misses no reference.
        next: usize,
    },
    Load(Pictures),
    Audio(Audio),
    Recording(Recording),
}

impl Media {
    /// What the camera plays on this track, if it has it.
    pub fn of_track(camera: &Camera, index: usize) -> Option<Media> {
        if !camera.config.recordings.is_empty() {
            let recording = camera.config.recordings.get(index)?;
            return Some(Media::Recording(recording.clone()));
        }
        match (index, camera.config.load) {
            (0, Some(load)) => Some(Media::Load(Pictures::new(load, camera.config.clip))),
            (0, None) => Some(Media::Video {
                units: camera.config.clip.access_units(),
                frame_rate: camera.config.clip.frame_rate(),
                in_band: camera.config.parameter_sets.in_band(),
                next: 0,
            }),
            (1, _) => camera.config.audio.map(Media::Audio),
            _ => None,
        }
    }

    pub fn payload_type(&self) -> u8 {
        match self {
            Media::Video { .. } | Media::Load(_) => VIDEO_PAYLOAD_TYPE,
            Media::Audio(codec) => codec.payload_type(),
            Media::Recording(recording) => recording.payload_type,
        }
    }

    /// The length of a slot in ticks of the clock.
    fn ticks(&self) -> u32 {
        match self {
            Media::Video { frame_rate, .. } => self.clock_rate() / frame_rate,
            Media::Load(pictures) => self.clock_rate() / pictures.frame_rate(),
            Media::Audio(_) => audio::CLOCK_RATE / audio::PACKET_RATE,
            Media::Recording(recording) => recording.ticks,
        }
    }

    fn clock_rate(&self) -> u32 {
        match self {
            Media::Video { .. } | Media::Load(_) => VIDEO_CLOCK_RATE,
            Media::Audio(_) => audio::CLOCK_RATE,
            Media::Recording(recording) => recording.clock_rate,
        }
    }
}

impl Track {
    pub fn new(index: usize, media: Media, stream: RtpStream, path: Path) -> Track {
        Track {
            index,
            stream,
            timestamp: fastrand::u32(..),
            media,
            path,
            slot: 0,
            next_report: 0,
        }
    }

    /// When the next slot is due, counted from the start.
    fn due(&self) -> Duration {
        let ticks = u128::from(self.slot) * u128::from(self.media.ticks());
        let nanos = ticks * 1_000_000_000 / u128::from(self.media.clock_rate());
        Duration::from_nanos(nanos as u64)
    }

    /// The RTP timestamp of the next slot. It wraps around.
    fn timestamp_of_slot(&self) -> u32 {
        let ticks = (self.slot as u32).wrapping_mul(self.media.ticks());
        self.timestamp.wrapping_add(ticks)
    }

    /// Skips the slots that are `TOO_LATE` at `elapsed` since the start.
    fn catch_up(&mut self, elapsed: Duration) {
        if elapsed.saturating_sub(self.due()) > TOO_LATE {
            self.slot = self.slots_in(elapsed);
        }
    }

    /// How many slots this is.
    fn slots_in(&self, time: Duration) -> u64 {
        let ticks = time.as_nanos() * u128::from(self.media.clock_rate()) / 1_000_000_000;
        (ticks / u128::from(self.media.ticks())) as u64
    }

    /// Makes the packets of the next slot, without those that `lose` chooses.
    fn fill(&mut self, packets: &mut Packets, mut lose: impl FnMut() -> bool) {
        let timestamp = self.timestamp_of_slot();
        let (channel, _) = self.path.channels();
        let stream = &mut self.stream;
        let mut packet = |later: u32, head: &[u8], body: &[u8], marker| {
            if lose() {
                stream.lose();
            } else {
                let timestamp = timestamp.wrapping_add(later);
                stream.packet(packets, channel, timestamp, marker, [head, body]);
            }
        };
        match &mut self.media {
            Media::Video {
                units,
                in_band,
                next,
                ..
            } => {
                let mut nals: Vec<&[u8]> = units[*next % units.len()].nals.clone();
                if !*in_band {
                    nals.retain(|nal| !matches!(nal_type(nal), 7 | 8));
                }
                *next += 1;
                packetize(&nals, MAX_PAYLOAD, |head, body, last| {
                    packet(0, head, body, last)
                });
            }
            Media::Load(pictures) => {
                let most = pictures.max_payload();
                packetize(&pictures.next(), most, |head, body, last| {
                    packet(0, head, body, last);
                });
            }
            Media::Audio(codec) => packet(0, &[], codec.packet(self.slot), false),
            Media::Recording(recording) => {
                let slots = &recording.slots;
                let Some(slot) = slots.get(self.slot as usize % slots.len().max(1)) else {
                    return;
                };
                let last = slot.payloads.len().saturating_sub(1);
                for (i, payload) in slot.payloads.iter().enumerate() {
                    let marker = recording.media == "video" && i == last;
                    packet(slot.later, &[], payload, marker);
                }
            }
        }
    }
}

impl Playback {
    pub fn new(camera: Arc<Camera>, connection: u64) -> Playback {
        Playback {
            connection,
            random: fastrand::Rng::with_seed(camera.config.seed),
            camera,
            tracks: Vec::new(),
            started: None,
            packets: Packets::default(),
        }
    }

    pub fn is_playing(&self) -> bool {
        self.started.is_some()
    }

    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Adds a track, or replaces the one of the same index.
    pub fn set_up(&mut self, track: Track) {
        self.tracks.retain(|old| old.index != track.index);
        self.tracks.push(track);
    }

    pub fn start(&mut self) {
        if self.started.is_none() {
            let (now, wall) = (Instant::now(), SystemTime::now());
            let wait = self
                .camera
                .config
                .load
                .map_or(Duration::ZERO, |load| load.wait(wall));
            self.started = Some((now + wait, wall + wait));
            self.camera.counters.playing.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns when there is something to send; never, before the start.
    pub async fn due(&self) {
        let next = self.tracks.iter().map(Track::due).min();
        match (next, self.started) {
            (Some(next), Some((started, _))) => sleep_until(started + next).await,
            _ => std::future::pending().await,
        }
    }

    /// Sends what is due.
    pub async fn send_due(&mut self, connection: &mut TcpStream) -> io::Result<()> {
        let Some((started, wall)) = self.started else {
            return Ok(());
        };
        let fault = self.camera.health.borrow().fault;
        let percent = match fault {
            Fault::Lose { percent } => percent,
            _ => 0,
        };
        let elapsed = started.elapsed();
        for track in &mut self.tracks {
            track.catch_up(elapsed);
            if track.due() > elapsed {
                continue;
            }
            if fault == Fault::Stall {
                track.slot += 1;
                continue;
            }
            let packets = &mut self.packets;
            if track.slot >= track.next_report {
                let (_, channel) = track.path.channels();
                packets.clear();
                track.stream.report(
                    packets,
                    channel,
                    track.timestamp_of_slot(),
                    wall + track.due(),
                );
                track.path.send_rtcp(connection, packets).await?;
                track.next_report = track.slot + track.slots_in(REPORT_INTERVAL).max(1);
            }
            packets.clear();
            track.fill(packets, || self.random.u8(0..100) < percent);
            track.slot += 1;
            // Counted first, so that a client never has more than the statistics show.
            let counters = &self.camera.counters;
            counters
                .packets_sent
                .fetch_add(packets.len() as u64, Ordering::Relaxed);
            if track.media.clock_rate() == VIDEO_CLOCK_RATE && packets.len() > 0 {
                counters.frames_sent.fetch_add(1, Ordering::Relaxed);
            }
            let script = &self.camera.config.script;
            let Some(rewrite) = script.packets() else {
                track.path.send_rtp(connection, packets).await?;
                continue;
            };
            let mut slot = Slot {
                connection: self.connection,
                track: track.index,
                number: track.slot - 1,
                packets: packets.datagrams().map(<[u8]>::to_vec).collect(),
                after: Vec::new(),
                hang_up: false,
            };
            rewrite(&mut slot);
            packets.clear();
            let (channel, _) = track.path.channels();
            for packet in &slot.packets {
                packets.push(channel, &[packet]);
            }
            track.path.send_rtp(connection, packets).await?;
            connection.write_all(&slot.after).await?;
            if slot.hang_up {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(())
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        if self.is_playing() {
            self.camera.counters.playing.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{CameraConfig, ParameterSets};
    use crate::clip::Clip;

    fn video(config: CameraConfig) -> Track {
        let media = Media::of_track(&Camera::new(config), 0).unwrap();
        let stream = RtpStream::new(media.payload_type());
        Track::new(0, media, stream, Path::Interleaved { channel: 0 })
    }

    /// The packets of the next slot.
    fn step(track: &mut Track, lose: bool) -> Vec<Vec<u8>> {
        let mut packets = Packets::default();
        track.fill(&mut packets, || lose);
        track.slot += 1;
        packets.datagrams().map(<[u8]>::to_vec).collect()
    }

    fn sequence(packet: &[u8]) -> u16 {
        u16::from_be_bytes([packet[2], packet[3]])
    }

    fn timestamp(packet: &[u8]) -> u32 {
        u32::from_be_bytes(packet[4..8].try_into().unwrap())
    }

    #[test]
    fn numbers_run_on_over_the_loop() {
        let clip = Clip::Baseline360p;
        let mut track = video(CameraConfig::new("cam1").clip(clip));
        let (mut next_sequence, first) = (track.stream.sequence, track.timestamp);
        for n in 0..2 * clip.access_units().len() as u32 + 1 {
            let packets = step(&mut track, false);
            for (i, packet) in packets.iter().enumerate() {
                assert_eq!(sequence(packet), next_sequence);
                assert_eq!(timestamp(packet), first.wrapping_add(3600 * n));
                assert_eq!(packet[1] >> 7 == 1, i + 1 == packets.len());
                next_sequence = next_sequence.wrapping_add(1);
            }
        }
    }

    #[test]
    fn parameter_sets_go_in_band_unless_they_are_for_the_sdp_alone() {
        for (place, first_nal) in [
            (ParameterSets::Sdp, 28),
            (ParameterSets::InBand, 24),
            (ParameterSets::Both, 24),
        ] {
            let mut track = video(CameraConfig::new("cam1").parameter_sets(place));
            let packets = step(&mut track, false);
            assert_eq!(packets[0][12] & 0x1f, first_nal, "{place:?}");
        }
    }

    #[test]
    fn lost_packets_leave_gaps() {
        let mut track = video(CameraConfig::new("cam1"));
        let before = step(&mut track, false);
        assert!(step(&mut track, true).is_empty());
        let after = step(&mut track, false);
        let gap = sequence(&after[0]).wrapping_sub(sequence(before.last().unwrap()));
        assert!(gap > 1);
    }

    #[test]
    fn slots_that_are_much_too_late_pass() {
        let mut track = video(CameraConfig::new("cam1"));
        track.catch_up(Duration::from_millis(900));
        assert_eq!(track.slot, 0);
        track.catch_up(Duration::from_millis(2030));
        assert_eq!(track.slot, 50);
        assert_eq!(track.due(), Duration::from_secs(2));
    }
}
