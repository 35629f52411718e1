//! What a source makes of a camera.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rtsp_webrtc_gateway::config::PullOptions;
use rtsp_webrtc_gateway::error::Error;
use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::internals::media::{AccessUnit, MediaKind, TrackInfo};
use rtsp_webrtc_gateway::internals::source::{self, Quirk, Sink};
use rtsp_webrtc_gateway::state::{StreamId, Warning};
use testkit::camera::{CameraConfig, CameraServer, Script};
use testkit::clip::Clip;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::common::{LONG, pull};

/// What cameras play that have no recordings: small, and 4 s from one keyframe to the next.
pub const CLIP: Clip = Clip::Low180p;
/// Its frames from one keyframe to the next.
pub const GOP: usize = 100;
/// So many frames show that a camera plays.
const ENOUGH: usize = 15;

/// Everything that a source reported.
#[derive(Debug, Default)]
pub struct Seen {
    pub live: bool,
    pub video: Option<TrackInfo>,
    pub audio: Option<TrackInfo>,
    pub frames: Vec<Unit>,
    /// What viewers begin with before the first frame, if that is no keyframe.
    pub opening: Vec<u8>,
    pub sound: Vec<Unit>,
    pub lost: u32,
    pub dropped: u64,
    /// What was forgiven, and how often.
    pub quirks: BTreeMap<&'static str, u32>,
    pub warnings: Vec<Warning>,
    /// With when the next attempt is made.
    pub failures: Vec<(Error, Duration)>,
}

/// An access unit.
pub struct Unit {
    pub data: Vec<u8>,
    pub timestamp: i64,
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes at {}", self.data.len(), self.timestamp)
    }
}

impl Seen {
    pub fn plays(&self) -> bool {
        self.frames.len() >= ENOUGH
    }

    pub fn sounds(&self) -> bool {
        self.sound.len() >= ENOUGH
    }

    pub fn failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Whether the frames are those of the clip, all of them from the first one on, each later than the one before.
    pub fn is_whole(&self) -> Result<(), String> {
        let len = CLIP.access_units().len();
        for (n, number) in self.numbers().into_iter().enumerate() {
            if number != Some(n % len) {
                return Err(format!("frame {n} is not that of the clip"));
            }
        }
        self.is_in_order()
    }

    /// Which frame of the clip each is.
    pub fn numbers(&self) -> Vec<Option<usize>> {
        let units = CLIP.access_units();
        let mut next = 0;
        let mut number = |unit: &Unit| {
            let mut all = (next..units.len()).chain(0..next);
            let found = all
                .find(|&n| slices(&unit.data).eq(units[n].nals.iter().copied().filter(is_slice)));
            next = found.map_or(0, |n| (n + 1) % units.len());
            found
        };
        self.frames.iter().map(&mut number).collect()
    }

    /// Whether every unit is later than the one before.
    pub fn is_in_order(&self) -> Result<(), String> {
        for track in [&self.frames, &self.sound] {
            let back = |pair: &&[Unit]| pair[1].timestamp <= pair[0].timestamp;
            if let Some(pair) = track.windows(2).find(back) {
                return Err(format!("{:?} comes behind {:?}", pair[1], pair[0]));
            }
        }
        Ok(())
    }
}

/// The NAL units of an H.264 access unit that are no parameter sets.
pub fn slices(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    nals(data).filter(is_slice)
}

fn is_slice(nal: &&[u8]) -> bool {
    matches!(nal[0] & 31, 1 | 5)
}

/// Records into [`Seen`].
struct Eye {
    seen: Rc<RefCell<Seen>>,
    news: Rc<Notify>,
}

impl Eye {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.borrow_mut());
        self.news.notify_one();
    }
}

impl Sink for Eye {
    fn connecting(&mut self) {}

    fn live(&mut self, video: Option<TrackInfo>, audio: Option<TrackInfo>) {
        self.note(|seen| (seen.live, seen.video, seen.audio) = (true, video, audio));
    }

    fn is_heard(&self) -> bool {
        true
    }

