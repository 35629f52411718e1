//! Offers of the gateway's own, where that of the viewer cannot be answered.

use rtsp_webrtc_gateway::config::{Config, WhepOffer};
use rtsp_webrtc_gateway::error::Status;

use super::client::{Answer, ask};
use super::site::Site;
use crate::common::{LONG, chromium, has_frames};

const SDP: &str = "Content-Type: application/sdp";

fn post(site: &Site, sdp: &str) -> Answer {
    ask(site.address, "POST", "/door/whep", &[SDP], sdp.as_bytes())
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
    let site = Site::with_camera(Config::default());
    let mut viewer = chromium();
    let fitting = viewer.viewer.offer();
    let countered = post(&site, &unfit(&fitting));
    check_countered(&countered);
    let why = "i=the camera sends H264, which the browser does not offer";
    assert!(countered.body.contains(why), "{}", countered.body);
    let session = countered.header("Location").to_owned();
    let there = ask(site.address, "GET", &session, &[], b"");
    assert_eq!(there.status, 200);

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

    viewer.accept(&countered.body.replace("actpass", "passive"));
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
    assert_eq!(site.gateway.sessions().unwrap().len(), 1);
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
