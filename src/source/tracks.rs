//! The tracks of a connection to a camera: the way of their packets to the sink.

use std::time::{Duration, Instant};

use super::audio::Audio;
use super::choice::Choice;
use super::rtp::{self, CaptureClock, Delivery, Encoding, Format, Reception, Unit};
use super::rtsp::Description;
use super::video::{Gate, Passed, Received};
use super::waiting::Alike;
use super::{Arrival, Quirk, Sink, failure};
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::state::{Warning, WarningKind};

enum Way {
    Video(Box<Gate>),
    Audio(Audio),
    /// For recorders only.
    Recorded,
}

struct Receiving {
    /// Index in the description.
    index: usize,
    format: Format,
    reception: Reception,
    way: Way,
    /// Of its packets; only noted of audio.
    alike: Alike,
}

/// The tracks that are used.
pub struct Tracks {
    all: Vec<Receiving>,
    /// The last packet of video did not end a frame.
    amid_frame: bool,
    shared: Shared,
}

/// What the tracks share.
struct Shared {
    clock: CaptureClock,
    /// Told with the first video frame, or the first frame of audio if there is no video.
    audio: Option<TrackInfo>,
    /// Why there is none. Told then, too.
    no_audio: Option<String>,
    has_video: bool,
    live_since: Option<Instant>,
    /// Of the track by which a camera is judged.
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Tracks {
    pub fn new(description: &Description, choice: &Choice, delivery: Delivery) -> Tracks {
        let mut all = Vec::with_capacity(choice.used.len());
        for (index, format) in &choice.used {
            let way = match &format.encoding {
                Encoding::Video(codec) => {
                    let track = description.tracks.get(*index);
                    let mut sections = track.into_iter().flat_map(|track| &track.formats);
                    let section =
                        sections.find(|section| Some(section.payload_type) == format.payload_type);
                    let sets = section.and_then(|section| rtp::parameter_sets(section, *codec));
                    Way::Video(Box::new(Gate::new(*codec, sets)))
                }
                Encoding::Audio(encoding) => match Audio::new(encoding, format.clock_rate) {
                    Some(audio) => Way::Audio(audio),
                    None => Way::Recorded,
                },
                Encoding::Metadata => Way::Recorded,
            };
            all.push(Receiving {
                index: *index,
                format: format.clone(),
                reception: Reception::new(format, delivery),
                way,
                alike: Alike::default(),
            });
        }
        Tracks {
            shared: Shared {
                clock: CaptureClock::default(),
                audio: choice.audio().map(TrackInfo::audio),
                no_audio: choice.no_audio.clone(),
                has_video: choice.has_video(),
                live_since: None,
                first: None,
                last: None,
            },
            all,
            amid_frame: false,
        }
    }

    /// Only these tracks are sent, by their indexes: the camera refused the others.
    pub fn retain(&mut self, set_up: &[usize]) {
        self.all.retain(|track| set_up.contains(&track.index));
        let has_audio = self
            .all
            .iter()
            .any(|track| matches!(track.way, Way::Audio(_)));
        if !has_audio && self.shared.audio.take().is_some() {
            self.shared.no_audio = Some(failure::sound_refused());
        }
    }

    /// Since when the stream is live in this connection.
    pub fn live_since(&self) -> Option<Instant> {
        self.shared.live_since
    }

    /// When the first and the last frame arrived, of video unless there is none.
    pub fn frames(&self) -> Option<(Instant, Instant)> {
        self.shared.first.zip(self.shared.last)
    }

    /// Whether the stream will have video.
    pub fn has_video(&self) -> bool {
        self.shared.has_video
    }

    /// Takes a packet of the track with this index in the description.
    pub fn packet(&mut self, index: usize, packet: &[u8], now: Instant, sink: &mut impl Sink) {
        let Some(track) = self.all.iter_mut().find(|track| track.index == index) else {
            return;
        };
        let Receiving {
            format,
            reception,
            way,
            alike,
            ..
        } = track;
        match way {
            Way::Audio(_) => alike.note(packet, now),
            Way::Recorded => {}
            // By the marker bit (RFC 3550, section 5.1).
            Way::Video(_) => {
                self.amid_frame = packet.get(1).is_some_and(|second| second & 0x80 == 0)
            }
        }
        let shared = &mut self.shared;
        reception.rtp(packet, now, &mut |unit| {
            shared.pass(unit, format, way, sink)
        });
    }

    /// What a packet of sound has, if it may wait until the next one comes, for `most` at most: beside video.
    pub fn waiting_sound(&self, now: Instant, most: Duration) -> Option<usize> {
        if self.amid_frame {
            return None; // of which the end may be as small
        }
        let mut audio = self
            .all
            .iter()
            .filter(|track| matches!(track.way, Way::Audio(_)));
        let track = audio.next().filter(|_| self.shared.has_video)?;
        track.alike.bytes(now, track.format.clock_rate, most)
    }

    /// When [`Tracks::handle_timeout`] is to be called, unless packets come before.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.all
            .iter()
            .filter_map(|track| track.reception.next_deadline())
            .min()
    }

