//! Offers answered asynchronously: the outcome is reported once, whatever happens meanwhile.

use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Config, IceServer, WhepOffer};
use rtsp_webrtc_gateway::error::{Result, Status};
use rtsp_webrtc_gateway::events::{Events, SessionEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{OpId, SessionState};
use rtsp_webrtc_gateway::whep::Response;
use testkit::viewer::UdpViewer;

use crate::common::{LONG, cameras, chromium, has_frames, pull, watch};

type Outcome = (OpId, Result<Response>);

/// Offers without blocking. The channel ends when the outcome can no longer come.
fn offer(
    gateway: &Gateway,
    stream: &str,
    viewer: &UdpViewer,
    timeout: Duration,
) -> Result<(OpId, Receiver<Outcome>)> {
    let (told, outcome) = mpsc::channel();
    let op = gateway.handle_whep_offer_async(
        &WhepOffer {
            stream,
            sdp: viewer.viewer.offer().as_bytes(),
            timeout: Some(timeout),
            ..WhepOffer::default()
        },
        Box::new(move |op, result| {
            told.send((op, result)).unwrap();
        }),
    )?;
    Ok((op, outcome))
}

/// The one outcome, and no other.
fn only(op: OpId, outcome: &Receiver<Outcome>) -> Result<Response> {
    let (told, result) = outcome.recv_timeout(LONG).unwrap();
    assert_eq!(told, op);
    assert!(outcome.recv_timeout(LONG).is_err(), "told twice");
    result
}

fn fails(op: OpId, outcome: &Receiver<Outcome>) -> Status {
    only(op, outcome).unwrap_err().status()
}

/// A gateway with a stream whose camera takes connections and never says a word.
fn waiting() -> (Gateway, TcpListener) {
    let camera = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/", camera.local_addr().unwrap());
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(url)).unwrap();
    (gateway, camera)
}

#[test]
fn an_answer_comes_on_the_callback_thread_and_plays() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let mut viewer = chromium();
    let (op, outcome) = offer(&gateway, "cam", &viewer, LONG).unwrap();
    let response = only(op, &outcome).unwrap();
    assert_eq!(response.status, 201);
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, has_frames(5)));
    assert_eq!(gateway.cancel(op).unwrap_err().status(), Status::NotFound);
}

#[test]
fn viewers_are_told_of_ice_servers() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config {
        ice_servers: vec![IceServer {
            url: "stun:stun.example.net".to_owned(),
            ..IceServer::default()
        }],
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (_viewer, response) = watch(&gateway, "cam");
    let links = response.headers.iter().filter(|(name, _)| *name == "Link");
    let links: Vec<&String> = links.map(|(_, value)| value).collect();
    assert_eq!(links, ["<stun:stun.example.net>; rel=\"ice-server\""]);
}

#[test]
fn a_viewer_may_have_ice_servers_of_its_own() {
    let server = cameras(&["cam"]);
    let of_all = IceServer {
        url: "stun:stun.example.net".to_owned(),
        ..IceServer::default()
    };
    let of_ann = IceServer {
        url: "turn:turn.example.net".to_owned(),
        username: Some("ann".to_owned()),
        credential: Some("hunter2".to_owned()),
        ..IceServer::default()
    };
    let gateway = Gateway::new(Config {
        ice_servers: vec![of_all],
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let offer = |ice_servers: Option<&[IceServer]>| {
        gateway.handle_whep_offer(&WhepOffer {
            stream: "cam",
            sdp: chromium().viewer.offer().as_bytes(),
            timeout: Some(LONG),
            ice_servers,
            ..WhepOffer::default()
        })
    };
    let links = |ice_servers: Option<&[IceServer]>| -> Vec<String> {
        let headers = offer(ice_servers).unwrap().headers.into_iter();
        let links = headers.filter(|(name, _)| *name == "Link");
        links.map(|(_, value)| value).collect()
    };
    assert_eq!(links(None), ["<stun:stun.example.net>; rel=\"ice-server\""]);
    let own = [of_ann];
    assert_eq!(
        links(Some(&own)),
        [
            "<turn:turn.example.net>; rel=\"ice-server\"; username=\"ann\"; \
             credential=\"hunter2\"; credential-type=\"password\""
        ]
    );
    assert_eq!(links(Some(&[])), [""; 0]);
    let unusable = [IceServer::default()];
    let error = offer(Some(&unusable)).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
}

struct Teller(mpsc::Sender<SessionEvent>);

impl Events for Teller {
    fn session_state(&self, event: &SessionEvent) {
        let _ = self.0.send(event.clone());
    }
}

#[test]
fn what_the_host_says_of_a_viewer_comes_back() {
    let server = cameras(&["cam"]);
    let (teller, told) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Teller(teller))),
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let viewer = chromium();
    let sdp = viewer.viewer.offer();
    let offer = WhepOffer {
        stream: "cam",
        sdp: sdp.as_bytes(),
        timeout: Some(LONG),
        peer: Some("192.0.2.7:5000"),
        label: Some("Ann Müller"),
        user_data: 4711,
        ..WhepOffer::default()
    };
    let response = gateway.handle_whep_offer(&offer).unwrap();
    let identity = gateway.session_info(response.session).unwrap().viewer;
    assert_eq!(identity.peer.as_deref(), Some("192.0.2.7:5000"));
    assert_eq!(identity.label.as_deref(), Some("Ann Müller"));
    assert_eq!(identity.user_data, 4711);
    let now: serde_json::Value = serde_json::from_str(&gateway.state_json().unwrap()).unwrap();
    assert_eq!(now["sessions"][0]["label"], "Ann Müller");
    assert_eq!(now["sessions"][0]["peer"], "192.0.2.7:5000");
    gateway.close_session(response.session).unwrap();
    for state in [SessionState::New, SessionState::Closed] {
        let event = told.recv_timeout(LONG).unwrap();
        assert_eq!((event.session, event.state), (response.session, state));
        assert_eq!((event.status, &*event.message), (Status::Ok, ""));
        assert_eq!(event.viewer, identity);
    }
    for label in ["x".repeat(129), "a\nb".to_owned()] {
        let offer = WhepOffer {
            label: Some(&label),
            ..offer
        };
        let error = gateway.handle_whep_offer(&offer).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
    }
}

