//! PATCH: candidates and ICE restarts, through the gateway.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::SessionState;

use crate::common::{LONG, cameras, frames, has_frames, pull, watch};

const CANDIDATES: &[u8] = b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
    a=candidate:1 1 udp 2122260223 7c1d9ec1-6d9b-4a4c-8a0e-1f5a6e0c3f52.local 50000 typ host\r\n";

#[test]
fn candidates_and_restarts() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, created) = watch(&gateway, "cam");
    let (key, etag) = (&*created.session_key, &*created.etag);
    let status = |if_match: Option<&str>, fragment: &[u8]| {
        let answer = gateway.handle_whep_patch(key, if_match, fragment);
        answer.map_or_else(|error| error.status().http(), |response| response.status)
    };

    let response = gateway
        .handle_whep_patch(key, Some(etag), CANDIDATES)
        .unwrap();
    assert_eq!((response.status, &*response.body), (204, ""));
    assert!(response.headers.is_empty());
    assert_eq!(response.session, created.session);
    assert_eq!(status(None, CANDIDATES), 428);
    assert_eq!(status(Some("\"other\""), CANDIDATES), 412);
    assert_eq!(status(Some(etag), b"a=candidate:nonsense"), 400);
    assert_eq!(status(Some(etag), b"v=0\r\n"), 422);
    let unknown = gateway.handle_whep_patch("nobody", Some("*"), CANDIDATES);
    assert_eq!(unknown.unwrap_err().status(), Status::NotFound);

    let fragment = viewer.viewer.restart();
    assert_eq!(status(Some("\"other\""), fragment.as_bytes()), 412);
    let response = gateway
        .handle_whep_patch(key, Some("*"), fragment.as_bytes())
        .unwrap();
    assert_eq!(response.status, 200);
    assert_ne!(response.etag, etag);
    assert!(response.headers.contains(&("ETag", response.etag.clone())));
    assert!(
        response
            .headers
            .contains(&("Content-Type", "application/trickle-ice-sdpfrag".to_owned()))
    );
    assert!(response.body.contains("\r\nm=video 9 UDP/TLS/RTP/SAVPF "));
    assert!(response.body.contains("\r\na=mid:0\r\n"));
    assert!(response.body.contains("\r\na=candidate:"));
    // The ETag of the past is no more; that of the restart is.
    assert_eq!(status(Some(etag), CANDIDATES), 412);
    assert_eq!(status(Some(&response.etag), CANDIDATES), 204);
    // The same fragment again changes nothing more.
    assert_eq!(status(Some("*"), fragment.as_bytes()), 204);

    let before = frames(&viewer.viewer);
    viewer.viewer.restarted(Instant::now(), &response.body);
    let checks = viewer.viewer.answered_checks();
    assert!(viewer.run_till(LONG, |viewer| viewer.answered_checks() > checks));
    assert!(viewer.run_till(LONG, has_frames(before + 20)));
    assert_eq!(viewer.viewer.video.lost(), 0);
    let info = gateway.session_info(created.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
}

#[test]
fn a_storm_of_restarts_and_candidates_is_answered_and_harms_nobody() {
    const PATCHES: usize = 4_000;
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, created) = watch(&gateway, "cam");
    let (mut other, _) = watch(&gateway, "cam");
    let key = &*created.session_key;
    let fragment = viewer.viewer.restart();
    let mut etags = std::collections::HashSet::new();
    for i in 0..PATCHES {
        // Other credentials each time.
        let restart = fragment.replace("r1\r\n", &format!("r{}\r\n", i + 2));
        let (if_match, body) = match i % 2 {
            0 => ("*", restart.as_bytes()),
            _ => ("*", CANDIDATES),
        };
        let response = gateway.handle_whep_patch(key, Some(if_match), body);
        etags.insert(response.unwrap().etag);
        if i % 100 == 0 {
            viewer.run_till(Duration::from_millis(1), |_| false);
            other.run_till(Duration::from_millis(1), |_| false);
        }
    }
    assert_eq!(
        etags.len(),
        PATCHES / 2,
        "each restart is another ICE session"
    );
    // It goes on as it was, also with the last of all.
    let goes_on = |viewer: &mut testkit::viewer::UdpViewer| {
        let before = frames(&viewer.viewer);
        assert!(viewer.run_till(LONG, has_frames(before + 20)));
        assert_eq!(viewer.viewer.video.lost(), 0);
    };
    goes_on(&mut viewer);
    let response = gateway
        .handle_whep_patch(key, Some("*"), fragment.as_bytes())
        .unwrap();
    viewer.viewer.restarted(Instant::now(), &response.body);
    let checks = viewer.viewer.answered_checks();
    assert!(viewer.run_till(LONG, |viewer| viewer.answered_checks() > checks));
    goes_on(&mut viewer);
    goes_on(&mut other);
    assert_eq!(gateway.sessions().unwrap().len(), 2);
}
