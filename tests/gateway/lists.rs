//! Which streams and sessions there are, and closing one.

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::SessionId;
use testkit::viewer::Viewer;

use crate::common::{DEAD, LONG, cameras, pull, watch};

#[test]
fn streams_are_found_by_name_and_listed_by_age() {
    let gateway = Gateway::new(Config::default()).unwrap();
    assert!(gateway.streams().unwrap().is_empty());
    let add = |name: &str| gateway.add_stream(name, pull(DEAD));
    let ids: Vec<_> = ["b", "a", "c"].map(|name| add(name).unwrap()).into();
    assert_eq!(gateway.streams().unwrap(), ids);
    assert_eq!(gateway.find_stream("a").unwrap(), ids[1]);
    let nobody = gateway.find_stream("nobody").unwrap_err();
    assert_eq!(nobody.status(), Status::NotFound);
    gateway.remove_stream(ids[1]).unwrap();
    assert_eq!(
        gateway.find_stream("a").unwrap_err().status(),
        Status::NotFound
    );
    assert_eq!(gateway.streams().unwrap(), [ids[0], ids[2]]);
    gateway.shutdown(LONG).unwrap();
    assert_eq!(
        gateway.streams().unwrap_err().status(),
        Status::ShuttingDown
    );
}

#[test]
fn a_session_is_closed_by_its_id_once() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    let (_other, kept) = watch(&gateway, "cam");
    assert_eq!(
        gateway.sessions().unwrap(),
        [response.session, kept.session]
    );
    gateway.close_session(response.session).unwrap();
    let again = gateway.close_session(response.session).unwrap_err();
    assert_eq!(again.status(), Status::NotFound);
    let deleted = gateway
        .handle_whep_delete(&response.session_key)
        .unwrap_err();
    assert_eq!(deleted.status(), Status::NotFound);
    assert!(viewer.run_till(LONG, Viewer::is_closed));
    assert_eq!(gateway.sessions().unwrap(), [kept.session]);
    let unknown = gateway.close_session(SessionId(0)).unwrap_err();
    assert_eq!(unknown.status(), Status::NotFound);
}