#[test]
fn cancelled_and_only_once() {
    let (gateway, _server) = waiting();
    let (op, outcome) = offer(&gateway, "cam", &chromium(), LONG).unwrap();
    gateway.cancel(op).unwrap();
    assert_eq!(fails(op, &outcome), Status::Cancelled);
    assert_eq!(gateway.cancel(op).unwrap_err().status(), Status::NotFound);
    assert_eq!(
        gateway.cancel(OpId(0)).unwrap_err().status(),
        Status::NotFound
    );
}

#[test]
fn timed_out() {
    let (gateway, _server) = waiting();
    let offers: Vec<_> = [300, 1, 50, 1]
        .map(|ms| offer(&gateway, "cam", &chromium(), Duration::from_millis(ms)).unwrap())
        .into();
    for (op, outcome) in &offers {
        assert_eq!(fails(*op, outcome), Status::NotReady);
    }
}

#[test]
fn the_stream_is_removed() {
    let (gateway, _server) = waiting();
    let (op, outcome) = offer(&gateway, "cam", &chromium(), Duration::MAX).unwrap();
    let stream = gateway.find_stream("cam").unwrap();
    gateway.remove_stream(stream).unwrap();
    assert_eq!(fails(op, &outcome), Status::NotFound);
}

#[test]
fn the_gateway_shuts_down() {
    let (gateway, _server) = waiting();
    let offers: Vec<_> = (0..20)
        .map(|_| offer(&gateway, "cam", &chromium(), Duration::MAX).unwrap())
        .collect();
    gateway.shutdown(LONG).unwrap();
    for (op, outcome) in &offers {
        assert_eq!(fails(*op, outcome), Status::ShuttingDown);
    }
    let late = offer(&gateway, "cam", &chromium(), LONG).unwrap_err();
    assert_eq!(late.status(), Status::ShuttingDown);
}

#[test]
fn what_is_refused_at_once_is_not_told_again() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let (told, outcome) = mpsc::channel::<()>();
    let result = gateway.handle_whep_offer_async(
        &WhepOffer {
            stream: "nobody",
            ..WhepOffer::default()
        },
        Box::new(move |_, _| told.send(()).unwrap()),
    );
    assert_eq!(result.unwrap_err().status(), Status::NotFound);
    assert!(outcome.recv_timeout(LONG).is_err());
}

#[test]
fn how_many_may_be_under_way_is_bounded() {
    let (gateway, _server) = waiting();
    let viewer = chromium();
    let mut offers = Vec::new();
    let refused = loop {
        match offer(&gateway, "cam", &viewer, Duration::MAX) {
            Ok(offer) => offers.push(offer),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.status(), Status::Limit);
    assert_eq!(offers.len(), 1024);
    // One that ends makes room for another.
    let (op, outcome) = offers.pop().unwrap();
    gateway.cancel(op).unwrap();
    assert_eq!(fails(op, &outcome), Status::Cancelled);
    let again = offer(&gateway, "cam", &viewer, Duration::MAX).unwrap();
    gateway.cancel(again.0).unwrap();
}

/// An offer that is cancelled, or times out, just as the camera comes: either the caller has the
/// session, or there is none.
#[test]
fn no_session_is_left_that_nobody_heard_of() {
    let server = cameras(&["cam"]);
    for round in 0..40u64 {
        let gateway = Gateway::new(Config::default()).unwrap();
        let stream = gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
        let viewer = chromium();
        let timeout = Duration::from_millis(1 + round / 2);
        let mut heard = 0;
        if round % 2 == 0 {
            let (op, outcome) = offer(&gateway, "cam", &viewer, LONG).unwrap();
            std::thread::sleep(timeout);
            let cancelled = gateway.cancel(op).is_ok();
            let result = only(op, &outcome);
            assert_eq!(cancelled, result.is_err());
            heard += usize::from(result.is_ok());
        } else {
            let result = gateway.handle_whep_offer(&WhepOffer {
                stream: "cam",
                sdp: viewer.viewer.offer().as_bytes(),
                timeout: Some(timeout),
                ..WhepOffer::default()
            });
            heard += usize::from(result.is_ok());
        }
        // By now the camera is there for sure, and every offer is through.
        let info = loop {
            let info = gateway.stream_info(stream).unwrap();
            if info.frames > 0 {
                break info;
            }
            std::thread::yield_now();
        };
        assert_eq!(info.sessions as usize, heard, "round {round}");
        assert_eq!(gateway.sessions().unwrap().len(), heard);
    }
}
