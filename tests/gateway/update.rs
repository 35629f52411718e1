//! Cameras that get other options, or are to be connected at once, while viewers watch.

use std::sync::mpsc;
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Config, PullOptions, PushOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{Events, StreamEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{SessionState, StreamId, StreamState};
use testkit::camera::Fault;
use testkit::viewer::UdpViewer;

use crate::common::{DEAD, LONG, cameras, frames, has_frames, pull, watch};

struct Teller(mpsc::Sender<StreamEvent>);

impl Events for Teller {
    fn stream_state(&self, event: &StreamEvent) {
        let _ = self.0.send(event.clone());
    }
}

fn gateway() -> (Gateway, mpsc::Receiver<StreamEvent>) {
    let (teller, events) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Teller(teller))),
        ..Config::default()
    })
    .unwrap();
    (gateway, events)
}

/// The next event, which has this state.
fn expect(events: &mpsc::Receiver<StreamEvent>, state: StreamState) -> StreamEvent {
    let event = events.recv_timeout(LONG).unwrap();
    assert_eq!(event.state, state, "{event:?}");
    event
}

fn labeled(url: String, label: &str) -> PullOptions {
    PullOptions {
        label: Some(label.to_owned()),
        user_data: label.len(),
        ..pull(url)
    }
}

fn sees_more(viewer: &mut UdpViewer) -> bool {
    let enough = frames(&viewer.viewer) + 10;
    viewer.run_till(LONG, has_frames(enough))
}

#[test]
fn viewers_stay_when_a_camera_gets_another_url() {
    let server = cameras(&["front", "back"]);
    let (gateway, events) = gateway();
    let front = labeled(server.url("front"), "Front door");
    let stream = gateway.add_stream("door", front).unwrap();
    let (mut viewer, response) = watch(&gateway, "door");
    let event = expect(&events, StreamState::Live);
    assert_eq!(&*event.identity.name, "door");
    assert_eq!(event.identity.label.as_deref(), Some("Front door"));

    let back = labeled(server.url("back"), "Back");
    gateway.update_stream(stream, back).unwrap();
    expect(&events, StreamState::Connecting);
    let event = expect(&events, StreamState::Live);
    assert_eq!(event.identity.label.as_deref(), Some("Back"));
    assert_eq!((event.identity.user_data, event.status), (4, Status::Ok));
    assert!(sees_more(&mut viewer));
    let session = gateway.session_info(response.session).unwrap();
    assert_eq!(session.state, SessionState::Connected);
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!((info.reconnects, info.sessions), (1, 1));
    assert_eq!(info.identity, event.identity);
    assert_eq!(server.statistics("back").playing, 1);
    assert_eq!(server.statistics("front").connections, 1);
    let json = gateway.state_json().unwrap();
    assert!(json.contains(r#""name":"door","label":"Back""#), "{json}");
}

#[test]
fn a_connection_is_made_at_once_if_the_host_says_so() {
    let server = cameras(&["cam"]);
    let (gateway, events) = gateway();
    server.fault("cam", Fault::Refuse);
    let patient = PullOptions {
        retry_min: Some(Duration::from_secs(3600)),
        ..pull(server.url("cam"))
    };
    let stream = gateway.add_stream("door", patient).unwrap();
    expect(&events, StreamState::Retrying);
    server.fault("cam", Fault::None);
    gateway.reconnect_stream(stream).unwrap();
    let event = expect(&events, StreamState::Connecting);
    assert_eq!(event.status, Status::Ok);
    expect(&events, StreamState::Live);

    // A connection that there is, is replaced.
    let (mut viewer, _) = watch(&gateway, "door");
    let before = server.statistics("cam").connections;
    gateway.reconnect_stream(stream).unwrap();
    expect(&events, StreamState::Connecting);
    expect(&events, StreamState::Live);
    assert!(sees_more(&mut viewer));
    assert_eq!(server.statistics("cam").connections, before + 1);
    assert_eq!(gateway.stream_info(stream).unwrap().sessions, 1);
}

#[test]
fn a_camera_that_nobody_wants_stays_idle() {
    let server = cameras(&["cam"]);
    let (gateway, events) = gateway();
    let stream = gateway.add_stream("door", pull(server.url("cam"))).unwrap();
    expect(&events, StreamState::Live);
    let on_demand = PullOptions {
        on_demand: true,
        ..pull(server.url("cam"))
    };
    gateway.update_stream(stream, on_demand).unwrap();
    expect(&events, StreamState::Idle);
    gateway.reconnect_stream(stream).unwrap();
    assert_eq!(
        gateway.stream_info(stream).unwrap().state,
        StreamState::Idle
    );
    assert_eq!(server.statistics("cam").connections, 1);
    let (mut viewer, _) = watch(&gateway, "door");
    expect(&events, StreamState::Connecting);
    expect(&events, StreamState::Live);

    // And the other way round.
    gateway
        .update_stream(stream, pull(server.url("cam")))
        .unwrap();
    expect(&events, StreamState::Connecting);
    expect(&events, StreamState::Live);
    assert!(sees_more(&mut viewer));
    assert_eq!(server.statistics("cam").connections, 3);
}

#[test]
fn what_cannot_be_updated_stays_as_it_is() {
    let (gateway, _events) = gateway();
    let absent = || labeled(DEAD.to_owned(), "Absent");
    let stream = gateway.add_stream("door", absent()).unwrap();
    let pushed = gateway
        .add_push_stream("pushed", PushOptions::default())
        .unwrap();
    let status =
        |result: Result<(), rtsp_webrtc_gateway::error::Error>| result.unwrap_err().status();
    assert_eq!(
        status(gateway.update_stream(pushed, absent())),
        Status::InvalidState
    );
    assert_eq!(
        status(gateway.reconnect_stream(pushed)),
        Status::InvalidState
    );
    let unknown = StreamId(u64::MAX);
    assert_eq!(
        status(gateway.update_stream(unknown, absent())),
        Status::NotFound
    );
    assert_eq!(status(gateway.reconnect_stream(unknown)), Status::NotFound);
    assert_eq!(
        gateway.stream_name(unknown).unwrap_err().status(),
        Status::NotFound
    );

    let refused = |options, expected| {
        assert_eq!(status(gateway.update_stream(stream, options)), expected);
        let info = gateway.stream_info(stream).unwrap();
        assert_eq!(info.identity.label.as_deref(), Some("Absent"));
    };
    refused(pull("192.0.2.7/stream1".to_owned()), Status::Url);
    refused(
        labeled(DEAD.to_owned(), &"x".repeat(129)),
        Status::InvalidArgument,
    );
    refused(labeled(DEAD.to_owned(), "a\nb"), Status::InvalidArgument);
    let impatient = PullOptions {
        connect_timeout: Some(Duration::ZERO),
        ..absent()
    };
    refused(impatient, Status::InvalidArgument);
    assert_eq!(&*gateway.stream_name(stream).unwrap(), "door");
}
