//! Offers of the gateway's own, where that of the viewer cannot be answered.

use std::sync::mpsc::{self, Receiver, Sender};

use rtsp_webrtc_gateway::config::{Config, WhepOffer};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{Events, SessionEvent};
use rtsp_webrtc_gateway::state::SessionState;

use super::client::{Answer, ask};
use super::site::Site;
use crate::common::{LONG, chromium, has_frames};

const SDP: &str = "Content-Type: application/sdp";

fn post(site: &Site, sdp: &str) -> Answer {
    ask(site.address, "POST", "/door/whep", &[SDP], sdp.as_bytes())
}

struct Teller(Sender<SessionEvent>);

impl Events for Teller {
    fn session_state(&self, event: &SessionEvent) {
        let _ = self.0.send(event.clone());
    }
}

/// With what its host hears.
fn telling() -> (Site, Receiver<SessionEvent>) {
    let (teller, told) = mpsc::channel();
    let site = Site::with_camera(Config {
        events: Some(Box::new(Teller(teller))),
        ..Config::default()
    });
    (site, told)
}

/// That an offer is refused with another one.
fn check_countered(countered: &Answer) {
    assert_eq!(countered.status, 406, "{countered:?}");
    let content_type = countered.header("Content-Type");
    let (kind, until) = content_type.split_once("; ").unwrap();
    assert_eq!(kind, "application/sdp");
    let date = until.strip_prefix("valid-until=\"");
    assert!(date.is_some_and(|date| date.ends_with(" GMT\"")), "{until}");
    assert!(countered.header("Location").starts_with("/door/whep/"));
    assert_eq!(countered.header("Accept-Patch"), "application/sdp");
    let sdp = &countered.body;
    for line in [
        "a=ice-lite\r\na=ice-options:trickle ice2\r\n",
        "a=group:BUNDLE 0 1\r\n",
        "a=setup:actpass\r\n",
        "a=rtcp-mux-only\r\n",
        "a=sendonly\r\n",
        " H264/90000\r\n",
        " opus/48000/2\r\n",
        "a=candidate:1 1 udp ",
    ] {
        assert!(sdp.contains(line), "{line} in {sdp}");
    }
    for not in ["a=recvonly", "a=inactive", "VP8"] {
        assert!(!sdp.contains(not), "{not} in {sdp}");
    }
}

/// With nothing in it that the camera sends.
fn unfit(offer: &str) -> String {
    offer.replace(" H264/", " X-NEW/")
}

#[test]
fn an_offer_that_does_not_fit_is_answered_with_one_that_the_viewer_answers() {
    let (site, told) = telling();
    let mut viewer = chromium();
    let fitting = viewer.viewer.offer();
    let countered = post(&site, &unfit(&fitting));
    check_countered(&countered);
    let why = "i=the camera sends H264, which the browser does not offer";
    assert!(countered.body.contains(why), "{}", countered.body);
    let session = countered.header("Location").to_owned();
    let there = ask(site.address, "GET", &session, &[], b"");
    assert_eq!(there.status, 200);

    // Whoever only knows the ufrag is counted, and stays so.
    let id = site.gateway.sessions().unwrap()[0];
    let rejected = || site.gateway.session_info(id).unwrap().rejected;
    let mut stranger = chromium();
    let passive = countered.body.replace("actpass", "passive");
    stranger.accept(&passive.replace("a=ice-pwd:", "a=ice-pwd:x"));
    assert!(stranger.run_till(LONG, |_| rejected() > 0), "not counted");

    // What does not fit either changes nothing, nor does what nobody could connect by.
    let patch = |sdp: &str| ask(site.address, "PATCH", &session, &[SDP], sdp.as_bytes());
    let answer = fitting.replace("a=setup:actpass", "a=setup:active");
    for (bad, status) in [
        (unfit(&answer), 406),
        (answer.replace("a=fingerprint", "a=x-fingerprint"), 400),
        (answer.replace("a=setup:active", "a=setup:passive"), 400),
        (String::new(), 400),
    ] {
        assert_eq!(patch(&bad).status, status, "{bad}");
    }
    let answered = patch(&answer);
    assert_eq!(answered.status, 204, "{answered:?}");
    assert_eq!(answered.body, "");
    assert_eq!(patch(&answer).status, 422, "it answers once");

    assert!(rejected() > 0, "a counter fell");
    viewer.accept(&passive);
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
    assert_eq!(site.gateway.sessions().unwrap(), [id]);
    for state in [
        SessionState::New,
        SessionState::Connecting,
        SessionState::Connected,
    ] {
        let event = told.recv_timeout(LONG).unwrap();
        assert_eq!((event.session, event.state), (id, state));
    }
}

#[test]
fn the_host_hears_nothing_of_a_viewer_that_does_not_answer() {
    let (site, told) = telling();
    let countered = post(&site, "");
    let session = countered.header("Location");
    assert_eq!(ask(site.address, "DELETE", session, &[], b"").status, 200);
    post(&site, "");
    site.gateway.shutdown(LONG).unwrap();
    assert!(told.try_recv().is_err());
}

#[test]
fn a_viewer_may_leave_the_offer_to_the_gateway() {
    let site = Site::with_camera(Config::default());
    let countered = post(&site, "");
    check_countered(&countered);
    let lines = countered.body.lines();
    let profiles = lines.filter_map(|line| line.split_once("profile-level-id="));
    let profiles: Vec<_> = profiles.map(|(_, profile)| profile).collect();
    assert_eq!(
        profiles[1..],
        ["4d001f", "42e01f"],
        "after the camera's own"
    );
    // Whoever does not want it says so.
    let session = countered.header("Location");
    assert_eq!(ask(site.address, "DELETE", session, &[], b"").status, 200);
    assert!(site.gateway.sessions().unwrap().is_empty());
}

#[test]
fn a_host_that_passes_an_offer_gets_an_answer_or_an_error() {
    let site = Site::with_camera(Config::default());
    let unfit = unfit(&chromium().viewer.offer());
    for (sdp, status) in [(unfit.as_bytes(), Status::Codec), (b"", Status::Sdp)] {
        let refused = site.gateway.handle_whep_offer(&WhepOffer {
            stream: "door",
            sdp,
            ..WhepOffer::default()
        });
        assert_eq!(refused.unwrap_err().status(), status);
    }
    assert!(site.gateway.sessions().unwrap().is_empty());
}
