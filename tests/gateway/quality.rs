//! What a viewer asks for, what it is shown then, and who hears of it.

use std::cell::RefCell;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};

use rtsp_webrtc_gateway::config::{Config, WhepOffer};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{Events, QualityEvent};
use rtsp_webrtc_gateway::gateway::{Gateway, Handle};
use rtsp_webrtc_gateway::state::{
    Detail, QualityReason, SessionId, StreamId, VariantChoice, ViewerLimits,
};
use testkit::camera::CameraServer;
use testkit::viewer::{UdpViewer, Viewer};

use crate::common::{LONG, cameras, chromium, has_frames, pull, watch};

struct Teller {
    tell: mpsc::Sender<QualityEvent>,
    gateway: Arc<OnceLock<Handle>>,
}

impl Events for Teller {
    fn session_quality(&self, event: &QualityEvent) {
        // What asks a worker works in the callback; what waits for callbacks does not.
        if let Some(gateway) = self.gateway.get() {
            assert!(gateway.session_info(event.session).is_ok());
            assert!(gateway.state_json().is_ok());
            let offer = gateway.handle_whep_offer(&WhepOffer::default());
            assert_eq!(offer.unwrap_err().status(), Status::WouldDeadlock);
        }
        let _ = self.tell.send(event.clone());
    }
}

/// "door" with the substream "door-sub", and "yard".
struct Site {
    gateway: Gateway,
    told: Receiver<QualityEvent>,
    door: StreamId,
    sub: StreamId,
    _cameras: CameraServer,
}

impl Site {
    fn new() -> Site {
        let server = cameras(&["door", "door-sub", "yard"]);
        let (tell, told) = mpsc::channel();
        let handle = Arc::new(OnceLock::new());
        let gateway = Gateway::new(Config {
            events: Some(Box::new(Teller {
                tell,
                gateway: Arc::clone(&handle),
            })),
            ..Config::default()
        })
        .unwrap();
        assert!(handle.set(Handle::clone(&gateway)).is_ok());
        let add = |name| gateway.add_stream(name, pull(server.url(name))).unwrap();
        let (door, sub) = (add("door"), add("door-sub"));
        add("yard");
        gateway.set_variants(door, &[door, sub]).unwrap();
        Site {
            gateway,
            told,
            door,
            sub,
            _cameras: server,
        }
    }

    /// The next change of what is shown, while the viewer runs.
    fn next(&self, viewer: &mut UdpViewer) -> QualityEvent {
        let event = RefCell::new(None);
        let told = |_: &Viewer| {
            let mut event = event.borrow_mut();
            *event = event.take().or_else(|| self.told.try_recv().ok());
            event.is_some()
        };
        assert!(viewer.run_till(LONG, told), "nothing was told");
        event.take().unwrap()
    }

    /// The session in the JSON document, and the samples of it in the metrics.
    fn seen(&self, session: SessionId) -> (serde_json::Value, String) {
        let json: serde_json::Value =
            serde_json::from_str(&self.gateway.state_json().unwrap()).unwrap();
        let sessions = json["sessions"].as_array().unwrap();
        let found = sessions.iter().find(|s| s["id"] == session.0).unwrap();
        (found.clone(), self.gateway.metrics().unwrap())
    }
}

fn at_most(variant: StreamId) -> ViewerLimits {
    ViewerLimits {
        variant: VariantChoice::AtMost(variant),
        ..ViewerLimits::default()
    }
}

