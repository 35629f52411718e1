//! SIGHUP: what is different is applied, and who watches does not notice the rest.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

use crate::running::{DEAD, Folder, LONG, Running, exchange, wait_for};

pub fn camera(name: &str) -> CameraServer {
    CameraServer::start(vec![CameraConfig::new(name).clip(Clip::Baseline360p)]).unwrap()
}

fn frames(viewer: &Viewer) -> usize {
    viewer
        .video
        .packets()
        .filter(|packet| packet.marker)
        .count()
}

/// The status and all of the answer to a viewer's offer.
pub fn offer(running: &Running, stream: &str, token: &str, viewer: &UdpViewer) -> (u16, String) {
    let offer = viewer.viewer.offer();
    let request = format!(
        "POST /{stream}/whep HTTP/1.1\r\nHost: {}\r\nContent-Type: application/sdp\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{offer}",
        running.address,
        offer.len()
    );
    exchange(&running.address, request.as_bytes())
}

/// A viewer that has the first frame.
pub fn watch(running: &Running, stream: &str, token: &str) -> UdpViewer {
    let mut viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let (status, answer) = offer(running, stream, token, &viewer);
    assert_eq!(status, 201, "{answer}");
    viewer.accept(answer.split_once("\r\n\r\n").unwrap().1);
    assert!(
        viewer.run_till(LONG, |viewer| frames(viewer) >= 1),
        "no video frame"
    );
    viewer
}

#[test]
fn viewers_stay_while_everything_around_them_changes() {
    let folder = Folder::new("reload");
    let door = camera("door");
    let write = |text: &str| {
        let common = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[media]\nudp = \"127.0.0.1:0\"\n[camera.door]\nurl = \"{}\"\n",
            door.url("door")
        );
        folder.write("gateway.toml", &format!("{common}{text}"))
    };
    let file = write(&format!(
        "[camera.old]\nurl = \"{DEAD}\"\n[access]\ntokens = [\"first\"]\n[tuning]\nmax_sessions = 5\n"
    ));
    let running = Running::with_file(&file);
    wait_for("a camera that is live", || {
        running
            .get("/api/streams", Some("first"))
            .1
            .contains("\"live\"")
    });
    let mut viewer = watch(&running, "door", "first");

    write(&format!(
        "variants = [\"new\"]\n[camera.new]\nurl = \"{DEAD}\"\non_demand = true\n\
         [access]\ntokens = [\"second\"]\n[tuning]\nmax_sessions = 6\nworker_threads = 3\n[log]\nlevel = \"debug\"\n"
    ));
    running.signal("HUP");
    running.wait_said("takes effect at the next start: worker_threads");
    let said = running.said();
    for text in [
        "reloaded: cameras added: new",
        "reloaded: cameras changed: door",
        "reloaded: cameras removed: old",
        "reloaded: knobs changed: max_sessions = 6",
        "reloaded: tokens changed: 1 are valid",
        "reloaded: log level: debug",
    ] {
        assert!(said.contains(text), "{text} is not in:\n{said}");
    }
    assert_eq!(running.get("/api/streams", Some("first")).0, 403);
    // The listener makes its documents anew once a second at most.
    wait_for("the new list of cameras", || {
        let streams = running.get("/api/streams", Some("second")).1;
        streams.contains("\"new\"") && !streams.contains("\"old\"")
    });
    let knobs = running.get("/api/gateway", Some("second")).1;
    assert!(
        knobs.contains("{\"name\":\"max_sessions\",\"value\":6"),
        "{knobs}"
    );
    let before = frames(&viewer.viewer);
    let goes_on = |viewer: &Viewer| frames(viewer) > before + 25;
    assert!(viewer.run_till(LONG, goes_on), "the viewer was dropped");

    write("[camera.door\n");
    running.signal("HUP");
    running.wait_said("the one before stays");
    assert_eq!(running.get("/api/streams", Some("second")).0, 200);
    let before = frames(&viewer.viewer);
    let goes_on = |viewer: &Viewer| frames(viewer) > before + 25;
    assert!(viewer.run_till(LONG, goes_on), "the viewer was dropped");

    // Nothing but what waits for a restart is different from what runs.
    write(&format!(
        "variants = [\"new\"]\n[camera.new]\nurl = \"{DEAD}\"\non_demand = true\n\
         [access]\ntokens = [\"second\"]\n[tuning]\nmax_sessions = 6\n[log]\nlevel = \"debug\"\n\
         [service]\ndrain_ms = 60000\n"
    ));
    running.signal("HUP");
    running.wait_said("reloaded: at the end, viewers may stay for 60s");
    // Who watches may stay for a minute, but a second signal ends it.
    running.signal("TERM");
    running.wait_said("takes no new viewers");
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, |viewer| frames(viewer) > before + 10));
    assert!(running.end().success());
}

