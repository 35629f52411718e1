//! Walls: one connection, whose slots show many cameras and are switched to others in place.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver as Asked};
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::{Config, PushOptions, WallSlots, WhepOffer};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{AuthorizeRequest, Operation};
use rtsp_webrtc_gateway::gateway::{Gateway, Handle};
use rtsp_webrtc_gateway::state::{StreamId, StreamState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{Receiver, UdpViewer, Viewer};

use crate::asker::asker;
use crate::common::{LONG, chromium, frames, has_frames, pull, tuned, wait_for, watch};

const SDP: (&str, &str) = ("Content-Type", "application/sdp");
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Cameras that can be told apart.
const CAMERAS: [(&str, Clip); 4] = [
    ("door", Clip::Baseline360p),
    ("yard", Clip::Low180p),
    ("gate", Clip::High360p),
    ("roof", Clip::Main480p),
];

fn with_cameras(workers: i64) -> (Gateway, CameraServer) {
    let server = CameraServer::start(
        CAMERAS
            .iter()
            .map(|&(name, clip)| CameraConfig::new(name).clip(clip))
            .collect(),
    );
    let server = server.unwrap();
    let gateway = tuned(&[(Key::WorkerThreads, workers)]);
    for (name, _) in CAMERAS {
        gateway.add_stream(name, pull(server.url(name))).unwrap();
    }
    (gateway, server)
}

fn request(
    gateway: &Handle,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> HttpResponse {
    gateway
        .handle_http(&HttpRequest {
            method,
            path,
            headers,
            body,
            peer: Some("192.0.2.9:4711"),
            ..HttpRequest::default()
        })
        .unwrap()
}

fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| value.as_str())
}

/// A wall that a viewer has open.
struct Wall {
    viewer: UdpViewer,
    /// Its URL.
    location: String,
    response: HttpResponse,
}

impl Wall {
    fn open(gateway: &Handle, videos: usize, audios: usize, query: &str) -> Wall {
        let mut viewer = chromium();
        let offer = viewer.viewer.offer_of(videos, audios);
        let path = format!("/live/wall{query}");
        let response = request(gateway, "POST", &path, &[SDP], offer.as_bytes());
        assert_eq!(response.status, 201, "{}", response.body);
        viewer.accept(&response.body);
        Wall {
            viewer,
            location: header(&response, "Location").unwrap().to_owned(),
            response,
        }
    }

