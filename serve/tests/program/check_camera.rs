//! `check-camera` on simulated cameras, and on those that others wrote.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use testkit::camera::{Audio, Auth, CameraConfig, CameraServer, Script};
use testkit::recordings;

use crate::running::{DEAD, program, repository, run};

fn serve(camera: CameraConfig) -> (CameraServer, String) {
    let server = CameraServer::start(vec![camera]).unwrap();
    let url = server.url("cam");
    (server, url)
}

fn text(done: &Output) -> String {
    String::from_utf8(done.stdout.clone()).unwrap()
}

fn json(url: &str) -> (Option<i32>, Value) {
    let done = run(&["check-camera", url, "--json"]);
    let text = text(&done);
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (done.status.code(), document)
}

#[test]
fn a_good_camera_in_plain_words_and_without_its_password() {
    let auth = Auth::Digest {
        user: "admin".to_owned(),
        password: "hunter2".to_owned(),
    };
    let camera = CameraConfig::new("cam").auth(auth).audio(Some(Audio::Pcmu));
    let (_server, url) = serve(camera);
    let with_password = url.replace("rtsp://", "rtsp://admin:hunter2@");
    let in_url = run(&["check-camera", &with_password]);
    let mut by_variable = program();
    by_variable.env("CAMERA_PASSWORD", "hunter2");
    let by_variable = by_variable
        .args(["check-camera", &url, "--user", "admin"])
        .output()
        .unwrap();
    for done in [in_url, by_variable] {
        let said = text(&done);
        for line in [
            &format!("camera          {url}"),
            "video           H264 Main, level",
            ", 1280x720, 25.0 frames/s, ",
            "keyframes       every ",
            "B-frames        no",
            "sound           PCMU, 8000 Hz, 1 channels; played as PCMU",
            "clock           sender reports; ",
            "over tcp        works",
            "over udp        works",
            "over multicast  no: ",
            "over http       no: ",
            "password        asked for",
            "It plays in every browser.",
        ] {
            assert!(said.contains(line), "{line:?} is not in:\n{said}");
        }
        assert_eq!(done.status.code(), Some(0));
        let all = said + &String::from_utf8(done.stderr).unwrap();
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn who_does_not_get_in_is_told_why() {
    let auth = Auth::Basic {
        user: "admin".to_owned(),
        password: "hunter2".to_owned(),
    };
    let (_server, url) = serve(CameraConfig::new("cam").auth(auth));
    for (url, status) in [
        (url.clone(), "Auth"),
        (url.replace("rtsp://", "rtsp://admin:wrong7@"), "Auth"),
        (DEAD.to_owned(), "Connect"),
    ] {
        let (code, found) = json(&url);
        assert_eq!(code, Some(3), "{found}");
        assert_eq!(found["failure"]["status"], status);
        assert_eq!(found["verdict"], "unreachable");
        assert!(!found.to_string().contains("wrong7"));
    }
}

#[test]
fn what_browsers_do_not_play_is_said_with_what_to_do() {
    let camera = CameraConfig::new("cam")
        .recording(recordings::b_frames())
        .recording(recordings::aac());
    let (_server, url) = serve(camera);
    let (code, found) = json(&url);
    assert_eq!(code, Some(1), "{found}");
    assert_eq!(found["video"]["b_frames"], true);
    assert_eq!(found["video"]["width"], 320);
    assert_eq!(found["warnings"][0]["kind"], "b_frames");
    assert_eq!(found["audio"]["encoding"], "AAC");
    assert_eq!(found["audio"]["plays_as"], "opus");
    assert!(
        found["advice"].to_string().contains("becomes Opus"),
        "{found}"
    );

    let (_server, url) = serve(CameraConfig::new("cam").recording(recordings::h265()));
    let (code, found) = json(&url);
    assert_eq!(code, Some(1), "{found}");
    assert_eq!(found["video"]["encoding"], "H265");
    assert!(
        found["limits"]
            .to_string()
            .contains("Set the camera to H.264"),
        "{found}"
    );
    assert!(
        found["advice"].to_string().contains("without a password"),
        "{found}"
    );
}

#[test]
fn a_camera_without_keyframes_plays_if_viewers_are_sent_its_video() {
    let camera = CameraConfig::new("cam")
        .recording(recordings::intra_refresh())
        .recording(recordings::aac());
    let (_server, url) = serve(camera);
    let (code, found) = json(&url);
    assert_eq!(code, Some(1), "{found}");
    assert!(found["video"]["fps"].as_f64().unwrap() > 5.0, "{found}");
    assert_eq!(found["warnings"][0]["kind"], "no_keyframe", "{found}");
    assert!(found["limits"].to_string().contains("gray"), "{found}");
}

#[test]
fn quirks_have_their_names_and_meanings() {
    let script = Script::new().exchange(|exchange| {
        if exchange.method == "DESCRIBE" {
            exchange.remove("CSeq");
        }
    });
    let (_server, url) = serve(CameraConfig::new("cam").script(script));
    let (code, found) = json(&url);
    assert_eq!(code, Some(0), "{found}");
    assert_eq!(found["quirks"][0]["name"], "cseq", "{found}");
    let meaning = found["quirks"][0]["meaning"].as_str().unwrap();
    assert!(meaning.starts_with("A response has no CSeq"), "{meaning}");
}

const FOREIGN: [(&str, &[&str]); 2] = [
    ("gst_camera.py", &["--audio", "pcma"]),
    ("vlc_camera.py", &[]),
];

/// A camera that others wrote; ends with the test.
struct Foreign {
    child: Child,
    url: String,
}

impl Foreign {
    fn start(script: &str, arguments: &[&str]) -> Foreign {
        let mut child = Command::new("/usr/bin/python3")
            .arg(repository("tests/cameras").join(script))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("/usr/bin/python3 is missing: apt-get install python3");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("READY ").unwrap_or_default();
        let foreign = Foreign {
            url: url.to_owned(),
            child,
        };
        assert!(
            !url.is_empty(),
            "{script} did not start: install the packages that its head lists"
        );
        foreign
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}

#[test]
fn cameras_that_others_wrote() {
    for (script, arguments) in FOREIGN {
        let camera = Foreign::start(script, arguments);
        let (code, found) = json(&camera.url);
        assert!(matches!(code, Some(0 | 1)), "{script}: {found}");
        assert_eq!(found["video"]["encoding"], "H264", "{script}: {found}");
        assert!(
            found["video"]["fps"].as_f64().unwrap() > 5.0,
            "{script}: {found}"
        );
        assert!(
            found["description"].as_str().unwrap().contains("h264"),
            "{script}: {found}"
        );
        let works = |transport: &Value| transport["works"] == true;
        let transports = found["transports"].as_array().unwrap();
        assert!(transports.iter().any(works), "{script}: {found}");
    }
}