    fn video_changed(&mut self, video: TrackInfo) {
        self.note(|seen| seen.video = Some(video));
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        let unit = Unit {
            data: unit.data.to_vec(),
            timestamp: unit.timestamp,
        };
        self.note(|seen| {
            seen.lost += lost;
            match kind {
                MediaKind::Video => seen.frames.push(unit),
                MediaKind::Audio => seen.sound.push(unit),
            }
        });
    }

    fn forgave(&mut self, quirk: Quirk, times: u32) {
        self.note(|seen| *seen.quirks.entry(quirk.name()).or_default() += times);
    }

    fn opening(&mut self, unit: &AccessUnit<'_>) {
        self.note(|seen| seen.opening = unit.data.to_vec());
    }

    fn shows_damaged(&self) -> bool {
        false
    }

    fn dropped(&mut self, frames: u64) {
        self.note(|seen| seen.dropped += frames);
    }

    fn warn(&mut self, _: MediaKind, warning: Option<Warning>) {
        self.note(|seen| seen.warnings.extend(warning));
    }

    fn failed(&mut self, error: &Error, retry_in: Duration) {
        self.note(|seen| seen.failures.push((error.clone(), retry_in)));
    }

    fn idle(&mut self) {
        unreachable!("a camera that is not on demand");
    }
}

/// Runs a source until `done`.
pub async fn watch(name: &str, options: &PullOptions, done: impl Fn(&Seen) -> bool) -> Seen {
    let config = source::CameraConfig::new(options).unwrap();
    let seen = Rc::<RefCell<Seen>>::default();
    let news = Rc::<Notify>::default();
    let eye = Eye {
        seen: Rc::clone(&seen),
        news: Rc::clone(&news),
    };
    let until = async {
        while !done(&seen.borrow()) {
            news.notified().await;
        }
    };
    let result = tokio::select! {
        () = source::run(StreamId(1), name.into(), config, None, eye) => unreachable!(),
        result = timeout(LONG, until) => result,
    };
    assert!(result.is_ok(), "{name}: {:?}", seen.borrow());
    seen.take()
}

/// A camera that plays [`CLIP`] and does something wrong.
pub fn camera(name: &str, script: Script) -> CameraConfig {
    CameraConfig::new(name).clip(CLIP).script(script)
}

/// Pulls all these cameras at once, each of them until `done`.
pub fn pull_all(
    cameras: Vec<CameraConfig>,
    options: impl Fn(PullOptions) -> PullOptions,
    done: impl Fn(&Seen) -> bool + Copy + 'static,
) -> BTreeMap<String, Seen> {
    let server = CameraServer::start(cameras).unwrap();
    let sources: Vec<(String, PullOptions)> = server
        .names()
        .map(|name| (name.to_owned(), options(pull(server.url(name)))))
        .collect();
    run(async move {
        let watches: Vec<_> = sources
            .into_iter()
            .map(|(name, options)| {
                tokio::task::spawn_local(async move {
                    let seen = watch(&name, &options, done).await;
                    (name, seen)
                })
            })
            .collect();
        let mut all = BTreeMap::new();
        for watch in watches {
            let (name, seen) = watch.await.unwrap();
            all.insert(name, seen);
        }
        all
    })
}

pub fn run<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, what)
}

/// Every one of these cameras plays [`CLIP`] whole, and never fails.
pub fn play(cameras: Vec<CameraConfig>) -> BTreeMap<String, Seen> {
    play_with(cameras, |options| options, Seen::plays)
}

/// The same, with options, and till more has come.
pub fn play_with(
    cameras: Vec<CameraConfig>,
    options: impl Fn(PullOptions) -> PullOptions,
    done: impl Fn(&Seen) -> bool + Copy + 'static,
) -> BTreeMap<String, Seen> {
    let all = pull_all(cameras, options, move |seen| done(seen) || seen.failed());
    let wrong = all.iter().filter_map(|(name, seen)| {
        let failure = seen.failures.first();
        let failure = failure.map(|(error, _)| Err(error.to_string()));
        let wrong = failure.unwrap_or_else(|| seen.is_whole()).err()?;
        Some(format!("{name}: {wrong}\n"))
    });
    let wrong: String = wrong.collect();
    assert!(wrong.is_empty(), "\n{wrong}");
    all
}
