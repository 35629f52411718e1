//! A stream with more viewers than are to live on its worker: the others are guests of another worker.

use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, Frame, FrameData, PullOptions, PushOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{Events, SessionEvent, StreamEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{
    SessionId, SessionState, StreamId, StreamState, VariantChoice, ViewerLimits,
};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use serde_json::Value;
use testkit::camera::{Audio, CameraConfig, CameraServer, Fault, Recording};
use testkit::clip::Clip;
use testkit::recordings;
use testkit::viewer::{UdpViewer, Viewer};

use crate::common::{LONG, attribute, chromium, frames, has_frames, post, pull, wait_for, watch};

/// Which sessions and streams are gone, in order.
#[derive(Debug, PartialEq, Eq)]
enum Gone {
    Session(SessionId),
    Stream(StreamId),
}

struct Teller(mpsc::Sender<Gone>);

impl Events for Teller {
    fn stream_state(&self, event: &StreamEvent) {
        if event.state == StreamState::Removed {
            let _ = self.0.send(Gone::Stream(event.stream));
        }
    }

    fn session_state(&self, event: &SessionEvent) {
        if event.state == SessionState::Closed {
            assert_eq!(&*event.stream_name, "cam");
            let _ = self.0.send(Gone::Session(event.session));
        }
    }
}

/// A camera on one of two workers, with a substream.
struct World {
    gateway: Gateway,
    server: CameraServer,
    cam: StreamId,
    sub: StreamId,
    gone: mpsc::Receiver<Gone>,
    /// Asked for a place; nobody connects.
    crowd: Vec<Response>,
}

impl World {
    fn new(on_demand: bool) -> World {
        let camera = CameraConfig::new("cam").clip(Clip::Main720p);
        World::of(camera.audio(Some(Audio::Pcmu)), on_demand)
    }

    fn of(camera: CameraConfig, on_demand: bool) -> World {
        let sub = CameraConfig::new("sub").clip(Clip::Baseline360p);
        let server = CameraServer::start(vec![camera, sub]);
        let server = server.unwrap();
        let (teller, gone) = mpsc::channel();
        let gateway = Gateway::new(Config {
            events: Some(Box::new(Teller(teller))),
            tuning: vec![
                // How busy the machine is decides nothing here.
                (Key::MaxWorkerLoadPercent, 0),
                (Key::WorkerThreads, 2),
                (Key::Congestion, 0),
            ],
            ..Config::default()
        })
        .unwrap();
        let options = PullOptions {
            on_demand,
            linger: on_demand.then_some(Duration::from_millis(100)),
            ..pull(server.url("cam"))
        };
        let cam = gateway.add_stream("cam", options).unwrap();
        let sub = gateway.add_stream("sub", pull(server.url("sub"))).unwrap();
        World {
            gateway,
            server,
            cam,
            sub,
            gone,
            crowd: Vec::new(),
        }
    }

    /// A viewer who lives with the stream, and so many of those who do not.
    fn crowded(&mut self, guests: usize) -> (Watching, Vec<Watching>) {
        let with_it = Watching::of(watch(&self.gateway, "cam"));
        assert_eq!(with_it.worker(), 0);
        let mut found = Vec::new();
        let end = Instant::now() + LONG;
        while found.len() < guests {
            assert!(Instant::now() < end, "nobody is a guest");
            let mut guest = self.guest();
            let seen = guest.viewer.run_till(LONG, has_frames(1));
            assert!(seen, "no video frame");
            found.push(guest);
        }
        (with_it, found)
    }

    /// Lets others come until one of them is a guest.
    fn guest(&mut self) -> Watching {
        guest_of(&self.gateway, &mut self.crowd)
    }

    /// Those of the crowd give up.
    fn disperse(&mut self) {
        for response in self.crowd.drain(..) {
            // Some may have been given up meanwhile.
            let _ = self.gateway.handle_whep_delete(&response.session_key);
        }
    }

    fn sessions(&self) -> u32 {
        self.gateway.stream_info(self.cam).unwrap().sessions
    }

    fn sent(&self) -> u64 {
        let text = self.gateway.metrics().unwrap();
        let name = "rtsp_webrtc_gateway_stream_sent_packets_total{stream=\"cam\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    }
}

struct Watching {
    viewer: UdpViewer,
    response: Response,
}

impl Watching {
    fn of((viewer, response): (UdpViewer, Response)) -> Watching {
        Watching { viewer, response }
    }

    fn worker(&self) -> usize {
        worker(&self.response)
    }

    fn goes_on(&mut self) {
        let before = frames(&self.viewer.viewer);
        assert!(self.viewer.run_till(LONG, has_frames(before + 10)));
    }

    fn sees(&mut self, clip: Clip) {
        let [sps, _] = clip.parameter_sets();
        let shown = |viewer: &Viewer| {
            let units = viewer.video.access_units();
            let mut sets = units.iter().rev().flat_map(|unit| &unit.nals);
            sets.find(|nal| nal.first().is_some_and(|byte| byte & 0x1f == 7))
                .is_some_and(|nal| nal == sps)
        };
        assert!(self.viewer.run_till(LONG, shown), "does not see {clip:?}");
    }

    fn ends(&mut self) {
        assert!(self.viewer.run_till(LONG, Viewer::is_closed));
    }
}

/// Lets others come to the stream "cam" until one of them is a guest.
fn guest_of(gateway: &Gateway, crowd: &mut Vec<Response>) -> Watching {
    let mut viewer = chromium();
    let offer = viewer.viewer.offer();
    let mut response = post(gateway, "cam", &offer).unwrap();
    while worker(&response) == 0 {
        crowd.push(response);
        response = post(gateway, "cam", &offer).unwrap();
    }
    viewer.accept(&response.body);
    Watching { viewer, response }
}

/// The worker that a session lives on: its ICE credentials name it.
fn worker(response: &Response) -> usize {
    attribute(&response.body, "ice-ufrag")[..2].parse().unwrap()
}

#[test]
fn guests_watch_as_all_do_and_count_where_they_belong() {
    let mut world = World::new(false);
    let (mut with_it, mut guests) = world.crowded(2);
    for guest in &mut guests {
        guest.goes_on();
        assert!(
            guest
                .viewer
                .run_till(LONG, |viewer| viewer.audio.count() > 10)
        );
        assert_eq!(guest.viewer.viewer.video.lost(), 0);
        let info = world.gateway.session_info(guest.response.session).unwrap();
        assert_eq!(
            (info.stream, info.state),
            (world.cam, SessionState::Connected)
        );
    }
    world.disperse();
    wait_for("the end of the others", || world.sessions() == 3);
    assert_eq!(world.gateway.sessions().unwrap().len(), 3);
    let state: Value = serde_json::from_str(&world.gateway.state_json().unwrap()).unwrap();
    let of_workers = state["workers"].as_array().unwrap().iter();
    let sessions: Vec<u64> = of_workers
        .map(|w| w["sessions"].as_u64().unwrap())
        .collect();
    assert_eq!(sessions, [1, 2]);

    let limit = |sessions| {
        let tuning = &world.gateway;
        tuning
            .set_tuning(Key::MaxSessionsPerStream, sessions)
            .unwrap();
    };
    limit(3);
    let offer = chromium().viewer.offer();
    let full = post(&world.gateway, "cam", &offer).unwrap_err();
    assert_eq!(full.status(), Status::Limit);
    limit(0);

    // What they were sent is their stream's, while they are there and when they are not.
    with_it.goes_on();
    world
        .gateway
        .handle_whep_delete(&with_it.response.session_key)
        .unwrap();
    with_it.ends();
    let before = world.sent();
    guests[0].goes_on();
    let with_guests = world.sent();
    assert!(with_guests > before, "{before} {with_guests}");
    for guest in &mut guests {
        let key = &guest.response.session_key;
        world.gateway.handle_whep_delete(key).unwrap();
        guest.ends();
    }
    wait_for("the end of all", || world.sessions() == 0);
    assert!(world.sent() >= with_guests);
}

#[test]
fn a_removed_stream_ends_its_guests_before_the_host_hears_of_it() {
    let mut world = World::new(false);
    let (mut with_it, mut guests) = world.crowded(1);
    world.gateway.remove_stream(world.cam).unwrap();
    with_it.ends();
    guests[0].ends();
    let sessions = 2 + world.crowd.len();
    let gone: Vec<Gone> = std::iter::from_fn(|| world.gone.recv_timeout(LONG).ok())
        .take(sessions + 1)
        .collect();
    assert_eq!(gone.last(), Some(&Gone::Stream(world.cam)));
    assert!(gone.contains(&Gone::Session(guests[0].response.session)));
    assert_eq!(world.gateway.sessions().unwrap(), []);
    // And nobody mirrors it.
    world.gateway.shutdown(LONG).unwrap();
    assert_eq!(world.gone.recv().unwrap(), Gone::Stream(world.sub));
}

#[test]
fn at_the_end_the_host_hears_of_all_sessions_before_their_stream() {
    let mut world = World::new(false);
    let (mut with_it, mut guests) = world.crowded(1);
    world.gateway.shutdown(LONG).unwrap();
    with_it.ends();
    guests[0].ends();
    let World { gateway, gone, .. } = world;
    drop(gateway);
    let gone: Vec<Gone> = gone.iter().collect();
    let place = |what: Gone| gone.iter().position(|known| *known == what).unwrap();
    let stream = place(Gone::Stream(world.cam));
    assert!(place(Gone::Session(guests[0].response.session)) < stream);
    assert!(place(Gone::Session(with_it.response.session)) < stream);
}

#[test]
fn guests_see_variants_and_outages_as_all_do() {
    let mut world = World::new(false);
    let (_with_it, mut guests) = world.crowded(1);
    let guest = &mut guests[0];
    guest.sees(Clip::Main720p);
    let session = guest.response.session;
    let limits = |variant| ViewerLimits {
        variant,
        ..ViewerLimits::default()
    };
    let only_sub = limits(VariantChoice::Only(world.sub));
    let refused = world.gateway.set_session_limits(session, only_sub);
    assert_eq!(refused.unwrap_err().status(), Status::InvalidArgument);
    world.gateway.set_variants(world.cam, &[world.sub]).unwrap();
    world.gateway.set_session_limits(session, only_sub).unwrap();
    guest.sees(Clip::Baseline360p);
    world.gateway.set_variants(world.cam, &[]).unwrap();
    guest.sees(Clip::Main720p);
    world.server.fault("cam", Fault::Drop);
    wait_for("the camera comes back", || {
        world.gateway.stream_info(world.cam).unwrap().reconnects == 1
    });
    guest.goes_on();
    assert_eq!(
        guest.viewer.viewer.video.lost(),
        0,
        "sequence numbers go on"
    );
}

#[test]
fn guests_hear_a_camera_without_a_picture_and_again_after_an_outage() {
    let sound = (0..50).map(|n| vec![n; 160]);
    let sound = Recording::audio(0, "PCMU/8000", "", 160, sound);
    let mut world = World::of(CameraConfig::new("cam").recording(sound), false);
    let mut guest = world.guest();
    let mut hears = || {
        let before = guest.viewer.viewer.audio.count();
        let more = |viewer: &Viewer| viewer.audio.count() > before + 20;
        assert!(guest.viewer.run_till(LONG, more), "silence");
    };
    hears();
    world.server.fault("cam", Fault::Drop);
    wait_for("the camera comes back", || {
        world.gateway.stream_info(world.cam).unwrap().reconnects == 1
    });
    hears();
}

#[test]
fn guests_keep_a_camera_on_demand_connected() {
    let mut world = World::new(true);
    let (mut with_it, mut guests) = world.crowded(1);
    world.disperse();
    world
        .gateway
        .handle_whep_delete(&with_it.response.session_key)
        .unwrap();
    with_it.ends();
    for _ in 0..5 {
        guests[0].goes_on();
    }
    let state = || world.gateway.stream_info(world.cam).unwrap();
    assert_eq!((state().state, state().reconnects), (StreamState::Live, 0));
    let key = &guests[0].response.session_key;
    world.gateway.handle_whep_delete(key).unwrap();
    wait_for("the end of the demand", || {
        state().state == StreamState::Idle
    });
}

#[test]
fn what_cannot_be_answered_elsewhere_is_refused_as_it_would_be_without_a_crowd() {
    let mut world = World::new(false);
    let offer = chromium().viewer.offer().replace("H264", "X264");
    let alone = post(&world.gateway, "cam", &offer).unwrap_err();
    let (mut with_it, _guests) = world.crowded(1);
    let crowded = post(&world.gateway, "cam", &offer).unwrap_err();
    assert_eq!(crowded, alone);
    assert_eq!(crowded.status(), Status::Codec);
    with_it.goes_on();
}

#[test]
fn guests_of_a_camera_that_comes_back_with_another_codec_are_told_at_once() {
    let mut world = World::new(false);
    let mut guest = world.guest();
    guest.goes_on();
    let address = (Ipv4Addr::LOCALHOST, world.server.port()).into();
    let nobody = CameraServer::start(Vec::new()).unwrap();
    drop(std::mem::replace(&mut world.server, nobody));
    let camera = CameraConfig::new("cam").recording(recordings::h265());
    world.server = CameraServer::start_at(address, vec![camera]).unwrap();
    guest.ends();
    let gone = world.gateway.session_info(guest.response.session);
    assert_eq!(gone.unwrap_err().status(), Status::NotFound);
}

#[test]
fn the_host_is_asked_for_a_keyframe_that_a_guest_of_its_stream_needs() {
    let gateway = Gateway::new(Config {
        tuning: vec![
            (Key::MaxWorkerLoadPercent, 0),
            (Key::WorkerThreads, 2),
            (Key::Congestion, 0),
            // Who comes needs a new keyframe to begin with.
            (Key::GopCache, 0),
        ],
        ..Config::default()
    })
    .unwrap();
    let cam = gateway
        .add_push_stream("cam", PushOptions::default())
        .unwrap();
    let units = Clip::Baseline360p.access_units();
    let mut pts_us = 0;
    let mut push = |number: usize| {
        pts_us += 40_000;
        let nals = units[number].nals.iter();
        let data = nals.fold(Vec::new(), |data, nal| {
            [&data[..], &[0, 0, 1], nal].concat()
        });
        let frame = Frame {
            data: FrameData::Copied(&data),
            pts_us,
            capture_unix_us: None,
            discontinuity: false,
        };
        // One that finds the queue full is lost.
        let _ = gateway.push_video(cam, frame);
    };
    push(0);
    push(1);
    wait_for("media", || {
        gateway.stream_info(cam).unwrap().state == StreamState::Live
    });
    let mut guest = guest_of(&gateway, &mut Vec::new());
    wait_for("a request for a keyframe", || {
        push(1);
        guest.viewer.run_till(Duration::from_millis(5), |_| false);
        gateway.stream_info(cam).unwrap().keyframe_requests > 0
    });
    wait_for("the picture", || {
        push(0);
        guest
            .viewer
            .run_till(Duration::from_millis(5), has_frames(1))
    });
}
