//! Variants of a stream: a viewer is shown the substream of its camera in place of the main stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::{Frame, FrameData, PullOptions, PushOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{
    Quality, QualityReason, SessionState, StreamId, StreamState, VariantChoice, ViewerLimits,
};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::net::Link;
use testkit::relay::Relay;
use testkit::samples::Sample;
use testkit::viewer::{UdpViewer, Viewer};

use crate::common::{LONG, attribute, chromium, post, pull, tuned, wait_for, watch};

/// Carries the substream (0.33 Mbit/s) twice, and not the main stream (0.95 Mbit/s).
const THIN: u64 = 700_000;

/// A camera with a main stream and a substream.
struct Camera {
    gateway: Gateway,
    server: CameraServer,
    main: StreamId,
    sub: StreamId,
}

impl Camera {
    /// Its streams are on different workers if there are several: the less loaded gets the next.
    /// `congestion`: whether the links of viewers are measured.
    fn new(workers: i64, congestion: bool, sub_on_demand: bool) -> Camera {
        let stream = |name, clip| CameraConfig::new(name).clip(clip);
        let server = CameraServer::start(vec![
            stream("main", Clip::Main720p),
            stream("sub", Clip::Baseline360p),
        ]);
        let server = server.unwrap();
        let gateway = tuned(&[
            (Key::WorkerThreads, workers),
            (Key::Congestion, congestion.into()),
        ]);
        let main = gateway
            .add_stream("main", pull(server.url("main")))
            .unwrap();
        let options = PullOptions {
            on_demand: sub_on_demand,
            linger: sub_on_demand.then_some(Duration::from_millis(100)),
            ..pull(server.url("sub"))
        };
        let sub = gateway.add_stream("sub", options).unwrap();
        gateway.set_variants(main, &[sub]).unwrap();
        Camera {
            gateway,
            server,
            main,
            sub,
        }
    }

    /// A viewer of the main stream whose link does not carry it.
    fn watch_by_thin_link(&self) -> (UdpViewer, Response, Relay) {
        let mut viewer = chromium();
        let response = post(&self.gateway, "main", &viewer.viewer.offer()).unwrap();
        let candidate = attribute(&response.body, "candidate");
        let port: u16 = candidate.split(' ').nth(5).unwrap().parse().unwrap();
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let down = Link {
            bandwidth: THIN.into(),
            delay: Duration::from_millis(10),
            queue: Duration::from_millis(200),
            ..Link::default()
        };
        let up = Link {
            delay: Duration::from_millis(10),
            ..Link::default()
        };
        let relay = Relay::start(loopback(0), loopback(port), down, up, 1).unwrap();
        viewer
            .viewer
            .accept(Instant::now(), &response.body, Some(relay.address()));
        (viewer, response, relay)
    }

    fn quality(&self, response: &Response) -> Quality {
        let session = self.gateway.session_info(response.session);
        session.unwrap().quality
    }

    fn sub_state(&self) -> StreamState {
        self.gateway.stream_info(self.sub).unwrap().state
    }

    /// Sessions of the main stream, and of the substream.
    fn sessions(&self) -> (u32, u32) {
        let sessions = |stream| self.gateway.stream_info(stream).unwrap().sessions;
        (sessions(self.main), sessions(self.sub))
    }
}

/// Whether the last keyframe that came is of this clip.
fn shows(clip: Clip) -> impl Fn(&Viewer) -> bool {
    let [sps, _] = clip.parameter_sets();
    move |viewer| {
        let units = viewer.video.access_units();
        let mut sets = units.iter().rev().flat_map(|unit| &unit.nals);
        sets.find(|nal| nal.first().is_some_and(|byte| byte & 0x1f == 7))
            .is_some_and(|nal| nal == sps)
    }
}

fn a_thin_link_carries_the_substream(workers: i64) {
    let camera = Camera::new(workers, true, true);
    let (mut viewer, response, _relay) = camera.watch_by_thin_link();
    // Perhaps from the start: it may be connected, and its first keyframe there, before that of the main stream is
    // through.
    assert!(viewer.run_till(LONG, shows(Clip::Baseline360p)));
    let quality = camera.quality(&response);
    let thin = (camera.sub, QualityReason::Path);
    assert_eq!((quality.variant, quality.reason), thin);
    assert_eq!(camera.sub_state(), StreamState::Live);
    assert_eq!(camera.sessions(), (1, 0), "counted where it belongs");

    camera
        .gateway
        .handle_whep_delete(&response.session_key)
        .unwrap();
    wait_for("the end of the demand", || {
        camera.sub_state() == StreamState::Idle
    });
}