    fn change(&self, gateway: &Handle, request: &Value) -> Value {
        let response = self.patch(gateway, &[JSON], request.to_string().as_bytes());
        assert_eq!(response.status, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    }

    fn patch(&self, gateway: &Handle, headers: &[(&str, &str)], body: &[u8]) -> HttpResponse {
        request(gateway, "PATCH", &self.location, headers, body)
    }

    fn shows(&mut self, slot: usize, clip: Clip) {
        let [sps, _] = clip.parameter_sets();
        // To put frames together takes longer than there is between two datagrams.
        let next = Cell::new(Instant::now());
        let shown = |viewer: &Viewer| {
            let now = Instant::now();
            let looks = now >= next.get();
            if looks {
                next.set(now + Duration::from_millis(100));
            }
            looks && last_sps(video(viewer, slot)).as_deref() == Some(sps)
        };
        assert!(
            self.viewer.run_till(LONG, shown),
            "slot {slot} does not show {clip:?}"
        );
    }

    /// Until another so many packets have come in a slot.
    fn goes_on(&mut self, slot: usize) {
        let before = video(&self.viewer.viewer, slot).packets().count();
        let more = |viewer: &Viewer| video(viewer, slot).packets().count() > before + 20;
        assert!(self.viewer.run_till(LONG, more), "slot {slot} stands still");
    }
}

/// What has come in a video section.
fn video(viewer: &Viewer, slot: usize) -> &Receiver {
    match slot.checked_sub(1) {
        None => &viewer.video,
        Some(other) => &viewer.others[other],
    }
}

/// The parameter set of the keyframe that came last.
fn last_sps(track: &Receiver) -> Option<Vec<u8>> {
    let units = track.access_units();
    let mut nals = units.iter().rev().flat_map(|unit| &unit.nals);
    let sps = nals.find(|nal| nal.first().is_some_and(|byte| byte & 0x1f == 7));
    sps.cloned()
}

fn slots(reply: &Value) -> &[Value] {
    reply["slots"].as_array().unwrap()
}

#[test]
fn one_connection_shows_many_cameras_and_others_in_place() {
    let (gateway, _server) = with_cameras(2);
    let mut wall = Wall::open(&gateway, 4, 1, "?slots=door,yard,,gate&sound=door");
    assert!(wall.location.starts_with("/live/wall/"));
    assert_eq!(header(&wall.response, "Refused-Slots"), None);
    assert!(header(&wall.response, "ETag").is_some());
    wall.shows(0, Clip::Baseline360p);
    wall.shows(1, Clip::Low180p);
    wall.shows(3, Clip::High360p);
    assert_eq!(video(&wall.viewer.viewer, 2).packets().count(), 0);
    assert_eq!(gateway.sessions().unwrap().len(), 1);
    let info = gateway
        .session_info(wall.response.session.unwrap())
        .unwrap();
    assert_eq!(info.stream, StreamId::NONE);

    let reply = wall.change(
        &gateway,
        &json!({"id": 7, "slots": [
            {"slot": "0", "stream": "roof"}, {"slot": "1", "stream": null}, {"slot": "2", "stream": "yard"},
            {"slot": "3", "width": 640, "height": 360, "focus": true},
        ]}),
    );
    let expected = json!({"id": 7, "slots": [
        {"slot": "0", "stream": "roof"}, {"slot": "1", "stream": null}, {"slot": "2", "stream": "yard"},
        {"slot": "3", "stream": "gate"},
    ]});
    assert_eq!(reply, expected);
    wall.shows(0, Clip::Main480p);
    wall.shows(2, Clip::Low180p);
    wall.goes_on(3);

    let asked = [("Accept", "application/json")];
    let described = request(&gateway, "GET", &wall.location, &asked, b"");
    assert_eq!(described.status, 200);
    let described: Value = serde_json::from_str(&described.body).unwrap();
    assert_eq!(described["state"], "connected");
    let shown = slots(&described);
    assert_eq!(shown.len(), 5);
    assert_eq!(
        (&shown[0]["slot"], &shown[0]["stream"]),
        (&json!("0"), &json!("roof"))
    );
    assert_eq!(
        (&shown[1]["stream"], &shown[1]["state"]),
        (&Value::Null, &json!("none"))
    );
    assert_eq!(shown[4]["kind"], "audio");

    assert_eq!(
        request(&gateway, "DELETE", &wall.location, &[], b"").status,
        200
    );
    assert!(wall.viewer.run_till(LONG, Viewer::is_closed));
    // What was sent is counted when it is gone, too.
    let text = gateway.metrics().unwrap();
    let none = "rtsp_webrtc_gateway_wall_sent_packets_total 0\n";
    assert!(!text.contains(none), "{text}");
    let gone = wall.patch(&gateway, &[JSON], br#"{"slots":[]}"#);
    assert_eq!(gone.status, 404);
}

#[test]
fn each_slot_succeeds_or_fails_alone() {
    let (gateway, _server) = with_cameras(1);
    let mut wall = Wall::open(&gateway, 3, 0, "?slots=door,nothing,yard");
    let refused = header(&wall.response, "Refused-Slots").unwrap();
    assert!(
        refused.starts_with("\"1\";status=404;detail=\""),
        "{refused}"
    );
    wall.shows(0, Clip::Baseline360p);
    wall.shows(2, Clip::Low180p);

    let reply = wall.change(
        &gateway,
        &json!({"slots": [
            {"slot": "0", "stream": "nothing"}, {"slot": "9", "stream": "door"}, {"slot": "1", "stream": "gate"},
            {"slot": "9", "paused": true},
        ]}),
    );
    assert_eq!(reply["id"], Value::Null);
    let all = slots(&reply);
    for (slot, status) in [(0, 404), (1, 404), (3, 404)] {
        assert_eq!(all[slot]["status"], status, "{reply}");
        assert!(
            all[slot]["detail"]
                .as_str()
                .is_some_and(|text| text.len() > 10)
        );
    }
    assert_eq!(all[2], json!({"slot": "1", "stream": "gate"}));
    wall.shows(1, Clip::High360p);
    wall.goes_on(0);

    let text = gateway.metrics().unwrap();
    let figure = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find_map(|line| {
            line.strip_prefix("rtsp_webrtc_gateway_")?
                .strip_prefix(name)
        });
        let value = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        value.trim().parse::<f64>().unwrap()
    };
    assert_eq!(figure("slot_binds_total"), 3.0);
    assert_eq!(figure("slot_refusals_total"), 4.0);
    assert_eq!(figure("walls"), 1.0);
    assert_eq!(figure("wall_slots{kind=\"video\",state=\"live\"}"), 3.0);
    assert_eq!(figure("wall_slots{kind=\"video\",state=\"empty\"}"), 0.0);
    assert!(figure("wall_sent_packets_total") > 10.0);

    // What is no request changes nothing.
    let many: Vec<Value> = (0..257)
        .map(|_| json!({"slot": "0", "stream": null}))
        .collect();
    let many = json!({ "slots": many }).to_string();
    for (body, status) in [
        (&b"{"[..], 400),
        (br#"{"slots":{}}"#, 400),
        (br#"{"slots":[{"slot":"0","width":16385}]}"#, 400),
        (many.as_bytes(), 400),
        (&[b' '; 65_537], 413),
    ] {
        let response = wall.patch(&gateway, &[JSON], body);
        assert_eq!(response.status, status, "{}", response.body);
    }
    wall.goes_on(0);
    let (_other, response) = watch(&gateway, "door");
    let path = format!("/door/whep/{}", response.session_key);
    let refused = request(&gateway, "PATCH", &path, &[JSON], br#"{"slots":[]}"#);
    assert_eq!(refused.status, 415, "a stream has no slots");
    let path = format!("/wall/{}", response.session_key);
    assert_eq!(request(&gateway, "DELETE", &path, &[], b"").status, 404);
    let error = gateway.bind_slot(response.session, "0", None).unwrap_err();
    assert_eq!(error.status(), Status::InvalidState);
}

/// A gateway whose host is asked, and allows all but "yard"; whom it allowed what, as it was asked.
fn asking() -> (Gateway, Asked<(Operation, String, Option<String>)>) {
    let (events, asked) = asker();
    let gateway = Gateway::new(Config {
        events,
        tuning: vec![(Key::MaxWorkerLoadPercent, 0)],
        ..Config::default()
    });
    let gateway = gateway.unwrap();
    let (told, heard) = mpsc::channel();
    let handle = Handle::clone(&gateway);
    std::thread::spawn(move || {
        for AuthorizeRequest {
            id,
            operation,
            stream,
            token,
            peer,
        } in asked
        {
            assert_eq!(peer.as_deref(), Some("192.0.2.9:4711"));
            let stream = stream.unwrap();
            let may = stream != "yard";
            // First: who waits for the answer looks at what was asked next.
            let _ = told.send((operation, stream, token));
            let _ = handle.authorize(id, may);
        }
    });
    (gateway, heard)
}

#[test]
fn permission_is_asked_for_each_stream() {
    let (gateway, asked) = asking();
    let pushed: Vec<_> = ["door", "yard", "gate"]
        .map(|name| push(&gateway, name))
        .into();
    let token = ("Authorization", "Bearer hers");
    let questions = || {
        let mut all: Vec<_> = asked.try_iter().collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    };
    let watch = |name: &str| (Operation::Watch, name.to_owned(), Some("hers".to_owned()));

    let offer = chromium().viewer.offer_of(3, 1);
    let path = "/wall?slots=door,yard,nothing&sound=door";
    let opened = request(&gateway, "POST", path, &[SDP, token], offer.as_bytes());
    assert_eq!(opened.status, 201, "{}", opened.body);
    let refused = header(&opened, "Refused-Slots").unwrap();
    let all: Vec<&str> = refused.split("\", ").collect();
    assert!(all[0].starts_with("\"1\";status=403"), "{refused}");
    assert!(all[1].starts_with("\"2\";status=404"), "{refused}");
    assert_eq!(questions(), ["door", "nothing", "yard"].map(watch));
    let session = opened.session.unwrap();
    let bound = |gateway: &Handle| {
        let slots = gateway.slots(session).unwrap();
        slots.iter().map(|slot| slot.stream).collect::<Vec<_>>()
    };
    assert_eq!(
        bound(&gateway),
        [Some(pushed[0]), None, None, Some(pushed[0])]
    );

    // Later as well, and with the token of that request.
    let location = header(&opened, "Location").unwrap();
    let wanted = json!({"slots": [
        {"slot": "1", "stream": "gate"}, {"slot": "2", "stream": "yard"}, {"slot": "0", "stream": "yard"},
    ]});
    let later = ("Authorization", "Bearer later");
    let wanted = wanted.to_string();
    let changed = request(
        &gateway,
        "PATCH",
        location,
        &[JSON, later],
        wanted.as_bytes(),
    );
    let reply: Value = serde_json::from_str(&changed.body).unwrap();
    let statuses: Vec<&Value> = slots(&reply).iter().map(|slot| &slot["status"]).collect();
    assert_eq!(statuses, [&Value::Null, &json!(403), &json!(403)]);
    let later = |name: &str| (Operation::Watch, name.to_owned(), Some("later".to_owned()));
    let as_such = (Operation::Update, String::new(), Some("later".to_owned()));
    assert_eq!(questions(), [as_such, later("gate"), later("yard")]);
    assert_eq!(
        bound(&gateway),
        [Some(pushed[0]), Some(pushed[2]), None, Some(pushed[0])]
    );

    // By what the session keeps of its POST.
    let may = |name: &str| block_on(gateway.may_watch(session, name)).unwrap();
    assert!(may("gate") && !may("yard"));
    assert_eq!(questions(), ["gate", "yard"].map(watch));

    // Who may see none of it opens no wall; without a token, one is asked for.
    let none = request(
        &gateway,
        "POST",
        "/wall?slots=yard,yard",
        &[SDP, token],
        offer.as_bytes(),
    );
    assert_eq!(none.status, 403);
    let none = request(
        &gateway,
        "POST",
        "/wall?slots=yard",
        &[SDP],
        offer.as_bytes(),
    );
    assert_eq!(
        (none.status, header(&none, "WWW-Authenticate")),
        (401, Some("Bearer"))
    );
    assert_eq!(gateway.sessions().unwrap().len(), 1);
    questions();
    // An empty one is asked for as such.
    let empty = request(&gateway, "POST", "/wall", &[SDP, token], offer.as_bytes());
    assert_eq!(empty.status, 201);
    assert_eq!(questions(), [watch("")]);
    // What the host has authorized itself is asked nobody, neither now nor later.
    let vouched = gateway.handle_http(&HttpRequest {
        method: "POST",
        path: "/wall?slots=yard",
        headers: &[SDP],
        body: offer.as_bytes(),
        authorized: true,
        ..HttpRequest::default()
    });
    let vouched = vouched.unwrap();
    assert_eq!(
        (vouched.status, header(&vouched, "Refused-Slots")),
        (201, None)
    );
    assert!(block_on(gateway.may_watch(vouched.session.unwrap(), "yard")).unwrap());
    assert_eq!(questions(), []);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn push(gateway: &Handle, name: &str) -> StreamId {
    let options = PushOptions {
        video: Some(Codec::H264),
        ..PushOptions::default()
    };
    gateway.add_push_stream(name, options).unwrap()
}

#[test]
fn a_removed_stream_leaves_its_slot_and_no_other() {
    let (gateway, _server) = with_cameras(2);
    let mut wall = Wall::open(&gateway, 2, 0, "?slots=door,yard");
    let session = wall.response.session.unwrap();
    wall.shows(0, Clip::Baseline360p);
    wall.shows(1, Clip::Low180p);
    let yard = gateway.find_stream("yard").unwrap();
    gateway.remove_stream(yard).unwrap();
    let state = |slot: usize| gateway.slots(session).unwrap()[slot].state;
    wait_for("the slot hears of it", || {
        state(1) == Some(StreamState::Removed)
    });
    assert_eq!(state(0), Some(StreamState::Live));
    wall.goes_on(0);
    gateway
        .bind_slot(session, "1", Some(gateway.find_stream("gate").unwrap()))
        .unwrap();
    wall.shows(1, Clip::High360p);
    assert_eq!(gateway.sessions().unwrap(), [session]);
}

#[test]
fn a_storm_of_rebinding_is_bounded_and_others_do_not_notice() {
    const SLOTS: usize = 128;
    let (gateway, _server) = with_cameras(2);
    let (mut other, _) = watch(&gateway, "gate");
    let mut wall = Wall::open(&gateway, SLOTS, 0, "");
    assert!(wall.viewer.run_till(LONG, Viewer::is_connected));
    let all = |stream: &str| {
        let slots: Vec<Value> = (0..SLOTS)
            .map(|slot| json!({"slot": slot.to_string(), "stream": stream}))
            .collect();
        json!({ "slots": slots })
    };
    let begun = Instant::now();
    for round in 0..30 {
        let name = ["door", "yard"][round % 2];
        let reply = wall.change(&gateway, &all(name));
        assert!(
            slots(&reply).iter().all(|slot| slot["stream"] == name),
            "{reply}"
        );
        // Ten times a second; the viewer is there.
        let next = begun + Duration::from_millis(100) * round as u32;
        wall.viewer
            .run_till(next.saturating_duration_since(Instant::now()), |_| false);
        other.run_till(Duration::from_millis(1), |_| false);
    }
    // Some beginnings, not 30 for each slot: a keyframe of "door" alone has some 15 KB.
    let info = gateway
        .session_info(wall.response.session.unwrap())
        .unwrap();
    assert!(info.bytes_sent < 100 << 20, "{} bytes", info.bytes_sent);
    let before = frames(&other.viewer);
    assert!(other.run_till(LONG, has_frames(before + 25)));
    let none: Vec<Value> = (0..SLOTS)
        .map(|slot| json!({"slot": slot.to_string(), "stream": null}))
        .collect();
    wall.change(&gateway, &json!({ "slots": none }));
    for slot in [0, 63, 127] {
        let roof = json!({"slots": [{"slot": slot.to_string(), "stream": "roof"}]});
        wall.change(&gateway, &roof);
        wall.shows(slot, Clip::Main480p);
    }
}

/// Bytes from one keyframe of a clip to the next, and what packets and keys add.
fn gop_bytes(clip: Clip) -> u64 {
    let units = clip.access_units();
    let next = units.iter().skip(1).position(|unit| unit.is_keyframe());
    let gop = &units[..1 + next.unwrap_or(units.len() - 1)];
    let nals = gop.iter().flat_map(|unit| &unit.nals);
    let bytes: usize = nals.map(|nal| nal.len() + 100).sum();
    bytes as u64 * 5 / 4
}

#[test]
fn a_storm_of_thousands_of_patches_is_bounded_and_others_do_not_notice() {
    const SLOTS: usize = 128;
    const PATCHES: usize = 3_000;
    let (gateway, _server) = with_cameras(2);
    let (mut other, _) = watch(&gateway, "gate");
    let mut wall = Wall::open(&gateway, SLOTS, 0, "");
    assert!(wall.viewer.run_till(LONG, Viewer::is_connected));
    let names = ["door", "yard"];
    let all = names.map(|stream| {
        let slots = (0..SLOTS).map(|slot| json!({"slot": slot.to_string(), "stream": stream}));
        json!({ "slots": slots.collect::<Vec<_>>() }).to_string()
    });
    let one = names.map(|stream| json!({"slots": [{"slot": "5", "stream": stream}]}).to_string());
    let begun = Instant::now();
    // As fast as they are answered; the pages read now and then.
    for i in 0..PATCHES {
        let body = match i % 4 {
            0 => &all[i / 4 % 2],
            other => &one[other % 2],
        };
        let response = wall.patch(&gateway, &[JSON], body.as_bytes());
        assert_eq!(response.status, 200, "{}", response.body);
        assert!(!response.body.contains("\"status\""), "{}", response.body);
        if i % 50 == 0 {
            wall.viewer.run_till(Duration::from_millis(1), |_| false);
            other.run_till(Duration::from_millis(1), |_| false);
        }
    }
    // A slot begins eight times at once, then once a second, each time with no more than since the last keyframe, and
    // goes on with what comes.
    let session = wall.response.session.unwrap();
    let sent = gateway.session_info(session).unwrap().bytes_sent;
    let seconds = begun.elapsed().as_secs() + 1;
    let gop = gop_bytes(Clip::Baseline360p).max(gop_bytes(Clip::Low180p));
    let bound = SLOTS as u64 * (9 + 2 * seconds) * gop;
    assert!(sent < bound, "{sent} bytes in {seconds} s, at most {bound}");
    let text = gateway.metrics().unwrap();
    assert!(text.contains("\nrtsp_webrtc_gateway_slot_refusals_total 0\n"));
    let before = frames(&other.viewer);
    assert!(other.run_till(LONG, has_frames(before + 25)));
    assert_eq!(other.viewer.video.lost(), 0);
    // And it is a wall as before.
    for slot in [0, 127] {
        wall.change(
            &gateway,
            &json!({"slots": [{"slot": slot.to_string(), "stream": "roof"}]}),
        );
        wall.shows(slot, Clip::Main480p);
    }
}

#[test]
fn bad_walls_are_refused_and_nothing_is_left() {
    let (gateway, _server) = with_cameras(1);
    let viewer = chromium();
    let offer = |videos, audios| viewer.viewer.offer_of(videos, audios);
    let twice = offer(2, 0).replace("a=mid:1", "a=mid:0");
    let sections = offer(1, 0) + &"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(10_000);
    let large = vec![b'v'; (1 << 20) + 1];
    for (query, sdp, status) in [
        ("", offer(129, 0).as_bytes(), 413),
        ("", offer(1, 9).as_bytes(), 413),
        ("", sections.as_bytes(), 413),
        ("", &large, 413),
        ("", twice.as_bytes(), 400),
        ("", offer(0, 1).as_bytes(), 406),
        (
            "",
            offer(1, 0).replace("BUNDLE 0", "BUNDLE x").as_bytes(),
            400,
        ),
        ("", b"", 400),
        ("?slots=door,yard", offer(1, 0).as_bytes(), 400),
        ("?slots=a&slots=b", offer(1, 0).as_bytes(), 400),
    ] {
        let response = request(&gateway, "POST", &format!("/wall{query}"), &[SDP], sdp);
        assert_eq!(response.status, status, "{query} {}", response.body);
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert!(
            body["detail"].as_str().is_some_and(|text| text.len() > 10),
            "{body}"
        );
    }
    assert_eq!(gateway.sessions().unwrap(), []);
    // The most that there may be.
    let wall = Wall::open(&gateway, 128, 8, "?slots=door");
    assert_eq!(
        gateway.slots(wall.response.session.unwrap()).unwrap().len(),
        136
    );
}

#[test]
fn a_host_opens_walls_itself() {
    let gateway = tuned(&[]);
    let door = push(&gateway, "door");
    let offer = chromium().viewer.offer_of(2, 1);
    let open = |video: &[Option<&str>]| {
        gateway.handle_whep_offer(&WhepOffer {
            sdp: offer.as_bytes(),
            location_prefix: Some("/video/"),
            wall: Some(WallSlots {
                video,
                sound: Some("nothing"),
            }),
            ..WhepOffer::default()
        })
    };
    let response = open(&[None, Some("door")]).unwrap();
    let refused = response
        .headers
        .iter()
        .find(|(name, _)| *name == "Refused-Slots");
    assert!(refused.unwrap().1.starts_with("\"2\";status=404"));
    let slots = gateway.slots(response.session).unwrap();
    let bound: Vec<_> = slots.iter().map(|slot| (&*slot.mid, slot.stream)).collect();
    assert_eq!(bound, [("0", None), ("1", Some(door)), ("2", None)]);
    let error = open(&[None, None, Some("door")]).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
}
