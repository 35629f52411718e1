//! The command line, and how the program ends.

use std::net::TcpListener;

use crate::running::{DEAD, Folder, Running, run};

#[test]
fn cameras_on_the_command_line_are_served_until_sigterm() {
    let dead = format!("door={DEAD}");
    let yard = format!("yard={DEAD}");
    let running = Running::start(&[
        "127.0.0.1:0",
        "--udp",
        "127.0.0.1:0",
        "--interface",
        "lo",
        &dead,
        "--on-demand",
        &yard,
        "--variant",
        "door=yard",
    ]);
    assert_eq!(running.names(), ["door", "yard"]);
    assert_eq!(running.stream("yard")["state"], "idle");
    assert_eq!(
        running.stream("door")["variants"].as_array().unwrap().len(),
        2
    );
    assert!(running.end().success());
}

#[test]
fn what_is_wrong_is_said_by_code_and_sentence_without_passwords() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let door = format!("door={DEAD}");
    for (arguments, code, sentence) in [
        (&[][..], 64, "no camera"),
        (&["--listen"], 64, "there is no option --listen"),
        (&["--udp"], 64, "--udp wants a value"),
        (&["nowhere", &door], 64, "an address and a port"),
        (
            &["127.0.0.1:0", "rtsp://user:hunter2@127.0.0.1/"],
            64,
            "NAME=RTSP_URL",
        ),
        (&["rtsp://user:hunter2@127.0.0.1/"], 64, "NAME=RTSP_URL"),
        (
            &["rtsp://user:hunter2@127.0.0.1/?channel=1"],
            64,
            "NAME=RTSP_URL",
        ),
        (
            &["127.0.0.1:0", "door=http://user:hunter2@127.0.0.1/"],
            78,
            "rtsp",
        ),
        (
            &["127.0.0.1:0", "api=rtsp://127.0.0.1/"],
            78,
            "cannot be the name",
        ),
        (
            &["127.0.0.1:0", "--variant", "door=yard"],
            64,
            "comes after",
        ),
        (&["--tls", "/no/such", "/no/such", &door], 66, "/no/such"),
        (&["--config", "/no/such.toml"], 66, "/no/such.toml"),
        (&["--config", "any", &door], 64, "exclude each other"),
        (&["--check"], 64, "--config"),
        (&[&taken, &door], 69, "http: "),
        (&["check-camera"], 64, "URL"),
        (&["check-camera", "u:hunter2@cam"], 64, "rtsp://"),
        (&["check-camera", "http://u:hunter2@cam/"], 64, "rtsp://"),
        (&["health", "127.0.0.1:9"], 69, "does not answer"),
    ] {
        let done = run(arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(sentence), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn help_and_version() {
    for (argument, text) in [
        ("--help", "usage: rtsp-webrtc-gateway"),
        ("--version", "rtsp-webrtc-gateway 0."),
    ] {
        let done = run(&[argument]);
        assert!(done.status.success());
        assert!(String::from_utf8(done.stdout).unwrap().contains(text));
    }
}

#[test]
fn health_is_asked_of_https_too() {
    let folder = Folder::new("https");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = folder.write("cert.pem", &made.cert.pem());
    let key = folder.write("key.pem", &made.signing_key.serialize_pem());
    let door = format!("door={DEAD}");
    let by_options = Running::start(&["127.0.0.1:0", "--tls", &certificate, &key, &door]);
    // With the port that it got.
    let text = format!(
        "[http]\nlisten = \"{}\"\ntls_certificate = \"cert.pem\"\ntls_private_key = \"key.pem\"\n",
        by_options.address
    );
    let file = folder.write("gateway.toml", &text);
    assert_eq!(run(&["health", "--config", &file]).status.code(), Some(0));
    assert!(by_options.end().success());
    assert_eq!(run(&["health", "--config", &file]).status.code(), Some(69));
}

#[test]
fn health_is_that_of_the_gateway() {
    let running = Running::start(&["127.0.0.1:0", &format!("door={DEAD}")]);
    assert_eq!(run(&["health", &running.address]).status.code(), Some(0));
    let address = running.address.clone();
    assert!(running.end().success());
    assert_eq!(run(&["health", &address]).status.code(), Some(69));
}

#[test]
fn health_is_that_of_the_gateway_whatever_its_file_has_become() {
    let folder = Folder::new("health");
    let text = |address: &str, token: &str| {
        format!("[http]\nlisten = \"{address}\"\n[access]\ntokens = [\"{token}\"]\n")
    };
    let file = folder.write("gateway.toml", &text("127.0.0.1:0", "first"));
    let running = Running::with_file(&file);
    let changed = text(&running.address, "second");
    for more in ["", "stray = 1\n", "[camera.door]\nurl = 7\n", "[camera\n"] {
        folder.write("gateway.toml", &format!("{changed}{more}"));
        let done = run(&["health", "--config", &file]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{more:?}: {said}");
    }
    folder.write("gateway.toml", "[http]\nlisten = \"here\"\n");
    let done = run(&["health", "--config", &file]);
    assert_eq!(done.status.code(), Some(78));
    assert!(running.end().success());
}

#[test]
fn who_is_let_in_by_any_name_is_warned_of() {
    let door = format!("door={DEAD}");
    let open = Running::start(&["0.0.0.0:0", &door]);
    open.wait_said("DNS rebinding");
    assert!(open.end().success());
    let folder = Folder::new("names");
    let listen = "[http]\nlisten = \"0.0.0.0:0\"\n";
    for more in [
        "host_names = [\"nvr.example\"]\n",
        "[access]\ntokens = [\"secret\"]\n",
    ] {
        let text = format!("{listen}{more}[service]\ndrain_ms = 1000\n");
        let running = Running::with_file(&folder.write("gateway.toml", &text));
        running.signal("TERM");
        running.wait_said("asked to end");
        assert!(!running.said().contains("rebinding"), "{}", running.said());
    }
}