#[test]
fn a_thin_link_carries_the_substream_on_demand() {
    a_thin_link_carries_the_substream(1);
}

#[test]
fn a_thin_link_carries_the_substream_of_another_worker() {
    a_thin_link_carries_the_substream(2);
}

/// Lets all viewers receive until it is so for each of them.
fn together(watching: &mut [(UdpViewer, Response)], done: impl Fn(&Viewer) -> bool) {
    wait_for("what viewers wait for", || {
        let mut all = true;
        for (viewer, _) in &mut *watching {
            viewer.run_till(Duration::from_millis(1), |_| false);
            all &= done(&viewer.viewer);
        }
        all
    });
}

fn viewers_that_ask_for_the_substream_get_it(workers: i64) {
    let camera = Camera::new(workers, false, true);
    let mut watching = [(); 2].map(|()| watch(&camera.gateway, "main"));
    assert_eq!(camera.sub_state(), StreamState::Idle, "nobody needs it");
    for connections in 1..=2 {
        for (variant, clip) in [
            (VariantChoice::Only(camera.sub), Clip::Baseline360p),
            (VariantChoice::Auto, Clip::Main720p),
        ] {
            for (_, response) in &watching {
                let limits = ViewerLimits {
                    variant,
                    ..ViewerLimits::default()
                };
                let session = response.session;
                camera.gateway.set_session_limits(session, limits).unwrap();
            }
            together(&mut watching, shows(clip));
            assert_eq!(camera.server.statistics("sub").connections, connections);
            assert_eq!(camera.sessions(), (2, 0));
        }
        together(&mut watching, |_| camera.sub_state() == StreamState::Idle);
        assert_eq!(camera.server.statistics("sub").connections, connections);
    }
}

#[test]
fn viewers_that_ask_for_the_substream_get_it_on_demand() {
    viewers_that_ask_for_the_substream_get_it(1);
}

#[test]
fn viewers_that_ask_for_the_substream_get_it_from_another_worker() {
    viewers_that_ask_for_the_substream_get_it(2);
}

fn a_main_stream_on_demand_is_disconnected_while_only_the_substream_may_be_shown(workers: i64) {
    let camera = Camera::new(workers, false, false);
    let gateway = &camera.gateway;
    let options = PullOptions {
        on_demand: true,
        linger: Some(Duration::from_millis(100)),
        ..pull(camera.server.url("main"))
    };
    let main = gateway.add_stream("main-on-demand", options).unwrap();
    gateway.set_variants(main, &[camera.sub]).unwrap();
    let mut watching = [watch(gateway, "main-on-demand")];
    let state = |expected| gateway.stream_info(main).unwrap().state == expected;
    let limit = |variant| {
        let limits = ViewerLimits {
            variant,
            ..ViewerLimits::default()
        };
        let session = gateway.sessions().unwrap()[0];
        gateway.set_session_limits(session, limits).unwrap();
    };
    for _ in 0..2 {
        limit(VariantChoice::AtMost(camera.sub));
        together(&mut watching, shows(Clip::Baseline360p));
        together(&mut watching, |_| state(StreamState::Idle));
        assert_eq!(gateway.stream_info(main).unwrap().sessions, 1);
        limit(VariantChoice::Auto);
        together(&mut watching, shows(Clip::Main720p));
        assert!(state(StreamState::Live));
    }
    // It is needed again when there is nothing else.
    limit(VariantChoice::Only(camera.sub));
    together(&mut watching, |_| state(StreamState::Idle));
    gateway.remove_stream(camera.sub).unwrap();
    together(&mut watching, shows(Clip::Main720p));
    // Or when somebody else comes, whose viewer then leaves.
    let (_, response) = &watching[0];
    gateway.handle_whep_delete(&response.session_key).unwrap();
    wait_for("the end of the demand", || state(StreamState::Idle));
}

#[test]
fn a_main_stream_on_demand_is_disconnected_while_only_the_substream_of_its_worker_may_be_shown() {
    a_main_stream_on_demand_is_disconnected_while_only_the_substream_may_be_shown(1);
}

#[test]
fn a_main_stream_on_demand_is_disconnected_while_only_that_of_another_worker_may_be_shown() {
    a_main_stream_on_demand_is_disconnected_while_only_the_substream_may_be_shown(2);
}

