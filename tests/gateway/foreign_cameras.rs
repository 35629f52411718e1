//! The source against RTSP servers that others wrote: GStreamer's, VLC's, and RTSP::Server of Perl.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{PullOptions, Transport};
use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::internals::media::{
    AccessUnit, Codec, MediaKind, ParameterSets, TrackInfo,
};
use rtsp_webrtc_gateway::internals::source::{self, CameraConfig, Quirk, Sink};
use rtsp_webrtc_gateway::state::{StreamId, Warning};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::common::{LONG, pull};

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

    fn video_changed(&mut self, _: TrackInfo) {
        self.send(Event::Changed);
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, _: u32) {
        self.send(Event::Media(kind, unit.data.to_vec(), unit.timestamp));
    }

    fn opening(&mut self, _: &AccessUnit<'_>) {}

    fn shows_damaged(&self) -> bool {
        false
    }

    fn dropped(&mut self, _: u64) {}

    fn warn(&mut self, _: MediaKind, _: Option<Warning>) {}

    fn failed(&mut self, error: &Error, _: Duration) {
        self.send(Event::Failed(error.clone()));
    }

    fn idle(&mut self) {
        unreachable!("a camera that is not on demand");
    }
}

/// What the NALs of an access unit are.
#[derive(Debug, Default)]
struct Nals {
    keyframe: bool,
    other_slice: bool,
}

impl Nals {
    fn of(codec: Codec, data: &[u8]) -> Nals {
        let mut found = Nals::default();
        for nal in nals(data) {
            let (keyframe, slice) = match codec {
                Codec::H265 => (16..=21, 0..=9),
                _ => (5..=5, 1..=1),
            };
            let kind = match codec {
                Codec::H265 => nal[0] >> 1,
                _ => nal[0] & 0x1f,
            };
            found.keyframe |= keyframe.contains(&kind);
            found.other_slice |= slice.contains(&kind);
        }
        found
    }
}

fn options(camera: &ForeignCamera) -> PullOptions {
    pull(&*camera.url)
}

/// The next event of a source, which runs meanwhile.
async fn next(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    timeout(LONG, events.recv()).await.unwrap().unwrap()
}

/// Runs a source until it is live and 60 pictures came: more than one keyframe interval.
fn plays(options: &PullOptions, audio: Option<Codec>) {
    plays_codec(options, Codec::H264, audio);
}

fn plays_codec(options: &PullOptions, video: Codec, audio: Option<Codec>) {
    let codec = video;
    run(options, async |events| {
        assert!(matches!(next(events).await, Event::Connecting));
        // By TCP, then perhaps by UDP.
        let mut event = next(events).await;
        while matches!(event, Event::Connecting) {
            event = next(events).await;
        }
        match event {
            Event::Live(video, sound) => {
                assert_eq!(video.codec, codec);
                match video.parameter_sets.unwrap() {
                    ParameterSets::H264(sets) => {
                        assert_eq!(sets.sps.first()[0] & 0x1f, 7);
                        assert_eq!(sets.pps.first()[0] & 0x1f, 8);
                        assert_eq!(sets.sps.first()[1], 77, "Main profile");
                    }
                    ParameterSets::H265(sets) => {
                        let types =
                            [&sets.vps, &sets.sps, &sets.pps].map(|set| set.first()[0] >> 1);
                        assert_eq!(types, [32, 33, 34]);
                        assert_eq!(sets.dimensions(), Some((640, 360)));
                        let profile = sets.profile_tier_level().unwrap();
                        assert_eq!((profile.profile_id, profile.tier_flag), (1, 0), "Main");
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(sound.map(|track| track.codec), audio);
            }
            other => panic!("{other:?}"),
        }
        let (mut pictures, mut keyframes, mut samples) = (0, 0, 0);
        let mut last = None;
        while pictures < 60 {
            match next(events).await {
                Event::Media(MediaKind::Video, data, timestamp) => {
                    let nals = Nals::of(codec, &data);
                    assert!(nals.keyframe != nals.other_slice, "{nals:?}");
                    keyframes += u32::from(nals.keyframe);
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
        // Opus takes a tenth of that.
        let enough = if audio == Some(Codec::Opus) {
            800
        } else {
            8000
        };
        assert_eq!(samples > enough, audio.is_some(), "{samples}");
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
        let config = CameraConfig::new(options).unwrap();
        tokio::select! {
            () = source::run(StreamId(1), "cam".into(), config, None, Recorder(sender)) => unreachable!(),
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
fn gstreamer_with_h265_and_g722() {
    let arguments = ["--codec", "h265", "--audio", "g722"];
    let camera = ForeignCamera::start("gst_camera.py", &arguments);
    plays_codec(&options(&camera), Codec::H265, Some(Codec::G722));
    let udp = PullOptions {
        transport: Transport::Udp,
        ..options(&camera)
    };
    plays_codec(&udp, Codec::H265, Some(Codec::G722));
    camera.stop();
}

#[test]
fn gstreamer_with_sound_that_is_or_becomes_opus() {
    for sound in ["aac", "latm", "g726", "l16", "opus"] {
        let camera = ForeignCamera::start("gst_camera.py", &["--audio", sound]);
        plays(&options(&camera), Some(Codec::Opus));
    }
}

#[test]
fn gstreamer_through_http() {
    let arguments = ["--user", "viewer", "--password", "s3cret"];
    let camera = ForeignCamera::start("gst_camera.py", &arguments);
    let http = PullOptions {
        transport: Transport::Http,
        username: Some("viewer".to_owned()),
        password: Some("s3cret".to_owned()),
        ..options(&camera)
    };
    plays(&http, Some(Codec::Pcmu));
    camera.stop();
}

#[test]
fn gstreamer_with_tls() {
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let name = format!("gst-camera-{}.pem", std::process::id());
    let file = std::env::temp_dir().join(name);
    let (certificate, secret) = (key.cert.pem(), key.signing_key.serialize_pem());
    std::fs::write(&file, certificate.clone() + &secret).unwrap();
    let path = file.to_str().unwrap();
    let arguments = ["--user", "viewer", "--password", "s3cret", "--tls", path];
    let camera = ForeignCamera::start("gst_camera.py", &arguments);
    let _ = std::fs::remove_file(&file);
    let mut rtsps = PullOptions {
        username: Some("viewer".to_owned()),
        password: Some("s3cret".to_owned()),
        ..options(&camera)
    };
    fails(&rtsps, Status::Connect);
    rtsps.tls_ca = Some(certificate);
    plays(&rtsps, Some(Codec::Pcmu));
    camera.stop();
}

#[test]
fn gstreamer_with_mjpeg_is_told_apart() {
    let camera = ForeignCamera::start("gst_camera.py", &["--codec", "mjpeg"]);
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
    let tcp = PullOptions {
        transport: Transport::Tcp,
        ..options(&camera)
    };
    fails(&tcp, Status::Camera);
    plays(&options(&camera), None);
    camera.stop();
}

/// It says that requests for TCP are bad, and refuses GET_PARAMETER.
#[test]
fn perl_by_udp() {
    let camera = ForeignCamera::start("perl_camera.py", &[]);
    plays(&options(&camera), Some(Codec::Pcmu));
    let tcp = PullOptions {
        transport: Transport::Tcp,
        ..options(&camera)
    };
    fails(&tcp, Status::Camera);
    camera.stop();
}