#[test]
fn a_camera_gets_another_source_under_its_name() {
    let folder = Folder::new("source");
    let (one, other) = (camera("one"), camera("other"));
    let write = |url: String| {
        let text = format!("[http]\nlisten = \"127.0.0.1:0\"\n[camera.door]\nurl = \"{url}\"\n");
        folder.write("gateway.toml", &text)
    };
    let running = Running::with_file(&write(one.url("one")));
    let is_live = || running.stream("door")["state"] == "live";
    wait_for("a camera that is live", is_live);
    let mut viewer = watch(&running, "door", "none");
    write(other.url("other"));
    running.signal("HUP");
    running.wait_said("cameras changed: door");
    wait_for("the other camera plays", || {
        other.statistics("other").playing > 0
    });
    wait_for("a camera that is live", is_live);
    let before = frames(&viewer.viewer);
    let goes_on = |viewer: &Viewer| frames(viewer) > before + 25;
    assert!(viewer.run_till(LONG, goes_on), "the viewer was dropped");
    assert!(running.end().success());
}

/// A server that refuses everything, and keeps the first line of each request, with the token.
fn refuses() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut lines = BufReader::new(stream.unwrap());
            let (mut first, mut token, mut line) = (String::new(), String::new(), String::new());
            lines.read_line(&mut first).unwrap();
            while lines.read_line(&mut line).unwrap() > 2 {
                if line.to_lowercase().starts_with("authorization") {
                    token = line.clone();
                }
                line.clear();
            }
            told.lock()
                .unwrap()
                .push(format!("{} {}", first.trim(), token.trim()));
            let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            let _ = lines.get_mut().write_all(refusal);
        }
    });
    (address, asked)
}

#[test]
fn media_servers_come_and_go() {
    let folder = Folder::new("whip");
    let door = camera("door");
    let (server, asked) = refuses();
    let write = |destinations: &[(&str, &str)]| {
        let mut text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[camera.door]\nurl = \"{}\"\n",
            door.url("door")
        );
        for (path, more) in destinations {
            text += &format!("[[camera.door.whip]]\nurl = \"http://{server}{path}\"\n{more}");
        }
        folder.write("gateway.toml", &text)
    };
    folder.write("token", "hunter2\n");
    let running = Running::with_file(&write(&[
        ("/one", "token_file = \"token\"\n"),
        ("/two", ""),
    ]));
    let was_asked = |path: &str| {
        let asked = asked.lock().unwrap();
        asked
            .iter()
            .filter(|line| line.starts_with(&format!("POST {path} ")))
            .count()
    };
    wait_for("two offers", || {
        was_asked("/one") > 0 && was_asked("/two") > 0
    });
    assert!(
        asked
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.ends_with("Bearer hunter2"))
    );
    let outputs = || {
        running.stream("door")["outputs"]
            .as_array()
            .unwrap()
            .clone()
    };
    let ids = |outputs: &[serde_json::Value]| -> Vec<u64> {
        outputs
            .iter()
            .map(|output| output["id"].as_u64().unwrap())
            .collect()
    };
    wait_for("two outputs", || outputs().len() == 2);
    let before = ids(&outputs());

    write(&[("/two", ""), ("/three", "audio = false\n")]);
    running.signal("HUP");
    running.wait_said("reloaded: cameras changed: door");
    wait_for("another offer", || was_asked("/three") > 0);
    wait_for("the new outputs", || {
        let after = ids(&outputs());
        after.len() == 2 && after[0] == before[1] && after[1] > before[1]
    });
    // The one that stayed is not asked anew.
    assert_eq!(was_asked("/two"), 1);
    write(&[]);
    running.signal("HUP");
    wait_for("no output", || outputs().is_empty());
    assert!(!running.said().contains("hunter2") && !running.said().contains("/one"));
    assert!(running.end().success());
}