#[test]
fn a_viewer_goes_on_when_its_variant_goes() {
    let camera = Camera::new(2, true, false);
    let gateway = &camera.gateway;
    let (mut viewer, response, _relay) = camera.watch_by_thin_link();
    assert!(viewer.run_till(LONG, shows(Clip::Baseline360p)));
    gateway.set_variants(camera.main, &[]).unwrap();
    assert!(viewer.run_till(LONG, shows(Clip::Main720p)));
    gateway.set_variants(camera.main, &[camera.sub]).unwrap();
    assert!(viewer.run_till(LONG, shows(Clip::Baseline360p)));
    gateway.remove_stream(camera.sub).unwrap();
    assert!(viewer.run_till(LONG, shows(Clip::Main720p)));
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
    let info = gateway.stream_info(camera.main).unwrap();
    assert_eq!((info.sessions, info.variants), (1, vec![]));
}

/// A host that pushes a sample over and over, until it is dropped.
struct Host {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    fn push(gateway: &Gateway, stream: StreamId, sample: Sample) -> Host {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, handle) = (Arc::clone(&stop), gateway.handle());
        let thread = std::thread::spawn(move || {
            for (i, data) in sample.units().iter().cycle().enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let frame = Frame {
                    data: FrameData::Copied(data),
                    pts_us: 40_000 * i as i64,
                    capture_unix_us: None,
                    discontinuity: false,
                };
                // One that finds the queue full is lost.
                let _ = handle.push_video(stream, frame);
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        Host {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_browser_without_the_codec_of_the_main_stream_watches_the_substream() {
    let config = CameraConfig::new("sub").clip(Clip::Baseline360p);
    let server = CameraServer::start(vec![config]).unwrap();
    let gateway = tuned(&[(Key::WorkerThreads, 2)]);
    let options = PushOptions {
        video: Some(Codec::H265),
        ..PushOptions::default()
    };
    let main = gateway.add_push_stream("main", options).unwrap();
    let _host = Host::push(&gateway, main, Sample::H265);
    let options = PullOptions {
        on_demand: true,
        ..pull(server.url("sub"))
    };
    let sub = gateway.add_stream("sub", options).unwrap();

    let mut viewer = chromium();
    let offer = viewer.viewer.offer().replace("H265", "X265");
    let error = post(&gateway, "main", &offer).unwrap_err();
    assert_eq!(error.status(), Status::Codec);
    // The codec of the substream is not known before it is connected.
    gateway.set_variants(main, &[sub]).unwrap();
    let response = post(&gateway, "main", &offer).unwrap();
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, shows(Clip::Baseline360p)));
    let sessions = gateway.stream_info(main).unwrap().sessions;
    assert_eq!(sessions, 1);
}

#[test]
fn the_encoder_of_a_substream_on_another_worker_is_asked_for_a_keyframe() {
    // Without the cache a viewer needs a new keyframe to begin with.
    let gateway = tuned(&[
        (Key::WorkerThreads, 2),
        (Key::Congestion, 0),
        (Key::GopCache, 0),
    ]);
    let server = CameraServer::start(vec![CameraConfig::new("main").clip(Clip::Main720p)]);
    let server = server.unwrap();
    let main = gateway
        .add_stream("main", pull(server.url("main")))
        .unwrap();
    let sub = gateway
        .add_push_stream("sub", PushOptions::default())
        .unwrap();
    gateway.set_variants(main, &[sub]).unwrap();
    let frames = Clip::Baseline360p.access_units().iter().map(|unit| {
        let nals = unit.nals.iter();
        nals.fold(Vec::new(), |data, nal| {
            [&data[..], &[0, 0, 1], nal].concat()
        })
    });
    let frames: Vec<Vec<u8>> = frames.collect();
    let mut pts_us = 0;
    let mut push = |number: usize| {
        pts_us += 40_000;
        let frame = Frame {
            data: FrameData::Copied(&frames[number]),
            pts_us,
            capture_unix_us: None,
            discontinuity: false,
        };
        // One that finds the queue full is lost.
        let _ = gateway.push_video(sub, frame);
    };
    push(0);
    push(1);
    let (mut viewer, response) = watch(&gateway, "main");
    let limits = ViewerLimits {
        variant: VariantChoice::Only(sub),
        ..ViewerLimits::default()
    };
    gateway
        .set_session_limits(response.session, limits)
        .unwrap();
    wait_for("a request for a keyframe", || {
        push(1);
        viewer.run_till(Duration::from_millis(5), |_| false);
        gateway.stream_info(sub).unwrap().keyframe_requests > 0
    });
    push(0);
    wait_for("the substream", || {
        push(1);
        viewer.run_till(Duration::from_millis(5), shows(Clip::Baseline360p))
    });
}
