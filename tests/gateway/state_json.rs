//! The JSON document of a gateway's state: complete, in order, and without secrets.

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::WarningKind;
use serde_json::Value;
use testkit::camera::{Audio, CameraConfig, CameraServer, Script};

use crate::common::{DEAD, LONG, cameras, has_frames, pull, wait_for, watch};

fn state(gateway: &Gateway) -> Value {
    serde_json::from_str(&gateway.state_json().unwrap()).unwrap()
}

#[test]
fn a_stream_with_a_viewer_and_one_whose_camera_is_away() {
    let server = cameras(&["door"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    let url = format!(
        "rtsp://user:hunter2@{}",
        &server.url("door")["rtsp://".len()..]
    );
    let door = gateway.add_stream("door", pull(url)).unwrap();
    gateway
        .add_stream("yard", pull("rtsp://user:hunter2@127.0.0.1:9/"))
        .unwrap();
    let (mut viewer, response) = watch(&gateway, "door");
    assert!(viewer.run_till(LONG, has_frames(5)));

    let text = gateway.state_json().unwrap();
    assert!(!text.contains("hunter2") && !text.contains(&response.session_key));
    let now: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(now["version"], rtsp_webrtc_gateway::VERSION);
    assert_eq!(now["fips"], cfg!(feature = "fips"));
    let info = format!(
        "rtsp_webrtc_gateway_info{{version=\"{}\",fips=\"{}\"}} 1\n",
        rtsp_webrtc_gateway::VERSION,
        u8::from(cfg!(feature = "fips"))
    );
    assert!(gateway.metrics().unwrap().contains(&info));
    assert!(now["unix_ms"].as_u64().unwrap() > 1_700_000_000_000);
    assert!(now["process"]["cpu_us"].is_u64() || !cfg!(unix));
    let sum = |member: &str| -> u64 {
        let workers = now["workers"].as_array().unwrap();
        workers.iter().map(|w| w[member].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("streams"), sum("sessions")), (2, 1));
    assert!(sum("busy_us") > 0);
    let knobs = now["tuning"].as_array().unwrap();
    let gso = knobs.iter().find(|knob| knob["name"] == "gso").unwrap();
    assert_eq!((&gso["value"], &gso["applies"]), (&1.into(), &"now".into()));

    let [first, second] = &now["streams"].as_array().unwrap()[..] else {
        panic!("not two streams: {text}");
    };
    assert_eq!(first["id"], door.0);
    assert_eq!(
        (&first["name"], &first["state"]),
        (&"door".into(), &"live".into())
    );
    assert_eq!(
        (&first["status"], &first["message"]),
        (&"ok".into(), &"".into())
    );
    assert_eq!(first["video_codec"], "H264");
    assert_eq!(first["audio_codec"], Value::Null);
    assert_eq!(
        (&first["width"], &first["height"]),
        (&640.into(), &360.into())
    );
    assert!(first["frames"].as_u64().unwrap() >= 5);
    assert!(first["sent"]["packets"].as_u64().unwrap() >= 5);
    assert!(first["since_last_media_ms"].is_u64());
    assert!(first["cost_us"]["seal"].as_u64().unwrap() > 0);
    assert!(first["latency_us"]["max"].as_u64().unwrap() > 0);
    assert_eq!(second["name"], "yard");
    assert_ne!(second["state"], "live");
    assert_eq!(
        (&second["width"], &second["video_codec"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(second["since_last_media_ms"], Value::Null);

    let [session] = &now["sessions"].as_array().unwrap()[..] else {
        panic!("not one session: {text}");
    };
    assert_eq!(session["id"], response.session.0);
    assert_eq!(
        (&session["stream"], &session["stream_name"]),
        (&door.0.into(), &"door".into())
    );
    assert_eq!(session["state"], "connected");
    assert_eq!(session["srtp_profile"], "AEAD_AES_128_GCM");
    assert!(session["remote"].as_str().unwrap().contains(':'));
    assert!(session["packets_sent"].as_u64().unwrap() >= 5);
}

#[test]
fn streams_come_in_the_order_of_their_ids_whichever_worker_has_them() {
    let gateway = Gateway::new(Config::default()).unwrap();
    for i in 0..256 {
        gateway.add_stream(&format!("cam{i}"), pull(DEAD)).unwrap();
    }
    let now = state(&gateway);
    let streams = now["streams"].as_array().unwrap();
    let ids: Vec<u64> = streams.iter().map(|s| s["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 256);
    assert!(ids.is_sorted());
    assert_eq!(streams[255]["name"], "cam255");
}

/// A camera is live, and its sound is none that viewers get.
#[test]
fn why_a_camera_has_no_sound() {
    let script = Script::new().description(|sdp| sdp.replace("PCMU/8000", "G729/8000"));
    let camera = CameraConfig::new("door")
        .audio(Some(Audio::Pcmu))
        .script(script);
    let server = CameraServer::start(vec![camera]).unwrap();
    let gateway = Gateway::new(Config::default()).unwrap();
    let door = gateway
        .add_stream("door", pull(server.url("door")))
        .unwrap();
    let info = || gateway.stream_info(door).unwrap();
    wait_for("the warning", || info().warning.is_some());
    let why = "its sound is G729, which is not supported: set the camera to G.711 or Opus";
    let warning = info().warning.unwrap();
    assert_eq!((warning.kind, &*warning.message), (WarningKind::Audio, why));
    let stream = &state(&gateway)["streams"][0];
    assert_eq!(stream["audio_codec"], Value::Null);
    assert_eq!(stream["warning"]["name"], "audio");
    assert_eq!(stream["warning"]["message"], why);
    let metric = "rtsp_webrtc_gateway_stream_warning{stream=\"door\",warning=\"audio\"} 1\n";
    assert!(gateway.metrics().unwrap().contains(metric));
}
