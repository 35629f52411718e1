//! The source, seen through a sink that writes everything down.

mod scripted;
mod simulator;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::pull::Camera;
use super::{CameraConfig, Quirk, Sink, Timeouts};
use crate::config::PullOptions;
use crate::error::Error;
use crate::media::{AccessUnit, MediaKind, ParameterSets, TrackInfo};
use crate::state::{StreamId, Warning};

const PATIENCE: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    idle: Duration::from_secs(1),
    parameter_sets: Duration::from_secs(2),
    retry_min: Duration::from_secs(1),
    retry_max: Duration::from_secs(30),
    linger: Duration::from_secs(10),
};

/// A camera that is given up soon.
fn config(options: &PullOptions) -> CameraConfig {
    CameraConfig {
        timeouts: PATIENCE,
        ..CameraConfig::new(options).unwrap()
    }
}

#[derive(Debug)]
enum Event {
    Connecting,
    Live(TrackInfo, Option<TrackInfo>),
    Changed(TrackInfo),
    Media(MediaKind, Vec<u8>, u32),
    Failed(Error, Duration),
    Idle,
}

struct Recorder(mpsc::UnboundedSender<Event>);

impl Recorder {
    fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

impl Sink for Recorder {
    fn forgave(&mut self, _quirk: Quirk, _times: u32) {}

    fn connecting(&mut self) {
        self.send(Event::Connecting);
    }

    fn live(&mut self, video: Option<TrackInfo>, audio: Option<TrackInfo>) {
        self.send(Event::Live(video.expect("a picture"), audio));
    }

    fn is_heard(&self) -> bool {
        true
    }

    fn video_changed(&mut self, video: TrackInfo) {
        self.send(Event::Changed(video));
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        self.send(Event::Media(kind, unit.data.to_vec(), lost));
    }

    fn opening(&mut self, _: &AccessUnit<'_>) {}

    fn shows_damaged(&self) -> bool {
        true
    }

    fn dropped(&mut self, _: u64) {}

    fn warn(&mut self, _: MediaKind, _: Option<Warning>) {}

    fn failed(&mut self, error: &Error, retry_in: Duration) {
        self.send(Event::Failed(error.clone(), retry_in));
    }

    fn idle(&mut self) {
        self.send(Event::Idle);
    }
}

type Events = mpsc::UnboundedReceiver<Event>;

/// Runs a source until `check` has seen enough of what it tells.
fn observe(options: &PullOptions, check: impl AsyncFnOnce(&mut Events)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let camera = Camera::new(StreamId(1), "cam".into(), config(options));
        let (sender, mut events) = mpsc::unbounded_channel();
        let checked = tokio::select! {
            () = camera.run(None, Recorder(sender)) => unreachable!("a source runs until dropped"),
            checked = timeout(Duration::from_secs(120), check(&mut events)) => checked,
        };
        checked.expect("what the test waits for happens");
    });
}

async fn failed(events: &mut Events) -> (Error, Duration) {
    loop {
        match events.recv().await.unwrap() {
            Event::Failed(error, retry_in) => return (error, retry_in),
            Event::Connecting | Event::Live(..) | Event::Media(..) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn live(events: &mut Events) -> (TrackInfo, Option<TrackInfo>) {
    loop {
        match events.recv().await.unwrap() {
            Event::Live(video, audio) => return (video, audio),
            Event::Connecting => {}
            other => panic!("{other:?}"),
        }
    }
}

/// One NAL as the sink gets it.
fn with_length(nal: &[u8]) -> Vec<u8> {
    [&(nal.len() as u32).to_be_bytes(), nal].concat()
}

/// SPS and PPS of a track.
fn sets(track: &TrackInfo) -> (&[u8], &[u8]) {
    match track.parameter_sets.as_ref().unwrap() {
        ParameterSets::H264(sets) => (sets.sps.first(), sets.pps.first()),
        other => panic!("{other:?}"),
    }
}