    pub fn handle_timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        let shared = &mut self.shared;
        for Receiving {
            format,
            reception,
            way,
            ..
        } in &mut self.all
        {
            if reception.next_deadline().is_some_and(|at| at <= now) {
                reception.handle_timeout(now, &mut |unit| shared.pass(unit, format, way, sink));
            }
        }
    }

    /// What was forgiven the camera since the last call.
    pub fn quirks(&mut self, mut told: impl FnMut(Quirk, u32)) {
        for track in &mut self.all {
            for (quirk, times) in track.reception.take_quirks().iter() {
                told(quirk, times);
            }
        }
    }

    /// Receiver reports that are due, with the track's index.
    pub fn reports(&mut self, now: Instant, mut send: impl FnMut(usize, &[u8])) {
        for track in &mut self.all {
            if let Some(report) = track.reception.poll_report(now) {
                send(track.index, report);
            }
        }
    }
}

impl Shared {
    /// Passes a unit on. The next one gets its buffer where it needs one.
    fn pass(
        &mut self,
        unit: Unit,
        format: &Format,
        way: &mut Way,
        sink: &mut impl Sink,
    ) -> Vec<u8> {
        let captured = unit
            .sampled
            .and_then(|at| self.clock.captured(at, unit.arrival));
        let access_unit = AccessUnit {
            data: &unit.data,
            timestamp: unit.timestamp,
            arrival: unit.arrival,
            captured,
        };
        let judged = match way {
            Way::Video(_) => true,
            Way::Audio(_) => !self.has_video,
            Way::Recorded => false,
        };
        if judged {
            self.first.get_or_insert(unit.arrival);
            self.last = Some(unit.arrival);
        }
        match way {
            Way::Video(gate) => {
                let received = Received {
                    unit: access_unit,
                    lost: unit.lost,
                    gap: unit.restarts,
                    damaged: unit.damaged,
                };
                let show_damaged = sink.shows_damaged();
                gate.push(received, show_damaged, &mut |passed| match passed {
                    Passed::Info(info) if self.live_since.is_none() => {
                        self.live_since = Some(unit.arrival);
                        sink.live(Some(info), self.audio.take());
                        if let Some(message) = self.no_audio.take() {
                            let kind = WarningKind::Audio;
                            sink.warn(MediaKind::Audio, Some(Warning { kind, message }));
                        }
                    }
                    Passed::Info(info) => sink.video_changed(info),
                    Passed::Opening(unit) => sink.opening(&unit),
                    Passed::Unit(unit, lost) => sink.media(MediaKind::Video, &unit, lost),
                    Passed::Dropped(frames) => sink.dropped(frames),
                    Passed::Warning(warning) => sink.warn(MediaKind::Video, warning),
                });
            }
            Way::Audio(audio) => {
                if !self.has_video && self.live_since.is_none() {
                    self.live_since = Some(unit.arrival);
                    sink.live(None, self.audio.take());
                }
                if self.live_since.is_some() {
                    audio.push(&access_unit, unit.lost, sink);
                }
            }
            Way::Recorded => {}
        }
        sink.received(&Arrival {
            format,
            unit: access_unit,
            lost: unit.lost,
            damaged: unit.damaged,
            restarts: unit.restarts,
        });
        rtp::recycle(unit.data);
        Vec::new()
    }
}

/// How UDP packets wait for late ones: as long as networks and cameras delay one behind another.
pub const REORDER: Delivery = Delivery::Reorder {
    packets: 64,
    wait: Duration::from_millis(100),
};
