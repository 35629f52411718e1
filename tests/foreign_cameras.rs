//! The source against RTSP servers that others wrote: GStreamer's and VLC's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{PullOptions, Transport};
use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::media::{AccessUnit, Codec, MediaKind, ParameterSets, TrackInfo};
use rtsp_webrtc_gateway::source::{self, CameraUrl, Sink};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::timeout;

/// Long enough for VLC on a busy machine to start its encoder.
const PATIENCE: Duration = Duration::from_secs(30);

/// A camera script; ends with the test.
struct ForeignCamera {
    child: Child,
    url: String,
}

impl ForeignCamera {
    fn start(script: &str, arguments: &[&str]) -> ForeignCamera {
        let mut child = Command::new("/usr/bin/python3")
            .arg(format!(
                "{}/tests/cameras/{script}",
                env!("CARGO_MANIFEST_DIR")
            ))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("/usr/bin/python3 is missing: apt-get install python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some(url) = line.trim().strip_prefix("READY ") else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{script} did not start: install the Debian packages that its head lists");
        };
        ForeignCamera {
            url: url.to_owned(),
            child,
        }
    }

    /// SIGTERM must be enough.
    fn stop(mut self) {
        let killed = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(killed.unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for ForeignCamera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
enum Event {
    Connecting,
    Live(TrackInfo, Option<TrackInfo>),
    Changed,
    Media(MediaKind, Vec<u8>, i64),
    Failed(Error),
}

struct Recorder(mpsc::UnboundedSender<Event>);

impl Recorder {
    fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

impl Sink for Recorder {
    fn connecting(&mut self) {
        self.send(Event::Connecting);
    }

    fn live(&mut self, video: TrackInfo, audio: Option<TrackInfo>) {
        self.send(Event::Live(video, audio));
    }

    fn video_changed(&mut self, _: TrackInfo) {
        self.send(Event::Changed);
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, _: u32) {
        self.send(Event::Media(kind, unit.data.to_vec(), unit.timestamp));
    }

    fn failed(&mut self, error: &Error, _: Duration) {
        self.send(Event::Failed(error.clone()));
    }
}

/// The types of the NALs of an access unit.
fn nal_types(mut data: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<4>() {
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        types.push(nal[0] & 0x1f);
        data = rest;
    }
    types
}

fn options(camera: &ForeignCamera) -> PullOptions {
    PullOptions {
        url: camera.url.clone(),
        ..PullOptions::default()
    }
}

/// The next event of a source, which runs meanwhile.
async fn next(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
}

/// Runs a source until it is live and 60 pictures came: more than one keyframe interval.
fn plays(options: &PullOptions, audio: Option<Codec>) {
    run(options, async |events| {
        assert!(matches!(next(events).await, Event::Connecting));
        match next(events).await {
            Event::Live(video, sound) => {
                let Some(ParameterSets::H264(sets)) = video.parameter_sets else {
                    panic!("{video:?}");
                };
                assert_eq!(sets.sps[0] & 0x1f, 7);
                assert_eq!(sets.pps[0] & 0x1f, 8);
                assert_eq!(sets.sps[1], 77, "Main profile");
                assert_eq!(sound.map(|track| track.codec), audio);
            }
            other => panic!("{other:?}"),
        }
        let (mut pictures, mut keyframes, mut samples) = (0, 0, 0);
        let mut last = None;
        while pictures < 60 {
            match next(events).await {
                Event::Media(MediaKind::Video, data, timestamp) => {
                    let types = nal_types(&data);
                    assert!(!types.contains(&7) && !types.contains(&8), "{types:?}");
                    assert!(types.contains(&5) || types.contains(&1), "{types:?}");
                    keyframes += u32::from(types.contains(&5));
                    assert!(last.is_none_or(|last| last < timestamp));
                    last = Some(timestamp);
                    pictures += 1;
                }
                Event::Media(MediaKind::Audio, data, _) => samples += data.len(),
                other => panic!("{other:?}"),
            }
        }
        assert!(keyframes >= 1);
        // 60 pictures are 2.4 s: 19,200 samples, less what came before the first picture.
        assert_eq!(samples > 8000, audio.is_some(), "{samples}");
    });
}

fn fails(options: &PullOptions, status: Status) {
    run(options, async |events| {
        assert!(matches!(next(events).await, Event::Connecting));
        match next(events).await {
            Event::Failed(error) => assert_eq!(error.status(), status, "{error}"),
            other => panic!("{other:?}"),
        }
    });
}

fn run(options: &PullOptions, check: impl AsyncFnOnce(&mut mpsc::UnboundedReceiver<Event>)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (sender, mut events) = mpsc::unbounded_channel();
        let url = CameraUrl::parse(options).unwrap();
        tokio::select! {
            () = source::run(url, options.clone(), Recorder(sender)) => unreachable!(),
            () = check(&mut events) => {}
        }
    });
}

#[test]
fn gstreamer_by_tcp_and_by_udp() {
    let camera = ForeignCamera::start("gst_camera.py", &[]);
    plays(&options(&camera), Some(Codec::Pcmu));
    let udp = PullOptions {
        transport: Transport::Udp,
        ..options(&camera)
    };
    plays(&udp, Some(Codec::Pcmu));
    let silent = PullOptions {
        no_audio: true,
        ..options(&camera)
    };
    plays(&silent, None);
    camera.stop();
}

#[test]
fn gstreamer_with_parameter_sets_in_the_sdp_alone() {
    let arguments = ["--parameter-sets", "sdp", "--audio", "pcma"];
    let camera = ForeignCamera::start("gst_camera.py", &arguments);
    plays(&options(&camera), Some(Codec::Pcma));
}

#[test]
fn gstreamer_with_digest_and_basic() {
    let arguments = ["--user", "us er", "--password", "p/@:ü", "--audio", "none"];
    for scheme in [&[][..], &["--basic"][..]] {
        let camera = ForeignCamera::start("gst_camera.py", &[&arguments[..], scheme].concat());
        let mut options = options(&camera);
        fails(&options, Status::Auth);
        options.username = Some("us er".to_owned());
        options.password = Some("wrong".to_owned());
        fails(&options, Status::Auth);
        options.password = Some("p/@:ü".to_owned());
        plays(&options, None);
    }
}

#[test]
fn gstreamer_with_h265_is_told_apart() {
    let camera = ForeignCamera::start("gst_camera.py", &["--codec", "h265"]);
    fails(&options(&camera), Status::Unsupported);
}

#[test]
fn vlc_by_udp() {
    let camera = ForeignCamera::start("vlc_camera.py", &[]);
    let udp = PullOptions {
        transport: Transport::Udp,
        ..options(&camera)
    };
    plays(&udp, Some(Codec::Pcmu));
    camera.stop();
}

#[test]
fn vlc_refuses_tcp() {
    let camera = ForeignCamera::start("vlc_camera.py", &["--audio", "none"]);
    fails(&options(&camera), Status::Camera);
}