#[test]
fn a_viewer_that_asks_for_less_gets_less_and_everybody_hears_why() {
    let site = Site::new();
    let (mut viewer, response) = watch(&site.gateway, "door");
    let session = response.session;
    let before = site.gateway.session_info(session).unwrap();
    assert_eq!(before.quality.variant, site.door);
    assert_eq!((before.held_back, before.switches.down), (None, 0));

    let gateway = &site.gateway;
    gateway
        .set_session_limits(session, at_most(site.sub))
        .unwrap();
    let event = site.next(&mut viewer);
    assert_eq!((event.session, event.stream), (session, site.door));
    assert_eq!(&*event.stream_name, "door");
    assert_eq!(event.quality.variant, site.sub);
    assert_eq!(event.quality.detail, Detail::AllFrames);
    assert_eq!(event.quality.reason, QualityReason::Viewer);
    let why = "this viewer asked for at most \"door-sub\": showing the substream \"door-sub\"";
    assert_eq!(event.held_back.as_deref(), Some(why));

    let info = gateway.session_info(session).unwrap();
    assert_eq!(info.held_back.as_deref(), Some(why));
    assert_eq!((info.switches.down, info.switches.up), (1, 0));
    let (json, metrics) = site.seen(session);
    for (name, value) in [
        ("variant_name", "door-sub"),
        ("detail", "all_frames"),
        ("reason", "viewer"),
        ("held_back", why),
    ] {
        assert_eq!(json[name], value, "{json}");
    }
    assert_eq!(
        (&json["variant"], &json["switches"]["down"]),
        (&site.sub.0.into(), &1.into())
    );
    for sample in [
        "stream_sessions_shown{stream=\"door\",detail=\"all_frames\"} 1",
        "stream_sessions_held_back{stream=\"door\",reason=\"viewer\"} 1",
        "stream_sessions_held_back{stream=\"door\",reason=\"path\"} 0",
        "stream_sessions_held_back{stream=\"yard\",reason=\"viewer\"} 0",
        "stream_switches_total{stream=\"door\",to=\"worse_variant\"} 1",
    ] {
        let line = format!("rtsp_webrtc_gateway_{sample}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }

    gateway
        .set_session_limits(session, ViewerLimits::default())
        .unwrap();
    let mut event = site.next(&mut viewer);
    // What its link carries may not be known yet.
    while event.quality.variant == site.sub {
        event = site.next(&mut viewer);
    }
    assert_eq!(event.quality.variant, site.door);
    assert_eq!(event.quality.reason, QualityReason::Nothing);
    assert_eq!(event.held_back, None);
}

#[test]
fn an_offer_may_ask_and_only_for_what_there_is() {
    let site = Site::new();
    let offer = chromium().viewer.offer();
    let ask = |limits| {
        site.gateway.handle_whep_offer(&WhepOffer {
            stream: "door",
            sdp: offer.as_bytes(),
            timeout: Some(LONG),
            limits,
            ..WhepOffer::default()
        })
    };
    let yard = site.gateway.find_stream("yard").unwrap();
    let nothing = format!("no stream has the id {}", u64::MAX);
    for (variant, said) in [(yard, "\"yard\" is"), (StreamId(u64::MAX), &nothing)] {
        let error = ask(at_most(variant)).unwrap_err();
        assert!(error.message().starts_with(said), "{error}");
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(
            error.message().contains("no variant of \"door\""),
            "{error}"
        );
    }
    assert!(ask(at_most(site.door)).is_ok(), "the stream itself");

    let mut viewer = chromium();
    let sdp = viewer.viewer.offer();
    let response = site
        .gateway
        .handle_whep_offer(&WhepOffer {
            stream: "door",
            sdp: sdp.as_bytes(),
            timeout: Some(LONG),
            limits: ViewerLimits {
                variant: VariantChoice::Only(site.sub),
                ..ViewerLimits::default()
            },
            ..WhepOffer::default()
        })
        .unwrap();
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, has_frames(1)));
    let shown = |_: &Viewer| {
        let info = site.gateway.session_info(response.session).unwrap();
        info.quality.variant == site.sub
    };
    assert!(viewer.run_till(LONG, shown));
    let info = site.gateway.session_info(response.session).unwrap();
    let why = "this viewer asked for \"door-sub\": showing the substream \"door-sub\"";
    assert_eq!(info.held_back.as_deref(), Some(why));
    let error = site
        .gateway
        .set_session_limits(response.session, at_most(yard))
        .unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    let same = site.gateway.session_info(response.session).unwrap();
    assert_eq!(same.held_back.as_deref(), Some(why), "nothing has changed");
}
